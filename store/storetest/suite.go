package storetest

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"musafir/crdt"
	"musafir/store"
)

// An Opener has one database, which can be opened again and again.
type Opener interface {
	// Open opens the database; the last store must have been closed or crashed.
	Open(t TB) *store.Store
	// Crash leaves the open store behind as a killed process would. The next Open
	// finds what was synced.
	Crash(t TB)
	// Keys is all that the database holds, by key.
	Keys(t TB, s *store.Store) map[string][]byte
	// DropsView tells whether the key belongs to what Rebuild makes anew, the feed
	// apart, and gives the value without the place in the feed.
	DropsView(key string, value []byte) (rest []byte, ok bool)
}

// Run runs the suite. open makes an empty database.
func Run(t *testing.T, open func(t *testing.T) Opener) {
	cases := map[string]func(*testing.T, *bench){
		"ReadBack": testReadBack, "Overwrite": testOverwrite, "Siblings": testSiblings, "Delete": testDelete,
		"Conflicts": testConflicts, "Scan": testScan, "Changes": testChanges, "WaitChange": testWaitChange,
		"Forks": testForks, "Held": testHeld, "Unknown": testUnknown, "Conduct": testConduct, "Pending": testPending,
		"Notes": testNotes, "Seals": testSeals, "Batch": testBatch, "Closed": testClosed, "Rebuild": testRebuild,
		"Sweep": testSweep, "Internal": testInternal, "History": testHistory,
	}
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		t.Run(name, func(t *testing.T) { cases[name](t, newBench(t, open(t))) })
	}
}

// A bench is one device on the store that is tested, and a model beside it.
type bench struct {
	*Device
	opener Opener
	model  *Model
}

func newBench(t *testing.T, o Opener) *bench {
	t.Helper()
	a, err := Found(1)
	if err != nil {
		t.Fatalf("found a camp: %v", err)
	}
	b := &bench{opener: o, model: NewModel()}
	s := o.Open(t)
	t.Cleanup(func() { b.Store.Close() })
	b.Device = NewDevice(t, a, s)
	return b
}

// peer is another device of the camp, in memory, that holds the same so far.
func (b *bench) peer(t *testing.T, seed byte) *Device {
	t.Helper()
	a, err := b.Author.Join(seed)
	if err != nil {
		t.Fatalf("join: %v", err)
	}
	s, err := store.OpenMemory(store.NewMemory())
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	d := &Device{Author: a, Store: s, held: map[crdt.EntryID]bool{}, time: b.time}
	d.Take(t, b.Items...)
	d.Take(t, a.Births...)
	return d
}

// check compares with the model as it is, after closing, after a crash, and after
// a rebuild, and verifies each time.
func (b *bench) check(t *testing.T) {
	t.Helper()
	b.model = NewModel()
	b.model.Add(b.Items...)
	b.verify(t)
	identity := b.Store.Identity()
	before := b.opener.Keys(t, b.Store)
	if err := b.Store.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	b.reopen(t)
	b.opener.Crash(t)
	b.reopen(t)
	if after := b.opener.Keys(t, b.Store); !maps.EqualFunc(before, after, bytes.Equal) {
		t.Fatalf("opening changed the database")
	}
	if b.Store.Identity() != identity {
		t.Fatalf("the identity changed")
	}
}

func (b *bench) reopen(t *testing.T) {
	t.Helper()
	b.Store = b.opener.Open(t)
	b.verify(t)
}

func (b *bench) verify(t TB) {
	t.Helper()
	b.model.Check(t, b.Store)
	VerifyClean(t, b.Store)
}

// VerifyClean fails if Verify finds anything.
func VerifyClean(t TB, s *store.Store) {
	t.Helper()
	report, err := s.Verify(context.Background(), nil)
	if err != nil || len(report.Problems) > 0 {
		t.Fatalf("verify: %v, %v", report, err)
	}
}

