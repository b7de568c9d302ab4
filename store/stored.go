package store

import (
	"bytes"
	"fmt"

	"github.com/klauspost/compress/s2" // block compression at a GB/s; Badger itself uses the package

	"musafir/crdt"
)

// An entry is stored as its id, one byte for its form, and its encoding in that
// form. It is compressed here and once, and not by Badger, which would do it again
// in each compaction and keep buffers for it that grow beyond a tablet's memory
// (measured: twice the speed under a limit of 128 MiB).
const (
	formPlain = 0
	formS2    = 1

	compressFrom = 256 // bytes; below it nothing is gained
	storedHeader = crdt.HashSize + 1
)

// packEntry is the stored form of an entry.
func packEntry(id crdt.EntryID, raw []byte) []byte {
	if len(raw) >= compressFrom {
		b := make([]byte, storedHeader+s2.MaxEncodedLen(len(raw)))
		packed := s2.Encode(b[storedHeader:], raw)
		if len(packed) < len(raw)-len(raw)/8 {
			copy(b, id[:])
			b[crdt.HashSize] = formS2
			return bytes.Clone(b[:storedHeader+len(packed)]) // what is cached counts by its length
		}
	}
	b := make([]byte, 0, storedHeader+len(raw))
	return append(append(append(b, id[:]...), formPlain), raw...)
}

// storedID is the id of a stored entry.
func storedID(stored []byte) (crdt.EntryID, error) {
	if len(stored) < storedHeader {
		return crdt.EntryID{}, errKey
	}
	return crdt.EntryID(stored[:crdt.HashSize]), nil
}

// unpackEntry reads a stored entry; raw may be part of it.
func unpackEntry(stored []byte) (id crdt.EntryID, raw []byte, err error) {
	if id, err = storedID(stored); err != nil {
		return id, nil, err
	}
	form, body := stored[crdt.HashSize], stored[storedHeader:]
	switch form {
	case formPlain:
		return id, body, nil
	case formS2:
		if n, err := s2.DecodedLen(body); err != nil || n > crdt.MaxEntryBytes {
			return id, nil, fmt.Errorf("stored entry %s: %w", id, errKey)
		}
		if raw, err = s2.Decode(nil, body); err != nil {
			return id, nil, fmt.Errorf("stored entry %s: %w", id, err)
		}
		return id, raw, nil
	}
	return id, nil, fmt.Errorf("stored entry %s has the unknown form %d: %w", id, form, errKey)
}
