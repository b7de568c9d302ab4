package clinic

import (
	"fmt"
	"slices"
	"strings"

	"musafir/crdt"
)

// Shape makes of an edit that somebody says in the columns of the app's rows what it
// means here: documents change by their elements, times only grow, and is_deleted: true
// is a deletion. As nothing can be written together with one, that comes apart: end,
// for a transaction after the one of the fields. It is nil if there is none.
//
// What differs is only looked at when the edit is composed, by the one who writes and
// against the record as its author had seen it: nobody can come in between.
func Shape(e *crdt.Edit, nowMs int64) (fields, end *crdt.Edit) {
	t := TableOf(e.Key.Collection)
	if t == nil || e.Delete {
		return e, nil
	}
	said := *e
	if t.Column(isDeleted) != nil && dropDeleted(&said) {
		said.Idle = true
		end = &crdt.Edit{Key: e.Key, Delete: true, Seen: e.Seen}
	}
	var first *crdt.Edit // of a new record, as most are that are imported: composed twice it is read once
	said.Shape = func(seen *crdt.Record) (*crdt.Edit, error) {
		if first != nil && seen.Empty() {
			return first, nil
		}
		shaped, err := t.shape(&said, seen, end != nil, nowMs)
		if seen.Empty() && err == nil {
			first = shaped
		}
		return shaped, err
	}
	return &said, end
}

// saysDeleted tells whether a field of an edit is that the row is deleted.
func saysDeleted(f crdt.Field) bool { return f.Key == isDeleted && f.Value.Equal(crdt.True) }

// dropDeleted takes out of the edit that the row is deleted, if it says so.
func dropDeleted(e *crdt.Edit) (dropped bool) {
	drop := func(fields []crdt.Field) []crdt.Field {
		if !slices.ContainsFunc(fields, saysDeleted) {
			return fields
		}
		dropped = true
		return slices.DeleteFunc(slices.Clone(fields), saysDeleted)
	}
	e.Set = drop(e.Set)
	for _, object := range []*crdt.Value{&e.Patch, &e.Replace} {
		if member(*object, isDeleted).Equal(crdt.True) {
			*object = crdt.Object(drop(fieldsOf(*object)))
		}
	}
	return dropped
}

func fieldsOf(object crdt.Value) []crdt.Field {
	fields := make([]crdt.Field, 0, object.Len())
	for key, v := range object.All() {
		fields = append(fields, crdt.Field{Key: string(key), Value: v})
	}
	return fields
}

// A shaping is an edit on its way to be one of the record as it is.
type shaping struct {
	table  *Table
	fields map[string]crdt.Value // as the edit's author had seen them
	nowMs  int64
	edit   crdt.Edit
}

// shape gives the edit that does what e says. In one that ends with a deletion, what
// the row said of being deleted before stays.
func (t *Table) shape(e *crdt.Edit, seen *crdt.Record, ends bool, nowMs int64) (*crdt.Edit, error) {
	s := shaping{table: t, nowMs: nowMs, edit: *e}
	if !seen.Empty() {
		s.see(seen.View().Fields)
	}
	e = s.worded(e)
	s.edit = *e
	if !seen.Empty() {
		if err := s.checkElements(e); err != nil {
			return nil, err
		}
	}
	s.edit.Set, s.edit.Max, s.edit.Remove = make([]crdt.Field, 0, len(e.Set)), slices.Clone(e.Max), slices.Clone(e.Remove)
	for _, f := range e.Set {
		s.set(f)
	}
	if e.Patch.Kind() == crdt.KindObject {
		s.patch(e.Patch)
	}
	if e.Replace.Kind() == crdt.KindObject {
		s.replace(e.Replace, ends)
	}
	return &s.edit, nil
}

func (s *shaping) see(fields crdt.Value) {
	s.fields = make(map[string]crdt.Value, fields.Len())
	for key, v := range fields.All() {
		s.fields[string(key)] = v
	}
}

func (s *shaping) change(column string, to crdt.Value) columnChange {
	return s.table.changeColumn(column, s.fields[column], to, s.nowMs)
}

func (s *shaping) set(f crdt.Field) {
	if s.table.Column(f.Key) == nil {
		s.edit.Set = append(s.edit.Set, f) // a path into a column, or a field that the app has not
		return
	}
	s.change(f.Key, f.Value).addTo(&s.edit)
}

// patch takes the columns out of a patch that it changes as a whole.
func (s *shaping) patch(patch crdt.Value) {
	var left []crdt.Field
	for _, f := range fieldsOf(patch) {
		if f.Value.Kind() == crdt.KindNull || f.Value.Kind() == crdt.KindObject {
			left = append(left, f)
		} else {
			s.set(f)
		}
	}
	s.edit.Patch = crdt.Object(left)
}

// replace says of documents the elements, and leaves to Max what only grows: that stays
// even where it is not said.
func (s *shaping) replace(fields crdt.Value, ends bool) {
	var now []crdt.Field
	for _, f := range fieldsOf(fields) {
		if s.table.Column(f.Key) != nil {
			f.Value = s.replaced(f)
		}
		if f.Value != nil {
			now = append(now, f)
		}
	}
	for _, column := range greatest {
		if was := s.fields[column]; numeric(was) && member(fields, column) == nil {
			now = append(now, crdt.Field{Key: column, Value: was})
		}
	}
	if was := s.fields[isDeleted]; ends && was != nil {
		now = append(now, crdt.Field{Key: isDeleted, Value: was})
	}
	s.edit.Replace = crdt.Object(now)
}

