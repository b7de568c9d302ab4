package access

import (
	"crypto/hkdf"
	"crypto/sha256"
)

// KeySize is the length of the keys that a camp's devices share.
const KeySize = 32

// What the shared keys are for, and the version of how they are derived.
const (
	discoveryInfo = "musafir discovery 1"
	bundleInfo    = "musafir bundle 1"
	phoneInfo     = "musafir phone 1"
)

// DiscoveryKeys are the keys by which the camp's devices find each other, newest
// first: seal with the first, open with any. None before the camp's first entry.
func (c *Camp) DiscoveryKeys() [][]byte { return c.keys(discoveryInfo) }

// BundleKeys are those of bundles, likewise.
func (c *Camp) BundleKeys() [][]byte { return c.keys(bundleInfo) }

// PhoneKeys are those of what phones are let in with, likewise.
func (c *Camp) PhoneKeys() [][]byte { return c.keys(phoneInfo) }

func (c *Camp) keys(info string) [][]byte {
	if c.founding == nil {
		return nil
	}
	return [][]byte{derive(c.founding.Secret[:], info)}
}

func derive(secret []byte, info string) []byte {
	key, err := hkdf.Key(sha256.New, secret, nil, info, KeySize)
	if err != nil {
		panic("derive a key: " + err.Error()) // the length is one that there is
	}
	return key
}
