package clinic

import (
	"slices"
	"strconv"

	"musafir/crdt"
)

// Slots are the fields of a record that are named by numbers. What nobody needs any more makes
// room for what comes: a field that is removed leaves something behind for ever, and a phone
// syncs for years.
type slots struct {
	record *crdt.Record // nil: nothing was written yet
	values map[int][]crdt.Value
}

func readSlots(look Look, key crdt.RecordKey) (*slots, error) {
	r, err := look.Record(key)
	if err != nil {
		return nil, err
	}
	return slotsOf(r), nil
}

func slotsOf(r *crdt.Record) *slots {
	s := &slots{values: map[int][]crdt.Value{}}
	if r == nil || r.Empty() {
		return s
	}
	s.record = r
	v := r.View()
	v.Fields.Fields(func(name string, value crdt.Value) { s.add(name, value) })
	for _, c := range v.Conflicts {
		for _, sibling := range c.Siblings {
			s.add(c.Path, sibling.Value)
		}
	}
	return s
}

func (s *slots) add(name string, v crdt.Value) {
	if n, ok := readSlot(name); ok && v != nil {
		s.values[n] = append(s.values[n], v)
	}
}

// slotsMax is how many slots there are. Some dozen are needed.
const slotsMax = 1 << 16

func readSlot(name string) (n int, ok bool) {
	n, err := strconv.Atoi(name)
	return n, err == nil && n >= 0 && n < slotsMax && strconv.Itoa(n) == name
}

// each visits what stands in the slots, and who wrote it.
func (s *slots) each(visit func(v crdt.Value, by *crdt.Touch)) {
	if s.record == nil {
		return
	}
	for _, t := range s.record.Living() {
		for i := range t.Change.Writes {
			w := &t.Change.Writes[i]
			if n, ok := readSlot(w.Path); ok && w.Op == crdt.OpSet && slices.ContainsFunc(s.values[n], w.Value.Equal) {
				visit(w.Value, t)
			}
		}
	}
}

// keep is the edit that puts a value into a slot in which nothing is needed any more, and empties
// the others of which that is so.
func (s *slots) keep(key crdt.RecordKey, v crdt.Value, needed func(crdt.Value) bool) *crdt.Edit {
	at := 0
	for slices.ContainsFunc(s.values[at], needed) {
		at++
	}
	e := s.edit(key)
	for n, values := range s.values {
		if n != at && !slices.ContainsFunc(values, needed) {
			e.Remove = append(e.Remove, strconv.Itoa(n))
			delete(s.values, n)
		}
	}
	slices.Sort(e.Remove)
	e.Set = []crdt.Field{{Key: strconv.Itoa(at), Value: v}}
	s.values[at] = []crdt.Value{v}
	return e
}

// drop is the edit that empties the slots of which nothing is needed any more, by who wrote it; nil
// if there are none.
func (s *slots) drop(key crdt.RecordKey, done func(*crdt.Touch) bool) *crdt.Edit {
	var needed []crdt.Value
	s.each(func(v crdt.Value, by *crdt.Touch) {
		if !done(by) {
			needed = append(needed, v)
		}
	})
	e := s.edit(key)
	for n, values := range s.values {
		if !slices.ContainsFunc(values, func(v crdt.Value) bool { return slices.ContainsFunc(needed, v.Equal) }) {
			e.Remove = append(e.Remove, strconv.Itoa(n))
		}
	}
	slices.Sort(e.Remove)
	if len(e.Remove) == 0 {
		return nil
	}
	return e
}

// edit is one that replaces all that stands in the slots it writes, what two devices put there too.
func (s *slots) edit(key crdt.RecordKey) *crdt.Edit {
	e := &crdt.Edit{Key: key, Again: true}
	if s.record != nil {
		seen := s.record.Seen()
		e.Seen = &seen
	}
	return e
}
