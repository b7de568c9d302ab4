package api

import (
	"net/http"

	"musafir/crdt"
	"musafir/node/clinic"
)

// incomplete lists rows of the app that name what is not there: the limit counts rows.
func (s *Server) incomplete(c *call) error {
	limit, err := c.limit()
	if err != nil {
		return err
	}
	after, err := readCursor(c.query.Get("cursor"), 2)
	if err != nil {
		return err
	}
	if after[0] != "" && clinic.TableOf(after[0]) == nil {
		return badRequest("The parameter \"cursor\" is the \"next\" of the page before.")
	}
	p := newPage("rows", limit)
	err = s.backend.Incomplete(crdt.RecordKey{Collection: after[0], ID: after[1]}, func(key crdt.RecordKey, gaps []clinic.Gap) (bool, error) {
		if len(gaps) > 0 {
			if !p.room() {
				return false, nil
			}
			p.b = appendGaps(p.b, gaps)
			p.took(key.Collection, key.ID)
		}
		return true, c.r.Context().Err()
	})
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, p.end())
}

func appendGaps(b []byte, gaps []clinic.Gap) []byte {
	for i, g := range gaps {
		if i > 0 {
			b = append(b, ',')
		}
		b = quote(append(b, `{"table":`...), g.Table)
		b = quote(append(b, `,"id":`...), g.ID)
		b = quote(append(b, `,"column":`...), g.Column)
		b = quote(append(b, `,"names":`...), g.Names)
		b = quote(append(b, `,"why":`...), g.Why)
		b = append(b, '}')
	}
	return b
}
