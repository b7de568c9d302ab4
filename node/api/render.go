package api

import (
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"musafir/crdt"
	"musafir/node/clinic"
	"musafir/node/exchange"
)

const timeFormat = "2006-01-02T15:04:05.000Z07:00"

func quote(b []byte, s string) []byte {
	b, _ = jsontext.AppendQuote(b, s) // fails on invalid UTF-8 only, which nothing here holds
	return b
}

func appendTime(b []byte, t crdt.Time) []byte {
	b = t.Wall().AppendFormat(append(b, '"'), timeFormat)
	return append(b, '"')
}

func nowText() string { return time.Now().UTC().Format(timeFormat) }

// shown is what people see of a record: rows of the app with their documents as texts.
func shown(r *crdt.Record) crdt.View { return clinic.ShownView(r.Key.Collection, r.View()) }

// appendRecord adds {"collection","id","fields",...}.
func (s *Server) appendRecord(b []byte, r *crdt.Record) []byte {
	return s.appendView(b, r, shown(r))
}

func (s *Server) appendView(b []byte, r *crdt.Record, v crdt.View) []byte {
	return append(s.appendMembers(append(b, '{'), r, v), '}')
}

// appendMembers adds the members of a record without the brackets.
func (s *Server) appendMembers(b []byte, r *crdt.Record, v crdt.View) []byte {
	b = quote(append(b, `"collection":`...), r.Key.Collection)
	b = quote(append(b, `,"id":`...), r.Key.ID)
	b = exchange.AppendJSON(append(b, `,"fields":`...), v.Fields)
	b = s.appendConflicts(append(b, `,"conflicts":`...), v.Conflicts)
	b = quote(append(b, `,"version":`...), r.Seen().String())
	b = strconv.AppendBool(append(b, `,"deleted":`...), v.Deleted)
	b = appendTime(append(b, `,"updated":`...), v.Updated)
	return strconv.AppendInt(append(b, `,"copies":`...), int64(1+s.backend.Copies(refsOf(r))), 10)
}

// refsOf are the entries of which something lives in a record.
func refsOf(r *crdt.Record) []crdt.Ref {
	living := r.Living()
	refs := make([]crdt.Ref, len(living))
	for i, t := range living {
		refs[i] = t.Ref
	}
	return refs
}

func (s *Server) appendConflicts(b []byte, conflicts []crdt.Conflict) []byte {
	b = append(b, '{')
	for i, c := range conflicts {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(quote(b, c.Path), ':')
		b = s.appendSiblings(b, c.Siblings)
	}
	return append(b, '}')
}

func (s *Server) appendSiblings(b []byte, siblings []crdt.Sibling) []byte {
	b = append(b, '[')
	for i, x := range siblings {
		if i > 0 {
			b = append(b, ',')
		}
		b = s.appendSibling(b, x)
	}
	return append(b, ']')
}

func (s *Server) appendSibling(b []byte, x crdt.Sibling) []byte {
	b = append(b, `{"value":`...)
	if x.Deleted {
		b = quote(b, deletedText)
	} else {
		b = exchange.AppendJSON(b, x.Value)
	}
	if x.Touch != nil { // nil: a counter inside another one, which many made
		b = s.appendOrigin(append(b, ','), x.Touch)
	}
	switch {
	case x.Removed:
		b = append(b, `,"removed":true`...)
	case x.Value == nil && !x.Deleted:
		b = append(b, `,"erased":true`...)
	}
	return append(b, '}')
}

// The two values of a record's liveness, which stands under the empty path.
const (
	deletedText = "deleted"
	aliveText   = "alive"
)

// appendOrigin adds who wrote an entry, and when: "device","author","time","entry".
func (s *Server) appendOrigin(b []byte, t *crdt.Touch) []byte {
	b = quote(append(b, `"device":`...), string(s.backend.Device(t.Log)))
	b = quote(append(b, `,"author":`...), t.Author)
	b = appendTime(append(b, `,"time":`...), t.Time)
	return quote(append(b, `,"entry":`...), t.Entry.String())
}

// answerRecord answers with a record.
func (s *Server) answerRecord(c *call, status int, r *crdt.Record) error {
	c.w.Header().Set("ETag", `"`+r.Seen().String()+`"`)
	return c.json(status, s.appendRecord(nil, r))
}

// found is a record that was written at some time.
func (s *Server) found(key crdt.RecordKey) (*crdt.Record, error) {
	r, err := s.backend.Record(key)
	if err == nil && !written(r) {
		err = noRecord(key)
	}
	return r, err
}

func written(r *crdt.Record) bool { return r != nil && !r.Empty() }

func noRecord(key crdt.RecordKey) error {
	return &problem{Status: http.StatusNotFound, Detail: "There is no record " + key.String() + "."}
}
