package access_test

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"musafir/crdt"
	"musafir/node/access"
)

// proof is that of a key as it comes out at the other side.
func (w *world) proof(c *access.Camp, key int) []access.Item {
	w.Helper()
	items, err := c.Proof(device(key), w.read)
	if err != nil {
		w.Fatalf("%v", err)
	}
	b, err := access.EncodeProof(items)
	if err != nil {
		w.Fatalf("%v", err)
	}
	read, err := access.DecodeProof(b)
	if err != nil || len(items) != len(read) || len(items) > 0 && !reflect.DeepEqual(items, read) {
		w.Fatalf("a proof of %d items reads back as %d, %v", len(items), len(read), err)
	}
	return read
}

func TestProof(t *testing.T) {
	s := newStaff(t)
	s.write(next(s.records), 1, nil, unknown(t))
	admitted := s.admit(1, s.admit(1, s.control, 5, crdt.RoleMember), 6, crdt.RoleReader) // not the first of its log
	moved := s.goOn(1, 7, crdt.RecordLog, s.coordinator, s.records)
	founder2 := s.goOn(0, 8, crdt.ControlLog, s.first, s.first)
	late := s.admit(8, founder2, 9, crdt.RoleMember)
	s.admit(1, admitted, 2, crdt.RoleReader) // again, by a longer way
	s.goOn(0, 8, crdt.RecordLog, s.first, s.founder)
	c := s.holding(s.all...)
	first := s.holding(s.first)
	for key, want := range map[int][]*sealed{
		0: {}, // everybody who asks holds the camp's first entry
		1: {s.coordinator},
		2: {s.member},
		6: {s.coordinator, s.control, admitted},
		7: {s.coordinator, s.records, moved},
		8: {founder2},
		9: {founder2, late},
	} {
		items := s.proof(c, key)
		var got []crdt.EntryID
		for _, it := range items {
			e, err := crdt.ParseEntry(it.Entry)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, e.ID(it.Place))
		}
		if !slices.EqualFunc(got, want, func(id crdt.EntryID, x *sealed) bool { return id == x.id }) {
			t.Errorf("key %d is proven by %d entries, want %d", key, len(got), len(want))
		}
		if err := first.Verify(items, device(key)); err != nil {
			t.Errorf("key %d: %v", key, err)
		}
		if err := c.Verify(items, device(key)); err != nil {
			t.Errorf("key %d, to somebody who knows: %v", key, err)
		}
		if err := first.Verify(items, device(10)); !errors.Is(err, access.ErrNotAdmitted) {
			t.Errorf("the proof of key %d is one of another: %v", key, err)
		}
		if err := access.New(s.camp).Verify(items, device(key)); err == nil {
			t.Errorf("key %d is proven to somebody who knows nothing", key)
		}
	}
	if len(first.Members()) != 1 {
		t.Error("a proof changed the camp")
	}
	if _, err := c.Proof(device(10), s.read); !errors.Is(err, access.ErrNotAdmitted) {
		t.Errorf("a stranger's proof: %v", err)
	}
	broken := errors.New("disk")
	_, err := c.Proof(device(1), func(crdt.Dep) ([]byte, crdt.Seal, error) { return nil, crdt.Seal{}, broken })
	if !errors.Is(err, broken) {
		t.Errorf("a proof that cannot be read: %v", err)
	}
}

// What any history of a camp proves holds, and breaks by any single change.
func TestLawProof(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := drawHistory(t)
		c, first := access.New(h.camp), h.holding(h.first)
		for _, a := range h.acts {
			if stands(a) {
				c.Add(a.at, a.id, a.e)
			}
		}
		for key := range 6 {
			id := device(key)
			if _, ok := c.Member(id); !ok {
				if _, err := c.Proof(id, h.read); !errors.Is(err, access.ErrNotAdmitted) {
					t.Fatalf("a stranger's proof: %v", err)
				}
				continue
			}
			items := h.proof(c, key)
			if again := h.proof(c.Clone(), key); !reflect.DeepEqual(items, again) {
				t.Fatalf("key %d is proven in two ways", key)
			}
			if err := first.Verify(items, id); err != nil {
				t.Fatalf("key %d: %v", key, err)
			}
			if len(items) > 0 && first.Verify(spoiled(t, h.camp, items), id) == nil {
				t.Fatalf("key %d is proven by a spoiled proof", key)
			}
		}
	})
}

