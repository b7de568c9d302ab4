package wire

// A Frontier says which entries the sender holds: the heads of its logs, or
// those of them that changed since Base.
type Frontier struct {
	Base  [8]byte // first 8 bytes of the digest of the frontier that the heads add to; zero: to none, they are all
	Full  bool    // hashes have 32 bytes instead of 8
	More  bool    // another Frontier frame goes on with the list
	Heads []Head  // strictly ascending by log, sequence, hash
}

// A Have tells heads that changed since the last Frontier or Have: what came is
// durable here, or what is new here. Hashes have 8 bytes.
type Have struct {
	Heads []Head // strictly ascending by log, sequence, hash
}

type frontierBody struct {
	_     struct{} `cbor:",toarray"`
	Base  [8]byte
	Full  bool
	More  bool
	Heads []byte // packed
}

type haveBody struct {
	_     struct{} `cbor:",toarray"`
	Heads []byte   // packed
}

func (*Frontier) Kind() Kind { return KindFrontier }

func (f *Frontier) check() error { return checkHeads(f.Heads, hashBytes(f.Full)) }

func (f *Frontier) appendBody(dst []byte) ([]byte, error) {
	return appendCBOR(dst, &frontierBody{Base: f.Base, Full: f.Full, More: f.More, Heads: packHeads(f.Heads)})
}

func (f *Frontier) parseBody(b []byte) (err error) {
	var body frontierBody
	if err := unmarshal(b, &body); err != nil {
		return err
	}
	f.Base, f.Full, f.More = body.Base, body.Full, body.More
	f.Heads, err = unpackHeads(body.Heads, hashBytes(f.Full))
	return err
}

func (*Have) Kind() Kind { return KindHave }

func (f *Have) check() error { return checkHeads(f.Heads, shortHash) }

func (f *Have) appendBody(dst []byte) ([]byte, error) {
	return appendCBOR(dst, &haveBody{Heads: packHeads(f.Heads)})
}

func (f *Have) parseBody(b []byte) (err error) {
	var body haveBody
	if err := unmarshal(b, &body); err != nil {
		return err
	}
	f.Heads, err = unpackHeads(body.Heads, shortHash)
	return err
}
