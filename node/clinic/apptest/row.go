package apptest

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/go-json-experiment/json" // texts as JSON.stringify writes them: nothing escaped that need not be

	"musafir/node/clinic"
)

// A Status is what the app's database notes of a row, in its _status.
type Status string

// What becomes of a row: one that is Created or Updated is pending, one that is Deleted is
// a tombstone that the app no longer shows, and never again.
const (
	Created Status = "created"
	Updated Status = "updated"
	Deleted Status = "deleted"
	Synced  Status = "synced"
)

// Columns are values by their column, of a row or of an edit: texts, numbers, true, false
// and nil. To a column of JSON a text is written as it stands, and any other value as
// JSON.stringify has it.
type Columns map[string]any

// A Row is one as the app's database has it: all its columns, id, _status and _changed.
// Numbers are float64.
type Row map[string]any

// Text is the text of a column, "" if it has none.
func (r Row) Text(column string) string {
	s, _ := r[column].(string)
	return s
}

// Number is the number of a column, 0 if it has none.
func (r Row) Number(column string) float64 {
	n, _ := r[column].(float64)
	return n
}

// Status is what the database notes of the row.
func (r Row) Status() Status { return Status(r.Text("_status")) }

// Changed are the columns of which it notes that they were edited here.
func (r Row) Changed() []string { return splitSet(r.Text("_changed")) }

// visible tells whether the app shows the row to anybody.
func (r Row) visible() bool { return r.Status() != Deleted && r[isDeleted] != true }

// A row is one of a table of the phone.
type row struct {
	id      string
	status  Status
	changed []string
	values  []any // as the columns of the table: string, float64, bool or nil
	order   int   // in which SQLite finds it: that in which rows were inserted
}

func (r *row) clone() *row {
	c := *r
	c.changed, c.values = slices.Clone(r.changed), slices.Clone(r.values)
	return &c
}

func (r *row) get(t *table, column string) any {
	i, there := t.at[column]
	if !there {
		return nil
	}
	return r.values[i]
}

// set writes a column and notes it, if that changes anything. Of rows that were never
// synced the database notes no columns.
func (r *row) set(t *table, column string, value any) {
	i := t.at[column]
	if r.values[i] == value {
		return
	}
	r.values[i] = value
	if r.status == Created {
		return
	}
	r.status = Updated
	if !slices.Contains(r.changed, column) {
		r.changed = append(r.changed, column)
	}
}

func (r *row) view(t *table) Row {
	v := Row{"id": r.id, "_status": string(r.status), "_changed": strings.Join(r.changed, ",")}
	for i, c := range t.Columns {
		v[c.Name] = r.values[i]
	}
	return v
}

func splitSet(csv string) []string {
	if csv == "" {
		return nil
	}
	return strings.Split(csv, ",")
}

// empty is what the app's database puts where it has no value that it takes.
func empty(c clinic.Column) any {
	switch {
	case c.Optional:
		return nil
	case c.Kind == clinic.Number:
		return 0.0
	case c.Kind == clinic.Bool:
		return false
	}
	return ""
}

// sanitized is the value that the app keeps of one that came out of JSON, and whether it
// is that. Whatever is not of the column's type it replaces without a word.
func sanitized(c clinic.Column, value any) (any, bool) {
	switch v := value.(type) {
	case nil:
		return empty(c), c.Optional
	case string:
		if c.Kind == clinic.Text || c.Kind == clinic.JSON {
			return v, true
		}
	case bool:
		if c.Kind == clinic.Bool {
			return v, true
		}
	case float64:
		if c.Kind == clinic.Number {
			return v, true
		}
		if c.Kind == clinic.Bool && (v == 0 || v == 1) { // SQLite has no booleans, so these count as ones
			return v == 1, true
		}
	}
	return empty(c), false
}

// entered is what a test writes to a column; it must be something that the app's code
// could write there.
func entered(t *table, column string, value any) any {
	i, there := t.at[column]
	if !there {
		panic(fmt.Sprintf("table %s of the app has no column %q", t.Name, column))
	}
	c := t.Columns[i]
	v, ok := sanitized(c, plain(c, value))
	if !ok && value != nil { // of nothing the app itself makes what is empty
		panic(fmt.Sprintf("column %s.%s of the app does not take a %T", t.Name, column, value))
	}
	return v
}

// plain turns a value of Go into one that JSON has.
func plain(c clinic.Column, value any) any {
	if _, isText := value.(string); c.Kind == clinic.JSON && !isText && value != nil {
		return Stringify(value)
	}
	switch v := value.(type) {
	case int:
		return float64(v)
	case int64:
		return float64(v)
	case float64:
		if v == 0 || math.IsNaN(v) || math.IsInf(v, 0) {
			return 0.0 // JSON has no such numbers, and one zero
		}
	}
	return value
}

// Stringify writes a value as JSON.stringify does: nothing between the values, nothing
// escaped that need not be. The keys of maps stand in their order, so that what a test
// writes is always the same; for another order there are structs.
func Stringify(value any) string {
	out, err := json.Marshal(value, json.Deterministic(true))
	if err != nil {
		panic(fmt.Sprintf("stringify a %T: %v", value, err))
	}
	return string(out)
}
