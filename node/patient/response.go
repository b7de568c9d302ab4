package patient

import (
	"errors"
	"io"
	"net/http"
	"time"
)

// How long a client may take nothing, or send nothing, before it is let go.
const (
	WriteTimeout = 30 * time.Second
	ReadTimeout  = 60 * time.Second
)

// chunkBytes is how much is written under one deadline.
const chunkBytes = 64 << 10

// A Response counts what is written and gives each chunk its deadline.
type Response struct {
	http.ResponseWriter
	Status int // 0 until the answer has begun
	Bytes  int64

	control *http.ResponseController
	body    *body // of the request; nil if it has none
}

// New wraps the answer to a request.
func New(w http.ResponseWriter) *Response {
	control := http.NewResponseController(w)
	// A deadline left by an earlier request on this connection must not end this one.
	// Writers without deadlines, as in tests, do without.
	_ = control.SetWriteDeadline(time.Time{})
	return &Response{ResponseWriter: w, control: control}
}

func (w *Response) extend() { _ = w.control.SetWriteDeadline(time.Now().Add(WriteTimeout)) }

// WriteHeader begins the answer.
func (w *Response) WriteHeader(status int) {
	if w.Status == 0 {
		w.Status = status
	}
	if w.body != nil && !w.body.ended {
		// Else the server would read on before it answers, from a client that may
		// be waiting for the answer.
		w.Header().Set("Connection", "close")
	}
	w.extend()
	w.ResponseWriter.WriteHeader(status)
}

// Write writes chunk by chunk.
func (w *Response) Write(b []byte) (n int, err error) {
	if w.Status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	for err == nil && n < len(b) {
		var m int
		w.extend()
		m, err = w.ResponseWriter.Write(b[n:min(n+chunkBytes, len(b))])
		n += m
	}
	w.Bytes += int64(n)
	return n, err
}

// Flush sends what was written.
func (w *Response) Flush() error {
	w.extend()
	return w.control.Flush()
}

// Body gives the request's body deadlines, from its first byte to its last, and all of it
// so much time; 0: as long as it goes on.
func (w *Response) Body(r *http.Request, within time.Duration) io.ReadCloser {
	if r.Body == nil || r.Body == http.NoBody {
		return http.NoBody
	}
	w.body = &body{ReadCloser: r.Body, control: w.control}
	if within > 0 {
		w.body.end = time.Now().Add(within)
	}
	w.body.extend()
	return w.body
}

type body struct {
	io.ReadCloser
	control *http.ResponseController
	end     time.Time // zero: none
	ended   bool
}

func (b *body) extend() {
	until := time.Now().Add(ReadTimeout)
	if !b.end.IsZero() && b.end.Before(until) {
		until = b.end
	}
	_ = b.control.SetReadDeadline(until)
}

func (b *body) Read(p []byte) (int, error) {
	b.extend()
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		b.ended = true
		// The server goes on reading, to see whether the client leaves.
		_ = b.control.SetReadDeadline(time.Time{})
	}
	return n, err
}
