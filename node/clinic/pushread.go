package clinic

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext" // JSON as it stands, value by value

	"musafir/crdt"
)

// Pushed is what a phone sent: rows, in the order in which they stand.
type Pushed struct{ rows []*pushedRow }

// A pushedRow is one row of a push.
type pushedRow struct {
	table   string
	id      string
	status  string          // as the app says: created, updated, synced; "" if it says none
	changed map[string]bool // the columns that were edited
	columns []crdt.Field    // by name, as they were sent
	removed bool            // it stands among those that are deleted
	raw     string          // the row as it was sent, one after the other if it was several times
	lists   string          // that it stood in, as many
	err     error           // why it cannot be a record

	overtaken map[string]bool // of a row that was held back: what the phone sent of it since; nil: none
}

// Words of the app about its rows.
const (
	deletedList   = "deleted" // of a table's rows
	writtenList   = "written" // ours for any other list
	statusColumn  = "_status"
	changedColumn = "_changed"
	statusCreated = "created"
	statusUpdated = "updated"
	bogusColumn   = "image_timestamp" // added to each row by a forced upload; it means nothing
)

// never are tables of the app that are not kept: they hold the keys of its sessions.
var never = []string{"peers"}

var errNoChanges = errors.New("the changes are no object of tables")

// ReadPush reads the changes of a push. Its error says that it is none; whatever is the
// matter with a row is the row's.
func ReadPush(changes []byte) (*Pushed, error) {
	p := &Pushed{}
	dec := jsontext.NewDecoder(bytes.NewReader(changes), jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
	if dec.PeekKind() != '{' {
		return nil, errNoChanges
	}
	err := members(dec, func(table string) error {
		if dec.PeekKind() != '{' {
			return dec.SkipValue()
		}
		return members(dec, func(list string) error { return p.readList(dec, table, list) })
	})
	if err == nil {
		_, err = dec.ReadToken()
		if err == io.EOF {
			err = nil
		} else if err == nil {
			err = errNoChanges
		}
	}
	if err != nil {
		return nil, fmt.Errorf("read the changes: %w", err)
	}
	p.unite()
	return p, nil
}

// members visits the names of an object; visit reads the value.
func members(dec *jsontext.Decoder, visit func(name string) error) error {
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return err
		}
		if err := visit(name.String()); err != nil {
			return err
		}
	}
	_, err := dec.ReadToken()
	return err
}

