package api

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid" // UUIDv7: ids in the order of their making

	"musafir/crdt"
	"musafir/node/clinic"
)

// write does one edit for the caller. Where that says of a row of the app that it is
// deleted, it takes two: the note goes with the one that ends it.
func (s *Server) write(c *call, e *crdt.Edit, note *crdt.Note) (crdt.Receipt, error) {
	author, err := c.author()
	if err != nil {
		return crdt.Receipt{}, err
	}
	if err := clinic.CountStock([]*crdt.Edit{e}, s.backend); err != nil {
		return crdt.Receipt{}, err
	}
	fields, end := clinic.Shape(e, time.Now().UnixMilli())
	if end == nil {
		return s.backend.Write(c.r.Context(), crdt.Transaction{Edits: []*crdt.Edit{fields}, Author: author, Note: note})
	}
	// What was begun is finished, even if whoever asked leaves.
	ctx := context.WithoutCancel(c.r.Context())
	receipt, err := s.backend.Write(ctx, crdt.Transaction{Edits: []*crdt.Edit{fields}, Author: author})
	if err != nil {
		return receipt, err
	}
	if end.Seen != nil && receipt.Entry != (crdt.EntryID{}) {
		seen := end.Seen.With(receipt.Entry)
		end.Seen = &seen
	}
	return s.backend.Write(ctx, crdt.Transaction{Edits: []*crdt.Edit{end}, Author: author, Note: note})
}

// edit is the beginning of an edit of the record that the path names.
func (c *call) edit() (*crdt.Edit, error) {
	key, err := c.key()
	if err != nil {
		return nil, err
	}
	seen, err := c.ifMatch()
	return &crdt.Edit{Key: key, Seen: seen}, err
}

// writeRecord does the edit and answers with the record, 201 if there was none.
func (s *Server) writeRecord(c *call, e *crdt.Edit) error {
	before, err := s.backend.Record(e.Key)
	if err != nil {
		return err
	}
	status := http.StatusOK
	if !written(before) {
		status = http.StatusCreated
	}
	if _, err := s.write(c, e, nil); err != nil {
		return err
	}
	return s.answerWritten(c, status, e.Key)
}

func (s *Server) answerWritten(c *call, status int, key crdt.RecordKey) error {
	r, err := s.found(key)
	if err != nil {
		return err
	}
	if status == http.StatusCreated {
		c.w.Header().Set("Location", recordPath(key))
	}
	return s.answerRecord(c, status, r)
}

func recordPath(key crdt.RecordKey) string {
	id := url.PathEscape(key.ID)
	if id == "." || id == ".." {
		id = strings.ReplaceAll(id, ".", "%2E") // plain, they would be a step in the path
	}
	return "/v1/records/" + url.PathEscape(key.Collection) + "/" + id
}

// fieldsOf reads {"fields":{...}}, and "id" where one may stand there.
func fieldsOf(body []byte, id *string) (fields crdt.Value, err error) {
	members, err := parseDocument(body)
	if err != nil {
		return nil, err
	}
	for _, m := range members {
		switch {
		case m.name == "fields":
			fields, err = m.object()
		case m.name == "id" && id != nil:
			*id, err = m.text()
		case id != nil:
			err = m.unknown(`"fields" and "id"`)
		default:
			err = m.unknown(`"fields"`)
		}
		if err != nil {
			return nil, err
		}
	}
	if fields == nil {
		return nil, badRequest("The document has no \"fields\".")
	}
	return fields, nil
}

func (s *Server) put(c *call) error {
	e, err := c.edit()
	if err != nil {
		return err
	}
	body, err := c.body(jsonType)
	if err != nil {
		return err
	}
	if e.Replace, err = fieldsOf(body, nil); err != nil {
		return err
	}
	if values := c.r.Header.Values("If-None-Match"); len(values) > 0 {
		return s.putNew(c, e, values)
	}
	return s.writeRecord(c, e)
}

// putNew writes a record only if there is none. Should one come at the same
// moment, both stay: the writer has seen nothing.
func (s *Server) putNew(c *call, e *crdt.Edit, match []string) error {
	if len(match) != 1 || match[0] != "*" {
		return badRequest("The header If-None-Match takes only * here: write the record if there is none.")
	}
	if e.Seen != nil {
		return badRequest("If-Match and If-None-Match do not go together.")
	}
	r, err := s.backend.Record(e.Key)
	if err != nil {
		return err
	}
	if written(r) {
		return &problem{Status: http.StatusPreconditionFailed, Detail: "There is a record " + e.Key.String() + " already."}
	}
	e.Seen = &crdt.Seen{}
	return s.writeRecord(c, e)
}

