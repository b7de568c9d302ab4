package clinic

import (
	"slices"
	"strings"

	"musafir/crdt"
)

// A Want is a record as somebody wants it to be.
type Want struct {
	Key   crdt.RecordKey
	Name  string       // as people know it
	Set   []crdt.Field // what was said
	First []crdt.Field // what was not said: written with the record, then left as it is

	line int // of the file
}

// A Change is what a want changes about a record, for people.
type Change struct {
	Key    crdt.RecordKey
	Name   string
	New    bool
	Fields []FieldChange
}

// A FieldChange is a field with what it held, nil if nothing, and what it shall hold.
type FieldChange struct {
	Field    string
	From, To crdt.Value
}

// Plan compares wants with the records that there are and gives what to write, in an
// order in which no record comes before one that it names. A record that is as wanted is
// not touched, nor is its time.
func Plan(wants []Want, record func(crdt.RecordKey) (*crdt.Record, error), nowMs int64) (changes []Change, edits []*crdt.Edit, err error) {
	slices.SortStableFunc(wants, func(a, b Want) int { return rank(a.Key.Collection) - rank(b.Key.Collection) })
	for i := range wants {
		r, err := record(wants[i].Key)
		if err != nil {
			return nil, nil, err
		}
		change, edit := wants[i].plan(r, nowMs)
		if edit != nil {
			changes, edits = append(changes, change), append(edits, edit)
		}
	}
	return merged(changes), edits, nil
}

// rank is the place of a table; what is none of the app's comes last.
func rank(collection string) int {
	i := slices.IndexFunc(Tables, func(t Table) bool { return t.Name == collection })
	if i < 0 {
		return len(Tables)
	}
	return i
}

func (w *Want) plan(r *crdt.Record, nowMs int64) (Change, *crdt.Edit) {
	p := planning{Change: Change{Key: w.Key, Name: w.Name}, edit: &crdt.Edit{Key: w.Key}, table: tableOf(w.Key.Collection), nowMs: nowMs}
	if r == nil || r.Empty() {
		p.New = true
		p.Fields = news(w.Set)
		for _, f := range slices.Concat(w.Set, w.First) {
			p.write(f)
		}
		p.edit.Max = append(p.edit.Max, times(w.Key.Collection, everyTime, nowMs)...)
		return p.Change, p.edit
	}
	view := r.View()
	p.fields = view.Fields
	if view.Deleted {
		p.edit.Undelete = true
		p.Fields = []FieldChange{{"deleted", crdt.True, crdt.False}}
	}
	for _, f := range w.Set {
		p.set(f)
	}
	for _, f := range w.First {
		if member(p.fields, f.Key) == nil {
			p.set(f)
		}
	}
	if len(p.Fields) == 0 {
		return Change{}, nil
	}
	p.edit.Max = append(p.edit.Max, times(w.Key.Collection, greatest, nowMs)...)
	return p.Change, p.edit
}

// A planning is a change on its way, for people and as an edit.
type planning struct {
	Change
	edit   *crdt.Edit
	table  *Table
	fields crdt.Value // as they are
	nowMs  int64
}

// set makes a field what is wanted, if it is not that already.
func (p *planning) set(f crdt.Field) {
	from := p.table.shown(f.Key, member(p.fields, f.Key))
	if !from.Equal(f.Value) {
		p.Fields = append(p.Fields, FieldChange{f.Key, from, f.Value})
		p.write(f)
	}
}

func (p *planning) write(f crdt.Field) {
	p.table.changeColumn(f.Key, member(p.fields, f.Key), f.Value, p.nowMs).addTo(p.edit)
}

// tableOf is a table of the app, or one of no columns.
func tableOf(name string) *Table {
	if t := TableOf(name); t != nil {
		return t
	}
	return &Table{Name: name}
}

func news(fields []crdt.Field) (changes []FieldChange) {
	for _, f := range fields {
		changes = append(changes, FieldChange{f.Key, nil, f.Value})
	}
	return changes
}

// everyTime are the columns that hold when a row was written. Of all of them the
// greatest value counts: who writes the same row apart must not conflict about it.
var everyTime = []string{"created_at", "updated_at", "last_modified", "server_created_at"}

// times are those of the columns that the table has.
func times(table string, columns []string, nowMs int64) (fields []crdt.Field) {
	t := TableOf(table)
	for _, c := range columns {
		if t != nil && t.Column(c) != nil {
			fields = append(fields, crdt.Field{Key: c, Value: crdt.Int(nowMs)})
		}
	}
	return fields
}

func member(object crdt.Value, name string) (found crdt.Value) {
	if object.Kind() == crdt.KindObject {
		object.Fields(func(key string, v crdt.Value) {
			if key == name {
				found = v
			}
		})
	}
	return found
}

// merged tells of a password as of a field of its user, and nothing of what it is.
func merged(changes []Change) (told []Change) {
	for _, c := range changes {
		if c.Key.Collection != Passwords {
			told = append(told, c)
			continue
		}
		c.Key.Collection = "users"
		c.Fields = hidden(c.Fields)
		i := slices.IndexFunc(told, func(x Change) bool { return x.Key == c.Key })
		if i >= 0 {
			told[i].Fields = append(told[i].Fields, c.Fields...)
		} else {
			c.New = false
			told = append(told, c)
		}
	}
	return told
}

func hidden(fields []FieldChange) (told []FieldChange) {
	for _, f := range fields {
		if f.Field == passwordHash {
			from, to := crdt.Null, crdt.Text("set")
			if f.From != nil {
				from, to = crdt.Text("set"), crdt.Text("replaced")
			}
			f = FieldChange{"password", from, to}
		}
		told = append(told, f)
	}
	return told
}

// Transactions puts edits together, as many into one as an entry has room for, no record
// twice.
func Transactions(edits []*crdt.Edit) (batches [][]*crdt.Edit) {
	size, there := 0, map[crdt.RecordKey]bool{}
	for i, e := range edits {
		n := sizeOf(e)
		if i == 0 || len(there) == crdt.MaxChanges || size+n > transactionBytesMax || there[e.Key] {
			batches, size = append(batches, nil), 0
			clear(there)
		}
		batches[len(batches)-1] = append(batches[len(batches)-1], e)
		size += n
		there[e.Key] = true
	}
	return batches
}

const (
	transactionBytesMax = 200 << 10 // below the 224 KiB that an entry has for changes
	fieldOverhead       = 32        // of a field: the entries that it supersedes, and its head
)

func sizeOf(e *crdt.Edit) int {
	n := fieldOverhead + len(e.Key.Collection) + len(e.Key.ID)
	for _, f := range slices.Concat(e.Set, e.Max) {
		n += fieldOverhead + len(f.Key) + len(f.Value)
	}
	for _, path := range e.Remove {
		n += fieldOverhead + len(path)
	}
	return n
}

// flag is a boolean value.
func flag(b bool) crdt.Value {
	if b {
		return crdt.True
	}
	return crdt.False
}

// fold is how addresses and other names are compared.
func fold(s string) string { return strings.ToLower(strings.TrimSpace(s)) }