func testReadBack(t *testing.T, b *bench) {
	if r, err := b.Store.Record(crdt.RecordKey{Collection: "patients", ID: "rahima"}); r != nil || err != nil {
		t.Fatalf("a record that nobody wrote: %v, %v", r, err)
	}
	it := b.Put(t, "patients", "rahima", "name", "Rahima", "phone", "0170")
	b.Put(t, "patients", "নূর", "name", "Noor")
	r, err := b.Store.Record(crdt.RecordKey{Collection: "patients", ID: "rahima"})
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	want := crdt.Object([]crdt.Field{{Key: "name", Value: crdt.Text("Rahima")}, {Key: "phone", Value: crdt.Text("0170")}})
	if got := r.View().Fields; !got.Equal(want) {
		t.Fatalf("fields are %x, want %x", []byte(got), []byte(want))
	}
	if living := r.Living(); len(living) != 1 || living[0].Entry != it.ID || living[0].Author != "author 1" {
		t.Fatalf("living is %v", names(living))
	}
	birth, err := b.Store.Birth(b.Log)
	if err != nil || birth.Camp != b.Camp || birth.Kind != crdt.RecordLog {
		t.Fatalf("birth is %+v, %v", birth, err)
	}
	if _, err := b.Store.Birth(crdt.LogID{1}); !errors.Is(err, store.ErrGap) {
		t.Fatalf("birth of an unknown log: %v", err)
	}
	b.check(t)
}

func testOverwrite(t *testing.T, b *bench) {
	for _, name := range []string{"Rahima", "Rahima B", "Rahima Begum"} {
		b.Put(t, "patients", "rahima", "name", name)
	}
	b.Put(t, "patients", "rahima", "phone", "0170")
	touches, err := b.Store.Touches(crdt.RecordKey{Collection: "patients", ID: "rahima"})
	if err != nil || len(touches) != 4 {
		t.Fatalf("%d touches, %v", len(touches), err)
	}
	b.check(t)
}

// part lets two devices write without having seen each other, and meet here.
func (b *bench) part(t *testing.T, here, there func(d *Device)) {
	t.Helper()
	peer := b.peer(t, 2)
	here(b.Device)
	there(peer)
	b.Take(t, peer.Items...)
}

func testSiblings(t *testing.T, b *bench) {
	b.Put(t, "patients", "rahima", "name", "Rahima", "phone", "0170")
	b.part(t, func(d *Device) { d.Put(t, "patients", "rahima", "phone", "0171") },
		func(d *Device) { d.Put(t, "patients", "rahima", "phone", "0172") })
	r, err := b.Store.Record(crdt.RecordKey{Collection: "patients", ID: "rahima"})
	if err != nil || r.ConflictCount() != 1 {
		t.Fatalf("conflicts of %v, %v", r, err)
	}
	b.check(t)
}

func testDelete(t *testing.T, b *bench) {
	key := crdt.RecordKey{Collection: "patients", ID: "rahima"}
	b.Put(t, "patients", "rahima", "name", "Rahima")
	b.Edit(t, &crdt.Edit{Key: key, Delete: true})
	if r, err := b.Store.Record(key); err != nil || !r.Deleted() {
		t.Fatalf("after delete: %v, %v", r, err)
	}
	b.check(t)
	b.Edit(t, &crdt.Edit{Key: key, Undelete: true})
	b.part(t, func(d *Device) { d.Edit(t, &crdt.Edit{Key: key, Delete: true}) },
		func(d *Device) { d.Put(t, "patients", "rahima", "phone", "0172") })
	if r, err := b.Store.Record(key); err != nil || r.Deleted() || r.ConflictCount() != 1 {
		t.Fatalf("after a delete that met an edit: %v, %v", r, err)
	}
	b.check(t)
}

func testConflicts(t *testing.T, b *bench) {
	ids := []string{"a", "ab", "b"}
	collections := []string{"patients", "patients2", "_sessions"}
	each := func(d *Device, value string) {
		for _, c := range collections {
			for _, id := range ids {
				d.Put(t, c, id, "phone", value)
			}
		}
	}
	b.part(t, func(d *Device) { each(d, "1") }, func(d *Device) { each(d, "2") })
	b.check(t)
	b.Edit(t, &crdt.Edit{Key: crdt.RecordKey{Collection: "patients", ID: "ab"}, Resolve: &crdt.Resolution{Path: "phone", Value: crdt.Text("3")}})
	if _, _, conflicts, _ := b.Store.Counts(); conflicts != 5 {
		t.Fatalf("%d conflicts, want 5", conflicts)
	}
	b.check(t)
}

