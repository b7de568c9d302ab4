package wire

import (
	"crypto/hmac"
	"errors"

	"musafir/crdt"
)

// A Prove asks a device that the other side does not know for its admission. Nobody
// but who knows the camp gets to see that.
type Prove struct {
	_   struct{} `cbor:",toarray"`
	MAC [16]byte // see ProveMAC
}

// Fits tells whether the MAC is that of ProveMAC, in constant time.
func (f *Prove) Fits(key []byte, asks, proves crdt.DeviceID) bool {
	want := ProveMAC(key, asks, proves)
	return hmac.Equal(want[:], f.MAC[:])
}

func (*Prove) Kind() Kind                              { return KindProve }
func (*Prove) check() error                            { return nil }
func (f *Prove) appendBody(dst []byte) ([]byte, error) { return appendCBOR(dst, f) }
func (f *Prove) parseBody(body []byte) error           { return unmarshal(body, f) }

// A Proof answers Prove: the entries that admit the device, packed as node/access
// does it.
type Proof struct {
	_      struct{} `cbor:",toarray"`
	Packed []byte   // 1 to MaxProofBytes
}

var errNoProof = errors.New("there is no proof in it")

func (*Proof) Kind() Kind { return KindProof }

func (f *Proof) check() error {
	if len(f.Packed) == 0 {
		return errNoProof
	}
	return tooLarge("proof", len(f.Packed), MaxProofBytes, "bytes")
}

func (f *Proof) appendBody(dst []byte) ([]byte, error) { return appendCBOR(dst, f) }
func (f *Proof) parseBody(body []byte) error           { return unmarshal(body, f) }
