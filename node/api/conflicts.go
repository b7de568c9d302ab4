package api

import (
	"net/http"

	"musafir/crdt"
	"musafir/node/exchange"
)

// conflicts lists what is in conflict, record by record: the limit counts records.
func (s *Server) conflicts(c *call) error {
	limit, err := c.limit()
	if err != nil {
		return err
	}
	after, err := readCursor(c.query.Get("cursor"), 2)
	if err != nil {
		return err
	}
	p := newPage("conflicts", limit)
	err = s.backend.Conflicted(crdt.RecordKey{Collection: after[0], ID: after[1]}, func(r *crdt.Record) (bool, error) {
		v := shown(r)
		if v.Deleted || len(v.Conflicts) == 0 {
			return true, nil
		}
		if !p.room() {
			return false, nil
		}
		for i, x := range v.Conflicts {
			if i > 0 {
				p.b = append(p.b, ',')
			}
			p.b = s.appendConflict(p.b, r.Key, x)
		}
		p.took(r.Key.Collection, r.Key.ID)
		return true, c.r.Context().Err()
	})
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, p.end())
}

func (s *Server) appendConflict(b []byte, key crdt.RecordKey, x crdt.Conflict) []byte {
	b = quote(append(b, `{"collection":`...), key.Collection)
	b = quote(append(b, `,"id":`...), key.ID)
	b = quote(append(b, `,"field":`...), x.Path)
	b = exchange.AppendJSON(append(b, `,"value":`...), x.Shown)
	b = s.appendSiblings(append(b, `,"siblings":`...), x.Siblings)
	return append(b, '}')
}
