package storetest

import (
	"fmt"
	"slices"
	"testing"

	"musafir/crdt"
)

// crowd is how many touches of one record the suite makes.
const crowd = 300

var crowded = crdt.RecordKey{Collection: "patients", ID: "crowded"}

// Alone writes an entry of one change to a record.
func (d *Device) Alone(t TB, rc crdt.RecordChange) Item {
	t.Helper()
	change, err := d.Encode(&rc)
	if err != nil {
		t.Fatalf("encode: %v", err)
	}
	it, err := d.Write(d.Now(), nil, change)
	if err != nil {
		t.Fatalf("write: %v", err)
	}
	return it
}

// A Crowd is a way to write without end to one record: it gives the n-th change,
// which may name those before.
type Crowd func(n int, before []Item) crdt.RecordChange

// Crowds are all ways there are.
var Crowds = map[string]Crowd{
	"siblings": func(n int, _ []Item) crdt.RecordChange {
		return written(crdt.Write{Path: "name", Value: crdt.Int(int64(n))})
	},
	"elements": func(n int, _ []Item) crdt.RecordChange {
		return written(crdt.Write{Path: "tags", Op: crdt.OpAdd, Value: crdt.Int(int64(n))})
	},
	"counters": func(n int, _ []Item) crdt.RecordChange {
		return written(crdt.Write{Path: fmt.Sprintf("stock/%d", n), Op: crdt.OpIncrement, Value: crdt.Int(1)})
	},
	"paths": func(n int, _ []Item) crdt.RecordChange {
		return written(crdt.Write{Path: fmt.Sprintf("field-%d", n), Value: crdt.True})
	},
	"deletions": func(int, []Item) crdt.RecordChange { return crdt.RecordChange{Key: crowded, Dead: true} },
	"history": func(n int, before []Item) crdt.RecordChange {
		if n == 0 {
			return written(crdt.Write{Path: "name", Value: crdt.Int(0)})
		}
		last := []crdt.ShortID{before[n-1].ID.Short()}
		rc := written(crdt.Write{Path: "name", Value: crdt.Int(int64(n)), Supersedes: []uint16{0}})
		rc.Names, rc.Supersedes = last, []uint16{0}
		return rc
	},
	"names of nobody": func(n int, _ []Item) crdt.RecordChange {
		rc := written(crdt.Write{Path: "name", Value: crdt.Int(int64(n)), Supersedes: []uint16{0, 1, 2}})
		for i := range 3 {
			rc.Names = append(rc.Names, crdt.ShortID{byte(i), byte(n >> 8), byte(n)})
		}
		return rc
	},
}

func written(w crdt.Write) crdt.RecordChange {
	return crdt.RecordChange{Key: crowded, Writes: []crdt.Write{w}}
}

// Write makes n entries of the crowd.
func (c Crowd) Write(t TB, d *Device, n int) (items []Item) {
	t.Helper()
	for i := range n {
		items = append(items, d.Alone(t, c(i, items)))
	}
	return items
}

// TakeAll commits the items in as few batches as they fit into.
func (d *Device) TakeAll(t TB, items []Item) {
	t.Helper()
	for len(items) > 0 {
		b := d.Store.Begin()
		n := 0
		for ; n < len(items) && (n == 0 || !b.Full()); n++ {
			if err := b.Append(items[n].At, items[n].ID, items[n].Entry); err != nil {
				t.Fatalf("append: %v", err)
			}
		}
		if err := b.Commit(); err != nil {
			t.Fatalf("commit: %v", err)
		}
		d.Items = append(d.Items, items[:n]...)
		items = items[n:]
	}
}

// test: a record may have any number of touches, and goes on as others do.
func (c Crowd) test(t *testing.T, b *bench) {
	b.Put(t, crowded.Collection, crowded.ID, "phone", "0170")
	items := c.Write(t, b.Device, crowd)
	b.TakeAll(t, items)
	b.check(t)
	b.Put(t, crowded.Collection, crowded.ID, "phone", "0171")
	b.Edit(t, &crdt.Edit{Key: crowded, Delete: true})
	b.check(t)
	b.rebuild(t)
	b.Take(t, b.Alone(t, Settling(items, "name", "tags")))
	b.check(t)
	b.Put(t, crowded.Collection, crowded.ID, "name", "few names", "tags", "light again")
	b.check(t)
	b.rebuild(t)
}

// Settling replaces what the items wrote at some paths, which ascend.
func Settling(items []Item, paths ...string) crdt.RecordChange {
	rc := crdt.RecordChange{Key: crowded}
	for i, it := range items {
		rc.Names = append(rc.Names, it.ID.Short())
		rc.Supersedes = append(rc.Supersedes, uint16(i))
	}
	slices.SortFunc(rc.Names, crdt.ShortID.Compare)
	for _, path := range paths {
		rc.Writes = append(rc.Writes, crdt.Write{Path: path, Value: crdt.True, Supersedes: rc.Supersedes})
	}
	return rc
}

// testLate: so many claims wait for one entry, and it comes.
func testLate(t *testing.T, b *bench) {
	peer := b.peer(t, 2)
	awaited := peer.Put(t, crowded.Collection, crowded.ID, "name", "late")
	late := Crowd(func(n int, _ []Item) crdt.RecordChange {
		rc := written(crdt.Write{Path: "name", Value: crdt.Int(int64(n)), Supersedes: []uint16{0}})
		rc.Names = []crdt.ShortID{awaited.ID.Short()}
		return rc
	})
	b.TakeAll(t, late.Write(t, b.Device, crowd))
	b.check(t)
	b.rebuild(t)
	b.Take(t, peer.Births...)
	b.Take(t, awaited)
	b.check(t)
	b.rebuild(t)
}

// testCrowdHeld: so many entries touch a record and are not merged.
func testCrowdHeld(t *testing.T, b *bench) {
	b.Put(t, crowded.Collection, crowded.ID, "name", "A")
	for i := range crowd / 8 {
		unknown(t, b.Device, Set(crowded.Collection, crowded.ID, "name", fmt.Sprint(i)))
	}
	b.Put(t, crowded.Collection, crowded.ID, "name", "B")
	b.check(t)
	b.rebuild(t)
}
