package api

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"time"

	"musafir/crdt"
	"musafir/node/access"
	"musafir/node/exchange"
	"musafir/node/patient"
)

// A problem is an error as people and programs are told it (RFC 9457).
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`

	ID string `json:"id,omitempty"` // under which the log says more

	lines []lineError   // what is wrong with a file
	cut   error         // of a request that broke off
	retry time.Duration // after which to try again; 0: nothing is said

	// Of an import.
	*importReport
}

func (p *problem) Error() string { return p.Detail }

func badRequest(format string, args ...any) error {
	return &problem{Status: http.StatusBadRequest, Detail: fmt.Sprintf(format, args...)}
}

func forbidden(detail string) error {
	return &problem{Status: http.StatusForbidden, Detail: detail}
}

// errPanicked stands for a defect of ours.
var errPanicked = errors.New("the request panicked")

var errNoPath = &problem{Status: http.StatusNotFound, Detail: "There is nothing at this path. /openapi.json lists what there is."}

// errStopping says that the device stops in the middle of something long.
var errStopping = &problem{Status: http.StatusServiceUnavailable, Detail: "Musafir is stopping."}

// problemOf is the table of what HTTP says to an error; nil if it is none of
// those that are the asker's to mend or to wait out.
func (s *Server) problemOf(err error) *problem {
	var (
		told  *problem
		body  *http.MaxBytesError
		limit *crdt.LimitError
		edit  *crdt.EditError
		input *exchange.InputError
	)
	status, title := 0, ""
	switch {
	case errors.As(err, &told):
		return told
	case errors.As(err, &body):
		return &problem{Status: http.StatusRequestEntityTooLarge,
			Detail: fmt.Sprintf("The document is too large: the limit is %d bytes. More records at once go through /v1/import.", body.Limit)}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &problem{Status: http.StatusRequestTimeout, Detail: fmt.Sprintf("Nothing of the request came for %s.", patient.ReadTimeout)}
	case errors.Is(err, crdt.ErrNoRecord), errors.Is(err, crdt.ErrConflict):
		status = http.StatusNotFound
	case errors.Is(err, access.ErrNotCoordinator), errors.Is(err, access.ErrIsCoordinator):
		status = http.StatusConflict
	case errors.Is(err, access.ErrTooManyInvitations):
		status = http.StatusTooManyRequests
	case errors.Is(err, access.ErrUnreachable):
		status = http.StatusServiceUnavailable
	case errors.As(err, &limit):
		status = http.StatusRequestEntityTooLarge
	case errors.As(err, &edit):
		status = http.StatusUnprocessableEntity
	case errors.As(err, &input):
		status = http.StatusBadRequest
	case errors.Is(err, context.Canceled) && s.stopping():
		return errStopping
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		status = http.StatusServiceUnavailable
	case s.cfg.Status != nil:
		status, title = s.cfg.Status(err)
	}
	if status == 0 {
		return nil
	}
	return &problem{Status: status, Title: title, Detail: err.Error()}
}

// fail answers with a problem document. An answer that has begun can only be cut
// off, and must be.
func (s *Server) fail(w *patient.Response, r *http.Request, err error) {
	if w.Status != 0 {
		s.cfg.Log.Warn("answer broke off", "method", r.Method, "route", r.Pattern, "error", err)
		panic(http.ErrAbortHandler)
	}
	p := s.problemOf(err)
	if p == nil {
		p = s.unknown(r, err)
	}
	if p.cut != nil {
		s.cfg.Log.Warn("request broke off", "method", r.Method, "route", r.Pattern, "error", p.cut)
	}
	p.write(w)
}

// unknown keeps an error of ours to the log and tells where to find it.
func (s *Server) unknown(r *http.Request, err error) *problem {
	var b [6]byte
	rand.Read(b[:]) // never fails
	id := hex.EncodeToString(b[:])
	s.cfg.Log.Error("request failed", "id", id, "method", r.Method, "route", r.Pattern, "error", err)
	return &problem{Status: http.StatusInternalServerError, ID: id,
		Detail: "Something went wrong inside musafir. Its log says more under the id " + id + "."}
}

func (p *problem) write(w *patient.Response) {
	doc := *p
	doc.Type = "about:blank"
	if doc.Title == "" {
		doc.Title = http.StatusText(doc.Status)
	}
	var full any = doc
	if p.lines != nil {
		full = struct {
			problem
			Errors []lineError `json:"errors"` // in place of an import's
		}{doc, p.lines}
	}
	b, err := json.Marshal(full)
	if err != nil {
		panic("encode problem: " + err.Error()) // strings and numbers always encode
	}
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Del("Etag")
	if doc.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="musafir"`)
	}
	if doc.retry > 0 {
		h.Set("Retry-After", strconv.Itoa(int(doc.retry.Seconds())))
	}
	w.WriteHeader(doc.Status)
	_, _ = w.Write(append(b, '\n')) // who does not take it is gone
}
