package wire

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"

	"musafir/crdt"
)

const (
	shortHash = 8             // bytes of an entry's id that tell it from others of its sequence
	fullHash  = crdt.HashSize // where 8 did not
)

// A Head is the last entry of a log, or of one branch of it.
type Head struct {
	Log  crdt.ShortID // the first 16 bytes of the log's id
	Seq  uint64
	Hash []byte // the first 8 bytes of the entry's id, or all 32
}

// Compare orders heads by log, sequence, hash.
func (h Head) Compare(o Head) int {
	if c := h.Log.Compare(o.Log); c != 0 {
		return c
	}
	if c := cmp.Compare(h.Seq, o.Seq); c != 0 {
		return c
	}
	return bytes.Compare(h.Hash, o.Hash)
}

func (h Head) packedBytes() int { return len(h.Log) + uvarintBytes(h.Seq) + len(h.Hash) }

// AppendHeads adds the heads of a log to dst, with 32-byte hashes if full. Their
// hashes lie in heads. The list must be sorted ([Head.Compare]) before it is sent.
func AppendHeads(dst []Head, log crdt.LogID, heads []crdt.Head, full bool) []Head {
	size := hashBytes(full)
	for i := range heads {
		h := &heads[i]
		dst = append(dst, Head{Log: crdt.EntryID(log).Short(), Seq: h.Seq, Hash: h.ID[:size:size]})
	}
	return dst
}

// SplitHeads cuts a list into parts that fit in a frame each. Of no heads it
// makes one part.
func SplitHeads(heads []Head) [][]Head {
	var parts [][]Head
	start, size := 0, 0
	for i, h := range heads {
		n := h.packedBytes()
		if size+n > MaxHeadsBytes {
			parts = append(parts, heads[start:i:i])
			start, size = i, 0
		}
		size += n
	}
	return append(parts, heads[start:])
}

func hashBytes(full bool) int {
	if full {
		return fullHash
	}
	return shortHash
}

// checkHeads wants heads in strictly ascending order, with hashes of one size.
func checkHeads(heads []Head, hash int) error {
	size := 0
	for i, h := range heads {
		if len(h.Hash) != hash {
			return errors.New("the hash of a head has a wrong length")
		}
		if i > 0 && heads[i-1].Compare(h) >= 0 {
			return errOrder
		}
		size += h.packedBytes()
	}
	return tooLarge("list of heads", size, MaxHeadsBytes, "bytes")
}

func packHeads(heads []Head) []byte {
	size := 0
	for _, h := range heads {
		size += h.packedBytes()
	}
	b := make([]byte, 0, size)
	for _, h := range heads {
		b = append(b, h.Log[:]...)
		b = binary.AppendUvarint(b, h.Seq)
		b = append(b, h.Hash...)
	}
	return b
}

// unpackHeads reads packed heads, whose hashes stay in b.
func unpackHeads(b []byte, hash int) ([]Head, error) {
	c := cursor{b: b}
	heads := make([]Head, 0, len(b)/(len(crdt.ShortID{})+1+hash))
	for len(c.b) > 0 {
		h := Head{}
		copy(h.Log[:], c.take(len(h.Log)))
		h.Seq = c.uvarint()
		h.Hash = c.take(hash)
		heads = append(heads, h)
	}
	return heads, c.err
}
