package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"musafir/store"
	"musafir/store/storetest"
)

var errFault = errors.New("a fault")

// TestCrashes plays random histories into a store whose disk fails and whose power
// is cut at random steps of its commits. What was acknowledged is there
// afterwards; what was not is there whole or not at all; and at no moment do
// readers see a part of a batch.
func TestCrashes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(what string, n int) int { return rapid.IntRange(0, n-1).Draw(t, what) }
		w := storetest.NewWorld(t, draw)
		for range 10 + draw("steps", 40) {
			w.Step(t)
		}
		c := &crasher{draw: draw, disk: store.NewMemory(), model: storetest.NewModel()}
		c.disk.MaxBytes, c.disk.MaxPuts = 5<<10+draw("bytes", 16<<10), 40+draw("puts", 200)
		c.disk.MaxWhole = uint64(1 + draw("whole", 5_000))
		c.open(t)
		for items := w.Shuffle(w.Items); len(items) > 0; {
			n := min(len(items), 1+draw("batch", 8))
			items = items[c.commit(t, items[:n]):]
		}
		c.model.Check(t, c.store)
		storetest.VerifyClean(t, c.store)
	})
}

type crasher struct {
	draw  storetest.Draw
	disk  *store.Memory
	store *store.Store
	model *storetest.Model
}

func (c *crasher) open(t storetest.TB) {
	t.Helper()
	for {
		c.disk.Fault = c.fault(t, nil)
		s, err := store.OpenMemory(c.disk)
		if err == nil {
			c.store = s
			return
		}
		if !errors.Is(err, errFault) {
			t.Fatalf("open: %v", err)
		}
		c.disk = c.disk.Crash() // in the middle of catching up
	}
}

// fault fails the disk at a random step, or never, and looks at the store through
// a reader's eyes at each.
func (c *crasher) fault(t storetest.TB, s *store.Store) func(string) error {
	left := -1
	if c.draw("fails", 3) == 0 {
		left = c.draw("step", 12)
	}
	look := s != nil && c.draw("look", 4) == 0
	return func(string) error {
		if look {
			c.model.Check(t, s)
		}
		left--
		if left == -1 {
			return errFault
		}
		return nil
	}
}

// commit tells how many of the items are in the store now.
func (c *crasher) commit(t storetest.TB, items []storetest.Item) int {
	t.Helper()
	c.disk.Fault = c.fault(t, c.store)
	b := c.store.Begin()
	defer b.Discard()
	for _, it := range items {
		if err := b.Append(it.At, it.ID, it.Entry); err != nil {
			t.Fatalf("append: %v", err)
		}
	}
	err := b.Commit()
	if err == nil {
		c.model.Add(items...)
	} else if tooLarge := strings.Contains(err.Error(), "larger than one transaction"); tooLarge && len(items) > 1 {
		half := len(items) / 2
		if n := c.commit(t, items[:half]); n < half {
			return n
		}
		return half + c.commit(t, items[half:])
	} else if !errors.Is(err, errFault) {
		t.Fatalf("commit: %v", err)
	}
	if err != nil || c.draw("crash", 6) == 0 {
		c.disk.Fault = nil
		if !c.crash(t, items, err) {
			return 0
		}
	}
	return len(items)
}

// crash cuts the power, or, after a failure that leaves the store in order, goes
// on. It tells whether the items are in the store.
func (c *crasher) crash(t storetest.TB, items []storetest.Item, failed error) bool {
	t.Helper()
	if failed != nil && c.store.Broken() == nil && c.draw("go on", 2) == 0 {
		c.model.Check(t, c.store)
		return false
	}
	c.disk = c.disk.Crash()
	c.open(t)
	c.disk.Fault = nil
	if entries, _, _, _ := c.store.Counts(); failed != nil && entries > uint64(len(c.model.Items)) {
		c.model.Add(items...) // it was stored, and only not acknowledged
		failed = nil
	}
	c.model.Check(t, c.store)
	storetest.VerifyClean(t, c.store)
	return failed == nil
}

// TestReadersDuringParts: while a large batch is stored in parts, readers see the
// state before it.
func TestReadersDuringParts(t *testing.T) {
	disk := store.NewMemory()
	disk.MaxBytes = 64 << 10
	d, err := openDevice(t, disk)
	if err != nil {
		t.Fatal(err)
	}
	model := storetest.NewModel()
	model.Add(d.Items...)
	steps := 0
	disk.Fault = func(string) error {
		steps++
		model.Check(t, d.Store)
		return nil
	}
	putMany(t, d, 300)
	if steps < 3*4 {
		t.Fatalf("the batch took %d steps, too few to be in parts", steps)
	}
	model = storetest.NewModel()
	model.Add(d.Items...)
	disk.Fault = nil
	model.Check(t, d.Store)
}

func openDevice(t testing.TB, disk *store.Memory) (*storetest.Device, error) {
	t.Helper()
	s, err := store.OpenMemory(disk)
	if err != nil {
		return nil, err
	}
	a, err := storetest.Found(1)
	if err != nil {
		return nil, err
	}
	return storetest.NewDevice(t, a, s), nil
}

// putMany commits records in one batch.
func putMany(t testing.TB, d *storetest.Device, n int) {
	t.Helper()
	b := d.Store.Begin()
	defer b.Discard()
	var items []storetest.Item
	for i := range n {
		changes, err := d.Compose(b, storetest.Set("patients", fmt.Sprintf("patient-%06d", i), "name", "A"))
		if err != nil {
			t.Fatalf("compose: %v", err)
		}
		it, err := d.Write(d.Now(), nil, changes...)
		if err == nil {
			err = b.Append(it.At, it.ID, it.Entry)
		}
		if err != nil {
			t.Fatalf("append: %v", err)
		}
		items = append(items, it)
	}
	if err := b.Commit(); err != nil {
		t.Fatalf("commit: %v", err)
	}
	d.Items = append(d.Items, items...)
}

