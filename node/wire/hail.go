package wire

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"

	"musafir/crdt"
)

// A Hail is the dialer's first frame. To who does not know the camp it says
// nothing, and who cannot make it gets no answer.
type Hail struct {
	_       struct{} `cbor:",toarray"`
	Version uint64   // of the protocol
	MAC     [16]byte // see HailMAC
}

const (
	hailPrefix  = "musafir hail 1"
	provePrefix = "musafir prove 1"
)

// HailMAC proves that the dialer knows the camp's discovery key, to this
// listener alone: the first 16 bytes of HMAC-SHA256 over both device ids.
func HailMAC(key []byte, dialer, listener crdt.DeviceID) [16]byte {
	return macOf(hailPrefix, key, dialer, listener)
}

// ProveMAC likewise proves that whoever asks for the other's admission knows the key.
func ProveMAC(key []byte, asks, proves crdt.DeviceID) [16]byte {
	return macOf(provePrefix, key, asks, proves)
}

func macOf(prefix string, key []byte, first, second crdt.DeviceID) [16]byte {
	b := []byte(prefix)
	for _, id := range []crdt.DeviceID{first, second} {
		b = binary.AppendUvarint(b, uint64(len(id)))
		b = append(b, id...)
	}
	mac := hmac.New(sha256.New, key)
	mac.Write(b)
	return [16]byte(mac.Sum(nil))
}

// Fits tells whether the MAC is that of HailMAC, in constant time.
func (f *Hail) Fits(key []byte, dialer, listener crdt.DeviceID) bool {
	want := HailMAC(key, dialer, listener)
	return hmac.Equal(want[:], f.MAC[:])
}

func (*Hail) Kind() Kind                              { return KindHail }
func (*Hail) check() error                            { return nil }
func (f *Hail) appendBody(dst []byte) ([]byte, error) { return appendCBOR(dst, f) }
func (f *Hail) parseBody(body []byte) error           { return unmarshal(body, f) }
