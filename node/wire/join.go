package wire

import (
	"errors"
	"strings"

	"musafir/crdt"
)

// CodeAlphabet is what an invitation's code is written in: Crockford's base 32,
// which has no letter that is taken for a digit. 12 characters of it are 60 bits.
const CodeAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// A Knock is the first frame of a join stream, from who holds an invitation.
type Knock struct {
	_          struct{} `cbor:",toarray"`
	Invitation string   // the first 4 characters of the code, which name it
	MAC        [32]byte // by the code's secret, over the keys of the connection
	Name       string   // of the device, 1 to MaxNameBytes
}

func (*Knock) Kind() Kind { return KindKnock }

func (f *Knock) check() error {
	outside := func(r rune) bool { return !strings.ContainsRune(CodeAlphabet, r) }
	if len(f.Invitation) != invitationChars || strings.ContainsFunc(f.Invitation, outside) {
		return errors.New("the invitation is not named by 4 characters of a code")
	}
	if err := tooLarge("device name", len(f.Name), MaxNameBytes, "bytes"); err != nil {
		return err
	}
	return crdt.ValidateName("device name", f.Name)
}

func (f *Knock) appendBody(dst []byte) ([]byte, error) { return appendCBOR(dst, f) }
func (f *Knock) parseBody(body []byte) error           { return unmarshal(body, f) }

// A Recover is the first frame of a join stream from who has the camp's recovery key.
// It names nobody, so that it may be sent to devices of which nothing is known.
type Recover struct {
	_         struct{} `cbor:",toarray"`
	Signature [64]byte // by the recovery key, over the keys of the connection
}

func (*Recover) Kind() Kind                              { return KindRecover }
func (*Recover) check() error                            { return nil }
func (f *Recover) appendBody(dst []byte) ([]byte, error) { return appendCBOR(dst, f) }
func (f *Recover) parseBody(body []byte) error           { return unmarshal(body, f) }

// A Welcome answers a Knock, or a Recover, in which case it admits nobody. The control logs follow, in Batch frames up to End.
type Welcome struct {
	_         struct{}     `cbor:",toarray"`
	MAC       [32]byte     // by the code's secret: proves that the coordinator made the invitation
	Camp      crdt.CampID  //
	Admission crdt.EntryID // the entry that admits the device
	More      bool         // Batch frames follow
}

func (*Welcome) Kind() Kind                              { return KindWelcome }
func (*Welcome) check() error                            { return nil }
func (f *Welcome) appendBody(dst []byte) ([]byte, error) { return appendCBOR(dst, f) }
func (f *Welcome) parseBody(body []byte) error           { return unmarshal(body, f) }
