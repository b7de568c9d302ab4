package wire

// A Beat says that the sender is there.
type Beat struct {
	_    struct{} `cbor:",toarray"`
	Time uint64   // ms since 1970 UTC of the sender's wall clock
}

func (*Beat) Kind() Kind                              { return KindBeat }
func (f *Beat) check() error                          { return checkTime(f.Time) }
func (f *Beat) appendBody(dst []byte) ([]byte, error) { return appendCBOR(dst, f) }
func (f *Beat) parseBody(body []byte) error           { return unmarshal(body, f) }
