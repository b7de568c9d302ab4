package storetest

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"musafir/crdt"
	"musafir/store"
)

// checkMoment compares what the store holds now with the model.
func (m *Model) checkMoment(t TB, s *store.Store) {
	t.Helper()
	moment, err := s.Moment()
	if err != nil {
		t.Fatalf("moment: %v", err)
	}
	defer moment.Close()
	m.checkOpen(t, moment)
}

// checkOpen compares an open moment with the model: its marks, its records, and what
// somebody had who had some of its entries.
func (m *Model) checkOpen(t TB, moment *store.Moment) {
	t.Helper()
	if got, want := moment.Marks(), m.marks(); !slices.Equal(got, want) {
		t.Fatalf("marks are %v, want %v", got, want)
	}
	m.checkMomentRecords(t, moment)
	m.checkChanged(t, moment)
	rng := rand.New(rand.NewPCG(uint64(len(m.Items)), 0))
	for range 3 {
		m.checkPast(t, moment, m.marksAt(rng.IntN(len(m.Items)+1)))
		m.checkPast(t, moment, m.oddMarks(rng))
	}
	m.checkPast(t, moment, nil)
	m.checkPast(t, moment, moment.Marks())
}

func (m *Model) checkMomentRecords(t TB, moment *store.Moment) {
	t.Helper()
	var live, all []crdt.RecordKey
	for key, want := range m.records {
		r, err := moment.Record(key)
		if err != nil || (r == nil) != want.Empty() || r != nil && Describe(r) != Describe(want) {
			t.Fatalf("record %s at a moment: %v, want %s, %v", key, r, Describe(want), err)
		}
		if key.Collection == "patients" && !want.Empty() {
			all = append(all, key)
			if !want.Deleted() {
				live = append(live, key)
			}
		}
	}
	for deletedToo, keys := range map[bool][]crdt.RecordKey{false: live, true: all} {
		slices.SortFunc(keys, crdt.RecordKey.Compare)
		scan := func(after string) func(func(*crdt.Record) (bool, error)) error {
			return func(visit func(*crdt.Record) (bool, error)) error {
				return moment.Scan("patients", after, deletedToo, visit)
			}
		}
		expectKeys(t, "patients at a moment", keys, scan(""))
		if len(keys) > 1 {
			expectKeys(t, "patients at a moment after one", keys[1:], scan(keys[0].ID))
		}
	}
}

// checkChanged wants all patients to have changed since the beginning, each at a position of
// its own, and none since the moment.
func (m *Model) checkChanged(t TB, moment *store.Moment) {
	t.Helper()
	_, last := moment.Feed()
	since := func(position uint64) (ids map[string]bool) {
		ids = map[string]bool{}
		err := moment.Changed("patients", position, func(id string) (bool, error) { ids[id] = true; return true, nil })
		if err != nil {
			t.Fatalf("what changed after %d: %v", position, err)
		}
		return ids
	}
	all := since(0)
	for key := range m.records {
		if key.Collection == "patients" && !all[key.ID] {
			t.Fatalf("record %s never changed", key)
		}
	}
	if late := len(since(last)) + len(since(math.MaxUint64)); late > 0 {
		t.Fatalf("%d records changed after the last position", late)
	}
	err := moment.Changed("patients", 0, func(string) (bool, error) { return true, errVisit })
	if len(all) > 0 && !errors.Is(err, errVisit) {
		t.Fatalf("what a visit fails with is %v", err)
	}
}

var errVisit = errors.New("a visit failed")

// serves tells whether the log of an item is none of the control logs.
func (m *Model) serves(it Item) bool { return !m.control[it.log()] }

// marks are those of all that the model holds.
func (m *Model) marks() []crdt.Mark { return m.marksAt(len(m.Items)) }

// marksAt are those of somebody who holds the first n items.
func (m *Model) marksAt(n int) []crdt.Mark {
	next := map[crdt.EntryID]bool{}
	for _, it := range m.Items[:n] {
		next[it.At.Prev] = true
	}
	marks := []crdt.Mark{}
	for _, it := range m.Items[:n] {
		if m.serves(it) && !next[it.ID] {
			marks = append(marks, it.mark())
		}
	}
	slices.SortFunc(marks, crdt.Mark.Compare)
	return marks
}

