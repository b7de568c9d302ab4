package crdt

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
)

// A Sum is an integer modulo 2^256, least significant word first. The state root
// is the sum of the terms of all living versions, so it can be kept up to date
// version by version, in any order. After Bellare and Micciancio, "A New
// Paradigm for Collision-Free Hashing: Incrementality at Reduced Cost" (1997).
type Sum [4]uint64

// Add adds t.
func (s *Sum) Add(t Sum) {
	var carry uint64
	for i := range s {
		s[i], carry = bits.Add64(s[i], t[i], carry)
	}
}

// Sub takes t away.
func (s *Sum) Sub(t Sum) {
	var borrow uint64
	for i := range s {
		s[i], borrow = bits.Sub64(s[i], t[i], borrow)
	}
}

// Bytes is the sum in 32 bytes, most significant first.
func (s Sum) Bytes() (b [HashSize]byte) {
	for i, w := range s {
		binary.BigEndian.PutUint64(b[(3-i)*8:], w)
	}
	return b
}

// SumOf reads what Bytes wrote.
func SumOf(b [HashSize]byte) (s Sum) {
	for i := range s {
		s[i] = binary.BigEndian.Uint64(b[(3-i)*8:])
	}
	return s
}

// RootBuckets is the number of parts in which the state root is also kept, so
// that two devices can find where they differ.
const RootBuckets = 4096

// Bucket is the part of the state root that a record counts in.
func (k RecordKey) Bucket() int {
	var buf [128]byte
	b := AppendText(append(buf[:0], tagBucket), k.Collection)
	h := sha256.Sum256(AppendText(b, k.ID))
	return int(binary.BigEndian.Uint16(h[:])) % RootBuckets
}

const erasedTerm = 0x80 // marks the operation of a version whose value was erased

// term is what one version adds to the state root.
func (k RecordKey) term(path string, entry EntryID, op Op, value Value, erased bool) Sum {
	var buf [512]byte
	b := AppendText(append(buf[:0], tagTerm), k.Collection)
	b = AppendText(AppendText(b, k.ID), path)
	b = append(b, entry[:]...)
	switch {
	case erased && op.hasValue():
		b = append(b, byte(op)|erasedTerm)
	case op.hasValue():
		var vb [256]byte
		h := sha256.Sum256(append(append(vb[:0], tagValue), value...))
		b = append(append(b, byte(op)), h[:]...)
	default:
		b = append(b, byte(op))
	}
	return SumOf(sha256.Sum256(b))
}
