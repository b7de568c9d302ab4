package clinic

import "musafir/crdt"

// A Source is where records are read one by one and by collection.
type Source interface {
	Record(crdt.RecordKey) (*crdt.Record, error)
	Scan(collection, after string, visit func(*crdt.Record) (bool, error)) error // live ones, in id order
}

// CountStock makes edits that say how much of something is in stock a count: what was
// dispensed up to now is in it.
func CountStock(edits []*crdt.Edit, from Source) error {
	var sums dispensed
	for _, e := range edits {
		if e.Key.Collection != inventory || !counts(e) {
			continue
		}
		if sums == nil {
			var err error
			if sums, err = dispensedUpTo(from); err != nil {
				return err
			}
		}
		at, err := shelfIn(e, from)
		if err != nil {
			return err
		}
		addTo(e, crdt.Field{Key: dispensedBefore, Value: amount(sums[at].number())})
	}
	return nil
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

func counts(e *crdt.Edit) bool { return numberOf(said(e, available)) != nil }

// addTo adds a field to what an edit writes.
func addTo(e *crdt.Edit, f crdt.Field) {
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

// shelfIn is the shelf of which an edit says how much there is.
func shelfIn(e *crdt.Edit, from Source) (at shelf, err error) {
	had := crdt.Value(crdt.EmptyObject)
	r, err := from.Record(e.Key)
	if err != nil {
		return at, err
	}
	if r != nil && !r.Empty() {
		had = r.View().Fields
	}
	text := func(name string) string {
		if v := said(e, name); v != nil {
			return textIn(v)
		}
		return textIn(member(had, name))
	}
	return shelf{text("clinic_id"), text("drug_id"), text("batch_id")}, nil
}

func dispensedUpTo(from Source) (dispensed, error) {
	sums, t := dispensed{}, TableOf(dispensing)
	return sums, from.Scan(dispensing, "", func(r *crdt.Record) (bool, error) {
		sums.add(rowOf(t, r), 1)
		return true, nil
	})
}