func testScan(t *testing.T, b *bench) {
	for _, c := range []string{"p", "patients", "patients2", "patients-a", "patients.a", "_p"} {
		for _, id := range []string{"a", "a b", "a\u00a0", "aa", "é", "日本", "नूर"} {
			b.Put(t, c, id, "name", id)
		}
	}
	b.Edit(t, &crdt.Edit{Key: crdt.RecordKey{Collection: "patients", ID: "aa"}, Delete: true})
	b.check(t)
	n := 0
	stop := errors.New("stop")
	err := b.Store.Scan("patients", "", func(*crdt.Record) (bool, error) { n++; return n < 3, nil })
	if n != 3 || err != nil {
		t.Fatalf("visited %d records, %v", n, err)
	}
	if err := b.Store.ScanAll(func(*crdt.Record) (bool, error) { return true, stop }); !errors.Is(err, stop) {
		t.Fatalf("the visitor's error became %v", err)
	}
}

func testChanges(t *testing.T, b *bench) {
	b.Put(t, "patients", "a", "name", "A")
	b.Put(t, "patients", "b", "name", "B")
	feed, middle := b.Store.Feed()
	b.Put(t, "patients", "a", "name", "A2")
	b.Put(t, "_sessions", "s", "name", "S")
	var got []string
	err := b.Store.Changes(middle, func(position uint64, r *crdt.Record) (bool, error) {
		got = append(got, r.Key.ID)
		return true, nil
	})
	if err != nil || !slices.Equal(got, []string{"a"}) {
		t.Fatalf("changes after %d: %q, %v", middle, got, err)
	}
	if err := b.Store.Changes(^uint64(0), func(uint64, *crdt.Record) (bool, error) { return true, errors.New("a change") }); err != nil {
		t.Fatalf("after the last position: %v", err)
	}
	b.check(t)
	if again, end := b.Store.Feed(); again != feed || end != middle+2 {
		t.Fatalf("after opening the feed is %x at %d, was %x at %d", again, end, feed, middle)
	}
}

func testWaitChange(t *testing.T, b *bench) {
	_, position := b.Store.Feed()
	woken := make(chan error)
	wait := func(ctx context.Context, position uint64) {
		s := b.Store
		go func() { woken <- s.WaitChange(ctx, position) }()
	}
	wait(context.Background(), position)
	b.Put(t, "patients", "a", "name", "A")
	if err := <-woken; err != nil {
		t.Fatalf("wait: %v", err)
	}
	wait(context.Background(), position) // passed already
	if err := <-woken; err != nil {
		t.Fatalf("wait: %v", err)
	}
	_, position = b.Store.Feed()
	ctx, cancel := context.WithCancel(context.Background())
	wait(ctx, position)
	cancel()
	if err := <-woken; !errors.Is(err, context.Canceled) {
		t.Fatalf("canceled wait: %v", err)
	}
	wait(context.Background(), position)
	if err := b.Store.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	if err := <-woken; !errors.Is(err, store.ErrClosed) {
		t.Fatalf("wait on a store that closes: %v", err)
	}
}

func testForks(t *testing.T, b *bench) {
	b.Put(t, "patients", "a", "name", "A")
	twin := b.peer(t, 2)
	twin.Become(t, b.Device, 3)
	for _, name := range []string{"x", "y"} {
		b.Put(t, "patients", "a", "name", name)
		twin.Put(t, "patients", "a", "name", "twin's "+name)
	}
	third := b.peer(t, 4)
	third.Become(t, twin, 5)
	third.Put(t, "patients", "a", "phone", "1")
	twin.Put(t, "patients", "a", "phone", "2")
	b.Take(t, twin.Items...)
	b.Take(t, third.Items...)
	if heads := b.Store.Frontier()[b.Log]; len(heads) != 3 {
		t.Fatalf("%d heads, want 3", len(heads))
	}
	for _, it := range append(twin.Items, third.Items...) {
		batch := b.Store.Begin()
		if err := batch.Append(it.At, it.ID, it.Entry); !errors.Is(err, store.ErrHeld) {
			t.Fatalf("entry %d again: %v", it.At.Seq, err)
		}
		batch.Discard()
	}
	b.check(t)
	twin.Take(t, b.Items...)
	if twin.Store.StateRoot() != b.Store.StateRoot() || twin.Store.Frontier().Digest() != b.Store.Frontier().Digest() {
		t.Fatalf("in another order the store differs")
	}
}

