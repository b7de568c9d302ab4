package transport

import (
	"crypto/ed25519"
	"fmt"

	"musafir/crdt"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
)

// deviceKey is the Ed25519 key in a peer id; false where it holds another kind.
func deviceKey(p peer.ID) (ed25519.PublicKey, bool) {
	public, err := p.ExtractPublicKey()
	if err != nil || public.Type() != crypto.Ed25519 {
		return nil, false
	}
	raw, err := public.Raw()
	return raw, err == nil
}

// deviceOf is the device behind a peer id; false where no device can be.
func deviceOf(p peer.ID) (crdt.DeviceID, bool) {
	key, ok := deviceKey(p)
	if !ok {
		return "", false
	}
	return crdt.DeviceIDOf(key), true
}

// peerOf is the reverse. It takes the one spelling that [crdt.DeviceIDOf] makes.
func peerOf(id crdt.DeviceID) (peer.ID, error) {
	p, err := peer.Decode(string(id))
	if err != nil {
		return "", fmt.Errorf("device id %q: %w", id, err)
	}
	if back, ok := deviceOf(p); !ok || back != id {
		return "", fmt.Errorf("device id %q is not that of an Ed25519 key", id)
	}
	return p, nil
}