// TestRebuildCrashes: a rebuild that is cut off at any step is finished by the
// next start.
func TestRebuildCrashes(t *testing.T) {
	for step := 0; ; step++ {
		disk := store.NewMemory()
		disk.MaxBytes = 64 << 10
		d, err := openDevice(t, disk)
		if err != nil {
			t.Fatal(err)
		}
		putMany(t, d, 300)
		model := storetest.NewModel()
		model.Add(d.Items...)
		left := step
		disk.Fault = func(string) error {
			if left--; left < 0 {
				return errFault
			}
			return nil
		}
		done := d.Store.Rebuild() == nil
		disk.Fault = nil
		if done {
			model.Check(t, d.Store)
		} else if d.Store.Broken() == nil && step > 1 {
			t.Fatalf("step %d: a store with half a view takes writes", step)
		}
		s, err := store.OpenMemory(disk.Crash())
		if err != nil {
			t.Fatalf("step %d: open: %v", step, err)
		}
		model.Check(t, s)
		storetest.VerifyClean(t, s)
		if done {
			if step < 10 {
				t.Fatalf("a rebuild took %d steps", step)
			}
			return
		}
	}
}

// TestVerifyFindsDamage plants one kind of damage after another.
func TestVerifyFindsDamage(t *testing.T) {
	plants := map[string]struct {
		letter byte
		damage func(value []byte) []byte
		finds  string
	}{
		"flipped byte in an entry": {'e', func(v []byte) []byte { v[len(v)-2] ^= 1; return v }, "cannot be read"},
		"flipped byte in an id":    {'e', func(v []byte) []byte { v[3] ^= 1; return v }, "does not have its hash"},
		"entry cut off":            {'e', func(v []byte) []byte { return v[:len(v)/2] }, "cannot be read"},
		"entry missing":            {'e', func([]byte) []byte { return nil }, "7 entries were stored, 6 are there"},
		"wrong row":                {'r', func(v []byte) []byte { v[len(v)-1] ^= 1; return v }, "differs from its entries"},
		"wrong feed position":      {'r', func(v []byte) []byte { v[2]++; return v }, "the feed lacks it"},
		"row missing":              {'r', func([]byte) []byte { return nil }, "the view lacks it"},
		"wrong history":            {'t', func([]byte) []byte { return []byte{1} }, "differs from its entries"},
		"history missing":          {'t', func([]byte) []byte { return nil }, "the view lacks it"},
		"wrong bucket":             {'k', func(v []byte) []byte { v[5] ^= 1; return v }, "state root"},
		"bucket missing":           {'k', func([]byte) []byte { return nil }, "state root"},
		"wrong seal":               {'s', func(v []byte) []byte { v[9] ^= 1; return v }, "seal"},
		"feed key missing":         {'f', func([]byte) []byte { return nil }, "the feed lacks it"},
		"conflict key missing":     {'x', func([]byte) []byte { return nil }, "list of conflicts lacks it"},
	}
	for name, p := range plants {
		t.Run(name, func(t *testing.T) {
			disk, s := damaged(t)
			all, err := s.RawKeys()
			if err != nil {
				t.Fatal(err)
			}
			planted := false
			for _, key := range slices.Backward(sortedKeys(all)) { // the newest: older feed keys are stale
				if key[0] != p.letter || p.letter == 'e' && strings.HasSuffix(key, strings.Repeat("\x00", 8)) { // not a birth
					continue
				}
				disk.Edit(key, p.damage(all[key]))
				planted = true
				break
			}
			if !planted {
				t.Fatalf("found no place for the damage")
			}
			expectFinding(t, s, p.finds)
			if reopened, err := store.OpenMemory(disk.Crash()); err == nil {
				expectFinding(t, reopened, p.finds)
			}
		})
	}
}

// damaged is a store with something of every kind in it, opened anew so that
// nothing is cached.
func damaged(t *testing.T) (*store.Memory, *store.Store) {
	t.Helper()
	disk := store.NewMemory()
	d, err := openDevice(t, disk)
	if err != nil {
		t.Fatal(err)
	}
	other, err := d.Author.Join(2)
	if err != nil {
		t.Fatal(err)
	}
	otherStore, err := store.OpenMemory(store.NewMemory())
	if err != nil {
		t.Fatal(err)
	}
	peer := storetest.NewDevice(t, other, otherStore)
	long := strings.Repeat("x", 300)
	peer.Put(t, "patients", "a", "phone", long)
	for _, name := range []string{"A", "B", "C"} {
		d.Put(t, "patients", "a", "name", name, "phone", long+name)
	}
	d.Take(t, peer.Items...)
	b := d.Store.Begin()
	if err := b.Seal(d.Log, d.Head, d.Author.Seal(d.Head.ID)); err != nil {
		t.Fatal(err)
	}
	if err := b.Commit(); err != nil {
		t.Fatal(err)
	}
	storetest.VerifyClean(t, d.Store)
	s, err := store.OpenMemory(disk)
	if err != nil {
		t.Fatal(err)
	}
	return disk, s
}

func expectFinding(t *testing.T, s *store.Store, want string) {
	t.Helper()
	b := s.Begin()
	b.SetNote(noteOf(1)) // so that readers see what was planted
	if err := b.Commit(); err != nil {
		t.Fatalf("commit: %v", err)
	}
	report, err := s.Verify(context.Background(), nil)
	if err != nil {
		t.Fatalf("verify: %v", err)
	}
	if !strings.Contains(strings.Join(report.Problems, "\n"), want) {
		t.Fatalf("found %q, want %q", report.Problems, want)
	}
}