func testHeld(t *testing.T, b *bench) {
	b.Put(t, "patients", "a", "name", "A")
	peer := b.peer(t, 2)
	first, second := peer.Put(t, "patients", "a", "name", "B"), peer.Put(t, "patients", "a", "name", "C")
	batch := b.Store.Begin()
	defer batch.Discard()
	if err := batch.Append(second.At, second.ID, second.Entry); !errors.Is(err, store.ErrGap) {
		t.Fatalf("an entry of an unknown log: %v", err)
	}
	birth := peer.Births[0]
	for _, it := range []Item{birth, first} {
		if err := batch.Append(it.At, it.ID, it.Entry); err != nil {
			t.Fatalf("append: %v", err)
		}
	}
	for _, it := range append(slices.Clone(b.Items), birth, first) {
		if err := batch.Append(it.At, it.ID, it.Entry); !errors.Is(err, store.ErrHeld) {
			t.Fatalf("entry %d again: %v", it.At.Seq, err)
		}
	}
	at := second.At
	at.Seq++
	if err := batch.Append(at, second.ID, second.Entry); !errors.Is(err, store.ErrGap) {
		t.Fatalf("an entry behind a gap: %v", err)
	}
	if err := batch.Append(second.At, second.ID, second.Entry); err != nil {
		t.Fatalf("append: %v", err)
	}
	if err := batch.Commit(); err != nil {
		t.Fatalf("commit: %v", err)
	}
	b.Items = append(b.Items, birth, first, second)
	b.check(t)
}

// unknown writes an entry whose change to one record is known and whose other
// change is not.
func unknown(t *testing.T, d *Device, e *crdt.Edit) Item {
	t.Helper()
	b := d.Store.Begin()
	defer b.Discard()
	changes, err := d.Compose(b, e, Set("strange", "thing", "name", "X"))
	if err != nil {
		t.Fatalf("compose: %v", err)
	}
	it, err := d.WriteUnknown(d.Now(), d.Store.Graph().Deps(d.Head.ID), changes...)
	if err != nil {
		t.Fatalf("write: %v", err)
	}
	d.commit(t, b, it)
	return it
}

func testUnknown(t *testing.T, b *bench) {
	b.Put(t, "patients", "a", "name", "A")
	root := b.Store.StateRoot()
	unknown(t, b.Device, Set("patients", "a", "name", "B"))
	unknown(t, b.Device, Set("patients", "new", "name", "B"))
	if _, _, _, held := b.Store.Counts(); held != 2 || b.Store.StateRoot() != root {
		t.Fatalf("%d entries held, state root kept: %v", held, b.Store.StateRoot() == root)
	}
	if r, err := b.Store.Record(crdt.RecordKey{Collection: "patients", ID: "new"}); r != nil || err != nil {
		t.Fatalf("a record of which nothing is merged: %v, %v", r, err)
	}
	b.Put(t, "patients", "a", "name", "C")
	b.check(t)
}

// testConduct: an entry that was written having seen an unmerged one replaces what
// that one had replaced, whichever comes first.
func testConduct(t *testing.T, b *bench) {
	key := crdt.RecordKey{Collection: "patients", ID: "a"}
	first := b.Put(t, "patients", "a", "name", "A")
	middle := unknown(t, b.Device, Set("patients", "a", "name", "B"))
	rc := &crdt.RecordChange{
		Key: key, Names: []crdt.ShortID{middle.ID.Short()}, Supersedes: []uint16{0},
		Writes: []crdt.Write{{Path: "name", Value: crdt.Text("C"), Supersedes: []uint16{0}}},
	}
	change, err := b.Encode(rc)
	if err != nil {
		t.Fatalf("encode: %v", err)
	}
	last, err := b.Write(b.Now(), nil, change)
	if err != nil {
		t.Fatalf("write: %v", err)
	}
	b.Take(t, last)
	r, err := b.Store.Record(key)
	if err != nil || len(r.Living()) != 1 || r.Living()[0].Entry != last.ID {
		t.Fatalf("living after %s: %v, %v", first.ID, names(r.Living()), err)
	}
	b.check(t)
}

// testPending: a name that comes before the entry it names is remembered, also
// over a restart, and through an entry that is held but not merged.
func testPending(t *testing.T, b *bench) {
	peer := b.peer(t, 2)
	first := peer.Put(t, "patients", "a", "name", "A")
	middle := unknown(t, peer, Set("patients", "a", "name", "B"))
	key := crdt.RecordKey{Collection: "patients", ID: "a"}
	change, err := b.Encode(&crdt.RecordChange{
		Key: key, Names: []crdt.ShortID{middle.ID.Short()}, Supersedes: []uint16{0},
		Writes: []crdt.Write{{Path: "name", Value: crdt.Text("C"), Supersedes: []uint16{0}}},
	})
	if err != nil {
		t.Fatalf("encode: %v", err)
	}
	last, err := b.Write(b.Now(), nil, change)
	if err != nil {
		t.Fatalf("write: %v", err)
	}
	b.Take(t, last)
	b.check(t)
	b.Take(t, peer.Births...)
	b.Take(t, first)
	b.check(t)
	if r, err := b.Store.Record(key); err != nil || len(r.Living()) != 2 {
		t.Fatalf("before the middle came: %v, %v", names(r.Living()), err)
	}
	b.Take(t, middle)
	if r, err := b.Store.Record(key); err != nil || len(r.Living()) != 1 {
		t.Fatalf("after the middle came: %v, %v", names(r.Living()), err)
	}
	b.check(t)
}

