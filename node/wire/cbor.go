package wire

import (
	"bytes"

	"github.com/fxamacker/cbor/v2"
)

// Bodies are CBOR arrays in the one canonical form. The library writes that
// form, but takes others too: Parse writes again what it took and compares.

var encMode = must(cbor.CoreDetEncOptions().UserBufferEncMode())

var decMode = must(cbor.DecOptions{
	IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden, UTF8: cbor.UTF8RejectInvalid,
	MaxNestedLevels: 4, MaxArrayElements: 32, MaxMapPairs: 16,
}.DecMode())

func must[T any](v T, err error) T {
	if err != nil {
		panic(err) // constant options
	}
	return v
}

// unmarshal hides the library's errors: they speak of Go types, and one of them
// is io.EOF.
func unmarshal(body []byte, v any) error {
	if decMode.Unmarshal(body, v) != nil {
		return errParts
	}
	return nil
}

func appendCBOR(dst []byte, v any) ([]byte, error) {
	b := bytes.NewBuffer(dst)
	err := encMode.MarshalToBuffer(v, b)
	return b.Bytes(), err
}
