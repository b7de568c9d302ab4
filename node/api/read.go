package api

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"musafir/crdt"
)

func (s *Server) get(c *call) error {
	key, err := c.key()
	if err != nil {
		return err
	}
	if c.query.Has("at") {
		return s.getPast(c, key, c.query.Get("at"))
	}
	r, err := s.found(key)
	if err != nil {
		return err
	}
	return s.answerRecord(c, http.StatusOK, r)
}

// getPast answers with a record as it was when an entry was written, to who wrote
// it, or at a time, as far as this device knows by now.
func (s *Server) getPast(c *call, key crdt.RecordKey, at string) error {
	touches, err := s.backend.Touches(key)
	if err != nil {
		return err
	}
	if len(touches) == 0 {
		return noRecord(key)
	}
	in, err := s.pastAt(touches, at)
	if err != nil {
		return err
	}
	r := crdt.Refold(key, slices.DeleteFunc(touches, func(t *crdt.Touch) bool { return !in(t) }))
	if r.Empty() {
		return &problem{Status: http.StatusNotFound, Detail: "The record " + key.String() + " had not been written by then."}
	}
	return s.answerRecord(c, http.StatusOK, r)
}

// pastAt tells which touches were there at an entry or a time.
func (s *Server) pastAt(touches []*crdt.Touch, at string) (func(*crdt.Touch) bool, error) {
	// A '+' before the zone that was not escaped comes as a space.
	if when, err := time.Parse(time.RFC3339Nano, strings.ReplaceAll(at, " ", "+")); err == nil {
		last := crdt.TimeAt(when.UnixMilli()+1) - 1
		return func(t *crdt.Touch) bool { return t.Time <= last }, nil
	}
	id, err := crdt.ParseShortID(at)
	if err != nil {
		return nil, badRequest("The parameter \"at\" is an entry id of 32 to 64 hexadecimal digits, or a time such as 2026-05-01T12:00:00Z.")
	}
	for _, t := range touches {
		if t.Entry.Short() == id {
			past, err := s.backend.Past(t.Ref)
			return func(t *crdt.Touch) bool { return past(t.Ref) }, err
		}
	}
	return nil, &problem{Status: http.StatusNotFound, Detail: "No entry of that id changed the record."}
}
