package hikma

import (
	"errors"
	"io"
	"net/http"
	"time"
)

// How long a phone may take nothing, or send nothing, before it is let go; and how long
// all that it sends may take.
const (
	writeTimeout = 30 * time.Second
	readTimeout  = 60 * time.Second
	bodyTimeout  = 15 * time.Minute
)

// chunkBytes is how much is written under one deadline.
const chunkBytes = 64 << 10

// A response counts what is written and gives each chunk its deadline: an answer may
// take as long as the phone goes on taking it.
type response struct {
	http.ResponseWriter
	control *http.ResponseController
	status  int // 0 until the answer has begun
	bytes   int64
	body    *patientBody // of the request; nil if it has none
}

func newResponse(w http.ResponseWriter) *response {
	control := http.NewResponseController(w)
	_ = control.SetWriteDeadline(time.Time{}) // of an earlier request; writers in tests have none
	return &response{ResponseWriter: w, control: control}
}

func (w *response) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	if w.body != nil && !w.body.ended {
		w.Header().Set("Connection", "close") // what is left of the request is not read
	}
	_ = w.control.SetWriteDeadline(time.Now().Add(writeTimeout))
	w.ResponseWriter.WriteHeader(status)
}

func (w *response) Write(b []byte) (n int, err error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	for err == nil && n < len(b) {
		var m int
		_ = w.control.SetWriteDeadline(time.Now().Add(writeTimeout))
		m, err = w.ResponseWriter.Write(b[n:min(n+chunkBytes, len(b))])
		n += m
	}
	w.bytes += int64(n)
	return n, err
}

// patient gives the request's body its deadlines.
func (w *response) patient(r *http.Request) io.ReadCloser {
	if r.Body == nil || r.Body == http.NoBody {
		return http.NoBody
	}
	w.body = &patientBody{ReadCloser: r.Body, control: w.control, end: time.Now().Add(bodyTimeout)}
	return w.body
}

type patientBody struct {
	io.ReadCloser
	control *http.ResponseController
	end     time.Time
	ended   bool
}

func (b *patientBody) Read(p []byte) (int, error) {
	until := time.Now().Add(readTimeout)
	if b.end.Before(until) {
		until = b.end
	}
	_ = b.control.SetReadDeadline(until)
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		b.ended = true
		_ = b.control.SetReadDeadline(time.Time{}) // the server goes on reading, to see whether the phone leaves
	}
	return n, err
}
