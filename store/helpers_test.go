package store_test

import (
	"maps"
	"slices"
	"testing"

	"musafir/crdt"
	"musafir/store"
	"musafir/store/storetest"
)

func sortedKeys(m map[string][]byte) []string { return slices.Sorted(maps.Keys(m)) }

func noteOf(n byte) crdt.Note {
	return crdt.Note{Key: [crdt.HashSize]byte{n}, Value: []byte{n}}
}

// joined is a further device of the camp, with a store of its own.
func joined(t *testing.T, d *storetest.Device, seed byte) *storetest.Device {
	t.Helper()
	a, err := d.Join(seed)
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.OpenMemory(store.NewMemory())
	if err != nil {
		t.Fatal(err)
	}
	return storetest.NewDevice(t, a, s)
}
