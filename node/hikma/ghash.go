package hikma

import (
	"crypto/cipher"
	"encoding/binary"
)

// A ghash is the hash inside GCM (NIST SP 800-38D, 6.4) of a text that comes in pieces.
// The standard library hashes only a whole one. It does so with what the processor has
// for it, and so each piece is given to it as the additional data of an empty message:
// what comes back is undone to the state after the piece, which begins the next one.
type ghash struct {
	gcm     cipher.AEAD
	mask    element // what gcm adds to its hash under the nonce of zeros
	inverse element // of the key of the hash
	state   element
}

func newGHash(block cipher.Block, gcm cipher.AEAD) *ghash {
	first := [blockBytes]byte{blockBytes - 1: 1}
	return &ghash{gcm: gcm, mask: encrypted(block, first), inverse: encrypted(block, [blockBytes]byte{}).inverse()}
}

// encrypted is a block as the cipher makes it.
func encrypted(block cipher.Block, b [blockBytes]byte) element {
	block.Encrypt(b[:], b[:])
	return elementOf(b[:])
}

// absorb takes a piece in, as if zeros filled its last block. It spoils the piece.
func (h *ghash) absorb(piece []byte) {
	if len(piece) == 0 {
		return
	}
	if len(piece) < blockBytes {
		piece = append(make([]byte, 0, blockBytes), piece...)[:blockBytes]
	}
	elementOf(piece).plus(h.state).put(piece)
	var nonce [nonceBytes]byte
	var sum [blockBytes]byte
	h.gcm.Seal(sum[:0], nonce[:], nil, piece)
	// The sum is (state + length) · key + mask.
	h.state = elementOf(sum[:]).plus(h.mask).times(h.inverse).plus(element{uint64(len(piece)) * 8, 0})
}

// An element is one of the field with 2^128 elements, as GCM writes it: the first bit is
// the coefficient of 1.
type element struct{ hi, lo uint64 }

func elementOf(b []byte) element {
	return element{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])}
}

func (x element) put(b []byte) {
	binary.BigEndian.PutUint64(b, x.hi)
	binary.BigEndian.PutUint64(b[8:], x.lo)
}

func (x element) plus(y element) element { return element{x.hi ^ y.hi, x.lo ^ y.lo} }

const reduction = 0xe1 << 56 // 1 + x + x^2 + x^7, which is what x^128 comes to

// times takes the same time whatever the factors are.
func (x element) times(y element) (z element) {
	for _, word := range [...]uint64{x.hi, x.lo} {
		for bit := 63; bit >= 0; bit-- {
			take := -(word >> bit & 1) // all ones or none
			z = element{z.hi ^ y.hi&take, z.lo ^ y.lo&take}
			over := -(y.lo & 1)
			y = element{y.hi>>1 ^ reduction&over, y.lo>>1 | y.hi<<63}
		}
	}
	return z
}

// inverse is x to the power of 2^128 - 2.
func (x element) inverse() element {
	z := element{1 << 63, 0} // one
	for range 127 {
		x = x.times(x)
		z = z.times(x)
	}
	return z
}
