package hikma

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"testing"

	"pgregory.net/rapid" // lengths and pieces that nobody thinks of
)

// ascending are 32 bytes that count up.
func ascending(from byte) []byte {
	b := make([]byte, keyBytes)
	for i := range b {
		b[i] = from + byte(i)
	}
	return b
}

func private(t testing.TB, b []byte) *ecdh.PrivateKey {
	t.Helper()
	key, err := ecdh.X25519().NewPrivateKey(b)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// The vector that other implementations agree on.
func TestVector(t *testing.T) {
	hub, phone := private(t, ascending(1)), private(t, ascending(101))
	if got, want := coding.EncodeToString(hub.PublicKey().Bytes()), "B6N8vBQgk8i3VdwbEOhstCY3StFqqFPtC9_AsrhtHHw"; got != want {
		t.Errorf("the hub's public key is %s, want %s", got, want)
	}
	if got, want := coding.EncodeToString(phone.PublicKey().Bytes()), "VxR2nRFr92Q2rnS8eT0sMK0ZA8WaxSc4BcfiaYtBDDY"; got != want {
		t.Errorf("the phone's public key is %s, want %s", got, want)
	}
	key, err := agree(hub, phone.PublicKey().Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if got, want := hex.EncodeToString(key[:]), "77d45cdc04b93e62ff27027432acfa394e3e0cfb9effa3363aff8853373815d7"; got != want {
		t.Fatalf("the key is %s, want %s", got, want)
	}
	const text = `{"query":"ping","params":{},"token":null}`
	const payload = "AAAAAAAAAAAAAAAAeEGGSAtmAYIwdQ1g337QlzxTKBSbujrc8UZtH3kMj7Wyn68zB4d6zQTuocgWwy5ZbUJH5g6mCHy9"
	if got, want := streamed(t, key, [nonceBytes]byte{}, "query", []byte(text)), payload; got != want {
		t.Errorf("sealed, it is %s, want %s", got, want)
	}
	sealed, err := coding.DecodeString(payload)
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := key.open(nil, sealed, "query"); !ok || string(got) != text {
		t.Errorf("opened, it is %q, %v", got, ok)
	}
	if _, ok := key.open(nil, sealed, "command"); ok {
		t.Error("a query opened as a command")
	}
}

func TestKeysThatAreNone(t *testing.T) {
	own := private(t, ascending(1))
	for name, key := range map[string][]byte{"zero": make([]byte, 32), "one": append([]byte{1}, make([]byte, 31)...), "short": make([]byte, 31), "none": nil} {
		if _, err := agree(own, key); !errors.Is(err, errPublicKey) {
			t.Errorf("%s: %v, want %v", name, err, errPublicKey)
		}
	}
}

// streamed is the payload that sealing in pieces gives.
func streamed(t interface {
	Helper()
	Fatal(...any)
}, key sessionKey, nonce [nonceBytes]byte, purpose string, pieces ...[]byte) string {
	t.Helper()
	var out bytes.Buffer
	w := sealTo(&out, key, nonce, purpose)
	for _, p := range pieces {
		if n, err := w.Write(p); n != len(p) || err != nil {
			t.Fatal(n, err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Payload string
		Success bool
	}
	if err := json.Unmarshal(out.Bytes(), &doc); err != nil || !doc.Success {
		t.Fatal("the answer is no document of success", err)
	}
	return doc.Payload
}

// What is sealed in pieces is what the standard library seals at once.
func TestSealTo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := sessionKey(rapid.SliceOfN(rapid.Byte(), keyBytes, keyBytes).Draw(t, "key"))
		nonce := [nonceBytes]byte(rapid.SliceOfN(rapid.Byte(), nonceBytes, nonceBytes).Draw(t, "nonce"))
		purpose := rapid.SampledFrom([]string{"", "query_response", "command_response", "sixteen bytes is", "more than sixteen bytes is"}).Draw(t, "purpose")
		lengths := rapid.SliceOfN(rapid.OneOf(rapid.IntRange(0, 100), rapid.IntRange(sealChunkBytes-20, sealChunkBytes+20), rapid.IntRange(0, 3*sealChunkBytes)), 0, 6).Draw(t, "lengths")
		var text []byte
		var pieces [][]byte
		for _, n := range lengths {
			p := make([]byte, n)
			rand.Read(p)
			text, pieces = append(text, p...), append(pieces, p)
		}
		_, gcm := key.ciphers()
		want := coding.EncodeToString(gcm.Seal(nonce[:], nonce[:], text, []byte(purpose)))
		if got := streamed(t, key, nonce, purpose, pieces...); got != want {
			t.Fatalf("sealed in pieces of %v it is not what it is at once", lengths)
		}
	})
}

// brittle fails after so many bytes.
type brittle struct{ left int }

var errBrittle = errors.New("broke")

func (b *brittle) Write(p []byte) (int, error) {
	if b.left -= len(p); b.left < 0 {
		return 0, errBrittle
	}
	return len(p), nil
}

func TestSealToBroken(t *testing.T) {
	for _, left := range []int{0, 20, 1 << 16, 1<<18 - 1} {
		w := sealTo(&brittle{left}, sessionKey{}, [nonceBytes]byte{}, "query_response")
		_, err := w.Write(make([]byte, 3<<16))
		if errClose := w.Close(); !errors.Is(errors.Join(err, errClose), errBrittle) || errClose == nil {
			t.Errorf("after %d bytes: written %v, closed %v", left, err, errClose)
		}
	}
}

func TestSealToAfterClose(t *testing.T) {
	w := sealTo(io.Discard, sessionKey{}, [nonceBytes]byte{}, "")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("more")); err == nil {
		t.Error("what was closed took more")
	}
}

// A short answer is sent only when it is whole: what fails before may still become an error.
func TestSealToBegins(t *testing.T) {
	var out bytes.Buffer
	w := sealTo(&out, sessionKey{}, [nonceBytes]byte{}, "")
	w.Write(make([]byte, sealChunkBytes-1))
	if out.Len() != 0 {
		t.Error("it began before it had a chunk")
	}
}

const benchBytes = 8 << 20

func BenchmarkSealTo(b *testing.B) {
	text := make([]byte, benchBytes)
	b.SetBytes(benchBytes)
	b.ReportAllocs()
	for b.Loop() {
		w := sealTo(io.Discard, sessionKey{1}, [nonceBytes]byte{}, "query_response")
		w.Write(text)
		w.Close()
	}
}

// What the standard library needs for the same at once.
func BenchmarkSealAtOnce(b *testing.B) {
	text := make([]byte, benchBytes)
	b.SetBytes(benchBytes)
	b.ReportAllocs()
	_, gcm := sessionKey{1}.ciphers()
	for b.Loop() {
		coding.EncodeToString(gcm.Seal(make([]byte, nonceBytes), make([]byte, nonceBytes), text, nil))
	}
}

func BenchmarkGHash(b *testing.B) {
	block, gcm := sessionKey{1}.ciphers()
	h := newGHash(block, gcm)
	piece := make([]byte, sealChunkBytes)
	b.SetBytes(sealChunkBytes)
	for b.Loop() {
		h.absorb(piece)
	}
}

// What an answer costs however short it is.
func BenchmarkSealNothing(b *testing.B) {
	for b.Loop() {
		sealTo(io.Discard, sessionKey{1}, [nonceBytes]byte{}, "command_response").Close()
	}
}
