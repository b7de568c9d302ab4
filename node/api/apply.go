package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"musafir/crdt"
	"musafir/node/clinic"
	"musafir/node/exchange"
)

const yamlType = "application/yaml"

// An applied file is what it changes, and whose passwords it wants asked for that are
// not there yet.
type applied struct {
	Changes   []appliedChange `json:"changes"`
	Passwords []askedUser     `json:"passwords"`
	Applied   bool            `json:"applied"`
}

type appliedChange struct {
	Collection string         `json:"collection"`
	ID         string         `json:"id"`
	Name       string         `json:"name"`
	Action     string         `json:"action"` // create or change
	Fields     []appliedField `json:"fields"`
}

type appliedField struct {
	Field string          `json:"field"`
	From  json.RawMessage `json:"from"`
	To    json.RawMessage `json:"to"`
}

type askedUser struct {
	ID    string `json:"id"`
	Email string `json:"email"`
}

// apply makes the camp's clinics, users and forms what a file says, or tells what that
// would change.
func (s *Server) apply(c *call) error {
	dry, err := c.flag("dry")
	if err != nil {
		return err
	}
	body, err := c.body(yamlType)
	if err != nil {
		return err
	}
	known, err := s.known()
	if err != nil {
		return err
	}
	file, err := clinic.ReadFile(string(body), known)
	if err != nil {
		return fileProblem(err)
	}
	changes, err := s.applyWants(c, file.Wants, dry)
	if err != nil {
		return err
	}
	asked, err := s.lacking(file.Asked)
	if err != nil {
		return err
	}
	return c.answerJSON(http.StatusOK, applied{Changes: changeDocs(changes), Passwords: asked, Applied: !dry})
}

func (s *Server) applyWants(c *call, wants []clinic.Want, dry bool) ([]clinic.Change, error) {
	if !dry {
		return s.carryOut(c, wants)
	}
	changes, _, err := clinic.Plan(wants, s.backend.Record, time.Now().UnixMilli())
	return changes, err
}

// lacking are those who have no password yet.
func (s *Server) lacking(asked []clinic.Named) ([]askedUser, error) {
	users := []askedUser{}
	for _, u := range asked {
		r, err := s.backend.Record(crdt.RecordKey{Collection: clinic.Passwords, ID: u.ID})
		if err != nil {
			return nil, err
		}
		if hash, _ := clinic.Admission(r); hash == "" {
			users = append(users, askedUser{u.ID, u.Name})
		}
	}
	return users, nil
}

// fileProblem tells all that is wrong with a file, by its lines.
func fileProblem(err error) error {
	var errs clinic.FileErrors
	if !errors.As(err, &errs) {
		return err
	}
	p := &problem{Status: http.StatusUnprocessableEntity, Detail: "The file cannot be applied, and nothing was written."}
	for _, e := range errs[:min(len(errs), errorsMax)] {
		p.lines = append(p.lines, lineError{e.Line, e.Err.Error()})
	}
	if more := len(errs) - errorsMax; more > 0 {
		p.Detail += fmt.Sprintf(" Of what is wrong with it these are the first %d; there are %d more.", errorsMax, more)
	}
	return p
}

func changeDocs(changes []clinic.Change) []appliedChange {
	docs := []appliedChange{}
	for _, c := range changes {
		doc := appliedChange{c.Key.Collection, c.Key.ID, c.Name, "change", []appliedField{}}
		if c.New {
			doc.Action = "create"
		}
		for _, f := range c.Fields {
			doc.Fields = append(doc.Fields, appliedField{f.Field, jsonOf(f.From), jsonOf(f.To)})
		}
		docs = append(docs, doc)
	}
	return docs
}

// jsonOf is a value, null if there is none.
func jsonOf(v crdt.Value) json.RawMessage {
	if v == nil {
		v = crdt.Null
	}
	return exchange.AppendJSON(nil, v)
}
