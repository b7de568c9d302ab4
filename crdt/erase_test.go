package crdt

import (
	"bytes"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// erase is a touch as it is once its values were taken out.
func erase(t tb, x *Touch) *Touch {
	t.Helper()
	c, err := x.Change.Encode([SaltSize]byte{1})
	if err != nil {
		t.Fatalf("%v", err)
	}
	erased := c.Erase()
	u := *x
	if u.Change, err = erased.Record(); err != nil {
		t.Fatalf("%v", err)
	}
	return &u
}

// liveRow is the row without the sums.
func liveRow(r *Record) []byte {
	c := Record{Key: r.Key, sources: r.sources, waiting: r.waiting}
	for _, x := range r.counters {
		c.counters = append(c.counters, counter{path: x.path})
	}
	return rowOf(&c)
}

// Erasing the values of any touch never changes what lives and what waits, only
// values; and of the root only the terms that hold them.
func TestLawErase(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := play(t, 16, nil)
		out := map[EntryID]bool{}
		for _, x := range w.touches {
			out[x.Entry] = rapid.IntRange(0, 5).Draw(t, "out") == 0
		}
		whole, as := w.without(out)
		rest := slices.Clone(whole)
		for i, x := range whole {
			if rapid.Bool().Draw(t, "erase") {
				rest[i] = erase(t, x)
			}
		}
		want := Refold(testKey, whole)
		if got := Refold(testKey, rest); !bytes.Equal(liveRow(got), liveRow(want)) {
			t.Fatalf("whole %x, erased %x", liveRow(want), liveRow(got))
		}
		d := newDevice()
		for _, x := range as.drawOrder(t, whole) {
			d.take(rest[slices.Index(whole, x)])
		}
		if !bytes.Equal(liveRow(d.rec), liveRow(want)) {
			t.Fatalf("whole %x, applied erased %x", liveRow(want), liveRow(d.rec))
		}
		root := RootOf(testKey, whole)
		o := newOracle(testKey, whole)
		for i, x := range whole {
			for slot := 1; slot <= len(x.Change.Writes) && x != rest[i]; slot++ {
				if s := (spot{x, slot}); s.counts(o) && s.write().Op != OpRemove {
					root.Sub(d.rec.Key.slotTerm(x, slot))
					root.Add(d.rec.Key.slotTerm(rest[i], slot))
				}
			}
		}
		if got := RootOf(testKey, rest); got != root {
			t.Fatalf("the root differs by more than the erased terms")
		}
	})
}

// counts tells whether the root has a term of the spot.
func (s spot) counts(o *oracle) bool {
	return slices.Contains(o.living, s) || s.slot > 0 && s.write().Op == OpIncrement && s.touch.Merged
}

// A drop takes out the element that was seen, wherever it was added, and nothing
// else.
func TestLawDrop(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		play(t, 16, func(s *step) {
			if s.touch == nil || len(s.edit.Drop) == 0 || s.edit.Seen != nil {
				return
			}
			f := s.edit.Drop[0]
			held := s.device.held
			after := newOracle(testKey, held)
			for _, x := range newOracle(testKey, held[:len(held)-1]).living {
				dropped := x.slot > 0 && x.write().Op == OpAdd && x.write().Path == f.Key && x.write().Value.Equal(f.Value)
				if x.slot > 0 && slices.Contains(after.living, x) == dropped {
					t.Fatalf("%+v: slot %d of %s: dropped %v", *s.edit, x.slot, x.touch.Entry.Short(), !dropped)
				}
			}
		})
	})
}

// What was dropped stays dropped when the drop, the addition or both are erased.
func TestErasedDrop(t *testing.T) {
	a, b := newDevice(newWriter(1)), newDevice(newWriter(2))
	do(t, a, 1, &Edit{Add: []Field{{"p", Text("x")}, {"p", Text("y")}}})
	meet(a, b)
	do(t, b, 2, &Edit{Drop: []Field{{"p", Text("y")}}})
	meet(a, b)
	for erased := range 4 {
		touches := slices.Clone(a.held)
		for i := range touches {
			if erased&(1<<i) != 0 {
				touches[i] = erase(t, touches[i])
			}
		}
		want := object{"p": []any{"x"}}
		if erased&1 != 0 {
			want = object{"p": []any{}}
		}
		d := &device{rec: Refold(testKey, touches)}
		shows(t, d, want)
		if s := d.rec.sources[0]; !slices.Equal(s.living, []bool{false, true, false}) {
			t.Errorf("erased %b: living %v", erased, s.living)
		}
	}
}
