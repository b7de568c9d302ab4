package clinic

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"musafir/crdt"
)

// Slots are the fields of a record that are named by numbers. What nobody needs any more makes
// room for what comes: a field that is removed leaves something behind for ever, and a phone
// syncs for years.
type slots struct {
	record *crdt.Record // nil: nothing was written yet
	values map[int][]crdt.Value
	weight map[int]int  // how many writes are to be named by who replaces what stands there
	shut   map[int]bool // something stands there that is no value, or it was written just now
}

func readSlots(look Look, key crdt.RecordKey) (*slots, error) {
	r, err := look.Record(key)
	if err != nil {
		return nil, err
	}
	return slotsOf(r), nil
}

func slotsOf(r *crdt.Record) *slots {
	s := &slots{values: map[int][]crdt.Value{}, weight: map[int]int{}, shut: map[int]bool{}}
	if r == nil || r.Empty() {
		return s
	}
	s.record = r
	written := map[int][]crdt.Value{}
	for _, t := range r.Living() {
		for i := range t.Change.Writes {
			w := &t.Change.Writes[i]
			n, whole, ok := slotOf(w.Path)
			if !ok {
				continue
			}
			s.weight[n]++
			switch {
			case whole && w.Op == crdt.OpSet:
				written[n] = append(written[n], w.Value)
			case !whole || w.Op != crdt.OpRemove:
				s.shut[n] = true
			}
		}
	}
	v := r.View()
	v.Fields.Fields(func(name string, value crdt.Value) { s.add(name, value, written) })
	for _, c := range v.Conflicts {
		for _, sibling := range c.Siblings {
			s.add(c.Path, sibling.Value, written)
		}
	}
	return s
}

// add adds a value that stands in a slot. What nobody wrote as one, such as a counter, stays.
func (s *slots) add(path string, v crdt.Value, written map[int][]crdt.Value) {
	n, _, ok := slotOf(path)
	switch {
	case !ok || v == nil:
	case slices.ContainsFunc(written[n], v.Equal):
		s.values[n] = append(s.values[n], v)
	default:
		s.shut[n] = true
	}
}

// slotsMax is how many slots there are. Some dozen are needed.
const slotsMax = 1 << 16

// slotOf is the slot to which a path belongs, and whether it is all of it.
func slotOf(path string) (n int, whole, ok bool) {
	name, _, within := strings.Cut(path, "/")
	n, err := strconv.Atoi(name)
	return n, !within, err == nil && n >= 0 && n < slotsMax && strconv.Itoa(n) == name
}

// each visits what stands in the slots, and who wrote it.
func (s *slots) each(visit func(n int, v crdt.Value, by *crdt.Touch)) {
	if s.record == nil {
		return
	}
	for _, t := range s.record.Living() {
		for i := range t.Change.Writes {
			w := &t.Change.Writes[i]
			if n, whole, ok := slotOf(w.Path); ok && whole && w.Op == crdt.OpSet && slices.ContainsFunc(s.values[n], w.Value.Equal) {
				visit(n, w.Value, t)
			}
		}
	}
}

// An edit of slots names what it replaces, and has to fit into a change: so many slots are emptied at
// a time, and so many writes replaced.
const (
	emptiedMax  = 64
	replacedMax = 256
)

// keep is the edit that puts a value into a slot in which nothing is needed any more, and empties
// others of which that is so. It replaces all that stands there, what two devices put there too.
// Where somebody filled all slots, the last one is taken.
func (s *slots) keep(key crdt.RecordKey, v crdt.Value, needed func(crdt.Value) bool) *crdt.Edit {
	at := 0
	for at < slotsMax-1 && (s.shut[at] || s.weight[at] > replacedMax/2 || slices.ContainsFunc(s.values[at], needed)) {
		at++
	}
	s.shut[at] = true
	e := s.empty(key, s.weight[at], func(n int) bool { return !slices.ContainsFunc(s.values[n], needed) })
	e.Set = []crdt.Field{{Key: strconv.Itoa(at), Value: v}}
	return e
}

// drop is the edit that empties slots of which nothing is needed any more, by who wrote it; nil
// if there are none.
func (s *slots) drop(key crdt.RecordKey, done func(*crdt.Touch) bool) *crdt.Edit {
	needed := map[int]bool{}
	s.each(func(n int, _ crdt.Value, by *crdt.Touch) { needed[n] = needed[n] || !done(by) })
	e := s.empty(key, 0, func(n int) bool { return !needed[n] })
	if len(e.Remove) == 0 {
		return nil
	}
	return e
}

// empty is an edit that empties slots, beside so many writes that it replaces elsewhere.
func (s *slots) empty(key crdt.RecordKey, replaced int, may func(n int) bool) *crdt.Edit {
	e := &crdt.Edit{Key: key, Again: true}
	if s.record != nil {
		seen := s.record.Seen()
		e.Seen = &seen
	}
	for _, n := range slices.Sorted(maps.Keys(s.values)) {
		if len(e.Remove) < emptiedMax && !s.shut[n] && replaced+s.weight[n] <= replacedMax && may(n) {
			e.Remove = append(e.Remove, strconv.Itoa(n))
			replaced += s.weight[n]
			delete(s.values, n)
		}
	}
	slices.Sort(e.Remove)
	return e
}