func (it Item) mark() crdt.Mark {
	return crdt.MarkOf(it.log(), crdt.Head{Seq: it.At.Seq, ID: it.ID})
}

// oddMarks are of entries here and there: some are beyond what is held, some of no
// entry, some of no log.
func (m *Model) oddMarks(rng *rand.Rand) (marks []crdt.Mark) {
	if len(m.Items) == 0 {
		return []crdt.Mark{{}}
	}
	for range rng.IntN(6) {
		k := m.Items[rng.IntN(len(m.Items))].mark()
		switch rng.IntN(8) {
		case 0:
			k.Log[0]++
		case 1:
			k.Head[15]++
		case 2:
			k.Seq += uint64(rng.IntN(len(m.Items)))
		}
		marks = append(marks, k)
	}
	return marks
}

// held is the past of marks by definition: the ids of its entries.
func (m *Model) held(marks []crdt.Mark) map[crdt.EntryID]bool {
	held := map[crdt.EntryID]bool{}
	for _, k := range marks {
		for at := m.named(k); at != nil && !held[at.ID]; at = m.byID[at.At.Prev] {
			held[at.ID] = true
		}
	}
	return held
}

// named is the item that a mark stands for, nil if there is none.
func (m *Model) named(k crdt.Mark) *Item {
	heads := []*Item{}
	for _, it := range m.byID {
		if !m.serves(*it) || it.log().Short() != k.Log {
			continue
		}
		if it.mark() == k {
			return it
		}
		if !m.next[it.ID] {
			heads = append(heads, it)
		}
	}
	if len(heads) == 1 && heads[0].At.Seq < k.Seq {
		return heads[0]
	}
	return nil
}

func (m *Model) checkPast(t TB, moment *store.Moment, marks []crdt.Mark) {
	t.Helper()
	past, err := moment.Past(marks)
	if err != nil {
		t.Fatalf("past of %v: %v", marks, err)
	}
	held := m.held(marks)
	m.checkHolds(t, moment, past, held)
	later, want := m.later(held)
	if got := past.LaterCount(); got != later {
		t.Fatalf("%d entries are later than %v, want %d", got, marks, later)
	}
	got := map[crdt.RecordKey]int{}
	err = past.Later(func(key crdt.RecordKey) (bool, error) {
		got[key]++
		return true, nil
	})
	if err != nil || !maps.Equal(got, want) {
		t.Fatalf("touched later than %v are\n%v\nwant\n%v, %v", marks, got, want, err)
	}
}

func (m *Model) checkHolds(t TB, moment *store.Moment, past *store.Extent, held map[crdt.EntryID]bool) {
	t.Helper()
	for key := range m.records {
		touches, err := moment.Touches(key)
		if err != nil || len(touches) != len(m.touches[key]) {
			t.Fatalf("%d touches of %s, want %d, %v", len(touches), key, len(m.touches[key]), err)
		}
		for _, touch := range touches {
			if past.Holds(touch.Ref) != held[touch.Entry] {
				t.Fatalf("entry %s is in the past: want %v", touch.Entry, held[touch.Entry])
			}
		}
	}
}

// later counts the entries that are not held, and how often they touch which records.
func (m *Model) later(held map[crdt.EntryID]bool) (entries uint64, touched map[crdt.RecordKey]int) {
	touched = map[crdt.RecordKey]int{}
	for _, it := range m.Items {
		if held[it.ID] || !m.serves(it) {
			continue
		}
		entries++
		for i := range it.Entry.Changes {
			if rc := it.Entry.Record(i); rc != nil && !m.records[rc.Key].Empty() {
				touched[rc.Key]++
			}
		}
	}
	return entries, touched
}

