package wire

import "errors"

// A Grant gives the other side credit: it may send so many more bytes of entries,
// as [Batch.EntryBytes] counts them.
type Grant struct {
	_     struct{} `cbor:",toarray"`
	Bytes uint64   // 1 to MaxGrantBytes
}

func (*Grant) Kind() Kind { return KindGrant }

func (f *Grant) check() error {
	if f.Bytes == 0 {
		return errors.New("a grant of nothing")
	}
	if f.Bytes > MaxGrantBytes {
		return tooLarge("grant", int(min(f.Bytes, 1<<31-1)), MaxGrantBytes, "bytes")
	}
	return nil
}

func (f *Grant) appendBody(dst []byte) ([]byte, error) { return appendCBOR(dst, f) }
func (f *Grant) parseBody(body []byte) error           { return unmarshal(body, f) }
