package storetest

import (
	"errors"
	"slices"
	"testing"

	"musafir/crdt"
	"musafir/store"
)

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

// replaceName writes the name of a record having seen the one of an entry.
func (b *bench) replaceName(t *testing.T, key crdt.RecordKey, seen crdt.EntryID) Item {
	t.Helper()
	change, err := b.Encode(&crdt.RecordChange{
		Key: key, Names: []crdt.ShortID{seen.Short()}, Supersedes: []uint16{0},
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
	return last
}

// testConduct: an entry that was written having seen an unmerged one replaces what
// that one had replaced, whichever comes first.
func testConduct(t *testing.T, b *bench) {
	key := crdt.RecordKey{Collection: "patients", ID: "a"}
	first := b.Put(t, "patients", "a", "name", "A")
	middle := unknown(t, b.Device, Set("patients", "a", "name", "B"))
	last := b.replaceName(t, key, middle.ID)
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
	b.replaceName(t, key, middle.ID)
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
