package hikma

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"musafir/node/patient"
)

// bodyTimeout is how long all that a phone sends at once may take.
const bodyTimeout = 15 * time.Minute

func badRequest(format string, args ...any) error {
	return &Refusal{http.StatusBadRequest, fmt.Sprintf(format, args...)}
}

// unauthorized is the one status that the app takes for "log in again".
func unauthorized(text string) error { return &Refusal{http.StatusUnauthorized, text} }

// errPanicked stands for a defect of ours.
var errPanicked = errors.New("the request panicked")

// refusalOf is the table of what phones are told of an error; nil if it is a defect.
func (s *Server) refusalOf(err error) *Refusal {
	var told *Refusal
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &told) && told.Status >= 400:
		return told
	case errors.As(err, &tooLarge):
		return &Refusal{http.StatusRequestEntityTooLarge, fmt.Sprintf("The request is too large: the limit is %d bytes.", tooLarge.Limit)}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &Refusal{http.StatusRequestTimeout, fmt.Sprintf("The request did not come: nothing of it for %s, or not all of it in %s.", patient.ReadTimeout, bodyTimeout)}
	case errors.Is(err, errBrokeOff):
		return &Refusal{http.StatusBadRequest, "The request broke off."}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return &Refusal{http.StatusServiceUnavailable, "Musafir did not get to it in time. Sync again."}
	}
	if s.cfg.Status == nil {
		return nil
	}
	if status, title := s.cfg.Status(err); status >= 400 {
		return &Refusal{status, title}
	}
	return nil
}

// fail answers with an error. An answer that has begun can only be cut off, and must be:
// the app takes whatever it can open for success.
func (s *Server) fail(c *call, err error) {
	if c.w.Status != 0 {
		s.cfg.Log.Warn("answer broke off", "method", c.r.Method, "route", c.r.Pattern, "error", err)
		panic(http.ErrAbortHandler)
	}
	told := s.refusalOf(err)
	if told == nil {
		told = s.unknown(c, err)
	}
	c.json(told.Status, map[string]string{"error": told.Text})
}

// unknown keeps an error of ours to the log and tells where to find it.
func (s *Server) unknown(c *call, err error) *Refusal {
	var b [6]byte
	rand.Read(b[:]) // never fails
	id := hex.EncodeToString(b[:])
	s.cfg.Log.Error("request failed", "id", id, "method", c.r.Method, "route", c.r.Pattern, "error", err)
	return &Refusal{http.StatusInternalServerError, "Something went wrong inside musafir. Its log says more under the id " + id + "."}
}

const jsonType = "application/json"

// json answers with a document.
func (c *call) json(status int, doc any) {
	b, err := json.Marshal(doc)
	if err != nil {
		panic("encode answer: " + err.Error()) // texts and booleans always encode
	}
	c.w.Header().Set("Content-Type", jsonType)
	c.w.WriteHeader(status)
	_, _ = c.w.Write(append(b, '\n')) // who does not take it is gone
}
