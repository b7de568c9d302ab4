package discovery

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/chacha20poly1305"
)

// KeySize is the length of the keys under which notices are sealed, in bytes.
const KeySize = 32

// version is the first byte of a sealed notice, in clear, and authenticated.
const version = 1

const (
	nonceSize  = chacha20poly1305.NonceSizeX
	sealedSize = 1 + nonceSize + plainSize + chacha20poly1305.Overhead // 181 bytes
	textSize   = (sealedSize*8 + 5) / 6                                // 242 characters; TXT takes 255
)

// sealInfo keeps these keys apart from all else that is derived from the same ones.
const sealInfo = "musafir notice 1"

// text is how sealed notices stand in TXT. It reads one spelling only.
var text = base64.RawURLEncoding.Strict()

// A lock seals and opens notices under one key.
type lock struct {
	key  []byte // the one that was given
	aead cipher.AEAD
}

func newLock(key []byte) (lock, error) {
	if len(key) != KeySize {
		return lock{}, fmt.Errorf("a sealing key has %d bytes, not %d", len(key), KeySize)
	}
	derived, err := hkdf.Key(sha256.New, key, nil, sealInfo, chacha20poly1305.KeySize)
	if err != nil {
		return lock{}, fmt.Errorf("derive sealing key: %w", err)
	}
	aead, err := chacha20poly1305.NewX(derived)
	return lock{key: key, aead: aead}, err
}

// seal closes an encoded notice. The nonce is random, and not used again.
func (l lock) seal(plain []byte, nonce [nonceSize]byte) string {
	b := make([]byte, 0, sealedSize)
	b = append(append(b, version), nonce[:]...)
	return text.EncodeToString(l.aead.Seal(b, nonce[:], plain, b[:1]))
}

// open is the reverse, of what unwrap gave; false where the key is another.
func (l lock) open(sealed []byte) (plain []byte, ok bool) {
	nonce, box := sealed[1:1+nonceSize], sealed[1+nonceSize:]
	plain, err := l.aead.Open(nil, nonce, box, sealed[:1])
	return plain, err == nil
}

// unwrap takes the bytes out of a TXT string that may be a sealed notice.
func unwrap(s string) (sealed []byte, ok bool) {
	if len(s) != textSize || strings.ContainsAny(s, "\r\n") { // which the decoder would pass over
		return nil, false
	}
	sealed, err := text.DecodeString(s)
	return sealed, err == nil && sealed[0] == version
}

// filler is a string that nobody can tell from a sealed notice, and nobody opens.
func filler() string {
	b := make([]byte, sealedSize)
	rand.Read(b) // never fails
	b[0] = version
	return text.EncodeToString(b)
}
