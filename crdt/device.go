package crdt

import (
	"bytes"
	"crypto/ed25519"
	"fmt"

	"github.com/mr-tron/base58" // the text form of libp2p's peer ids
)

// A DeviceID is a device's public key as text: its libp2p peer id.
type DeviceID string

// DeviceIDOf is the id of an Ed25519 key: the base58 form of the identity
// multihash of the key as libp2p encodes it.
func DeviceIDOf(key ed25519.PublicKey) DeviceID {
	return DeviceID(base58.Encode(append(bytes.Clone(deviceIDHead), key...)))
}

// deviceIDHead says: identity multihash of 36 bytes, a key of type Ed25519, 32 bytes.
var deviceIDHead = []byte{0x00, 0x24, 0x08, 0x01, 0x12, 0x20}

// PublicKey is the key that the id stands for.
func (id DeviceID) PublicKey() (ed25519.PublicKey, error) {
	b, err := base58.Decode(string(id))
	key, ok := bytes.CutPrefix(b, deviceIDHead)
	if err != nil || !ok || len(key) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("%q is not the id of a device", string(id))
	}
	return key, nil
}