// testMoment: nothing that is committed later shows in a moment, also while it is
// being read.
func testMoment(t *testing.T, b *bench) {
	play(t, b, 60, 14)
	b.Put(t, "patients", "a", "name", "A")
	before := NewModel()
	before.Add(b.Items...)
	moment, err := b.Store.Moment()
	if err != nil {
		t.Fatalf("moment: %v", err)
	}
	defer moment.Close()
	twin := b.peer(t, 2)
	twin.Become(t, b.Device, 3)
	twin.Put(t, "patients", "a", "name", "twin")
	n := 0
	write := func() {
		n++
		b.Put(t, "patients", string(rune('a'+n%26)), "name", fmt.Sprint("later ", n))
		b.Edit(t, &crdt.Edit{Key: crdt.RecordKey{Collection: "patients", ID: "a"}, Delete: n%2 == 1, Undelete: n%2 == 0})
	}
	past, err := moment.Past(nil)
	if err == nil {
		err = past.Later(func(crdt.RecordKey) (bool, error) { write(); return n < 20, nil })
	}
	if err != nil || n != 20 {
		t.Fatalf("%d records touched, %v", n, err)
	}
	if err := moment.Scan("patients", "", true, func(*crdt.Record) (bool, error) { write(); return true, nil }); err != nil {
		t.Fatalf("scan: %v", err)
	}
	before.checkOpen(t, moment)
	b.Take(t, twin.Births...) // new logs, and a fork of an old one
	b.Take(t, twin.Items...)
	before.checkOpen(t, moment)
	after := NewModel()
	after.Add(b.Items...)
	after.checkMoment(t, b.Store)
	testMomentEnds(t, moment, past)
	b.check(t)
}

// testMomentEnds: a moment that was closed is not read by accident.
func testMomentEnds(t *testing.T, moment *store.Moment, past *store.Extent) {
	t.Helper()
	moment.Close()
	moment.Close()
	if _, err := moment.Record(crdt.RecordKey{Collection: "patients", ID: "a"}); !errors.Is(err, store.ErrClosed) {
		t.Fatalf("read of a closed moment: %v", err)
	}
	if err := past.Later(func(crdt.RecordKey) (bool, error) { return true, nil }); !errors.Is(err, store.ErrClosed) {
		t.Fatalf("read of what is later than a past of a closed moment: %v", err)
	}
}

// testMomentBesideWriter: a moment is read in one goroutine while another writes, and
// the store's end waits for it.
func testMomentBesideWriter(t *testing.T, b *bench) {
	play(t, b, 30, 15)
	before := NewModel()
	before.Add(b.Items...)
	moment, err := b.Store.Moment()
	if err != nil {
		t.Fatalf("moment: %v", err)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		defer moment.Close()
		for range 5 {
			before.checkOpen(raiser{t}, moment)
		}
	}()
	for n := range 20 {
		b.Put(t, "patients", "a", "name", fmt.Sprint("later ", n))
		b.Put(t, "_sessions", "a", "name", fmt.Sprint("later ", n))
	}
	<-read
	b.check(t)
	if err := b.Store.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	if _, err := b.Store.Moment(); !errors.Is(err, store.ErrClosed) {
		t.Fatalf("moment of a closed store: %v", err)
	}
}

// A raiser fails a test from another goroutine than the test's.
type raiser struct{ *testing.T }

func (r raiser) Fatalf(format string, args ...any) { r.Errorf(format, args...) }

// testPast: what somebody held who had marks, case by case.
func testPast(t *testing.T, b *bench) {
	trunk := b.Put(t, "patients", "trunk", "name", "A")
	twin := b.peer(t, 2)
	twin.Become(t, b.Device, 3)
	one := b.Put(t, "patients", "one", "name", "A")
	other := twin.Put(t, "patients", "other", "name", "A")
	single := b.peer(t, 4)
	alone := single.Put(t, "patients", "alone", "name", "A")
	control := b.Births[0].mark()
	ahead := func(it Item) crdt.Mark {
		return crdt.Mark{Log: it.mark().Log, Seq: it.At.Seq + 7, Head: crdt.ShortID{1}}
	}

	b.expectPasts(t, map[string]pastCase{ // the log has one branch: birth, trunk, one
		"the head":                {3, []crdt.Mark{one.mark()}},
		"an entry before it":      {2, []crdt.Mark{trunk.mark()}},
		"both":                    {3, []crdt.Mark{trunk.mark(), one.mark()}},
		"ahead of the head":       {3, []crdt.Mark{ahead(one)}},
		"a branch not held here":  {0, []crdt.Mark{other.mark()}},
		"a log not held here":     {0, []crdt.Mark{alone.mark(), ahead(alone)}},
		"a control log":           {0, []crdt.Mark{control}},
		"a log, and one not held": {2, []crdt.Mark{alone.mark(), trunk.mark()}},
	})
	b.Take(t, other)
	b.Take(t, single.Births...)
	b.Take(t, alone)
	b.expectPasts(t, map[string]pastCase{ // it has two
		"the trunk":                           {2, []crdt.Mark{trunk.mark()}},
		"one head":                            {3, []crdt.Mark{one.mark()}},
		"the other head":                      {3, []crdt.Mark{other.mark()}},
		"both heads":                          {4, []crdt.Mark{other.mark(), one.mark()}},
		"a head and the trunk":                {3, []crdt.Mark{other.mark(), trunk.mark()}},
		"ahead of both heads":                 {0, []crdt.Mark{ahead(one)}},
		"an unknown entry beside the heads":   {0, []crdt.Mark{{Log: one.mark().Log, Seq: 2, Head: crdt.ShortID{1}}}},
		"an unknown entry in the trunk":       {0, []crdt.Mark{{Log: one.mark().Log, Seq: 1, Head: one.ID.Short()}}},
		"two logs":                            {2 + 2, []crdt.Mark{trunk.mark(), alone.mark()}},
		"ahead of a log that came since":      {2, []crdt.Mark{ahead(alone)}},
		"a control log, and ahead of the log": {0, []crdt.Mark{control, {Log: control.Log, Seq: 7}}},
	})
	b.check(t)
}

