package api

import (
	"net/http"
	"time"

	"musafir/crdt"
	"musafir/node/clinic"
)

// heldRows lists the rows that phones pushed and that are kept, but not merged.
func (s *Server) heldRows(c *call) error {
	limit, err := c.limit()
	if err != nil {
		return err
	}
	after, err := readCursor(c.query.Get("cursor"), 1)
	if err != nil {
		return err
	}
	p := newPage("rows", limit)
	names := map[string]string{} // by user
	err = s.backend.Scan(clinic.HeldRows, after[0], func(r *crdt.Record) (bool, error) {
		if !p.room() {
			return false, nil
		}
		h := clinic.HeldRowOf(r)
		if _, known := names[h.User]; !known {
			if names[h.User], _, err = s.userNamed(h.User); err != nil {
				return false, err
			}
		}
		p.b = appendHeld(p.b, h, names[h.User])
		p.took(h.ID)
		return true, c.r.Context().Err()
	})
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, p.end())
}

// heldRow is the one that the path names.
func (s *Server) heldRow(c *call) error {
	r, err := s.foundHeld(c)
	if err != nil {
		return err
	}
	h := clinic.HeldRowOf(r)
	name, _, err := s.userNamed(h.User)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, appendHeld(nil, h, name))
}

// dropHeld ends that a row is held back, though it was not merged.
func (s *Server) dropHeld(c *call) error {
	r, err := s.foundHeld(c)
	if err != nil {
		return err
	}
	if _, err := s.write(c, &crdt.Edit{Key: r.Key, Delete: true}, nil); err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) foundHeld(c *call) (*crdt.Record, error) {
	key := crdt.RecordKey{Collection: clinic.HeldRows, ID: c.r.PathValue("id")}
	if err := key.Validate(); err != nil {
		return nil, badRequest("%v", err)
	}
	r, err := s.backend.Record(key)
	if err == nil && (r == nil || r.Empty() || r.Deleted()) {
		err = &problem{Status: http.StatusNotFound, Detail: "No row is held back under the id " + key.ID + "."}
	}
	return r, err
}

func appendHeld(b []byte, h clinic.HeldRow, name string) []byte {
	b = quote(append(b, `{"id":`...), h.ID)
	b = quote(append(b, `,"phone":`...), h.Client)
	b = quote(append(b, `,"user":`...), h.User)
	b = quote(append(b, `,"name":`...), name)
	b = quote(append(b, `,"table":`...), h.Table)
	b = quote(append(b, `,"row":`...), h.Row)
	b = quote(append(b, `,"why":`...), h.Why)
	b = quote(append(b, `,"time":`...), time.UnixMilli(h.AtMs).UTC().Format(timeFormat))
	return append(b, '}')
}
