package storetest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"musafir/crdt"
	"musafir/store"
)

// A Model is what a store holds, kept in plain maps and merged by definition.
type Model struct {
	Items []Item

	touches map[crdt.RecordKey][]*crdt.Touch
	records map[crdt.RecordKey]*crdt.Record
	prior   map[crdt.EntryID]bool // entries that another one follows or depends on
	next    map[crdt.EntryID]bool // entries that another one follows
	byID    map[crdt.EntryID]*Item
	control map[crdt.LogID]bool // of the logs: it is a control log
	unknown uint64
}

// NewModel is the model of an empty store.
func NewModel() *Model {
	return &Model{
		touches: map[crdt.RecordKey][]*crdt.Touch{}, records: map[crdt.RecordKey]*crdt.Record{},
		prior: map[crdt.EntryID]bool{}, next: map[crdt.EntryID]bool{},
		byID: map[crdt.EntryID]*Item{}, control: map[crdt.LogID]bool{},
	}
}

// Add takes items in.
func (m *Model) Add(items ...Item) {
	changed := map[crdt.RecordKey]bool{}
	for _, it := range items {
		m.add(it, changed)
	}
	for key := range changed {
		m.records[key] = crdt.Refold(key, m.touches[key])
	}
}

func (m *Model) add(it Item, changed map[crdt.RecordKey]bool) {
	m.Items = append(m.Items, it)
	m.byID[it.ID] = &it
	if birth := it.Entry.Birth(); birth != nil {
		m.control[it.log()] = birth.Kind == crdt.ControlLog
	}
	m.prior[it.At.Prev], m.next[it.At.Prev] = true, true
	for _, d := range it.Entry.Deps {
		m.prior[d.ID] = true
	}
	if !it.Entry.Known() {
		m.unknown++
	}
	for i := range it.Entry.Changes {
		rc := it.Entry.Record(i)
		if rc == nil {
			continue
		}
		m.touches[rc.Key] = append(m.touches[rc.Key], &crdt.Touch{
			Ref: crdt.Ref{Seq: uint64(len(m.Items)), Offset: uint32(it.Entry.Offset(i))},
			Log: it.log(), Entry: it.ID, Time: it.Entry.Time, Author: it.Entry.Author, Phone: it.Entry.Phone,
			Merged: it.Entry.Known(), Change: rc,
		})
		changed[rc.Key] = true
	}
}

func (it Item) log() crdt.LogID {
	if it.At.Seq == 0 {
		return crdt.LogID(it.ID)
	}
	return it.At.Log
}

// Frontier is that of the items.
func (m *Model) Frontier() crdt.Frontier {
	f := crdt.Frontier{}
	for _, it := range m.Items {
		if !m.next[it.ID] {
			f[it.log()] = append(f[it.log()], crdt.Head{Seq: it.At.Seq, ID: it.ID})
		}
	}
	return f
}

// Root is the state root of the items.
func (m *Model) Root() [crdt.HashSize]byte {
	var sum crdt.Sum
	for key, touches := range m.touches {
		sum.Add(crdt.RootOf(key, touches))
	}
	return sum.Bytes()
}

// Check compares a store with the model.
func (m *Model) Check(t TB, s *store.Store) {
	t.Helper()
	m.checkLogs(t, s)
	m.checkRecords(t, s)
	m.checkLists(t, s)
	m.checkChanges(t, s)
	m.checkMoment(t, s)
}

func (m *Model) checkLogs(t TB, s *store.Store) {
	t.Helper()
	if got, want := s.Frontier(), m.Frontier(); got.Digest() != want.Digest() {
		t.Fatalf("frontier is %v, want %v", got, want)
	}
	graph := crdt.Graph{}
	for _, it := range m.Items {
		if !m.prior[it.ID] {
			graph[it.ID] = crdt.Dep{Log: it.log(), Seq: it.At.Seq, ID: it.ID}
		}
	}
	if got := s.Graph(); !maps.Equal(got, graph) {
		t.Fatalf("heads of the graph are %v, want %v", got, graph)
	}
}

func (m *Model) checkRecords(t TB, s *store.Store) {
	t.Helper()
	for key, want := range m.records {
		got, err := s.Record(key)
		if err != nil {
			t.Fatalf("read %s: %v", key, err)
		}
		if (got == nil) != want.Empty() {
			t.Fatalf("record %s: got %v, want empty: %v", key, got, want.Empty())
		}
		if got != nil && Describe(got) != Describe(want) {
			t.Fatalf("record %s is\n%s\nwant\n%s", key, Describe(got), Describe(want))
		}
		touches, err := s.Touches(key)
		if err != nil {
			t.Fatalf("read touches of %s: %v", key, err)
		}
		if got, want := names(touches), names(m.touches[key]); !slices.Equal(got, want) {
			t.Fatalf("touches of %s are\n%v\nwant\n%v", key, got, want)
		}
	}
	if s.StateRoot() != m.Root() {
		t.Fatalf("the state root is not that of the touches")
	}
}

