package storetest

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"testing"

	"musafir/store"
)

// viewOf is the merged view as bytes, the feed and its positions apart.
func (b *bench) viewOf(t *testing.T) map[string][]byte {
	t.Helper()
	for next, err := b.Store.Sweep(nil); next != nil || err != nil; next, err = b.Store.Sweep(next) {
		if err != nil {
			t.Fatalf("sweep: %v", err)
		}
	}
	view := map[string][]byte{}
	for k, v := range b.opener.Keys(t, b.Store) {
		if rest, ok := b.opener.DropsView(k, v); ok {
			view[k] = rest
		}
	}
	return view
}

func testRebuild(t *testing.T, b *bench) {
	play(t, b, 60, 11)
	feed := feedOf(b.Store)
	b.rebuild(t)
	if feedOf(b.Store) == feed {
		t.Fatalf("the feed kept its id")
	}
	b.check(t)
	b.Put(t, "patients", "a", "name", "after")
	b.check(t)
}

// rebuild makes the view again: it comes out as it was.
func (b *bench) rebuild(t *testing.T) {
	t.Helper()
	before := b.viewOf(t)
	if len(before) == 0 {
		t.Fatalf("there is no view")
	}
	if err := b.Store.Rebuild(); err != nil {
		t.Fatalf("rebuild: %v", err)
	}
	if after := b.viewOf(t); !maps.EqualFunc(before, after, bytes.Equal) {
		for k, v := range after {
			if !bytes.Equal(before[k], v) {
				t.Errorf("key %q is %x, was %x", k, v, before[k])
			}
		}
		t.Fatalf("the view has %d keys, had %d", len(after), len(before))
	}
}

func feedOf(s *store.Store) [16]byte {
	id, _ := s.Feed()
	return id
}

// testSweep: what goes is what no reader would see.
func testSweep(t *testing.T, b *bench) {
	play(t, b, 60, 12)
	before := len(b.opener.Keys(t, b.Store))
	b.viewOf(t)
	after := b.opener.Keys(t, b.Store)
	if len(after) >= before {
		t.Fatalf("%d keys before and %d after", before, len(after))
	}
	b.check(t)
	b.viewOf(t)
	if again := b.opener.Keys(t, b.Store); !maps.EqualFunc(after, again, bytes.Equal) {
		t.Fatalf("there was more to sweep")
	}
}

// play lets the store take a random history in random batches.
func play(t *testing.T, b *bench, steps int, seed uint64) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 0))
	w := NewWorld(t, func(_ string, n int) int { return rng.IntN(n) })
	for range steps {
		w.Step(t)
	}
	for items := w.Shuffle(w.Items); len(items) > 0; {
		n := min(len(items), 1+rng.IntN(8))
		b.Take(t, items[:n]...)
		items = items[n:]
	}
}

func testHistory(t *testing.T, b *bench) {
	play(t, b, 150, 13)
	b.check(t)
}
