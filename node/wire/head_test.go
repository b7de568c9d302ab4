package wire_test

import (
	"encoding/binary"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"musafir/crdt"
	"musafir/node/wire"
)

// someHeads makes the heads of n logs, in order.
func someHeads(n int, seq uint64, full bool) (heads []wire.Head) {
	for i := range n {
		var log crdt.LogID
		binary.BigEndian.PutUint32(log[:], uint32(i))
		heads = wire.AppendHeads(heads, log, []crdt.Head{{Seq: seq, ID: crdt.EntryID{byte(i), 31: 1}}}, full)
	}
	return heads
}

func TestHeadBytes(t *testing.T) {
	const n = 100
	for _, x := range []struct {
		seq  uint64
		full bool
		max  int
	}{{1<<7 - 1, false, 25}, {1<<21 - 1, false, 27}, {1<<35 - 1, false, 29}, {1<<35 - 1, true, 53}} {
		size, err := wire.Size(&wire.Frontier{Full: x.full, Heads: someHeads(n, x.seq, x.full)})
		if err != nil {
			t.Fatal(err)
		}
		if size > n*x.max+20 {
			t.Errorf("sequence %d, full %v: %d heads take %d bytes", x.seq, x.full, n, size)
		}
		if !x.full && size > n*36 {
			t.Errorf("sequence %d: %.1f bytes per head", x.seq, float64(size)/n)
		}
		t.Logf("sequence %d, full %v: %.2f bytes per head of %d, frame included", x.seq, x.full, float64(size)/n, n)
	}
}

// The parts of a list fit in a frame each, are as long as they can be, and are
// the list again.
func TestSplitHeads(t *testing.T) {
	if parts := wire.SplitHeads(nil); len(parts) != 1 || len(parts[0]) != 0 {
		t.Errorf("nothing is split into %d parts", len(parts))
	}
	for _, full := range []bool{false, true} {
		heads := someHeads(30_000, 1<<34, full)
		parts := wire.SplitHeads(heads)
		for i, p := range parts {
			f := &wire.Frontier{Full: full, More: i < len(parts)-1, Heads: p}
			again, err := readAll(mustAppend(t, nil, f))
			if err != nil || len(again.(*wire.Frontier).Heads) != len(p) {
				t.Fatal(err)
			}
			if i == 0 {
				continue
			}
			before := &wire.Frontier{Full: full, Heads: append(slices.Clone(parts[i-1]), p[0])}
			if _, err := wire.Append(nil, before); err == nil {
				t.Errorf("one head more fits in part %d", i-1)
			}
		}
		if len(parts) < 2 || !slices.EqualFunc(slices.Concat(parts...), heads, equalHeads) {
			t.Errorf("full %v: %d parts are another list", full, len(parts))
		}
	}
}

func equalHeads(a, b wire.Head) bool { return a.Compare(b) == 0 }

// Sorted heads of any logs and sequences come back.
func TestLawHeads(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		full := rapid.Bool().Draw(t, "full")
		var heads []wire.Head
		for range rapid.IntRange(0, 20).Draw(t, "heads") {
			log := crdt.LogID{0: rapid.ByteMax(2).Draw(t, "log"), 15: rapid.ByteMax(2).Draw(t, "log")}
			head := crdt.Head{Seq: rapid.Uint64().Draw(t, "seq"), ID: crdt.EntryID{rapid.Byte().Draw(t, "id")}}
			heads = wire.AppendHeads(heads, log, []crdt.Head{head}, full)
		}
		slices.SortFunc(heads, wire.Head.Compare)
		heads = slices.CompactFunc(heads, equalHeads)
		b, err := wire.Append(nil, &wire.Frontier{Full: full, Heads: heads})
		if err != nil {
			t.Fatal(err)
		}
		f, err := readAll(b)
		if err != nil || !slices.EqualFunc(f.(*wire.Frontier).Heads, heads, equalHeads) {
			t.Fatalf("%v came back as %v, %v", heads, f, err)
		}
	})
}

func TestTrailSeqs(t *testing.T) {
	for _, x := range []struct {
		head uint64
		want []uint64
	}{
		{0, nil},
		{1, []uint64{0}},
		{2, []uint64{1, 0}},
		{3, []uint64{2, 1, 0}},
		{9, []uint64{8, 7, 5, 1, 0}},
		{300, []uint64{299, 298, 296, 292, 284, 268, 236, 172, 44, 0}},
	} {
		if got := wire.TrailSeqs(x.head); !slices.Equal(got, x.want) {
			t.Errorf("from %d: %d, want %d", x.head, got, x.want)
		}
	}
	if n := len(wire.TrailSeqs(math.MaxUint64)); n != wire.MaxTrailPoints {
		t.Errorf("the longest trail has %d points", n)
	}
}
