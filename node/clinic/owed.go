package clinic

import (
	"maps"
	"slices"

	"musafir/crdt"
)

// Owed is the collection of rows that phones must get although nothing in the records'
// histories says so: what a phone pushed is not what is shown, or it must not get it yet.
// A record for each phone has lists of them in its slots, which count until the phone presents
// a watermark that was issued after them. It is internal.
const Owed = "_owed"

// owe marks rows of a phone, in as many edits as they need.
func owe(look Look, client string, rows []crdt.RecordKey) ([]*crdt.Edit, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	key := crdt.RecordKey{Collection: Owed, ID: client}
	s, err := readSlots(look, key)
	if err != nil {
		return nil, err
	}
	if len(s.values) > owedListsMax {
		rows = withOwed(rows, s)
	}
	said := map[crdt.RecordKey]bool{}
	for _, key := range rows {
		said[key] = true
	}
	needed := func(list crdt.Value) bool {
		is := len(rows) > 0 // until all rows are in a list again: what comes may be cut off in between
		EachOwed(list, func(key crdt.RecordKey) { is = is || !said[key] })
		return is
	}
	var edits []*crdt.Edit
	for len(rows) > 0 {
		n, size := 0, 0
		for n < len(rows) && (n == 0 || size < owedBytesMax) {
			size += len(rows[n].Collection) + len(rows[n].ID)
			n++
		}
		list := owedList(rows[:n])
		rows = rows[n:]
		edits = append(edits, s.keep(key, list, needed))
	}
	return edits, nil
}

// owedListsMax is how many lists stand side by side until they are put together.
const owedListsMax = 32

// withOwed are rows, and those of all lists.
func withOwed(rows []crdt.RecordKey, s *slots) []crdt.RecordKey {
	all := map[crdt.RecordKey]bool{}
	for _, key := range rows {
		all[key] = true
	}
	for key := range owedSince(s, nil) {
		all[key] = true
	}
	return slices.SortedFunc(maps.Keys(all), compareKeys)
}

// owedBytesMax is about how large the names in one list are, far from what a change has room for.
const owedBytesMax = 16 << 10

// owedList is a list as it is stored: the collection and the id of each row.
func owedList(rows []crdt.RecordKey) crdt.Value {
	items := make([]crdt.Value, 0, 2*len(rows))
	for _, key := range rows {
		items = append(items, crdt.Text(key.Collection), crdt.Text(key.ID))
	}
	return crdt.Array(items)
}

// EachOwed calls add with each row of a list as it stands in a slot of Owed.
func EachOwed(v crdt.Value, add func(crdt.RecordKey)) {
	if v.Kind() != crdt.KindArray {
		return
	}
	var names []string
	v.Items(func(item crdt.Value) {
		if item.Kind() == crdt.KindText {
			names = append(names, item.Text())
		}
	})
	for pair := range slices.Chunk(names, 2) {
		if len(pair) == 2 && TableOf(pair[0]) != nil {
			add(crdt.RecordKey{Collection: pair[0], ID: pair[1]})
		}
	}
}

// owedSince are the rows of the lists that nobody knew of who had a past.
func owedSince(s *slots, past Past) map[crdt.RecordKey]bool {
	rows := map[crdt.RecordKey]bool{}
	s.each(func(_ int, list crdt.Value, by *crdt.Touch) {
		if past == nil || !past.Holds(by.Ref) {
			EachOwed(list, func(key crdt.RecordKey) { rows[key] = true })
		}
	})
	return rows
}

// readOwed reads which rows were marked since the phone got its watermark.
func (x *pull) readOwed() (err error) {
	if x.lists, err = readSlots(x.Look, crdt.RecordKey{Collection: Owed, ID: x.Client}); err == nil {
		x.owed = owedSince(x.lists, x.then.past)
	}
	return err
}

// paid is the edit that drops the lists which the phone has got past; nil if there are none.
func (x *pull) paid() *crdt.Edit {
	if x.lists == nil {
		return nil
	}
	return x.lists.drop(crdt.RecordKey{Collection: Owed, ID: x.Client}, func(by *crdt.Touch) bool { return x.then.past.Holds(by.Ref) })
}
