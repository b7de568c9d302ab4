package crdt

import (
	"crypto/ed25519"
	"errors"
	"fmt"
)

// LogKind is what a log is for. A newer program may know more kinds: the birth of
// such a log is held and not merged.
type LogKind uint64

// Control logs hold membership acts, record logs hold records.
const (
	ControlLog LogKind = iota
	RecordLog
	logKindEnd
)

// Known tells whether this program knows the kind.
func (k LogKind) Known() bool { return k < logKindEnd }

// A Birth is the first entry of a log. Its EntryID is the log's id.
type Birth struct {
	Camp        CampID            // zero in the camp's very first entry, whose hash it becomes
	Kind        LogKind           // what the log is for
	Device      ed25519.PublicKey // who writes and seals the log
	Admission   EntryID           // the admission it writes under; zero in the camp's first entry, which is one
	Incarnation [16]byte          // random: no two logs are alike
	Ordinal     uint64            // how many logs this device began before

	// Of a log that a device begins because it was cloned or restored: the log
	// it continues, and the signature of that log's key over the new one.
	Continues LogID
	Proof     []byte

	Founding *Founding // in the camp's very first entry only
}

// A Founding is what the camp's first entry says of the camp.
type Founding struct {
	Camp     string // the camp's name
	Device   string // the name of its first device, which is a coordinator
	Recovery ed25519.PublicKey

	// Random. Whoever holds the entry has it: the camp's first keys come of it.
	Secret [SecretSize]byte
}

// SecretSize is the length of a camp's secret.
const SecretSize = 32

// Change gives the birth as the only change of its entry.
func (b *Birth) Change() (Change, error) {
	if err := b.validate(); err != nil {
		return Change{}, fmt.Errorf("write birth: %w", err)
	}
	s := AppendArray(nil, 8)
	s = appendOptional(s, b.Camp[:])
	s = appendUint(s, uint64(b.Kind))
	s = AppendBytes(s, b.Device)
	s = appendOptional(s, b.Admission[:])
	s = AppendBytes(s, b.Incarnation[:])
	s = appendUint(s, b.Ordinal)
	if b.Proof == nil {
		s = AppendArray(s, 0)
	} else {
		s = AppendBytes(AppendBytes(AppendArray(s, 2), b.Continues[:]), b.Proof)
	}
	if f := b.Founding; f == nil {
		s = AppendArray(s, 0)
	} else {
		s = AppendText(AppendText(AppendArray(s, 4), f.Camp), f.Device)
		s = AppendBytes(AppendBytes(s, f.Recovery), f.Secret[:])
	}
	return newChange(KindBirth, s, nil, nil), nil
}

// appendOptional writes a hash, or no bytes for the zero hash.
func appendOptional(b, h []byte) []byte {
	for _, x := range h {
		if x != 0 {
			return AppendBytes(b, h)
		}
	}
	return AppendBytes(b, nil)
}

func (r *reader) optional() (h [HashSize]byte) {
	p := r.bytes()
	if len(p) != 0 && len(p) != HashSize {
		r.fail(errType)
		return h
	}
	copy(h[:], p)
	if len(p) != 0 && h == [HashSize]byte{} {
		r.fail(errNotCanonical)
	}
	return h
}

// Birth decodes a change of KindBirth.
func (c *Change) Birth() (*Birth, error) {
	if c.Kind != KindBirth {
		return nil, fmt.Errorf("read birth: change of kind %d", c.Kind)
	}
	if c.salt != nil || c.commit != nil {
		return nil, fmt.Errorf("read birth: %w", errType)
	}
	r := reader{b: c.shape}
	if n := r.want(majorArray); r.err == nil && n != 8 {
		r.fail(errType)
	}
	b := &Birth{Camp: r.optional()}
	b.Kind = LogKind(r.uint())
	b.Device = r.bytes()
	b.Admission = r.optional()
	if inc := r.bytes(); copy(b.Incarnation[:], inc) != len(b.Incarnation) || len(inc) > len(b.Incarnation) {
		r.fail(errType)
	}
	b.Ordinal = r.uint()
	switch r.want(majorArray) {
	case 0:
	case 2:
		b.Continues = r.hash()
		b.Proof = r.bytes()
	default:
		r.fail(errType)
	}
	switch r.want(majorArray) {
	case 0:
	case 4:
		b.Founding = &Founding{Camp: string(r.text()), Device: string(r.text()), Recovery: r.bytes(), Secret: r.hash()}
	default:
		r.fail(errType)
	}
	err := r.end()
	if err == nil {
		err = b.validate()
	}
	if err != nil {
		return nil, fmt.Errorf("read birth: %w", err)
	}
	return b, nil
}

// Birth is what the entry says if it begins a log, else nil.
func (e *Entry) Birth() *Birth {
	if len(e.Changes) != 1 || e.Changes[0].Kind != KindBirth {
		return nil
	}
	b, err := e.Changes[0].Birth()
	if err != nil {
		return nil // not of an entry that was parsed
	}
	return b
}

// logKind is the kind of log that a well-formed birth begins.
func (c *Change) logKind() LogKind {
	r := reader{b: c.shape}
	r.want(majorArray)
	r.optional()
	return LogKind(r.uint())
}

func (b *Birth) validate() error {
	if len(b.Device) != ed25519.PublicKeySize {
		return errors.New("the device key is not an Ed25519 key")
	}
	if b.Proof != nil && len(b.Proof) != ed25519.SignatureSize {
		return errors.New("the proof of continuation is not an Ed25519 signature")
	}
	first := b.Camp == CampID{}
	if first != (b.Founding != nil) || first != (b.Admission == EntryID{}) {
		return errors.New("the camp's first entry, and no other, founds it")
	}
	if !first {
		return nil
	}
	if b.Kind != ControlLog || b.Proof != nil {
		return errors.New("the camp's first entry begins a control log and continues none")
	}
	if len(b.Founding.Recovery) != ed25519.PublicKeySize {
		return errors.New("the recovery key is not an Ed25519 key")
	}
	return errors.Join(ValidateName("camp name", b.Founding.Camp), ValidateName("device name", b.Founding.Device))
}

// MaxNameBytes is the longest name of a camp or a device.
const MaxNameBytes = 64

// ValidateName checks the name of a camp or a device: 1 to 64 bytes of text.
func ValidateName(what, name string) error {
	if name == "" {
		return fmt.Errorf("the %s may not be empty", what)
	}
	if err := tooLarge(what, len(name), MaxNameBytes, "bytes"); err != nil {
		return err
	}
	return validateText(what, name)
}
