package api

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"strings"

	"musafir/crdt"
	"musafir/node/exchange"
)

func (s *Server) list(c *call) error {
	collection := c.r.PathValue("collection")
	if err := checkCollection(collection); err != nil {
		return err
	}
	limit, err := c.limit()
	if err != nil {
		return err
	}
	after, err := readCursor(c.query.Get("cursor"), 1)
	if err != nil {
		return err
	}
	where, err := readWhere(c.query["where"])
	if err != nil {
		return err
	}
	p := newPage("records", limit)
	err = s.backend.Scan(collection, after[0], func(r *crdt.Record) (bool, error) {
		v := shown(r)
		if !matchAll(where, v.Fields) {
			return true, c.r.Context().Err()
		}
		if !p.room() {
			return false, nil
		}
		p.b = s.appendView(p.b, r, v)
		p.took(r.Key.ID)
		return true, c.r.Context().Err()
	})
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, p.end())
}

// A page is an answer {"name":[...],"next":"..."} under way.
type page struct {
	b     []byte
	left  int
	last  string // the cursor behind what it has
	next  string // set if there is more
	empty bool
}

func newPage(name string, limit int) *page {
	return &page{b: append(quote([]byte{'{'}, name), ":["...), left: limit, empty: true}
}

// room makes room for one row more, if there is any; else there will be a next page.
func (p *page) room() bool {
	if p.left <= 0 || len(p.b) >= pageBytesMax {
		p.next = p.last
		return false
	}
	if !p.empty {
		p.b = append(p.b, ',')
	}
	p.empty = false
	return true
}

// took takes note that a row was added, by what a cursor names it with.
func (p *page) took(parts ...string) {
	p.left--
	p.last = makeCursor(parts)
}

func (p *page) end() []byte {
	return append(quote(append(p.b, `],"next":`...), p.next), '}')
}

const cursorVersion = 1

// makeCursor names a place between rows. It is opaque to those who get it.
func makeCursor(parts []string) string {
	b := append([]byte{cursorVersion}, strings.Join(parts, "\x00")...)
	return base64.RawURLEncoding.EncodeToString(b)
}

// readCursor reads what makeCursor made of n parts; "" is the beginning.
func readCursor(text string, n int) ([]string, error) {
	if text == "" {
		return make([]string, n), nil
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) < 2 || b[0] != cursorVersion || bytes.Count(b, []byte{0}) != n-1 {
		return nil, badRequest("The parameter \"cursor\" is the \"next\" of the page before.")
	}
	return strings.Split(string(b[1:]), "\x00"), nil
}

// A condition is FIELD=TEXT.
type condition struct {
	keys []string
	text string
}

func readWhere(texts []string) ([]condition, error) {
	var where []condition
	for _, text := range texts {
		path, value, ok := strings.Cut(text, "=")
		if !ok {
			return nil, badRequest("The parameter \"where\" is FIELD=TEXT.")
		}
		if err := crdt.ValidatePath(path); err != nil {
			return nil, badRequest("The parameter \"where\" is FIELD=TEXT: %v.", err)
		}
		where = append(where, condition{crdt.SplitPath(path), value})
	}
	return where, nil
}

func matchAll(where []condition, fields crdt.Value) bool {
	for _, w := range where {
		if !w.match(fields) {
			return false
		}
	}
	return true
}

// match compares a string with the text, another scalar by its JSON. Arrays and
// objects match nothing.
func (w *condition) match(v crdt.Value) bool {
	for _, key := range w.keys {
		v = member(v, key)
	}
	switch v.Kind() {
	case crdt.KindText:
		return v.Text() == w.text
	case crdt.KindNull, crdt.KindBool, crdt.KindInt, crdt.KindFloat:
		return string(exchange.AppendJSON(nil, v)) == w.text
	}
	return false
}

// member is an object's value at a key; nil if there is none, or no object.
func member(v crdt.Value, key string) (found crdt.Value) {
	if v.Kind() == crdt.KindObject {
		v.Fields(func(k string, item crdt.Value) {
			if k == key {
				found = item
			}
		})
	}
	return found
}
