package hikma

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// A token says who logged in, with which phone, by which password. It is made with a key
// of the camp, so that every device takes it, and lists nowhere.
type token struct {
	client string
	user   string
	issued time.Time
	digest passwordDigest
}

// A passwordDigest tells hashes of passwords apart.
type passwordDigest [8]byte

func digestOf(hash string) passwordDigest {
	sum := sha256.Sum256([]byte("musafir hikma password 1 " + hash))
	return passwordDigest(sum[:])
}

const (
	tokenVersion  = 1
	tokenBytesMax = 1024
	tokenKeyInfo  = "musafir hikma token key 1"
)

// seal is the token as text:
//
//	version, length and bytes of the client, length and bytes of the user,
//	issued in ms (8 bytes), digest (8 bytes), HMAC-SHA256 of all that
func (t *token) seal(key []byte) string {
	b := []byte{tokenVersion}
	for _, s := range []string{t.client, t.user} {
		b = append(append(b, byte(len(s))), s...)
	}
	b = binary.BigEndian.AppendUint64(b, uint64(t.issued.UnixMilli()))
	b = append(b, t.digest[:]...)
	return coding.EncodeToString(append(b, mac(key, b)...))
}

func mac(key, b []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(b)
	return h.Sum(nil)
}

// openToken reads what seal wrote.
func openToken(key []byte, text string) (t token, ok bool) {
	if len(text) > tokenBytesMax {
		return t, false
	}
	b, err := coding.Strict().DecodeString(text)
	if err != nil || len(b) < sha256.Size {
		return t, false
	}
	b, sum := b[:len(b)-sha256.Size], b[len(b)-sha256.Size:]
	if !hmac.Equal(sum, mac(key, b)) {
		return t, false
	}
	return parseToken(b)
}

// parseToken reads what is under the MAC.
func parseToken(b []byte) (t token, ok bool) {
	if len(b) == 0 || b[0] != tokenVersion {
		return t, false
	}
	b = b[1:]
	for _, s := range []*string{&t.client, &t.user} {
		if len(b) == 0 || len(b) <= int(b[0]) {
			return t, false
		}
		n := int(b[0])
		*s, b = string(b[1:1+n]), b[1+n:]
	}
	if len(b) != 8+len(t.digest) {
		return t, false
	}
	t.issued = time.UnixMilli(int64(binary.BigEndian.Uint64(b)))
	t.digest = passwordDigest(b[8:])
	return t, true
}
