package wire

import (
	"errors"

	"musafir/crdt"
)

// A Prove asks a device that the other side does not know for its admission.
type Prove struct{}

func (*Prove) Kind() Kind                            { return KindProve }
func (*Prove) check() error                          { return nil }
func (*Prove) appendBody(dst []byte) ([]byte, error) { return crdt.AppendArray(dst, 0), nil }
func (*Prove) parseBody([]byte) error                { return nil } // there is one body, which Parse compares

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
