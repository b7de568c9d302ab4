package apptest

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
)

const (
	keyBytes   = 32
	nonceBytes = 12
	keySalt    = "hikma-health-pairing-v1"
)

// SessionKey is the key between an app and a hub: both have it from their own private key
// and the other's public one.
func SessionKey(own *ecdh.PrivateKey, other, hub, client *ecdh.PublicKey) ([]byte, error) {
	shared, err := own.ECDH(other) // refuses what would be all zero
	if err != nil {
		return nil, fmt.Errorf("agree on a key: %w", err)
	}
	return hkdf.Key(sha256.New, shared, []byte(keySalt), string(slices.Concat(hub.Bytes(), client.Bytes())), keyBytes)
}

// Seal is the payload for a text; role is "command", "query" or one of them with
// "_response". The nonce, of 12 bytes, must never have been used with the key.
func Seal(key, nonce []byte, role string, text []byte) (payload string, err error) {
	aead, err := newAEAD(key)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(aead.Seal(slices.Clone(nonce), nonce, text, []byte(role))), nil
}

// Open takes the text out of a payload.
func Open(key []byte, role, payload string) ([]byte, error) {
	sealed, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil || len(sealed) < nonceBytes {
		return nil, fmt.Errorf("%w: it is no base64url without padding, or too short", ErrDecrypt)
	}
	aead, err := newAEAD(key)
	if err != nil {
		return nil, err
	}
	text, err := aead.Open(nil, sealed[:nonceBytes], sealed[nonceBytes:], []byte(role))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDecrypt, err)
	}
	return text, nil
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("use the key: %w", err)
	}
	return cipher.NewGCM(block)
}
