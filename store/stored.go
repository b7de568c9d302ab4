package store

import (
	"encoding/binary"
	"fmt"

	"github.com/klauspost/compress/s2" // block compression at a GB/s; Badger itself uses the package

	"musafir/crdt"
)

// An entry is stored as its id, one byte for its form, its number in the order of
// arrival here (a causal order), and its encoding in that form. It is compressed here and once, and not by Badger, which would do it again
// in each compaction and keep buffers for it that grow beyond a tablet's memory
// (measured: twice the speed under a limit of 128 MiB).
const (
	formPlain = 0
	formS2    = 1

	compressFrom = 256                                       // bytes; below it nothing is gained
	storedHeader = crdt.HashSize + 1 + binary.MaxVarintLen64 // at most
)

// A storedEntry is a stored entry, unpacked. raw may be part of what was stored.
type storedEntry struct {
	id      crdt.EntryID
	arrival uint64
	raw     []byte
}

// packEntry is the stored form of an entry.
func packEntry(id crdt.EntryID, arrival uint64, raw []byte) []byte {
	form, body := byte(formPlain), raw
	if len(raw) >= compressFrom {
		packed := s2.Encode(nil, raw)
		if len(packed) < len(raw)-len(raw)/8 {
			form, body = formS2, packed
		}
	}
	b := make([]byte, 0, storedHeader+len(body))
	b = binary.AppendUvarint(append(append(b, id[:]...), form), arrival)
	return append(b, body...)
}

// storedID is the id of a stored entry.
func storedID(stored []byte) (crdt.EntryID, error) {
	if len(stored) <= crdt.HashSize {
		return crdt.EntryID{}, errKey
	}
	return crdt.EntryID(stored[:crdt.HashSize]), nil
}

// unpackEntry reads a stored entry.
func unpackEntry(stored []byte) (storedEntry, error) { return new(unpacker).unpack(stored) }

// An unpacker reads one stored entry after the other in the same memory: each is valid
// until the next.
type unpacker struct {
	plain []byte
}

func (u *unpacker) unpack(stored []byte) (e storedEntry, err error) {
	if e.id, err = storedID(stored); err != nil {
		return e, err
	}
	form, rest := stored[crdt.HashSize], stored[crdt.HashSize+1:]
	arrival, n := binary.Uvarint(rest)
	if n <= 0 {
		return e, fmt.Errorf("stored entry %s: %w", e.id, errKey)
	}
	e.arrival, e.raw = arrival, rest[n:]
	switch form {
	case formPlain:
		return e, nil
	case formS2:
		if e.raw, err = u.decompress(rest[n:]); err != nil {
			return e, fmt.Errorf("stored entry %s: %w", e.id, err)
		}
		return e, nil
	}
	return e, fmt.Errorf("stored entry %s has the unknown form %d: %w", e.id, form, errKey)
}

func (u *unpacker) decompress(packed []byte) (plain []byte, err error) {
	n, err := s2.DecodedLen(packed)
	if err != nil {
		return nil, err
	}
	if n > crdt.MaxEntryBytes {
		return nil, errKey
	}
	plain, err = s2.Decode(u.plain, packed)
	if err == nil {
		u.plain = plain
	}
	return plain, err
}
