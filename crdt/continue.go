package crdt

import (
	"crypto/ed25519"
	"errors"
)

// ErrContinuation says that the log which a birth continues did not vouch for it.
var ErrContinuation = errors.New("the proof of continuation is not by the key of the continued log")

const continuePrefix = "musafir continue 1"

func continued(camp CampID, continues LogID, device ed25519.PublicKey, incarnation [16]byte) []byte {
	b := make([]byte, 0, len(continuePrefix)+3*HashSize+len(incarnation))
	b = append(b, continuePrefix...)
	b = append(b, camp[:]...)
	b = append(b, continues[:]...)
	b = append(b, device...)
	return append(b, incarnation[:]...)
}

// ContinuationProof signs, with the key of the log that is continued, that device
// goes on in a new log of that incarnation.
func ContinuationProof(oldKey ed25519.PrivateKey, camp CampID, continues LogID, device ed25519.PublicKey, incarnation [16]byte) []byte {
	return ed25519.Sign(oldKey, continued(camp, continues, device, incarnation))
}

// VerifyContinuation checks the proof of a birth that continues a log, with the
// device key of that log's birth.
func (b *Birth) VerifyContinuation(oldKey ed25519.PublicKey) error {
	if len(oldKey) != ed25519.PublicKeySize ||
		!ed25519.Verify(oldKey, continued(b.Camp, b.Continues, b.Device, b.Incarnation), b.Proof) {
		return ErrContinuation
	}
	return nil
}
