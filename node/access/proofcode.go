package access

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"

	"musafir/crdt"
)

// A proof repeats hashes and keys: each birth names the camp, an admission and a
// key that stand elsewhere in it too. As encoded, each stands once.

const (
	proofVersion = 1

	// So many distinct hashes can be referred to; those beyond are written out.
	maxProofHashes = 255
)

var errProof = errors.New("the proof of admission is not in the form of a proof")

// hashHead begins every byte string of 32 bytes in an entry.
var hashHead = []byte{0x58, crdt.HashSize}

// EncodeProof gives the bytes of a proof, at most MaxProofBytes.
func EncodeProof(items []Item) ([]byte, error) {
	w := &proofWriter{b: []byte{proofVersion}}
	for i := range items {
		if err := w.item(&items[i]); err != nil {
			return nil, err
		}
		if len(w.b) > MaxProofBytes {
			return nil, ErrProofTooLong
		}
	}
	return w.b, nil
}

// DecodeProof reads what EncodeProof wrote.
func DecodeProof(b []byte) ([]Item, error) {
	if len(b) > MaxProofBytes {
		return nil, ErrProofTooLong
	}
	if len(b) == 0 || b[0] != proofVersion {
		return nil, errProof
	}
	var items []Item
	r := &proofReader{b: b[1:]}
	for len(r.b) > 0 && !r.bad {
		items = append(items, r.item())
	}
	if r.bad {
		return nil, errProof
	}
	if again, err := EncodeProof(items); err != nil || !bytes.Equal(again, b) {
		return nil, errProof
	}
	return items, nil
}

// hashes are those that stood in the proof so far.
type hashes [][crdt.HashSize]byte

func (h *hashes) join(x [crdt.HashSize]byte) {
	if len(*h) < maxProofHashes && !slices.Contains(*h, x) {
		*h = append(*h, x)
	}
}

// entry takes note of an item's id, which the next ones name.
func (h *hashes) entry(it *Item) error {
	e, err := crdt.ScanEntry(it.Entry)
	if err == nil {
		h.join(e.ID(it.Place))
	}
	return err
}

// plain is how many of the next bytes of an entry, of which so many are left, stand
// before a hash, its head included; all if none follows.
func plain(b []byte, left int) int {
	i := bytes.Index(b, hashHead)
	if i < 0 || left-i-len(hashHead) < crdt.HashSize {
		return left
	}
	return i + len(hashHead)
}

type proofWriter struct {
	b    []byte
	seen hashes
}

func (w *proofWriter) item(it *Item) error {
	if it.Place.Seq == 0 && it.Place != (crdt.Place{}) {
		return errProof
	}
	w.b = binary.AppendUvarint(w.b, it.Place.Seq)
	if it.Place.Seq > 0 {
		w.hash(it.Place.Log)
		w.hash(it.Place.Prev)
	}
	w.b = binary.AppendUvarint(w.b, uint64(len(it.Entry)))
	for rest := it.Entry; len(rest) > 0; {
		n := plain(rest, len(rest))
		w.b = append(w.b, rest[:n]...)
		if rest = rest[n:]; len(rest) > 0 {
			w.hash([crdt.HashSize]byte(rest))
			rest = rest[crdt.HashSize:]
		}
	}
	w.b = append(w.b, it.Seal[:]...)
	return w.seen.entry(it)
}

// hash writes the number of a hash that stood here before, counted from 1, or 0
// and the hash.
func (w *proofWriter) hash(x [crdt.HashSize]byte) {
	n := slices.Index(w.seen, x) + 1
	w.b = append(w.b, byte(n))
	if n == 0 {
		w.b = append(w.b, x[:]...)
		w.seen.join(x)
	}
}

// A proofReader yields zero values once the proof is bad.
type proofReader struct {
	b    []byte
	seen hashes
	bad  bool
}

func (r *proofReader) item() Item {
	it := Item{Place: crdt.Place{Seq: r.uvarint()}}
	if it.Place.Seq > 0 {
		it.Place.Log, it.Place.Prev = r.hash(), r.hash()
	}
	it.Entry = r.entry(int(r.uvarint()))
	copy(it.Seal[:], r.take(len(it.Seal)))
	if !r.bad && r.seen.entry(&it) != nil {
		r.bad = true
	}
	return it
}

// entry reads an entry of so many bytes: as they are up to the head of a hash, then
// the hash, and so on.
func (r *proofReader) entry(left int) []byte {
	var entry []byte
	for left > 0 && !r.bad {
		n := plain(r.b, left)
		entry = append(entry, r.take(n)...)
		if left -= n; left > 0 && !r.bad {
			x := r.hash()
			entry = append(entry, x[:]...)
			left -= crdt.HashSize
		}
	}
	return entry
}

func (r *proofReader) hash() (x [crdt.HashSize]byte) {
	n := r.take(1)
	if r.bad {
		return x
	}
	if n[0] == 0 {
		copy(x[:], r.take(crdt.HashSize))
		r.seen.join(x)
		return x
	}
	if int(n[0]) > len(r.seen) {
		r.bad = true
		return x
	}
	return r.seen[n[0]-1]
}

func (r *proofReader) uvarint() uint64 {
	x, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.bad = true
		return 0
	}
	r.b = r.b[n:]
	return x
}

func (r *proofReader) take(n int) []byte {
	if r.bad || n > len(r.b) {
		r.bad = true
		return nil
	}
	p := r.b[:n]
	r.b = r.b[n:]
	return p
}
