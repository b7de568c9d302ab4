package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"musafir/crdt"
	"musafir/node/clinic"
	"musafir/node/exchange"
)

// An importReport says what became of the lines of an import.
type importReport struct {
	Lines     int         `json:"lines"` // that are not blank
	Imported  int         `json:"imported"`
	Unchanged int         `json:"unchanged"`
	Failed    int         `json:"failed"`
	Errors    []lineError `json:"errors"` // the first errorsMax
}

type lineError struct {
	Line  int    `json:"line"`
	Error string `json:"error"`
}

const errorsMax = 100

func (r *importReport) fail(line int, err error) {
	r.Failed++
	if len(r.Errors) < errorsMax {
		r.Errors = append(r.Errors, lineError{line, err.Error()})
	}
}

func (s *Server) importLines(c *call) error {
	atomic, err := c.flag("atomic")
	if err != nil {
		return err
	}
	author, err := c.author()
	if err != nil {
		return err
	}
	// gzip is recognised by what it looks like.
	if err := c.wantBody(linesType, "application/gzip", "application/octet-stream"); err != nil {
		return err
	}
	switch c.r.Header.Get("Content-Encoding") {
	case "", "identity", "gzip":
	default:
		return &problem{Status: http.StatusUnsupportedMediaType, Detail: "An import is sent as it is or with gzip."}
	}
	w := &lineWriter{backend: s.backend, author: author, report: &importReport{Errors: []lineError{}}, busy: map[crdt.RecordKey]bool{}}
	in := &lineSource{s: s, in: c.r.Body, w: w}
	take := importEach
	if atomic {
		take = importAtomic
	}
	// What came is written, even if its sender then leaves: that is seen in reading.
	err = take(context.WithoutCancel(c.r.Context()), in, w)
	if err != nil {
		return s.importProblem(err, w.report)
	}
	return c.answerJSON(http.StatusOK, w.report)
}

// importProblem says how far an import came that could not go on.
func (s *Server) importProblem(err error, report *importReport) error {
	p := s.problemOf(err)
	if p == nil {
		return err
	}
	told := *p
	told.importReport = report
	if report.Imported > 0 {
		told.Detail += fmt.Sprintf("; %d lines were imported before that; importing all of them again is safe.", report.Imported)
	}
	return &told
}

// importEach takes in one line after the other; a bad one is reported.
func importEach(ctx context.Context, in *lineSource, w *lineWriter) error {
	for {
		l, err := in.next()
		if err != nil {
			return ended(ctx, w, err)
		}
		if l == nil {
			continue
		}
		if err := w.add(ctx, l); err != nil {
			_ = w.drain(ctx) // for the report; the device has failed already
			return err
		}
	}
}

// ended writes what was read before the end, proper or not.
func ended(ctx context.Context, w *lineWriter, end error) error {
	err := w.flush(ctx)
	if end != io.EOF {
		return end
	}
	return err
}

// A line is one record of an import on its way.
type line struct {
	number int
	said   *crdt.Edit // by the line
	edit   *crdt.Edit // that is done
	end    *crdt.Edit // the deletion that follows; nil if none does
	bytes  int        // of its change, once it was composed
}

// A lineSource reads lines and takes note of the bad ones.
type lineSource struct {
	s      *Server
	in     io.Reader
	w      *lineWriter
	reader *exchange.Reader
}

// next is the next line; nil if it was a bad one. io.EOF is the proper end.
func (x *lineSource) next() (*line, error) {
	if x.s.stopping() {
		return nil, errStopping
	}
	if x.reader == nil {
		r, err := exchange.NewReader(x.in)
		if err != nil {
			return nil, inputProblem(err)
		}
		x.reader = r
	}
	read, number, err := x.reader.Next()
	var bad *exchange.LineError
	switch {
	case err == io.EOF:
		return nil, io.EOF
	case errors.As(err, &bad):
		x.w.report.Lines++
		x.w.report.fail(bad.Line, bad.Err)
		return nil, nil
	case err != nil:
		return nil, inputProblem(err)
	}
	x.w.report.Lines++
	if err := checkOrdinary(read.Key.Collection); err != nil {
		x.w.report.fail(number, err)
		return nil, nil
	}
	l := &line{number: number, said: lineEdit(read)}
	l.shape()
	return l, nil
}

// shape makes of what the line says what is done.
func (l *line) shape() { l.edit, l.end = clinic.Shape(l.said, time.Now().UnixMilli()) }

// inputProblem is about a stream that ended before its proper end.
func inputProblem(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	return badRequest("The import broke off: %v.", err)
}

// lineEdit sets what the line has and keeps what it does not mention, inside of
// objects too: an import never removes.
func lineEdit(l exchange.Line) *crdt.Edit {
	e := &crdt.Edit{Key: l.Key, Set: []crdt.Field{}}
	e.Patch = spread("", l.Fields, &e.Set)
	return e
}

// spread adds the leaves of an object to set. It gives back those that are empty
// objects, which as a patch leave alone what is there.
func spread(path string, v crdt.Value, set *[]crdt.Field) (patch crdt.Value) {
	var empty []crdt.Field
	v.Fields(func(key string, item crdt.Value) {
		at := crdt.JoinPath(path, key)
		switch {
		case item.Kind() != crdt.KindObject:
			*set = append(*set, crdt.Field{Key: at, Value: item})
		case item.Len() == 0:
			empty = append(empty, crdt.Field{Key: key, Value: item})
		default:
			if inside := spread(at, item, set); inside != nil {
				empty = append(empty, crdt.Field{Key: key, Value: inside})
			}
		}
	})
	if empty == nil {
		return nil
	}
	return crdt.Object(empty)
}