func testNotes(t *testing.T, b *bench) {
	key := [crdt.HashSize]byte{7}
	batch := b.Store.Begin()
	batch.SetNote(crdt.Note{Key: key, Value: []byte("done")})
	if v, ok, err := batch.Note(key); !ok || err != nil || string(v) != "done" {
		t.Fatalf("note in the batch: %q, %v, %v", v, ok, err)
	}
	if err := batch.Commit(); err != nil {
		t.Fatalf("commit: %v", err)
	}
	b.check(t)
	if v, ok, err := b.Store.Note(key); !ok || err != nil || string(v) != "done" {
		t.Fatalf("note: %q, %v, %v", v, ok, err)
	}
	batch = b.Store.Begin()
	defer batch.Discard()
	if v, ok, err := batch.Note(key); !ok || err != nil || string(v) != "done" {
		t.Fatalf("note of before: %q, %v, %v", v, ok, err)
	}
	if _, ok, err := b.Store.Note([crdt.HashSize]byte{8}); ok || err != nil {
		t.Fatalf("a note that nobody wrote: %v, %v", ok, err)
	}
}

func testSeals(t *testing.T, b *bench) {
	for _, name := range []string{"A", "B", "C"} {
		b.Put(t, "patients", "a", "name", name)
	}
	size := 0
	for _, it := range b.Items[1:] {
		size += len(it.Entry.Encoded())
	}
	if head, entries, bytes, err := b.Store.Unsealed(b.Log); head != b.Head || entries != 4 || bytes != size || err != nil {
		t.Fatalf("unsealed: %v, %d, %d of %d, %v", head, entries, bytes, size, err)
	}
	batch := b.Store.Begin()
	if err := batch.Seal(b.Log, b.Head, b.Author.Seal(b.Head.ID)); err != nil {
		t.Fatalf("seal: %v", err)
	}
	if err := batch.Seal(b.Log, crdt.Head{Seq: 99}, crdt.Seal{}); !errors.Is(err, store.ErrGap) {
		t.Fatalf("seal an entry that is not held: %v", err)
	}
	if err := batch.Commit(); err != nil {
		t.Fatalf("commit: %v", err)
	}
	b.check(t)
	if _, entries, bytes, err := b.Store.Unsealed(b.Log); entries != 0 || bytes != 0 || err != nil {
		t.Fatalf("unsealed: %d, %d, %v", entries, bytes, err)
	}
	b.Put(t, "patients", "a", "name", "D")
	if _, entries, _, err := b.Store.Unsealed(b.Log); entries != 1 || err != nil {
		t.Fatalf("unsealed: %d, %v", entries, err)
	}
}

// testBatch: several entries on the same records in one batch, which reads its own
// appends; discarding leaves nothing.
func testBatch(t *testing.T, b *bench) {
	keep := b.Author.Author
	for _, commit := range []bool{false, true} {
		batch := b.Store.Begin()
		var items []Item
		for _, name := range []string{"A", "B", "C"} {
			changes, err := b.Compose(batch, Set("patients", "a", "name", name), Set("patients", "b", name, name))
			if err != nil {
				t.Fatalf("compose: %v", err)
			}
			it, err := b.Write(b.Now(), nil, changes...)
			if err == nil {
				err = batch.Append(it.At, it.ID, it.Entry)
			}
			if err != nil {
				t.Fatalf("append: %v", err)
			}
			items = append(items, it)
		}
		touches, err := batch.Touches(crdt.RecordKey{Collection: "patients", ID: "a"})
		if err != nil || len(touches) != 3 {
			t.Fatalf("%d touches, %v", len(touches), err)
		}
		if !commit {
			batch.Discard()
			b.Author.Author = keep
			b.check(t)
			continue
		}
		if err := batch.Commit(); err != nil {
			t.Fatalf("commit: %v", err)
		}
		batch.Discard()
		if batch.Commit() == nil {
			t.Fatalf("a batch was committed twice")
		}
		b.Items = append(b.Items, items...)
	}
	b.check(t)
}

