package hikma

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Of AES-256-GCM.
const (
	keyBytes   = 32
	nonceBytes = 12
	blockBytes = aes.BlockSize // a tag has as many
)

// A sessionKey seals what goes between this device and one phone.
type sessionKey [keyBytes]byte

// coding is how keys and sealed texts are written.
var coding = base64.RawURLEncoding

const pairingSalt = "hikma-health-pairing-v1"

var errPublicKey = errors.New("the public key is none of X25519")

// agree is the key that this device and a phone come to, each from its own secret key
// and the other's public one.
func agree(own *ecdh.PrivateKey, phone []byte) (key sessionKey, err error) {
	public, err := ecdh.X25519().NewPublicKey(phone)
	if err != nil {
		return key, errPublicKey
	}
	shared, err := own.ECDH(public) // an error if it is all zeros
	if err != nil {
		return key, errPublicKey
	}
	info := slices.Concat(own.PublicKey().Bytes(), phone)
	return sessionKey(derive(shared, pairingSalt, string(info))), nil
}

// derive is a key from a secret (HKDF-SHA256).
func derive(secret []byte, salt, info string) []byte {
	key, err := hkdf.Key(sha256.New, secret, []byte(salt), info, keyBytes)
	if err != nil {
		panic("derive key: " + err.Error()) // only if it were too long
	}
	return key
}

// ciphers are what a key is used with.
func (key sessionKey) ciphers() (cipher.Block, cipher.AEAD) {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic("make cipher: " + err.Error()) // the length is right
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		panic("make GCM: " + err.Error())
	}
	return block, gcm
}

// open opens what was sealed for a purpose: nonce, ciphertext, tag. The text is put into
// dst, if that has room.
func (key sessionKey) open(dst, sealed []byte, purpose string) ([]byte, bool) {
	if len(sealed) < nonceBytes+blockBytes {
		return nil, false
	}
	_, gcm := key.ciphers()
	text, err := gcm.Open(dst[:0], sealed[:nonceBytes], sealed[nonceBytes:], []byte(purpose))
	return text, err == nil
}

// Around what is sealed in an answer.
const (
	payloadHead = `{"payload":"`
	payloadTail = `","success":true}` + "\n"
)

// sealChunkBytes is how much is sealed at a time. It is whole blocks of the cipher, and
// whole groups of the coding.
const sealChunkBytes = 48 << 10

// sealBytesMax is what one nonce is good for.
const sealBytesMax = 64<<30 - 32

var errSealTooLong = fmt.Errorf("an answer has more than %d bytes, which no envelope holds", int64(sealBytesMax))

// A sealer seals an answer while it is written, and begins to send when it has a chunk:
// the length of the answer takes no memory. Until Close, what was sent is nothing that
// anybody could open.
type sealer struct {
	to     io.Writer
	stream cipher.Stream
	hash   *ghash
	mask   element // of the tag
	nonce  [nonceBytes]byte
	aad    int
	chunk  []byte
	coded  []byte
	sealed uint64
	begun  bool
	err    error
}

// sealTo seals what is written for a purpose, and writes it to w as the app takes it.
func sealTo(w io.Writer, key sessionKey, nonce [nonceBytes]byte, purpose string) io.WriteCloser {
	block, gcm := key.ciphers()
	// The first counter encrypts the tag, the second the first block.
	counter := [blockBytes]byte{blockBytes - 1: 1}
	copy(counter[:], nonce[:])
	s := &sealer{to: w, hash: newGHash(block, gcm), mask: encrypted(block, counter), nonce: nonce, aad: len(purpose),
		chunk: make([]byte, 0, sealChunkBytes+blockBytes)}
	counter[blockBytes-1]++
	s.stream = cipher.NewCTR(block, counter[:])
	s.hash.absorb([]byte(purpose))
	return s
}

func (s *sealer) Write(p []byte) (n int, err error) {
	for len(p) > 0 && s.err == nil {
		m := min(len(p), sealChunkBytes-len(s.chunk))
		s.chunk = append(s.chunk, p[:m]...)
		p, n = p[m:], n+m
		if len(s.chunk) == sealChunkBytes {
			s.flush(false)
		}
	}
	return n, s.err
}

// Close writes the rest, and the tag without which nothing opens.
func (s *sealer) Close() error {
	s.flush(true)
	s.send([]byte(payloadTail))
	if s.err != nil {
		return s.err
	}
	s.err = io.ErrClosedPipe
	return nil
}

// flush seals the chunk that there is.
func (s *sealer) flush(last bool) {
	s.sealed += uint64(len(s.chunk))
	if s.sealed > sealBytesMax {
		s.err = errSealTooLong
	}
	if s.err != nil {
		return
	}
	s.stream.XORKeyStream(s.chunk, s.chunk)
	if !last {
		s.coded = coding.AppendEncode(s.coded[:0], s.chunk)
		s.hash.absorb(s.chunk)
	} else {
		sealed := slices.Clone(s.chunk)
		s.hash.absorb(s.chunk)
		s.coded = coding.AppendEncode(s.coded[:0], s.tag(sealed))
	}
	s.chunk = s.chunk[:0]
	s.begin()
	s.send(s.coded)
}

// tag adds it to the text.
func (s *sealer) tag(text []byte) []byte {
	var lengths [blockBytes]byte
	binary.BigEndian.PutUint64(lengths[:], uint64(s.aad)*8)
	binary.BigEndian.PutUint64(lengths[8:], s.sealed*8)
	s.hash.absorb(lengths[:])
	var tag [blockBytes]byte
	s.hash.state.plus(s.mask).put(tag[:])
	return append(text, tag[:]...)
}

func (s *sealer) begin() {
	if s.begun {
		return
	}
	s.begun = true
	s.send(coding.AppendEncode([]byte(payloadHead), s.nonce[:]))
}

func (s *sealer) send(b []byte) {
	if s.err == nil {
		_, s.err = s.to.Write(b)
	}
}
