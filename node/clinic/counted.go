package clinic

import "musafir/crdt"

// A Source is where records are read one by one and by collection.
type Source interface {
	Record(crdt.RecordKey) (*crdt.Record, error)
	Scan(collection, after string, visit func(*crdt.Record) (bool, error)) error // live ones, in id order
}

// CountStock makes edits that say how much of something is in stock a count: what was
// dispensed up to now, and what they say themselves is dispensed, is in it.
func CountStock(edits []*crdt.Edit, from Source) error { return countStock(edits, from, counts) }

// CountImported does so with the edits of an import.
func CountImported(edits []*crdt.Edit, from Source) error { return countStock(edits, from, CountsAnew) }

func countStock(edits []*crdt.Edit, from Source, counts func(*crdt.Edit, Source) (bool, error)) error {
	var all *sums
	for _, e := range edits {
		is, err := counts(e, from)
		if err != nil {
			return err
		}
		if !is {
			continue
		}
		if all == nil {
			if all, err = dispensedAfter(edits, from); err != nil {
				return err
			}
		}
		at, err := rowAfter(e, from)
		if err != nil {
			return err
		}
		addTo(e, crdt.Field{Key: dispensedBefore, Value: amount(all.dispensedFrom(shelfOf(at)))})
	}
	return nil
}

// CountsAnew tells of an edit of an import whether it is a count: not if it brings what had been
// dispensed, nor if it says again what is there, as an import that is repeated does.
func CountsAnew(e *crdt.Edit, from Source) (bool, error) {
	if is, err := counts(e, from); err != nil || !is || said(e, dispensedBefore) != nil {
		return false, err
	}
	had, err := fieldsIn(e.Key, from)
	return err == nil && !said(e, available).Equal(member(had, available)), err
}

// counts tells whether an edit says how much there is. Who replaces a row by what was read of
// it, to change something else, has not counted.
func counts(e *crdt.Edit, from Source) (bool, error) {
	if e.Key.Collection != inventory || numberOf(said(e, available)) == nil {
		return false, nil
	}
	before := said(e, dispensedBefore)
	if e.Replace == nil || before == nil {
		return true, nil
	}
	had, err := fieldsIn(e.Key, from)
	return !said(e, available).Equal(member(had, available)) || !before.Equal(member(had, dispensedBefore)), err
}

// said is what an edit makes of a field; nil if it leaves it.
func said(e *crdt.Edit, name string) crdt.Value {
	for _, f := range e.Set {
		if f.Key == name {
			return f.Value
		}
	}
	if v := member(e.Replace, name); v != nil {
		return v
	}
	return member(e.Patch, name)
}

// addTo adds a field to what an edit writes, in place of what it says of it.
func addTo(e *crdt.Edit, f crdt.Field) {
	for i := range e.Set {
		if e.Set[i].Key == f.Key {
			e.Set[i].Value = f.Value
			return
		}
	}
	switch {
	case e.Replace != nil:
		e.Replace = withMember(e.Replace, f)
	case e.Patch != nil:
		e.Patch = withMember(e.Patch, f)
	default:
		e.Set = append(e.Set, f)
	}
}

func withMember(object crdt.Value, f crdt.Field) crdt.Value {
	fields := []crdt.Field{f}
	object.Fields(func(key string, v crdt.Value) {
		if key != f.Key {
			fields = append(fields, crdt.Field{Key: key, Value: v})
		}
	})
	return crdt.Object(fields)
}

// dispensedAfter is what is dispensed once edits are done.
func dispensedAfter(edits []*crdt.Edit, from Source) (*sums, error) {
	all, err := stockSum.read(func(table string, visit func(*crdt.Record) (bool, error)) error { return from.Scan(table, "", visit) })
	done := map[string]row{}
	for _, e := range edits {
		if err != nil {
			return nil, err
		}
		if e.Key.Collection == dispensing {
			err = all.edit(e, from, done)
		}
	}
	return all, err
}

// edit takes in what an edit makes of what was dispensed; done is what others did before.
func (s *sums) edit(e *crdt.Edit, from Source, done map[string]row) error {
	had, again := done[e.Key.ID]
	if !again {
		r, err := from.Record(e.Key)
		if err != nil {
			return err
		}
		if had.deleted = true; r != nil && !r.Empty() {
			had = rowOf(TableOf(dispensing), r)
		}
	}
	now, err := rowAfter(e, from)
	if err != nil {
		return err
	}
	now.deleted = now.deleted || e.Delete
	s.add(stockSum.of(had), -1)
	s.add(stockSum.of(now), 1)
	done[e.Key.ID] = now
	return nil
}

// rowAfter is the row that an edit makes, as far as it is of a shelf.
func rowAfter(e *crdt.Edit, from Source) (row, error) {
	t := TableOf(e.Key.Collection)
	x := row{table: t, id: e.Key.ID, columns: make([]crdt.Value, len(t.Columns))}
	had, err := fieldsIn(e.Key, from)
	for i, c := range t.Columns {
		v := said(e, c.Name)
		if v == nil && e.Replace == nil {
			v = member(had, c.Name)
		}
		x.columns[i] = c.typed(v)
	}
	x.deleted = isTrue(said(e, isDeleted))
	return x, err
}

func fieldsIn(key crdt.RecordKey, from Source) (crdt.Value, error) {
	r, err := from.Record(key)
	if err != nil || r == nil || r.Empty() {
		return crdt.EmptyObject, err
	}
	return r.View().Fields, nil
}