func (p *Pushed) readList(dec *jsontext.Decoder, table, list string) error {
	if dec.PeekKind() != '[' {
		return dec.SkipValue()
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() != ']' {
		raw, err := dec.ReadValue()
		if err != nil {
			return err
		}
		if !slices.Contains(never, table) {
			p.rows = append(p.rows, readPushedRow(table, list, raw))
		}
	}
	_, err := dec.ReadToken()
	return err
}

// readPushedRow reads one row. Among those that are deleted an id alone will do.
func readPushedRow(table, list string, raw jsontext.Value) *pushedRow {
	x := &pushedRow{table: table, raw: string(raw), lists: writtenList, removed: list == deletedList}
	if x.removed {
		x.lists = deletedList
	}
	if raw.Kind() == '"' && x.removed {
		x.err = json.Unmarshal(raw, &x.id)
	} else {
		x.readColumns(raw)
	}
	if x.err == nil {
		x.err = x.key().Validate()
	}
	if x.err == nil && x.key().Internal() {
		x.err = errors.New("no phone has such a table")
	}
	return x
}

func (x *pushedRow) key() crdt.RecordKey { return crdt.RecordKey{Collection: x.table, ID: x.id} }

func (x *pushedRow) readColumns(raw jsontext.Value) {
	dec := jsontext.NewDecoder(bytes.NewReader(raw)) // strict: what no text can be is held back
	if dec.PeekKind() != '{' {
		x.err = errors.New("it is no object of columns")
		return
	}
	x.err = members(dec, func(name string) error {
		value, err := dec.ReadValue()
		if err != nil {
			return err
		}
		return x.readColumn(strings.Clone(name), value)
	})
}

func (x *pushedRow) readColumn(name string, raw jsontext.Value) error {
	switch name {
	case "id":
		if raw.Kind() == '0' {
			x.id = string(raw)
			return nil
		}
		return json.Unmarshal(raw, &x.id)
	case statusColumn:
		x.status = textOf(raw)
		return nil
	case changedColumn:
		x.changed = map[string]bool{}
		for c := range strings.SplitSeq(textOf(raw), ",") {
			x.changed[strings.TrimSpace(c)] = true
		}
		return nil
	case bogusColumn:
		return nil
	}
	v, err := x.value(name, raw)
	if err != nil {
		return fmt.Errorf("column %s: %w", name, err)
	}
	x.columns = append(x.columns, crdt.Field{Key: name, Value: v})
	return crdt.ValidatePath(crdt.JoinPath("", name))
}

// value is a column's value. A document that comes as what it says, and not as a text of
// it, becomes that text.
func (x *pushedRow) value(name string, raw jsontext.Value) (crdt.Value, error) {
	if t := TableOf(x.table); t != nil && (raw.Kind() == '{' || raw.Kind() == '[') {
		if c := t.Column(name); c != nil && c.Kind == JSON {
			err := raw.Compact()
			return crdt.Text(string(raw)), err
		}
	}
	return readValue(raw)
}

func textOf(raw jsontext.Value) (text string) {
	if json.Unmarshal(raw, &text) != nil {
		return ""
	}
	return text
}

// unite makes one row of those that are of one record: the app may say of a row that it was
// created and that it was deleted.
func (p *Pushed) unite() {
	at := map[crdt.RecordKey]*pushedRow{}
	p.rows = slices.DeleteFunc(p.rows, func(x *pushedRow) bool {
		if x.err != nil {
			return false
		}
		first := at[x.key()]
		if first == nil {
			at[x.key()] = x
			return false
		}
		first.take(x)
		return true
	})
}

// take adds what a later row of the same record says.
func (x *pushedRow) take(later *pushedRow) {
	if x.status == statusUpdated && later.status != "" {
		x.status = later.status
	}
	for c := range later.changed {
		if x.changed == nil {
			x.changed = map[string]bool{}
		}
		x.changed[c] = true
	}
	for _, f := range later.columns {
		if i := slices.IndexFunc(x.columns, func(had crdt.Field) bool { return had.Key == f.Key }); i >= 0 {
			x.columns[i] = f
		} else {
			x.columns = append(x.columns, f)
		}
	}
	x.removed = x.removed || later.removed
	x.raw, x.lists = x.raw+"\n"+later.raw, x.lists+" "+later.lists
}

// visits are the clinics of the visits that were sent.
func (p *Pushed) visits() map[string]string {
	clinics := map[string]string{}
	for _, x := range p.rows {
		if x.table == "visits" && x.err == nil {
			clinics[x.id] = textIn(x.column("clinic_id"))
		}
	}
	return clinics
}

// column is what was sent in a column, nil if nothing was.
func (p *pushedRow) column(name string) crdt.Value {
	for _, f := range p.columns {
		if f.Key == name {
			return f.Value
		}
	}
	return nil
}

// row is a sent row with the values that the app has.
func (p *pushedRow) row(t *Table) row {
	x := row{table: t, id: p.id, columns: make([]crdt.Value, len(t.Columns))}
	for i, c := range t.Columns {
		x.columns[i] = c.typed(p.column(c.Name))
	}
	x.deleted = p.removed || isTrue(p.column(isDeleted))
	return x
}

func textIn(v crdt.Value) string {
	if v.Kind() == crdt.KindText {
		return v.Text()
	}
	return ""
}

// deletes tells whether a row says that its record is deleted.
func (p *pushedRow) deletes() bool {
	changed := p.status != statusUpdated || p.changed == nil || p.changed[isDeleted]
	return p.err == nil && (p.removed || TableOf(p.table) != nil && changed && isTrue(p.column(isDeleted)))
}

// EditedMs is the phone's time of its latest edit, in milliseconds; 0 if it says none.
func (p *Pushed) EditedMs() (latest int64) {
	for _, x := range p.rows {
		if x.status == statusCreated || x.status == statusUpdated {
			latest = max(latest, x.editedMs())
		}
	}
	return latest
}

func (p *pushedRow) editedMs() int64 {
	if v := numberOf(p.column(updatedAt)); v != nil {
		return int64(number(v))
	}
	return 0
}

// Refs are the entries in which what was pushed stands, as it is merged now.
func (p *Pushed) Refs(look Look) (refs []crdt.Ref, err error) {
	for _, x := range p.rows {
		if x.err != nil {
			continue
		}
		r, err := look.Record(x.key())
		if err != nil {
			return nil, err
		}
		if r == nil {
			continue
		}
		for _, t := range r.Living() {
			refs = append(refs, t.Ref)
		}
	}
	return refs, nil
}