// replaced is what a column holds after the replacing alone, nil if nothing: all but
// what is a Max beside it.
func (s *shaping) replaced(f crdt.Field) crdt.Value {
	was := s.fields[f.Key]
	change := s.change(f.Key, f.Value)
	if len(change.Set) == 1 && change.Set[0].Key == f.Key {
		return f.Value
	}
	s.edit.Max = append(s.edit.Max, change.Max...)
	if len(change.Set)+len(change.Remove) == 0 {
		return was
	}
	var parts []crdt.Field
	if was.Kind() == crdt.KindObject {
		parts = slices.DeleteFunc(fieldsOf(was), func(p crdt.Field) bool {
			path := crdt.JoinPath(f.Key, p.Key)
			return slices.Contains(change.Remove, path) || slices.ContainsFunc(change.Set, func(c crdt.Field) bool { return c.Key == path })
		})
	}
	for _, c := range change.Set {
		parts = append(parts, crdt.Field{Key: lastKey(c.Key), Value: c.Value})
	}
	return crdt.Object(parts)
}

func lastKey(path string) string {
	keys := crdt.SplitPath(path)
	return keys[len(keys)-1]
}

// worded is an edit in which what is said of documents, or of elements of one, as the value
// that it means is said as its text.
func (s *shaping) worded(e *crdt.Edit) *crdt.Edit {
	said := *e
	said.Set = slices.Clone(e.Set)
	for i, f := range said.Set {
		if strings.Contains(f.Key, "/") { // a whole column changes by what differs
			said.Set[i].Value = s.word(f)
		}
	}
	if r := e.Resolve; r != nil && r.Value != nil && r.Path != "" {
		said.Resolve = &crdt.Resolution{Path: r.Path, Entry: r.Entry, Value: s.word(crdt.Field{Key: r.Path, Value: r.Value})}
	}
	return &said
}

func (s *shaping) word(f crdt.Field) crdt.Value {
	keys := crdt.SplitPath(f.Key)
	c := s.table.Column(keys[0])
	if c == nil || c.Kind != JSON {
		return f.Value
	}
	text := crdt.Text(string(appendValue(nil, f.Value)))
	if len(keys) == 1 {
		if f.Value.Kind() == crdt.KindText {
			return f.Value
		}
		return text
	}
	d, apart := partsOf(s.fields[keys[0]])
	if !apart || len(keys) != 2 || d.takes(keys[1], f.Value) {
		return f.Value
	}
	if !d.list {
		text = crdt.Text(string(appendText(nil, keys[1])) + ":" + text.Text())
	}
	if d.takes(keys[1], text) {
		return text
	}
	return f.Value
}

// checkElements refuses what cannot be an element of a document that was taken apart.
func (s *shaping) checkElements(e *crdt.Edit) error {
	fields := slices.Concat(e.Set, e.Max, e.Increment, e.Add, e.Drop)
	for _, path := range e.Remove {
		fields = append(fields, crdt.Field{Key: path})
	}
	if e.Resolve != nil {
		fields = append(fields, crdt.Field{Key: e.Resolve.Path, Value: e.Resolve.Value})
	}
	if e.Patch.Kind() == crdt.KindObject {
		fields = append(fields, patchedElements(e.Patch)...)
	}
	for _, f := range fields {
		if err := s.checkElement(f); err != nil {
			return err
		}
	}
	return nil
}

// patchedElements are what a patch changes inside of columns, by the paths of it.
func patchedElements(patch crdt.Value) (fields []crdt.Field) {
	for column, inside := range patch.All() {
		if inside.Kind() != crdt.KindObject {
			continue
		}
		for key, v := range inside.All() {
			if v.Kind() == crdt.KindNull {
				v = nil
			}
			fields = append(fields, crdt.Field{Key: crdt.JoinPath(crdt.JoinPath("", string(column)), string(key)), Value: v})
		}
	}
	return fields
}

func (s *shaping) checkElement(f crdt.Field) error {
	column, _, inside := strings.Cut(f.Key, "/")
	if !inside {
		return nil
	}
	if c := s.table.Column(column); c == nil || c.Kind != JSON {
		return nil
	}
	d, apart := partsOf(s.fields[column])
	keys := crdt.SplitPath(f.Key)
	if !apart || len(keys) == 2 && d.takes(keys[1], f.Value) {
		return nil
	}
	return fmt.Errorf("field %q: %s holds a document; what stands in it is written as its text, under its own key", f.Key, column)
}

// takes tells whether a value can stand in the document under that key; nil: whether
// there can be one.
func (p parted) takes(key string, v crdt.Value) bool {
	if v == nil {
		return key != orderKey
	}
	if v.Kind() != crdt.KindText {
		return false
	}
	alone, ok := readDocument(p.brackets()[:1] + v.Text() + p.brackets()[1:])
	return ok && slices.Equal(alone.keys, []string{key})
}
