package api

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"musafir/crdt"
	"musafir/node/clinic"
)

func (s *Server) transact(c *call) error {
	author, err := c.author()
	if err != nil {
		return err
	}
	body, err := c.body(jsonType)
	if err != nil {
		return err
	}
	edits, err := readTransaction(body)
	if err != nil {
		return err
	}
	note, err := c.note(body, "")
	if err != nil {
		return err
	}
	if err := s.shape(edits); err != nil {
		return err
	}
	receipt, err := s.backend.Write(c.r.Context(), crdt.Transaction{Edits: edits, Author: author, Note: note})
	if err != nil {
		return err
	}
	if receipt.Repeated != nil {
		if _, err := c.replay(note, receipt.Repeated); err != nil {
			return err
		}
	}
	return s.answerTransaction(c, edits, receipt)
}

// answerTransaction answers with the records in the order of the changes.
func (s *Server) answerTransaction(c *call, edits []*crdt.Edit, receipt crdt.Receipt) error {
	b := []byte(`{"entry":`)
	if receipt.Entry == (crdt.EntryID{}) {
		b = append(b, "null"...)
	} else {
		b = quote(b, receipt.Entry.String())
	}
	b = append(b, `,"records":[`...)
	for i, e := range edits {
		r, err := s.found(e.Key)
		if err != nil {
			return err
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = s.appendRecord(b, r)
	}
	return c.json(http.StatusOK, append(b, "]}"...))
}

// readTransaction reads {"changes":[...]}.
func readTransaction(body []byte) ([]*crdt.Edit, error) {
	members, err := parseDocument(body)
	if err != nil {
		return nil, err
	}
	var changes []part
	for _, m := range members {
		if m.name != "changes" {
			return nil, m.unknown(`"changes"`)
		}
		if changes, err = m.items(); err != nil {
			return nil, err
		}
	}
	if len(changes) == 0 {
		return nil, badRequest("A transaction has \"changes\", at least one.")
	}
	if len(changes) > crdt.MaxChanges {
		return nil, &crdt.LimitError{What: "transaction", Size: len(changes), Max: crdt.MaxChanges, Unit: "changes"}
	}
	edits := make([]*crdt.Edit, len(changes))
	named := make(map[crdt.RecordKey]bool, len(changes))
	for i, p := range changes {
		if edits[i], err = p.change(); err != nil {
			return nil, err
		}
		if named[edits[i].Key] {
			return nil, p.fail(errors.New("the record stands in the transaction twice"))
		}
		named[edits[i].Key] = true
		if err := edits[i].Contradiction(); err != nil {
			return nil, err
		}
	}
	return edits, nil
}

// shape makes of edits what is done of rows of the app.
func (s *Server) shape(edits []*crdt.Edit) error {
	err := clinic.CountStock(edits, s.backend)
	for i := range edits {
		if err != nil {
			return err
		}
		edits[i], err = shapedAtOnce(edits[i])
	}
	return err
}

var errDeletes = errors.New("is_deleted: true deletes the record, which goes with no other change to it: write the other fields in a transaction before")

// shapedAtOnce is the edit of a row of the app, as one that a transaction can do.
func shapedAtOnce(e *crdt.Edit) (*crdt.Edit, error) {
	fields, end := clinic.Shape(e, time.Now().UnixMilli())
	if end == nil {
		return fields, nil
	}
	more := len(fields.Set) + len(fields.Remove) + len(fields.Max) + len(fields.Increment) + len(fields.Add) + len(fields.Drop)
	if more > 0 || fields.Replace != nil || fields.Undelete {
		return nil, &crdt.EditError{Key: e.Key, Err: errDeletes}
	}
	return end, nil
}

const changeMembers = `"collection", "id", "set", "remove", "replace", "max", "increment", "add_to_set", "remove_from_set", "delete", "undelete" and "seen"`

// change reads what is to happen to one record.
func (p part) change() (*crdt.Edit, error) {
	members, err := p.members()
	if err != nil {
		return nil, err
	}
	e := &crdt.Edit{}
	does := false
	for _, m := range members {
		acts, err := m.changeMember(e)
		if err != nil {
			return nil, err
		}
		does = does || acts
	}
	if err := e.Key.Validate(); err != nil {
		return nil, p.fail(err)
	}
	if err := checkOrdinary(e.Key.Collection); err != nil {
		return nil, err
	}
	if !does {
		return nil, p.fail(errors.New("the change does nothing to the record"))
	}
	return e, nil
}

// changeMember takes one member in and tells whether it is one that does something.
func (p part) changeMember(e *crdt.Edit) (acts bool, err error) {
	acts = true
	switch p.name {
	case "collection":
		acts = false
		e.Key.Collection, err = p.text()
	case "id":
		acts = false
		e.Key.ID, err = p.text()
	case "seen":
		acts = false
		e.Seen, err = p.seen()
	case "set":
		e.Set, err = p.fields()
	case "remove":
		e.Remove, err = p.paths()
	case "replace":
		e.Replace, err = p.object()
	case "max":
		e.Max, err = p.fields()
	case "increment":
		e.Increment, err = p.fields()
	case "add_to_set":
		e.Add, err = p.elements()
	case "remove_from_set":
		e.Drop, err = p.elements()
	case "delete":
		e.Delete, err = p.bool()
		acts = e.Delete
	case "undelete":
		e.Undelete, err = p.bool()
		acts = e.Undelete
	default:
		err = p.unknown(changeMembers)
	}
	return acts, err
}

// paths are those of an array of field paths.
func (p part) paths() ([]string, error) {
	items, err := p.items()
	if err != nil {
		return nil, err
	}
	paths := make([]string, len(items))
	for i, it := range items {
		if paths[i], err = it.text(); err != nil {
			return nil, err
		}
		if err := crdt.ValidatePath(paths[i]); err != nil {
			return nil, it.fail(err)
		}
	}
	return paths, nil
}

// elements are those of {"tags":["a","b"]}, one by one.
func (p part) elements() ([]crdt.Field, error) {
	members, err := p.members()
	if err != nil {
		return nil, err
	}
	var fields []crdt.Field
	for _, m := range members {
		if err := crdt.ValidatePath(m.name); err != nil {
			return nil, m.fail(err)
		}
		items, err := m.items()
		if err != nil {
			return nil, err
		}
		for _, it := range items {
			v, err := it.value()
			if err != nil {
				return nil, err
			}
			fields = append(fields, crdt.Field{Key: m.name, Value: v})
		}
	}
	return fields, nil
}

var (
	errEntryID = errors.New("an entry id belongs here: 32 to 64 hexadecimal digits")
	errSeen    = errors.New("a version belongs here as a record carries it, or an array of entry ids")
)

// seen reads a version, or entry ids.
func (p part) seen() (*crdt.Seen, error) {
	if text, err := p.text(); err == nil {
		seen, err := crdt.ParseSeen(text)
		if err != nil {
			return nil, p.fail(errSeen)
		}
		return seen, nil
	}
	items, err := p.items()
	if err != nil {
		return nil, p.fail(errSeen)
	}
	if len(items) > crdt.MaxSeen {
		return nil, &crdt.LimitError{What: "\"seen\"", Size: len(items), Max: crdt.MaxSeen, Unit: "entries"}
	}
	seen := &crdt.Seen{}
	for _, it := range items {
		id, err := it.entry()
		if err != nil {
			return nil, err
		}
		seen.Entries = append(seen.Entries, id)
	}
	slices.SortFunc(seen.Entries, crdt.ShortID.Compare)
	seen.Entries = slices.Compact(seen.Entries)
	return seen, nil
}
