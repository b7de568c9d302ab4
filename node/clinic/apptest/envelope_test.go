package apptest_test

import (
	"bytes"
	"crypto/ecdh"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"testing"

	"musafir/node/clinic/apptest"
)

// counting is a private key of 32 bytes that count up.
func counting(t *testing.T, from byte) *ecdh.PrivateKey {
	raw := make([]byte, 32)
	for i := range raw {
		raw[i] = from + byte(i)
	}
	key, err := ecdh.X25519().NewPrivateKey(raw)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// The vector was made by two other implementations.
func TestEnvelope(t *testing.T) {
	const (
		hubPublic    = "B6N8vBQgk8i3VdwbEOhstCY3StFqqFPtC9_AsrhtHHw"
		clientPublic = "VxR2nRFr92Q2rnS8eT0sMK0ZA8WaxSc4BcfiaYtBDDY"
		sessionKey   = "77d45cdc04b93e62ff27027432acfa394e3e0cfb9effa3363aff8853373815d7"
		text         = `{"query":"ping","params":{},"token":null}`
		payload      = "AAAAAAAAAAAAAAAAeEGGSAtmAYIwdQ1g337QlzxTKBSbujrc8UZtH3kMj7Wyn68zB4d6zQTuocgWwy5ZbUJH5g6mCHy9"
	)
	hub, client := counting(t, 1), counting(t, 101)
	for public, want := range map[*ecdh.PublicKey]string{hub.PublicKey(): hubPublic, client.PublicKey(): clientPublic} {
		if got := base64.RawURLEncoding.EncodeToString(public.Bytes()); got != want {
			t.Errorf("the public key is %s, want %s", got, want)
		}
	}
	key, err := apptest.SessionKey(client, hub.PublicKey(), hub.PublicKey(), client.PublicKey())
	if err != nil || hex.EncodeToString(key) != sessionKey {
		t.Fatalf("the key is %x: %v", key, err)
	}
	other, err := apptest.SessionKey(hub, client.PublicKey(), hub.PublicKey(), client.PublicKey())
	if err != nil || !bytes.Equal(key, other) {
		t.Errorf("the hub has another key, %x: %v", other, err)
	}
	if got, err := apptest.Seal(key, make([]byte, 12), "query", []byte(text)); err != nil || got != payload {
		t.Errorf("sealed %s: %v", got, err)
	}
	if got, err := apptest.Open(key, "query", payload); err != nil || string(got) != text {
		t.Errorf("opened %s: %v", got, err)
	}
	for role, sealed := range map[string]string{"command": payload, "query": payload + "=", "query_response": "AAAA"} {
		if _, err := apptest.Open(key, role, sealed); !errors.Is(err, apptest.ErrDecrypt) {
			t.Errorf("opened %s as %s: %v", sealed, role, err)
		}
	}
}
