package hikma

import (
	"bytes"
	"testing"
	"time"
)

// Whatever comes, nothing panics, and nothing opens that was not sealed.
func FuzzEnvelope(f *testing.F) {
	key := sessionKey{1}
	_, gcm := key.ciphers()
	nonce := make([]byte, nonceBytes)
	for _, inner := range []string{`{"query":"sync_pull","params":{"lastPulledAt":1.5},"token":null}`, `{}`, `{"query":1}`, `[[[`} {
		sealed := gcm.Seal(nonce, nonce, []byte(inner), []byte("query"))
		f.Add([]byte(`{"client_id":"a","payload":"`+coding.EncodeToString(sealed)+`"}`), []byte(inner))
	}
	f.Add([]byte(`{"client_id":"a","payload":"AA`), []byte(`{"params":{"lastPulledAt":-1}}`))
	f.Add([]byte(`{"payload":"\u0041"}`), []byte("{\"token\":\"\\ud800\xff\"}"))
	f.Fuzz(func(t *testing.T, body, inner []byte) {
		if e, err := parseEnvelope(body); err == nil {
			if checkClient(e.client) != nil || e.payload == nil {
				t.Fatalf("an envelope without %+v", e)
			}
			if text, ok := key.open(nil, e.payload, "query"); ok {
				again := gcm.Seal(bytes.Clone(e.payload[:nonceBytes]), e.payload[:nonceBytes], text, []byte("query"))
				if !bytes.Equal(again, e.payload) {
					t.Fatal("it opened and is not what sealing gives")
				}
			}
		}
		for _, kind := range []*rpcKind{commands, queries} {
			q, err := parseRequest(inner, kind)
			if err != nil {
				continue
			}
			if last, _, err := syncPoint(q.body); err == nil && (last < 0 || last > numberMax) {
				t.Fatalf("the watermark %d", last)
			}
		}
	})
}

// What is read as a token was written as one, and is written so again.
func FuzzToken(f *testing.F) {
	key := []byte("a key")
	for _, x := range []token{
		{client: "a", user: "b", issued: time.UnixMilli(0), digest: digestOf("$2a$")},
		{issued: time.UnixMilli(1767312000123)},
		{client: phone1, user: aminaID, issued: time.UnixMilli(-1)},
	} {
		b, err := coding.DecodeString(x.seal(key))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b[:len(b)-32])
		f.Add(b)
	}
	f.Add([]byte{})
	f.Add([]byte{tokenVersion, 255})
	f.Add([]byte{2, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, ok := openToken(key, coding.EncodeToString(b)); ok && len(b) < 32 {
			t.Fatal("a token without its MAC")
		}
		if _, ok := openToken(key, string(b)); ok {
			parsed, _ := openToken(key, string(b))
			if parsed.seal(key) != string(b) {
				t.Fatal("a token in two forms")
			}
		}
		parsed, ok := parseToken(b)
		if !ok {
			return
		}
		text := parsed.seal(key)
		if again, ok := openToken(key, text); !ok || again != parsed {
			t.Fatalf("%+v became %+v", parsed, again)
		}
		whole, err := coding.DecodeString(text)
		if err != nil || !bytes.Equal(whole[:len(whole)-32], b) {
			t.Fatalf("%x became %x", b, whole)
		}
		if _, ok := openToken([]byte("another key"), text); ok {
			t.Fatal("a token of another camp")
		}
	})
}