func (s *Server) patch(c *call) error {
	e, err := c.edit()
	if err != nil {
		return err
	}
	body, err := c.body(jsonType, patchType)
	if err != nil {
		return err
	}
	if e.Patch, err = (part{raw: body}).object(); err != nil {
		return err
	}
	return s.writeRecord(c, e)
}

func (s *Server) delete(c *call) error {
	e, err := c.edit()
	if err != nil {
		return err
	}
	e.Delete = true
	if _, err := s.write(c, e, nil); err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) undelete(c *call) error {
	e, err := c.edit()
	if err != nil {
		return err
	}
	e.Undelete = true
	if _, err := s.write(c, e, nil); err != nil {
		return err
	}
	return s.answerWritten(c, http.StatusOK, e.Key)
}

func (s *Server) create(c *call) error {
	collection := c.r.PathValue("collection")
	if err := checkCollection(collection); err != nil {
		return err
	}
	body, err := c.body(jsonType)
	if err != nil {
		return err
	}
	key := crdt.RecordKey{Collection: collection, ID: uuid.Must(uuid.NewV7()).String()}
	fields, err := fieldsOf(body, &key.ID)
	if err != nil {
		return err
	}
	if err := checkKey(key); err != nil {
		return err
	}
	note, err := c.note(body, key.ID)
	if err != nil {
		return err
	}
	if note != nil {
		earlier, found, err := s.backend.Note(note.Key)
		if err != nil {
			return err
		}
		if found {
			return s.answerCreatedBefore(c, key.Collection, note, earlier)
		}
	}
	return s.createNew(c, key, fields, note)
}

func (s *Server) createNew(c *call, key crdt.RecordKey, fields crdt.Value, note *crdt.Note) error {
	before, err := s.backend.Record(key)
	if err != nil {
		return err
	}
	if written(before) {
		return &problem{Status: http.StatusConflict, Detail: "There is a record " + key.String() + " already: use PUT or PATCH to change it."}
	}
	// Who creates has seen nothing: a record that comes at the same moment stays beside it.
	receipt, err := s.write(c, &crdt.Edit{Key: key, Replace: fields, Seen: &crdt.Seen{}}, note)
	if err != nil {
		return err
	}
	if receipt.Repeated != nil {
		return s.answerCreatedBefore(c, key.Collection, note, receipt.Repeated)
	}
	return s.answerWritten(c, http.StatusCreated, key)
}

// answerCreatedBefore answers a repeated request with the record that the first
// one made, as it is now.
func (s *Server) answerCreatedBefore(c *call, collection string, note *crdt.Note, earlier []byte) error {
	id, err := c.replay(note, earlier)
	if err != nil {
		return err
	}
	return s.answerWritten(c, http.StatusCreated, crdt.RecordKey{Collection: collection, ID: id})
}

func (s *Server) resolve(c *call) error {
	e, err := c.edit()
	if err != nil {
		return err
	}
	body, err := c.body(jsonType)
	if err != nil {
		return err
	}
	if e.Resolve, err = readResolution(body); err != nil {
		return err
	}
	if _, err := s.write(c, e, nil); err != nil {
		return err
	}
	return s.answerWritten(c, http.StatusOK, e.Key)
}

// readResolution reads {"field","entry"} or {"field","value"}.
func readResolution(body []byte) (*crdt.Resolution, error) {
	members, err := parseDocument(body)
	if err != nil {
		return nil, err
	}
	x := &crdt.Resolution{}
	has := map[string]bool{}
	for _, m := range members {
		has[m.name] = true
		switch m.name {
		case "field":
			x.Path, err = m.path()
		case "entry":
			x.Entry, err = m.entry()
		case "value":
			x.Value, err = m.value()
		default:
			err = m.unknown(`"field", "entry" and "value"`)
		}
		if err != nil {
			return nil, err
		}
	}
	if !has["field"] || has["entry"] == has["value"] {
		return nil, badRequest("A resolution has \"field\", and either \"entry\" or \"value\".")
	}
	return x, nil
}

// path is a field's path, or the empty one of a record's liveness.
func (p part) path() (string, error) {
	path, err := p.text()
	if err == nil && path != "" {
		if bad := crdt.ValidatePath(path); bad != nil {
			err = p.fail(bad)
		}
	}
	return path, err
}

func (p part) entry() (crdt.ShortID, error) {
	text, err := p.text()
	if err != nil {
		return crdt.ShortID{}, err
	}
	id, err := crdt.ParseShortID(text)
	if err != nil {
		return id, p.fail(errEntryID)
	}
	return id, nil
}
