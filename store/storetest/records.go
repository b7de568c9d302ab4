package storetest

import (
	"errors"
	"testing"

	"musafir/crdt"
	"musafir/store"
)

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
