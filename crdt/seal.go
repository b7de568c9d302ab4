package crdt

import (
	"crypto/ed25519"
	"errors"
)

// A Seal is the author's Ed25519 signature over the camp and an entry's id. The
// id covers all of the log before it, so one seal proves a whole chain.
type Seal [ed25519.SignatureSize]byte

// ErrSeal says that a seal was not made by the log's author.
var ErrSeal = errors.New("the seal is not the author's")

const sealPrefix = "musafir entry 1"

func sealed(camp CampID, id EntryID) []byte {
	b := make([]byte, 0, len(sealPrefix)+2*HashSize)
	b = append(b, sealPrefix...)
	b = append(b, camp[:]...)
	return append(b, id[:]...)
}

// SealEntry signs an entry.
func SealEntry(key ed25519.PrivateKey, camp CampID, id EntryID) Seal {
	return Seal(ed25519.Sign(key, sealed(camp, id)))
}

// Verify checks the seal with the device key of the log's birth.
func (s Seal) Verify(device ed25519.PublicKey, camp CampID, id EntryID) error {
	if len(device) != ed25519.PublicKeySize || !ed25519.Verify(device, sealed(camp, id), s[:]) {
		return ErrSeal
	}
	return nil
}
