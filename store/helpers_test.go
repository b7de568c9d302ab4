package store_test

import (
	"maps"
	"slices"

	"musafir/crdt"
)

func sortedKeys(m map[string][]byte) []string { return slices.Sorted(maps.Keys(m)) }

func noteOf(n byte) crdt.Note {
	return crdt.Note{Key: [crdt.HashSize]byte{n}, Value: []byte{n}}
}
