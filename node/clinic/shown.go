package clinic

import (
	"encoding/json"
	"slices"
	"strings"

	"musafir/crdt"
)

// Shown is the fields of a record as people and the app see them: documents that were
// taken apart are texts again. An object in such a column that is none of ours stays one.
func Shown(table string, fields crdt.Value) crdt.Value {
	t := TableOf(table)
	if t == nil || fields.Kind() != crdt.KindObject || !t.holdsParts(fields) {
		return fields
	}
	shown := fieldsOf(fields)
	for i := range shown {
		shown[i].Value = t.shown(shown[i].Key, shown[i].Value)
	}
	return crdt.Object(shown)
}

// ShownView is a record as people see it: its fields are as Shown has them, and a
// deleted row says that it is. A conflict inside of a document stays at its element.
func ShownView(table string, v crdt.View) crdt.View {
	t := TableOf(table)
	if t == nil {
		return v
	}
	v.Fields = Shown(table, v.Fields)
	if v.Deleted && t.Column(isDeleted) != nil {
		fields := slices.DeleteFunc(fieldsOf(v.Fields), func(f crdt.Field) bool { return f.Key == isDeleted })
		v.Fields = crdt.Object(append(fields, crdt.Field{Key: isDeleted, Value: crdt.True}))
	}
	if len(v.Conflicts) > 0 {
		v.Conflicts = t.shownConflicts(v.Conflicts)
	}
	return v
}

// shownConflicts leaves out those about the order of a document, where there is another
// about the same: whoever ends that one ends both.
func (t *Table) shownConflicts(conflicts []crdt.Conflict) (shown []crdt.Conflict) {
	columnOf := func(c crdt.Conflict) string {
		column, _, _ := strings.Cut(c.Path, "/")
		return column
	}
	for _, c := range conflicts {
		column, isOrder := t.orderOf(c.Path)
		if isOrder && slices.ContainsFunc(conflicts, func(o crdt.Conflict) bool { return o.Path != c.Path && columnOf(o) == column }) {
			continue
		}
		c.Shown = t.shown(c.Path, c.Shown)
		shown = append(shown, c)
	}
	return shown
}

// orderOf is the column of whose document a path has the order; false if it has none.
func (t *Table) orderOf(path string) (column string, ok bool) {
	column, key, _ := strings.Cut(path, "/")
	c := t.Column(column)
	return column, key == orderKey && c != nil && c.Kind == JSON
}

// Order tells whether a write to a record gave the elements of a document their order,
// of which column, and which.
func Order(table string, w *crdt.Write) (column string, keys []string, ok bool) {
	t := TableOf(table)
	if t == nil || w.Value.Kind() != crdt.KindText {
		return "", nil, false
	}
	if column, ok = t.orderOf(w.Path); !ok {
		return "", nil, false
	}
	order := w.Value.Text()
	ok = len(order) > orderTimeDigits && json.Unmarshal([]byte(order[orderTimeDigits+1:]), &keys) == nil
	return column, keys, ok
}

// holdsParts tells whether there may be anything to put together.
func (t *Table) holdsParts(fields crdt.Value) bool {
	for key, v := range fields.All() {
		if v.Kind() == crdt.KindObject && t.Column(string(key)) != nil {
			return true
		}
	}
	return false
}

// shown is what people see of a column that holds v.
func (t *Table) shown(column string, v crdt.Value) crdt.Value {
	if c := t.Column(column); c != nil && c.Kind == JSON {
		if p, ok := partsOf(v); ok {
			return crdt.Text(p.shown)
		}
	}
	return v
}
