package replica

import "github.com/fxamacker/cbor/v2" // of what is remembered

// Remembered is what to store of another device of which only the address is known,
// for [RestorePeer].
func Remembered(remote string) []byte {
	b, err := cbor.Marshal(remembered{Remote: remote})
	if err != nil {
		panic("encode peer: " + err.Error()) // texts always encode
	}
	return b
}
