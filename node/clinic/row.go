package clinic

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext" // JSON as it stands, value by value

	"musafir/crdt"
)

// A row is a record as the app takes it: a value of the right kind in each column.
type row struct {
	table   *Table
	id      string
	columns []crdt.Value
	deleted bool
}

// Columns that say of a row whether it is deleted: they follow the record.
const (
	isDeleted = "is_deleted"
	deletedAt = "deleted_at"
	updatedAt = "updated_at"
)

// rowOf is the row of a record.
func rowOf(t *Table, r *crdt.Record) row {
	v := r.View()
	x := row{table: t, id: r.Key.ID, columns: make([]crdt.Value, len(t.Columns))}
	for name, value := range v.Fields.All() {
		if i, ok := t.at[string(name)]; ok {
			x.columns[i] = t.shown(t.Columns[i].Name, value)
		}
	}
	stored := t.index(isDeleted)
	x.deleted = v.Deleted || stored >= 0 && isTrue(x.columns[stored])
	for i, c := range t.Columns {
		x.columns[i] = c.typed(x.columns[i])
	}
	x.setDeleted()
	return x
}

// setDeleted fills the columns that say whether the row is deleted, and when: if nobody
// said so, when it was written last.
func (x *row) setDeleted() {
	if i := x.table.index(isDeleted); i >= 0 {
		x.columns[i] = flag(x.deleted)
	}
	if i := x.table.index(deletedAt); i >= 0 && !x.deleted {
		x.columns[i] = crdt.Null
	} else if i >= 0 && x.columns[i].Kind() == crdt.KindNull {
		x.columns[i] = x.column(updatedAt)
	}
}

// blank is what a phone gets in place of a row that it must not have any longer.
func blank(t *Table, id string) row {
	x := row{table: t, id: id, columns: make([]crdt.Value, len(t.Columns)), deleted: true}
	for i, c := range t.Columns {
		x.columns[i] = c.typed(nil)
	}
	x.setDeleted()
	return x
}

// withdrawn is what a phone gets of a row that is deleted. Tables that have no column for
// that are permissions and settings: nothing is permitted, nothing set.
func (x row) withdrawn() row {
	if x.table.index(isDeleted) >= 0 {
		return x
	}
	gone := blank(x.table, x.id)
	for i, c := range x.table.Columns {
		if c.Kind != Bool && c.Name != "value" {
			gone.columns[i] = x.columns[i]
		}
	}
	return gone
}

func (x row) equal(o row) bool {
	return x.deleted == o.deleted && slices.EqualFunc(x.columns, o.columns, crdt.Value.Equal)
}

func (x row) column(name string) crdt.Value {
	if i := x.table.index(name); i >= 0 {
		return x.columns[i]
	}
	return nil
}

// text is a column that holds a text, "" if it holds none.
func (x row) text(name string) string {
	if v := x.column(name); v.Kind() == crdt.KindText {
		return v.Text()
	}
	return ""
}

// appendJSON adds the row as the app reads it.
func (x row) appendJSON(b []byte) []byte {
	b = appendText(append(b, `{"id":`...), x.id)
	for i, c := range x.table.Columns {
		b = append(append(append(b, ',', '"'), c.Name...), '"', ':')
		b = appendValue(b, x.columns[i])
	}
	return append(b, '}')
}

func appendText(b []byte, s string) []byte {
	b, err := jsontext.AppendQuote(b, s)
	if err != nil {
		panic("quote a text: " + err.Error()) // values are valid UTF-8
	}
	return b
}

func appendValue(b []byte, v crdt.Value) []byte {
	switch v.Kind() {
	case crdt.KindText:
		return appendText(b, v.Text())
	case crdt.KindInt:
		return strconv.AppendInt(b, v.Int(), 10)
	case crdt.KindFloat:
		return appendNumber(b, v.Float())
	case crdt.KindBool:
		return strconv.AppendBool(b, v.Bool())
	case crdt.KindArray:
		return appendList(b, v)
	case crdt.KindObject:
		return appendObject(b, v)
	case crdt.KindBytes:
		quoted, _ := json.Marshal(v.Bytes()) // base64, as everywhere
		return append(b, quoted...)
	}
	return append(b, "null"...)
}

func appendNumber(b []byte, f float64) []byte {
	text, err := json.Marshal(f)
	if err != nil {
		panic("encode a number: " + err.Error()) // values are finite
	}
	return append(b, text...)
}

func appendList(b []byte, v crdt.Value) []byte {
	b = append(b, '[')
	v.Items(func(item crdt.Value) {
		if b[len(b)-1] != '[' {
			b = append(b, ',')
		}
		b = appendValue(b, item)
	})
	return append(b, ']')
}

func appendObject(b []byte, v crdt.Value) []byte {
	b = append(b, '{')
	v.Fields(func(key string, item crdt.Value) {
		if b[len(b)-1] != '{' {
			b = append(b, ',')
		}
		b = appendValue(append(appendText(b, key), ':'), item)
	})
	return append(b, '}')
}

// typed is what the app takes in a column for what stands there. It would replace a
// value of another kind by nothing.
func (c Column) typed(v crdt.Value) crdt.Value {
	if t := c.convert(v); t != nil {
		return t
	}
	if c.Optional {
		return crdt.Null
	}
	return c.zero()
}

// zero is what the app has in a column of which nothing was said.
func (c Column) zero() crdt.Value {
	switch {
	case c.Kind == Number:
		return crdt.Int(0)
	case c.Kind == Bool:
		return crdt.False
	case c.Kind == JSON && slices.Contains(listColumns, c.Name):
		return crdt.Text("[]")
	case c.Kind == JSON:
		return crdt.Text("{}")
	}
	return crdt.Text("")
}

// listColumns are the documents that are lists.
var listColumns = []string{"fields", "form_fields", "form_data", "clinic_ids", "translations", "departments", "items", "additional_capabilities"}

// convert is the value as one of the column's kind; nil if it cannot be.
func (c Column) convert(v crdt.Value) crdt.Value {
	if v.Kind() == crdt.KindNone || v.Kind() == crdt.KindNull {
		return nil
	}
	switch c.Kind {
	case Number:
		return numberOf(v)
	case Bool:
		return boolOf(v)
	}
	if v.Kind() == crdt.KindText {
		return v
	}
	return crdt.Text(string(appendValue(nil, v)))
}

func numberOf(v crdt.Value) crdt.Value {
	switch v.Kind() {
	case crdt.KindInt, crdt.KindFloat:
		return v
	case crdt.KindBool:
		if v.Bool() {
			return crdt.Int(1)
		}
		return crdt.Int(0)
	case crdt.KindText:
		return readNumber(strings.TrimSpace(v.Text()))
	}
	return nil
}

// readNumber reads a number, or a time as one; nil if the text is neither.
func readNumber(text string) crdt.Value {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return crdt.Int(n)
	}
	if f, err := strconv.ParseFloat(text, 64); err == nil && !math.IsInf(f, 0) && !math.IsNaN(f) {
		return crdt.Float(f)
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return crdt.Int(t.UnixMilli())
		}
	}
	return nil
}

func boolOf(v crdt.Value) crdt.Value {
	switch v.Kind() {
	case crdt.KindBool:
		return v
	case crdt.KindInt:
		return flag(v.Int() != 0)
	case crdt.KindFloat:
		return flag(v.Float() != 0)
	case crdt.KindText:
		if b, err := strconv.ParseBool(strings.TrimSpace(v.Text())); err == nil {
			return flag(b)
		}
	}
	return nil
}

func isTrue(v crdt.Value) bool {
	b := boolOf(v)
	return b != nil && b.Bool()
}