// An item is taken if and only if it may stand as an entry where it does, whatever
// else is held. Only that an act rests on records is not seen where those are missing.
func TestLawProofEntries(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := drawHistory(t)
		c := access.New(h.camp)
		for _, a := range h.acts {
			if stands(a) && rapid.IntRange(0, 4).Draw(t, "held") > 0 && c.Check(a.at, a.id, a.e) == nil {
				c.Add(a.at, a.id, a.e)
			}
		}
		if len(c.Members()) == 0 {
			return
		}
		for _, a := range h.acts {
			it := access.Item{Place: a.at, Entry: a.e.Encoded(), Seal: a.seal}
			taken := c.Verify([]access.Item{it}, c.Members()[0].Current()[0]) == nil
			if may := c.Check(a.at, a.id, a.e) == nil; taken != may || taken && grounded(a) && restsOnActs(a) && !stands(a) {
				t.Fatalf("act %d, a %s: taken %v, as an entry %v", slices.Index(h.acts, a), a.does, taken, may)
			}
		}
	})
}

// spoiled is a proof with one change.
func spoiled(t *rapid.T, camp crdt.CampID, items []access.Item) []access.Item {
	items = slices.Clone(items)
	n := rapid.IntRange(0, len(items)-1).Draw(t, "item")
	it := &items[n]
	flip := func(b []byte) {
		b[rapid.IntRange(0, len(b)-1).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
	}
	switch rapid.SampledFrom([]string{"entry", "seal", "log", "seq", "prev", "missing", "another's seal"}).Draw(t, "what") {
	case "entry":
		it.Entry = bytes.Clone(it.Entry)
		flip(it.Entry)
	case "seal":
		flip(it.Seal[:])
	case "log":
		flip(it.Place.Log[:])
	case "seq":
		it.Place.Seq += uint64(rapid.IntRange(1, 3).Draw(t, "by"))
	case "prev":
		flip(it.Place.Prev[:])
	case "missing":
		items = slices.Delete(items, n, n+1)
	case "another's seal":
		e, err := crdt.ParseEntry(it.Entry)
		if err != nil {
			t.Fatalf("%v", err)
		}
		it.Seal = crdt.SealEntry(keys[12], camp, e.ID(it.Place))
	}
	return items
}

// Every byte of an encoded proof counts, and every bit of it.
func TestProofBytes(t *testing.T) {
	s := newStaff(t)
	s.admit(1, s.control, 6, crdt.RoleReader)
	c, first := s.holding(s.all...), s.holding(s.first)
	b, err := access.EncodeProof(s.proof(c, 6))
	if err != nil {
		t.Fatal(err)
	}
	for i := range b {
		for bit := range 8 {
			wrong := bytes.Clone(b)
			wrong[i] ^= 1 << bit
			if items, err := access.DecodeProof(wrong); err == nil && first.Verify(items, device(6)) == nil {
				t.Fatalf("byte %d, bit %d", i, bit)
			}
		}
		if items, err := access.DecodeProof(b[:i]); err == nil && first.Verify(items, device(6)) == nil {
			t.Fatalf("proven by %d of %d bytes", i, len(b))
		}
	}
}

// A proof has one form.
func TestProofCanonical(t *testing.T) {
	b := readVectors(t).Proofs[0].Proof // begins with a version, a seq, a new hash, and the same hash by its number
	log := b[3 : 3+crdt.HashSize]
	for why, wrong := range map[string][]byte{
		"nothing":                  {},
		"another version":          slices.Concat([]byte{2}, b[1:]),
		"a byte more":              slices.Concat(b, []byte{0}),
		"a number not shortest":    slices.Concat([]byte{1, 0x81, 0}, b[2:]),
		"a hash written out again": slices.Concat(b[:35], []byte{0}, log, b[36:]),
		"a hash that is not there": slices.Concat(b[:35], []byte{2}, b[36:]),
	} {
		if items, err := access.DecodeProof(wrong); err == nil {
			t.Errorf("%s: %d items", why, len(items))
		}
	}
	if items, err := access.DecodeProof(b); err != nil || len(items) != 3 {
		t.Errorf("%d items, %v", len(items), err)
	}
}

// chain is a camp in which each coordinator admitted the next, in its first act or
// a later one.
func chain(t tb, n int, later bool) (*world, *access.Camp) {
	w := newWorld(t)
	control := w.first
	for key := range n {
		if later {
			control = w.admit(key, control, 0, crdt.RoleReader)
		}
		admitted := w.admit(key, control, key+1, crdt.RoleCoordinator)
		control = w.begin(key+1, crdt.ControlLog, admitted)
	}
	return w, w.holding(w.all...)
}

// Ten coordinators of whom each admitted the next fit into a proof.
func TestProofOfTen(t *testing.T) {
	for _, later := range []bool{false, true} {
		w, c := chain(t, 10, later)
		items := w.proof(c, 10)
		if err := w.holding(w.first).Verify(items, device(10)); err != nil {
			t.Fatal(err)
		}
		b, err := access.EncodeProof(items)
		if err != nil {
			t.Fatal(err)
		}
		plain := 0
		for _, it := range items {
			plain += len(it.Entry) + len(it.Seal)
			if it.Place.Seq > 0 {
				plain += 2*crdt.HashSize + 1
			}
		}
		t.Logf("%d entries: %d bytes, plain %d; %d and %d for each coordinator", len(items), len(b), plain, len(b)/10, plain/10)
		if len(b) > 3200 {
			t.Errorf("the proof takes %d bytes", len(b))
		}
	}
}

// Of a proof that would be too long the oldest is left out: it is for those who hold
// that.
func TestProofTooLong(t *testing.T) {
	w, c := chain(t, 40, false)
	first := w.holding(w.first)
	longest := 0
	for key := range 41 {
		items := w.proof(c, key)
		if err := c.Verify(items, device(key)); err != nil {
			t.Errorf("key %d: %v", key, err)
		}
		before := w.holding(w.all[:len(w.all)-2*(40-key)-len(items)]...)
		if err := before.Verify(items, device(key)); err != nil {
			t.Errorf("key %d, to somebody who holds what is left out: %v", key, err)
		}
		err := first.Verify(items, device(key))
		if err == nil && key != longest {
			t.Errorf("key %d is proven by less than one before", key)
		}
		if err != nil && !errors.Is(err, access.ErrProofGap) {
			t.Fatalf("key %d: %v", key, err)
		}
		if err == nil {
			longest = key + 1
		}
	}
	t.Logf("%d coordinators can stand in a row", longest-1)
	if longest < 12 || longest > 40 {
		t.Errorf("%d proofs fit", longest)
	}
	items := make([]access.Item, 70)
	for i := range items {
		items[i].Entry = w.first.e.Encoded()
	}
	if err := c.Verify(items, device(0)); !errors.Is(err, access.ErrProofTooLong) {
		t.Errorf("a long proof: %v", err)
	}
	items = []access.Item{{Place: crdt.Place{Log: w.first.log()}, Entry: w.first.e.Encoded()}}
	if _, err := access.EncodeProof(items); err == nil {
		t.Error("an item stands nowhere")
	}
	if _, err := access.DecodeProof(make([]byte, access.MaxProofBytes+1)); !errors.Is(err, access.ErrProofTooLong) {
		t.Errorf("long bytes: %v", err)
	}
}
