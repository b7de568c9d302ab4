package api

import (
	"net/http"
	"strings"

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
			name, err := s.patientOf(key)
			if err != nil {
				return false, err
			}
			p.b = appendGaps(p.b, gaps, name)
			p.took(key.Collection, key.ID)
		}
		return true, c.r.Context().Err()
	})
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, p.end())
}

// patientOf is the name of the patient of whom a row is, "" if it names none that has one.
func (s *Server) patientOf(key crdt.RecordKey) (name string, err error) {
	r, err := s.backend.Record(key)
	if err != nil || r == nil {
		return "", err
	}
	if key.Collection != patientsTable {
		id := textOf(member(r.View().Fields, "patient_id"))
		r, err = s.backend.Record(crdt.RecordKey{Collection: patientsTable, ID: id})
		if err != nil || r == nil {
			return "", err
		}
	}
	fields := r.View().Fields
	given, surname := textOf(member(fields, "given_name")), textOf(member(fields, "surname"))
	return strings.TrimSpace(strings.TrimSpace(given) + " " + strings.TrimSpace(surname)), nil
}

const patientsTable = "patients"

func appendGaps(b []byte, gaps []clinic.Gap, patient string) []byte {
	for i, g := range gaps {
		if i > 0 {
			b = append(b, ',')
		}
		b = quote(append(b, `{"table":`...), g.Table)
		b = quote(append(b, `,"id":`...), g.ID)
		b = quote(append(b, `,"column":`...), g.Column)
		b = quote(append(b, `,"names":`...), g.Names)
		b = quote(append(b, `,"why":`...), g.Why)
		b = quote(append(b, `,"patient":`...), patient)
		b = append(b, '}')
	}
	return b
}
