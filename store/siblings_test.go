package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"musafir/crdt"
	"musafir/store"
	"musafir/store/storetest"
)

var crowded = crdt.RecordKey{Collection: "patients", ID: "crowded"}

// TestManySiblings: a member that writes ever more versions of one field stops
// nobody's device, and each costs what the first did.
func TestManySiblings(t *testing.T) {
	const n = 50_000
	path := t.TempDir()
	dir, d, err := deviceIn(path)
	if err != nil {
		t.Fatal(err)
	}
	d.TakeAll(t, storetest.Crowds["siblings"].Write(t, d, n-1))
	if one, all := newKeys(t, dir.Store, func() { d.TakeAll(t, storetest.Crowds["siblings"].Write(t, d, 1)) }); one > 1000 {
		t.Errorf("one more sibling changed %d of %d bytes", one, all)
	}
	if err := dir.Close(); err != nil {
		t.Fatal(err)
	}
	dir, err = store.CreateDir(path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	r, err := dir.Record(crowded)
	if err != nil {
		t.Fatal(err)
	}
	if v := r.View(); len(v.Conflicts) != 1 || len(v.Conflicts[0].Siblings) < n-n/1000 { // some are equal
		t.Errorf("%d fields are in conflict", len(v.Conflicts))
	}
	storetest.VerifyClean(t, dir.Store)
}

// newKeys is how many bytes of keys and values f changes, of how many.
func newKeys(t *testing.T, s *store.Store, f func()) (changed, all int) {
	t.Helper()
	before, err := s.RawKeys()
	if err != nil {
		t.Fatal(err)
	}
	f()
	after, err := s.RawKeys()
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range after {
		all += len(k) + len(v)
		if old, ok := before[k]; !ok || !bytes.Equal(old, v) {
			changed += len(k) + len(v)
		}
	}
	return changed, all
}

// TestLargeRowFits: what is kept whole fits into a row, however its weight is made
// up. Counters of long names are the worst.
func TestLargeRowFits(t *testing.T) {
	disk := store.NewMemory()
	disk.MaxBytes = 64 << 10
	d, err := openDevice(t, disk)
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", crdt.MaxPathBytes-8)
	counters := storetest.Crowd(func(n int, _ []storetest.Item) crdt.RecordChange {
		return crdt.RecordChange{Key: crowded, Writes: []crdt.Write{{Path: fmt.Sprint(long, n), Op: crdt.OpIncrement, Value: crdt.Int(1)}}}
	})
	largest := 0
	for _, it := range counters.Write(t, d, 200) {
		d.Take(t, it)
		keys, err := d.Store.RawKeys()
		if err != nil {
			t.Fatal(err)
		}
		largest = max(largest, len(keys["r"+crowded.Collection+"\x00"+crowded.ID]))
	}
	if largest < 10<<10 || largest > disk.MaxBytes/2 {
		t.Errorf("the largest row took %d bytes", largest)
	}
	checkAll(t, d, disk)
}

// TestLargeRecordCrashes: one entry changes more parts of a record than a commit
// holds. Wherever that is cut off, a start finds the record as it was or as it is
// to be.
func TestLargeRecordCrashes(t *testing.T) {
	const n = 150
	for step := 0; ; step++ {
		disk := store.NewMemory()
		disk.MaxBytes, disk.MaxPuts, disk.MaxWhole = 8<<10, 60, 3000
		d, err := openDevice(t, disk)
		if err != nil {
			t.Fatal(err)
		}
		d.TakeAll(t, storetest.Crowds["siblings"].Write(t, d, n))
		steps := cutOff(disk, step)
		last := d.Alone(t, storetest.Settling(d.Items[len(d.Items)-n:], "name"))
		b := d.Store.Begin()
		if err := b.Append(last.At, last.ID, last.Entry); err != nil {
			t.Fatal(err)
		}
		failed := b.Commit()
		if done := *steps >= 0; done != (failed == nil) {
			t.Fatalf("step %d: commit: %v", step, failed)
		}
		s := startOften(t, disk.Crash())
		if keys, err := s.RawKeys(); err != nil || firstKey(keys, 'j') != "" {
			t.Fatalf("step %d: something is left in the journal, %v", step, err)
		}
		model := storetest.NewModel()
		model.Add(d.Items...)
		if entries, _, _, _ := s.Counts(); failed == nil || entries > uint64(len(d.Items)) {
			model.Add(last)
		}
		model.Check(t, s)
		storetest.VerifyClean(t, s)
		if failed == nil {
			if step < 3*8 {
				t.Fatalf("the commit took %d steps, too few to be in parts", step)
			}
			return
		}
	}
}

// cutOff lets a disk fail after some steps; what it points to is below zero then.
func cutOff(disk *store.Memory, step int) *int {
	left := step
	disk.Fault = func(string) error {
		if left--; left < 0 {
			return errFault
		}
		return nil
	}
	return &left
}

// TestUnfinishedJournal: what was written into the journal and never became a fact
// is dropped.
func TestUnfinishedJournal(t *testing.T) {
	disk := store.NewMemory()
	if _, err := openDevice(t, disk); err != nil {
		t.Fatal(err)
	}
	disk.Edit("j\x00\x00\x00\x00\x00\x00\x00\x07", []byte("a page"))
	s, err := store.OpenMemory(disk)
	if err != nil {
		t.Fatal(err)
	}
	if keys, err := s.RawKeys(); err != nil || firstKey(keys, 'j') != "" {
		t.Fatalf("it is still there, %v", err)
	}
}

// startOften opens a store that a crash left behind, while its starts are cut off
// later and later.
func startOften(t *testing.T, disk *store.Memory) *store.Store {
	t.Helper()
	for cut := 3; ; cut++ {
		cutOff(disk, cut)
		s, err := store.OpenMemory(disk)
		disk.Fault = nil
		if err == nil {
			return s
		}
		if !errors.Is(err, errFault) {
			t.Fatalf("open: %v", err)
		}
		disk = disk.Crash()
	}
}

// TestShare: of a record that is too large to be read a share is, and what others
// wrote is in it; its history is refused, and other records are listed as ever.
func TestShare(t *testing.T) {
	disk := store.NewMemory()
	disk.MaxWhole, disk.MaxRead = 2_000, 20_000
	d, err := openDevice(t, disk)
	if err != nil {
		t.Fatal(err)
	}
	peer := joined(t, d, 2)
	peer.Put(t, crowded.Collection, crowded.ID, "allergies", "penicillin")
	d.Take(t, peer.Items...)
	d.Put(t, "patients", "rahima", "name", "Rahima")
	d.TakeAll(t, storetest.Crowds["siblings"].Write(t, d, 500))
	r, err := d.Store.Record(crowded)
	if err != nil {
		t.Fatal(err)
	}
	if weight := r.Totals().Weight; weight > disk.MaxRead || weight < disk.MaxRead/2 {
		t.Errorf("a record of %d bytes was read", weight)
	}
	v := r.View()
	want := crdt.Object([]crdt.Field{{Key: "allergies", Value: crdt.Text("penicillin")}, {Key: "name", Value: crdt.Int(499)}})
	if !v.Fields.Equal(want) {
		t.Errorf("shown is %x and should be %x", []byte(v.Fields), []byte(want))
	}
	if _, err := d.Store.Touches(crowded); !errors.Is(err, store.ErrTooLarge) {
		t.Errorf("the history: %v", err)
	}
	var listed []string
	err = d.Store.ScanAll(func(r *crdt.Record) (bool, error) {
		listed = append(listed, r.Key.ID)
		return true, nil
	})
	if err != nil || strings.Join(listed, " ") != "crowded rahima" {
		t.Errorf("listed are %q, %v", listed, err)
	}
	d.Put(t, crowded.Collection, crowded.ID, "name", "goes on")
	storetest.VerifyClean(t, d.Store)
}

// TestWeight: what a record weighs is no less than what it takes in memory.
func TestWeight(t *testing.T) {
	for name, c := range storetest.Crowds {
		disk := store.NewMemory()
		disk.MaxWhole = 1
		d, err := openDevice(t, disk)
		if err != nil {
			t.Fatal(err)
		}
		d.TakeAll(t, c.Write(t, d, 4_000))
		before := heapBytes()
		r, err := d.Store.Record(crowded)
		if err != nil {
			t.Fatal(err)
		}
		taken := heapBytes() - before
		if weight := r.Totals().Weight; taken > int(weight)+64<<10 {
			t.Errorf("%s: %d bytes weigh %d", name, taken, weight)
		} else {
			t.Logf("%s: %d bytes weigh %d", name, taken, weight)
		}
		runtime.KeepAlive(r)
		runtime.KeepAlive(d)
	}
}

func heapBytes() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// TestVerifyFindsDamagedParts plants damage in what a record has beside its row.
func TestVerifyFindsDamagedParts(t *testing.T) {
	for _, letter := range "rlwct" {
		for _, lose := range []bool{false, true} {
			disk := store.NewMemory()
			disk.MaxWhole = 1
			d, err := openDevice(t, disk)
			if err != nil {
				t.Fatal(err)
			}
			for _, crowd := range []string{"counters", "names of nobody", "history"} {
				d.TakeAll(t, storetest.Crowds[crowd].Write(t, d, 3))
			}
			storetest.VerifyClean(t, d.Store)
			all, err := d.Store.RawKeys()
			if err != nil {
				t.Fatal(err)
			}
			key := firstKey(all, letter)
			value := all[key]
			value[len(value)-1] ^= 1
			want := "record patients/crowded: the view differs from its entries"
			if lose {
				value, want = nil, "record patients/crowded: the view lacks it, or a part of its history"
			}
			disk.Edit(key, value)
			expectFinding(t, d.Store, want)
		}
	}
}

func firstKey(keys map[string][]byte, letter rune) string {
	for _, k := range sortedKeys(keys) {
		if rune(k[0]) == letter {
			return k
		}
	}
	return ""
}
