package storetest

import (
	"errors"

	"musafir/crdt"
	"musafir/store"
)

// Draw chooses a number from 0 up to but not including n.
type Draw func(what string, n int) int

var (
	historyCollections = []string{"patients", "patients2", "p", "patients-a", "_sessions"}
	historyIDs         = []string{"a", "ab", "a b", "é", "日本"}
	historyPaths       = []string{"name", "name/first", "address/city", "stock", "tags", "seen"}
)

// A World is some devices that write, clone one another and meet, each with a
// store of its own in memory.
type World struct {
	Draw    Draw
	Devices []*Device
	Items   []Item // of all, causes first
}

// NewWorld founds a camp of three devices.
func NewWorld(t TB, draw Draw) *World {
	t.Helper()
	w := &World{Draw: draw}
	first, err := Found(1)
	if err != nil {
		t.Fatalf("found a camp: %v", err)
	}
	for i := range 3 {
		a := first
		if i > 0 {
			if a, err = first.Join(byte(i + 1)); err != nil {
				t.Fatalf("join: %v", err)
			}
		}
		s, err := store.OpenMemory(store.NewMemory())
		if err != nil {
			t.Fatalf("open: %v", err)
		}
		w.Items = append(w.Items, a.Births...)
		w.Devices = append(w.Devices, NewDevice(t, a, s))
	}
	return w
}

// Step lets something happen.
func (w *World) Step(t TB) {
	t.Helper()
	d := w.Devices[w.Draw("device", len(w.Devices))]
	other := w.Devices[w.Draw("other", len(w.Devices))]
	switch w.Draw("what happens", 12) {
	case 0:
		if d != other {
			d.Become(t, other, byte(100+len(w.Items)))
		}
	case 1, 2, 3:
		d.Take(t, other.Items[:w.Draw("items", len(other.Items)+1)]...)
	default:
		w.write(t, d)
	}
}

func (w *World) write(t TB, d *Device) {
	t.Helper()
	b := d.Store.Begin()
	defer b.Discard()
	var changes []crdt.Change
	used := map[crdt.RecordKey]bool{}
	for range 1 + w.Draw("edits", 3) {
		e := w.edit(b)
		if used[e.Key] {
			continue
		}
		used[e.Key] = true
		cs, err := d.Compose(b, e)
		if refused := (*crdt.EditError)(nil); err != nil && !errors.As(err, &refused) {
			t.Fatalf("compose: %v", err)
		}
		changes = append(changes, cs...)
	}
	if len(changes) == 0 {
		return
	}
	write := d.Write
	if len(changes) > 1 && w.Draw("unknown kind", 4) == 0 {
		write = d.WriteUnknown
	}
	it, err := write(d.Now(), d.Store.Graph().Deps(d.Head.ID), changes...)
	if err != nil {
		t.Fatalf("write: %v", err)
	}
	d.commit(t, b, it)
	w.Items = append(w.Items, it)
}

func (w *World) edit(b *store.Batch) *crdt.Edit {
	pick := func(from []string) string { return from[w.Draw("pick", len(from))] }
	e := &crdt.Edit{Key: crdt.RecordKey{Collection: pick(historyCollections), ID: pick(historyIDs[:2])}}
	if w.Draw("spread", 3) == 0 {
		e.Key.ID = pick(historyIDs)
	}
	f := crdt.Field{Key: pick(historyPaths), Value: crdt.Int(int64(w.Draw("value", 5)))}
	switch w.Draw("edit", 10) {
	case 0:
		e.Delete = true
	case 1:
		e.Undelete = true
	case 2:
		e.Remove = []string{f.Key}
	case 3:
		e.Increment = []crdt.Field{{Key: "stock", Value: f.Value}}
	case 4:
		e.Add = []crdt.Field{{Key: "tags", Value: f.Value}}
	case 5:
		e.Drop = []crdt.Field{{Key: "tags", Value: f.Value}}
	case 6:
		e.Max = []crdt.Field{{Key: "seen", Value: f.Value}}
	case 7:
		e.Resolve = w.resolution(b, e.Key)
	default:
		e.Set = []crdt.Field{f}
	}
	return e
}

func (w *World) resolution(b *store.Batch, key crdt.RecordKey) *crdt.Resolution {
	r, err := b.Record(key)
	if err != nil {
		return &crdt.Resolution{Path: "name", Value: crdt.Null}
	}
	conflicts := r.View().Conflicts
	if len(conflicts) == 0 {
		return &crdt.Resolution{Path: "name", Value: crdt.Null}
	}
	c := conflicts[w.Draw("conflict", len(conflicts))]
	return &crdt.Resolution{Path: c.Path, Entry: c.Siblings[0].Touch.Entry.Short()}
}

// Shuffle puts items into another order in which causes come first, each once: two
// copies of a device that do the same at the same time write the same entry.
func (w *World) Shuffle(items []Item) []Item {
	placed := map[crdt.EntryID]bool{{}: true}
	ready := func(it Item) bool {
		ok := placed[it.At.Prev]
		for _, d := range it.Entry.Deps {
			ok = ok && placed[d.ID]
		}
		return ok
	}
	left, order := append([]Item(nil), items...), []Item(nil)
	for len(left) > 0 {
		i := w.Draw("next", len(left))
		for !ready(left[i]) {
			i = (i + 1) % len(left)
		}
		if !placed[left[i].ID] {
			order = append(order, left[i])
		}
		placed[left[i].ID] = true
		left = append(left[:i], left[i+1:]...)
	}
	return order
}