// A pastCase says how many entries are in the past of marks.
type pastCase struct {
	entries uint64
	marks   []crdt.Mark
}

func (b *bench) expectPasts(t *testing.T, cases map[string]pastCase) {
	t.Helper()
	moment, err := b.Store.Moment()
	if err != nil {
		t.Fatalf("moment: %v", err)
	}
	defer moment.Close()
	count := func(marks []crdt.Mark) uint64 {
		past, err := moment.Past(marks)
		if err != nil {
			t.Fatalf("past of %v: %v", marks, err)
		}
		return past.LaterCount()
	}
	all := count(nil)
	for what, c := range cases {
		if got := all - count(c.marks); got != c.entries {
			t.Errorf("%s: %d entries, want %d", what, got, c.entries)
		}
	}
}

// testNewerLog: a log of a kind that is not known here may hold records, and so has
// marks.
func testNewerLog(t *testing.T, b *bench) {
	peer, err := b.Author.Join(2)
	if err != nil {
		t.Fatalf("join: %v", err)
	}
	peer.Births = nil
	id, err := peer.birth(&crdt.Birth{Camp: b.Camp, Kind: 7, Device: b.Key.Public().(ed25519.PublicKey), Admission: crdt.EntryID(b.Camp)})
	if err != nil {
		t.Fatalf("birth: %v", err)
	}
	peer.Author = crdt.Author{Log: crdt.LogID(id), Head: crdt.Head{ID: id}}
	newer := Device{Author: peer, Store: b.Store, held: map[crdt.EntryID]bool{}}
	newer.Take(t, peer.Births...)
	newer.Put(t, "patients", "a", "name", "A")
	b.Items = append(b.Items, newer.Items...)
	b.check(t)
	if marks := b.model.marks(); len(marks) != 2 {
		t.Fatalf("%d marks, want 2", len(marks))
	}
}

// testLaterStops: visit ends it, in any branch.
func testLaterStops(t *testing.T, b *bench) {
	b.Put(t, "patients", "a", "name", "A")
	peer := b.peer(t, 2)
	peer.Put(t, "patients", "b", "name", "B")
	b.Take(t, peer.Items...)
	b.Edit(t, Set("patients", "a", "name", "C"), Set("patients", "b", "name", "C"))
	moment, err := b.Store.Moment()
	if err != nil {
		t.Fatalf("moment: %v", err)
	}
	defer moment.Close()
	past, err := moment.Past(nil)
	if err != nil {
		t.Fatalf("past: %v", err)
	}
	stop := errors.New("stop")
	for stopAt := 1; stopAt <= 5; stopAt++ {
		for _, refuse := range []error{nil, stop} {
			n := 0
			err := past.Later(func(crdt.RecordKey) (bool, error) {
				if n++; n == stopAt {
					return false, refuse
				}
				return true, nil
			})
			if n != min(stopAt, 4) || stopAt <= 4 && !errors.Is(err, refuse) || stopAt > 4 && err != nil {
				t.Fatalf("stopped at %d: visited %d, %v", stopAt, n, err)
			}
		}
	}
}
