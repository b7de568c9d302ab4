package crdt

import (
	"crypto/ed25519"

	"github.com/mr-tron/base58" // the text form of libp2p's peer ids
)

// A DeviceID is a device's public key as text: its libp2p peer id.
type DeviceID string

// DeviceIDOf is the id of an Ed25519 key: the base58 form of the identity
// multihash of the key as libp2p encodes it.
func DeviceIDOf(key ed25519.PublicKey) DeviceID {
	b := append([]byte{0x00, 0x24, 0x08, 0x01, 0x12, 0x20}, key...)
	return DeviceID(base58.Encode(b))
}
