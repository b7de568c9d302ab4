package storetest

import (
	"musafir/crdt"
	"musafir/store"
)

// TB is what a test, a benchmark and a property have in common.
type TB interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Logf(format string, args ...any)
}

// A Device writes with an author into a store.
type Device struct {
	*Author
	Store *store.Store
	Items []Item // all that the store took, in order

	held map[crdt.EntryID]bool
	time crdt.Time
}

// NewDevice begins the author's logs in a store that is empty, or holds other
// devices' logs.
func NewDevice(t TB, a *Author, s *store.Store) *Device {
	t.Helper()
	d := &Device{Author: a, Store: s, held: map[crdt.EntryID]bool{}}
	d.Take(t, a.Births...)
	b := s.Begin()
	b.SetIdentity(store.Identity{Camp: a.Camp})
	if err := b.Commit(); err != nil {
		t.Fatalf("commit: %v", err)
	}
	return d
}

// Take commits items in one batch, but for those that the store holds.
func (d *Device) Take(t TB, items ...Item) {
	t.Helper()
	b := d.Store.Begin()
	defer b.Discard()
	for _, it := range items {
		if !d.held[it.ID] {
			if err := b.Append(it.At, it.ID, it.Entry); err != nil {
				t.Fatalf("append: %v", err)
			}
			d.held[it.ID] = true
			d.Items = append(d.Items, it)
		}
	}
	if err := b.Commit(); err != nil {
		t.Fatalf("commit: %v", err)
	}
}

// Now is the next hybrid time of the device.
func (d *Device) Now() crdt.Time {
	d.time++
	return d.time
}

// Put writes one entry, which sets fields of a record to texts.
func (d *Device) Put(t TB, collection, id string, keysAndTexts ...string) Item {
	t.Helper()
	return d.Edit(t, Set(collection, id, keysAndTexts...))
}

// Set is an edit that sets fields of a record to texts.
func Set(collection, id string, keysAndTexts ...string) *crdt.Edit {
	e := &crdt.Edit{Key: crdt.RecordKey{Collection: collection, ID: id}}
	for i := 0; i < len(keysAndTexts); i += 2 {
		e.Set = append(e.Set, crdt.Field{Key: keysAndTexts[i], Value: crdt.Text(keysAndTexts[i+1])})
	}
	return e
}

// Edit writes one entry of all the edits, which must change something.
func (d *Device) Edit(t TB, edits ...*crdt.Edit) Item {
	t.Helper()
	b := d.Store.Begin()
	defer b.Discard()
	changes, err := d.Compose(b, edits...)
	if err != nil {
		t.Fatalf("compose: %v", err)
	}
	it, err := d.Write(d.Now(), d.Store.Graph().Deps(d.Head.ID), changes...)
	if err != nil {
		t.Fatalf("write: %v", err)
	}
	d.commit(t, b, it)
	return it
}

func (d *Device) commit(t TB, b *store.Batch, it Item) {
	t.Helper()
	if err := b.Append(it.At, it.ID, it.Entry); err != nil {
		t.Fatalf("append: %v", err)
	}
	if err := b.Commit(); err != nil {
		t.Fatalf("commit: %v", err)
	}
	d.held[it.ID] = true
	d.Items = append(d.Items, it)
}

// Compose turns edits into changes against what a batch holds.
func (d *Device) Compose(b *store.Batch, edits ...*crdt.Edit) ([]crdt.Change, error) {
	var changes []crdt.Change
	for _, e := range edits {
		r, err := b.Record(e.Key)
		if err != nil {
			return nil, err
		}
		rc, err := crdt.Compose(r, e, func() ([]*crdt.Touch, error) { return b.Touches(e.Key) })
		if err != nil {
			return nil, err
		}
		if rc == nil {
			continue
		}
		c, err := d.Encode(rc)
		if err != nil {
			return nil, err
		}
		changes = append(changes, c)
	}
	return changes, nil
}

// Become makes the device a clone of another, with all that the other holds.
func (d *Device) Become(t TB, other *Device, seed byte) {
	t.Helper()
	d.Take(t, other.Items...)
	d.Author = other.Clone(seed)
	d.time = other.time
}
