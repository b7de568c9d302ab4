package wire

import "encoding/binary"

// A Hello says who speaks and what it holds. It opens the session on both
// sides.
type Hello struct {
	Version  uint64   // of the protocol
	Time     uint64   // ms since 1970 UTC of the sender's wall clock
	Nonce    [8]byte  // random, of the sender's process
	Digest   [32]byte // of the frontier that the sender holds
	Base     [8]byte  // first 8 bytes of the digest of the last frontier that both held; zero: none is known
	Unmerged uint64   // entries that the sender holds and has not merged
	Program  string   // name and version of the sender's program
}

// What always has the same length stands in one byte string, which leaves room
// for Hail and Hello in 100 bytes.
const (
	stateTime   = 0
	stateNonce  = stateTime + 6
	stateDigest = stateNonce + 8
	stateBase   = stateDigest + 32
	stateBytes  = stateBase + 8
)

type helloBody struct {
	_        struct{} `cbor:",toarray"`
	Version  uint64
	State    [stateBytes]byte
	Unmerged uint64
	Program  string
}

func (*Hello) Kind() Kind { return KindHello }

func (f *Hello) check() error {
	if err := checkTime(f.Time); err != nil {
		return err
	}
	return checkText("program", f.Program, MaxProgramBytes)
}

// checkTime refuses a time that no hybrid time can hold.
func checkTime(ms uint64) error {
	if ms > MaxTimeMs {
		return errNumber
	}
	return nil
}

func (f *Hello) appendBody(dst []byte) ([]byte, error) {
	body := helloBody{Version: f.Version, Unmerged: f.Unmerged, Program: f.Program}
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], f.Time)
	s := body.State[:]
	copy(s[stateTime:], ms[2:])
	copy(s[stateNonce:], f.Nonce[:])
	copy(s[stateDigest:], f.Digest[:])
	copy(s[stateBase:], f.Base[:])
	return appendCBOR(dst, &body)
}

func (f *Hello) parseBody(b []byte) error {
	var body helloBody
	if err := unmarshal(b, &body); err != nil {
		return err
	}
	var ms [8]byte
	s := body.State[:]
	copy(ms[2:], s[stateTime:])
	*f = Hello{Version: body.Version, Time: binary.BigEndian.Uint64(ms[:]), Unmerged: body.Unmerged, Program: body.Program}
	copy(f.Nonce[:], s[stateNonce:])
	copy(f.Digest[:], s[stateDigest:])
	copy(f.Base[:], s[stateBase:])
	return nil
}
