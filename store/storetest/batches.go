package storetest

import (
	"errors"
	"testing"

	"musafir/crdt"
	"musafir/store"
)

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