func testClosed(t *testing.T, b *bench) {
	b.Put(t, "patients", "a", "name", "A")
	if err := b.Store.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	if err := b.Store.Close(); err != nil {
		t.Fatalf("close again: %v", err)
	}
	if _, err := b.Store.Record(crdt.RecordKey{Collection: "patients", ID: "a"}); !errors.Is(err, store.ErrClosed) {
		t.Fatalf("read a closed store: %v", err)
	}
	batch := b.Store.Begin()
	if _, err := batch.Record(crdt.RecordKey{Collection: "patients", ID: "b"}); !errors.Is(err, store.ErrClosed) {
		t.Fatalf("read in a batch on a closed store: %v", err)
	}
	batch.SetNote(crdt.Note{})
	if err := batch.Commit(); !errors.Is(err, store.ErrClosed) {
		t.Fatalf("write to a closed store: %v", err)
	}
	if err := b.Store.Rebuild(); !errors.Is(err, store.ErrClosed) {
		t.Fatalf("rebuild a closed store: %v", err)
	}
	if _, err := b.Store.Sweep(nil); !errors.Is(err, store.ErrClosed) {
		t.Fatalf("sweep a closed store: %v", err)
	}
}

func testInternal(t *testing.T, b *bench) {
	b.Put(t, "_sessions", "a", "name", "A")
	if _, records, _, _ := b.Store.Counts(); records != 0 {
		t.Fatalf("%d records", records)
	}
	b.check(t)
}

// viewOf is the merged view as bytes, the feed and its positions apart.
func (b *bench) viewOf(t *testing.T) map[string][]byte {
	t.Helper()
	for next, err := b.Store.Sweep(nil); next != nil || err != nil; next, err = b.Store.Sweep(next) {
		if err != nil {
			t.Fatalf("sweep: %v", err)
		}
	}
	view := map[string][]byte{}
	for k, v := range b.opener.Keys(t, b.Store) {
		if rest, ok := b.opener.DropsView(k, v); ok {
			view[k] = rest
		}
	}
	return view
}

func testRebuild(t *testing.T, b *bench) {
	play(t, b, 60, 11)
	before, feed := b.viewOf(t), feedOf(b.Store)
	if len(before) == 0 {
		t.Fatalf("there is no view")
	}
	if err := b.Store.Rebuild(); err != nil {
		t.Fatalf("rebuild: %v", err)
	}
	if after := b.viewOf(t); !maps.EqualFunc(before, after, bytes.Equal) {
		for k, v := range after {
			if !bytes.Equal(before[k], v) {
				t.Errorf("key %q is %x, was %x", k, v, before[k])
			}
		}
		t.Fatalf("the view has %d keys, had %d", len(after), len(before))
	}
	if feedOf(b.Store) == feed {
		t.Fatalf("the feed kept its id")
	}
	b.check(t)
	b.Put(t, "patients", "a", "name", "after")
	b.check(t)
}

func feedOf(s *store.Store) [16]byte {
	id, _ := s.Feed()
	return id
}

// testSweep: what goes is what no reader would see.
func testSweep(t *testing.T, b *bench) {
	play(t, b, 60, 12)
	before := len(b.opener.Keys(t, b.Store))
	b.viewOf(t)
	after := b.opener.Keys(t, b.Store)
	if len(after) >= before {
		t.Fatalf("%d keys before and %d after", before, len(after))
	}
	b.check(t)
	b.viewOf(t)
	if again := b.opener.Keys(t, b.Store); !maps.EqualFunc(after, again, bytes.Equal) {
		t.Fatalf("there was more to sweep")
	}
}

// play lets the store take a random history in random batches.
func play(t *testing.T, b *bench, steps int, seed uint64) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 0))
	w := NewWorld(t, func(_ string, n int) int { return rng.IntN(n) })
	for range steps {
		w.Step(t)
	}
	for items := w.Shuffle(w.Items); len(items) > 0; {
		n := min(len(items), 1+rng.IntN(8))
		b.Take(t, items[:n]...)
		items = items[n:]
	}
}

func testHistory(t *testing.T, b *bench) {
	play(t, b, 150, 13)
	b.check(t)
}