func names(touches []*crdt.Touch) (names []string) {
	for _, t := range touches {
		names = append(names, fmt.Sprint(t.Entry, t.Log, t.Time, t.Author, t.Phone, t.Merged))
	}
	slices.Sort(names)
	return names
}

// Describe is all that a record shows, and which entries live in it.
func Describe(r *crdt.Record) string {
	var b strings.Builder
	v := r.View()
	fmt.Fprintf(&b, "%s deleted %v updated %d fields %x\n", r.Key, v.Deleted, v.Updated, []byte(v.Fields))
	for _, c := range v.Conflicts {
		fmt.Fprintf(&b, "%q shows %x", c.Path, []byte(c.Shown))
		for _, s := range c.Siblings {
			fmt.Fprintf(&b, " beside %x %v %v of %s", []byte(s.Value), s.Removed, s.Deleted, s.Touch.Entry)
		}
		b.WriteByte('\n')
	}
	fmt.Fprintln(&b, names(r.Living()))
	return b.String()
}

func (m *Model) live(want func(*crdt.Record) bool) (keys []crdt.RecordKey) {
	for key, r := range m.records {
		if !r.Empty() && !r.Deleted() && want(r) {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, func(a, b crdt.RecordKey) int {
		return cmp.Or(strings.Compare(a.Collection+"\x00", b.Collection+"\x00"), strings.Compare(a.ID, b.ID))
	})
	return keys
}

func (m *Model) checkLists(t TB, s *store.Store) {
	t.Helper()
	ordinary := m.live(func(r *crdt.Record) bool { return !r.Key.Internal() })
	conflicted := m.live(func(r *crdt.Record) bool { return !r.Key.Internal() && s.CountsAs(r) > 0 })
	conflicts := 0
	for _, key := range conflicted {
		conflicts += s.CountsAs(m.records[key])
	}
	entries, records, inConflict, held := s.Counts()
	want := fmt.Sprint(len(m.Items), len(ordinary), conflicts, m.unknown)
	if got := fmt.Sprint(entries, records, inConflict, held); got != want {
		t.Fatalf("counts are %s, want %s", got, want)
	}
	expectKeys(t, "all records", ordinary, s.ScanAll)
	expectKeys(t, "records in conflict", conflicted, func(visit func(*crdt.Record) (bool, error)) error {
		return s.Conflicted(crdt.RecordKey{}, visit)
	})
	collections := map[string]bool{"nothing-in-it": true}
	for key := range m.records {
		collections[key.Collection] = true
	}
	for c := range collections {
		keys := m.live(func(r *crdt.Record) bool { return r.Key.Collection == c })
		expectKeys(t, "records of "+c, keys, func(visit func(*crdt.Record) (bool, error)) error { return s.Scan(c, "", visit) })
		for i, after := range keys {
			expectKeys(t, "records after "+after.String(), keys[i+1:], func(visit func(*crdt.Record) (bool, error)) error {
				return s.Scan(c, after.ID, visit)
			})
		}
	}
	for i, after := range conflicted {
		expectKeys(t, "conflicts after "+after.String(), conflicted[i+1:], func(visit func(*crdt.Record) (bool, error)) error {
			return s.Conflicted(after, visit)
		})
	}
}

func expectKeys(t TB, what string, want []crdt.RecordKey, scan func(func(*crdt.Record) (bool, error)) error) {
	t.Helper()
	var got []crdt.RecordKey
	err := scan(func(r *crdt.Record) (bool, error) {
		got = append(got, r.Key)
		return true, nil
	})
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("%s: %q, want %q, %v", what, got, want, err)
	}
}

func (m *Model) checkChanges(t TB, s *store.Store) {
	t.Helper()
	last := uint64(0)
	seen := map[crdt.RecordKey]bool{}
	err := s.Changes(0, func(position uint64, r *crdt.Record) (bool, error) {
		if position <= last || seen[r.Key] || Describe(r) != Describe(m.records[r.Key]) {
			t.Fatalf("change %d of %s, after %d, seen before: %v", position, r.Key, last, seen[r.Key])
		}
		last, seen[r.Key] = position, true
		return true, nil
	})
	if _, end := s.Feed(); err != nil || last > end {
		t.Fatalf("changes end at %d, the feed at %d, %v", last, end, err)
	}
	for key := range m.records {
		if seen[key] == key.Internal() {
			t.Fatalf("record %s among the changes: %v", key, seen[key])
		}
	}
}
