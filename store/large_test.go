package store_test

import (
	"fmt"
	"testing"

	"musafir/crdt"
	"musafir/store"
	"musafir/store/storetest"
)

// TestLargeHistory: one entry replaces so many others that the record's history
// alone does not fit into one commit.
func TestLargeHistory(t *testing.T) {
	disk := store.NewMemory()
	disk.MaxBytes = 96 << 10
	d, err := openDevice(t, disk)
	if err != nil {
		t.Fatal(err)
	}
	const n = 1500
	key := crdt.RecordKey{Collection: "patients", ID: "a"}
	names := make([]crdt.ShortID, 0, n)
	var items []storetest.Item
	for i := range n {
		change, err := d.Encode(&crdt.RecordChange{Key: key, Writes: []crdt.Write{{Path: "name", Value: crdt.Int(int64(i))}}})
		if err != nil {
			t.Fatal(err)
		}
		it, err := d.Write(d.Now(), nil, change)
		if err != nil {
			t.Fatal(err)
		}
		items = append(items, it)
		names = append(names, it.ID.Short())
	}
	for len(items) > 0 {
		some := min(100, len(items))
		d.Take(t, items[:some]...)
		items = items[some:]
	}
	d.Edit(t, &crdt.Edit{Key: key, Set: []crdt.Field{{Key: "name", Value: crdt.Text("one")}}, Seen: &crdt.Seen{Entries: names[:crdt.MaxSeen]}})
	d.Edit(t, &crdt.Edit{Key: key, Resolve: &crdt.Resolution{Path: "name", Value: crdt.Text("two")}})
	checkAll(t, d, disk)
}

func checkAll(t *testing.T, d *storetest.Device, disk *store.Memory) {
	t.Helper()
	model := storetest.NewModel()
	model.Add(d.Items...)
	model.Check(t, d.Store)
	storetest.VerifyClean(t, d.Store)
	s, err := store.OpenMemory(disk.Crash())
	if err != nil {
		t.Fatal(err)
	}
	model.Check(t, s)
	storetest.VerifyClean(t, s)
}

// TestAuthorResumes: a device goes on with its log from what the store holds.
func TestAuthorResumes(t *testing.T) {
	d, err := openDevice(t, store.NewMemory())
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		d.Put(t, "patients", "a", "name", fmt.Sprint(i))
	}
	a, at, err := d.Store.Author(d.Log)
	if err != nil || a.Head != d.Head || at != crdt.Time(5) || !a.Unsealed() {
		t.Fatalf("resumed %v at %d, %v", a, at, err)
	}
}

// TestPast: what an entry's author had held is what stands before it in its log,
// and what those entries depend on.
func TestPast(t *testing.T) {
	d, err := openDevice(t, store.NewMemory())
	if err != nil {
		t.Fatal(err)
	}
	d.Put(t, "patients", "a", "name", "1")
	peer := joined(t, d, 2)
	peer.Take(t, d.Items...)
	peer.Put(t, "patients", "a", "name", "2")
	d.Put(t, "patients", "a", "name", "3") // not known to the peer
	peer.Put(t, "patients", "a", "name", "4")
	d.Take(t, peer.Items...)
	touches, err := d.Store.Touches(crdt.RecordKey{Collection: "patients", ID: "a"})
	if err != nil {
		t.Fatal(err)
	}
	byText := map[string]*crdt.Touch{}
	for _, x := range touches {
		byText[x.Change.Writes[0].Value.Text()] = x
	}
	past, err := d.Store.Past(byText["4"].Ref)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{"1": true, "2": true, "3": false, "4": true} {
		if past(byText[text].Ref) != want {
			t.Errorf("entry %s in the past of entry 4: %v", text, !want)
		}
	}
}
