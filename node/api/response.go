package api

import (
	"errors"
	"io"
	"net/http"
	"time"
)

// How long a client may take nothing, or send nothing, before it is let go.
const (
	writeTimeout = 30 * time.Second
	readTimeout  = 60 * time.Second
)

// chunkBytes is how much is written under one deadline.
const chunkBytes = 64 << 10

// A response counts what is written and gives each chunk its deadline, so that
// an answer may be as long as it likes while its reader keeps reading.
type response struct {
	http.ResponseWriter
	control *http.ResponseController
	status  int // 0 until the answer has begun
	bytes   int64
	body    *patientBody // of the request; nil if it has none
}

func newResponse(w http.ResponseWriter) *response {
	control := http.NewResponseController(w)
	// A deadline left by an earlier request on this connection must not end this one.
	// Writers without deadlines, as in tests, do without.
	_ = control.SetWriteDeadline(time.Time{})
	return &response{ResponseWriter: w, control: control}
}

func (w *response) extend() { _ = w.control.SetWriteDeadline(time.Now().Add(writeTimeout)) }

func (w *response) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	if w.body != nil && !w.body.ended {
		// Else the server would read on before it answers, from a client that may
		// be waiting for the answer.
		w.Header().Set("Connection", "close")
	}
	w.extend()
	w.ResponseWriter.WriteHeader(status)
}

func (w *response) Write(b []byte) (n int, err error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	for err == nil && n < len(b) {
		var m int
		w.extend()
		m, err = w.ResponseWriter.Write(b[n:min(n+chunkBytes, len(b))])
		n += m
	}
	w.bytes += int64(n)
	return n, err
}

func (w *response) flush() error {
	w.extend()
	return w.control.Flush()
}

// patient gives the request's body deadlines, from its first byte to its last.
func (w *response) patient(r *http.Request) io.ReadCloser {
	if r.Body == nil || r.Body == http.NoBody {
		return http.NoBody
	}
	w.body = &patientBody{ReadCloser: r.Body, control: w.control}
	w.body.extend()
	return w.body
}

type patientBody struct {
	io.ReadCloser
	control *http.ResponseController
	ended   bool
}

func (b *patientBody) extend() { _ = b.control.SetReadDeadline(time.Now().Add(readTimeout)) }

func (b *patientBody) Read(p []byte) (int, error) {
	b.extend()
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		b.ended = true
		// The server goes on reading, to see whether the client leaves.
		_ = b.control.SetReadDeadline(time.Time{})
	}
	return n, err
}
