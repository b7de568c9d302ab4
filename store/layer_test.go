package store_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"musafir/store"
)

// TestLayer: whatever was written where, a layer reads as one database that took
// all of it.
func TestLayer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		under, over := store.NewMemory(), store.NewMemory()
		l := store.LayerOver(under)
		for range rapid.IntRange(0, 40).Draw(t, "puts") {
			key := fmt.Sprint(rapid.IntRange(0, 30).Draw(t, "key"))
			value := []byte{rapid.Byte().Draw(t, "value")}
			if rapid.Bool().Draw(t, "deletes") {
				value = nil
			}
			over.Edit(key, value)
			if rapid.IntRange(0, 2).Draw(t, "below") == 0 && !l.Has(key) {
				under.Edit(key, value)
				l = l.Again(under)
			} else {
				l.Put(key, value)
			}
		}
		prefix := rapid.SampledFrom([]string{"", "1", "2", "30"}).Draw(t, "prefix")
		from := prefix + rapid.SampledFrom([]string{"", "0", "5"}).Draw(t, "from")
		stop := rapid.IntRange(0, 12).Draw(t, "stop")
		got, want := l.Scan(t, prefix, from, stop), store.LayerOver(over).Scan(t, prefix, from, stop)
		if !slices.Equal(got, want) {
			t.Fatalf("%d keys of %q from %q: %q, want %q", stop, prefix, from, got, want)
		}
		for i := range 31 {
			got, want := l.Get(t, fmt.Sprint(i)), store.LayerOver(over).Get(t, fmt.Sprint(i))
			if got != want {
				t.Fatalf("key %d is %s, want %s", i, got, want)
			}
		}
	})
}
