package crdt

import (
	"crypto/ed25519"
	"errors"
	"fmt"
)

// An Admission lets a device take part in the camp. It stands alone in an entry of
// a control log, and is named by that entry's id.
type Admission struct {
	Device ed25519.PublicKey
	Role   Role
	Name   string // of the device

	more Value // what a newer program says besides: an array that is not empty
}

// Known tells whether this program knows all that the admission says.
func (a *Admission) Known() bool { return a.Role.Known() && a.more == nil }

// Change gives the admission as the only change of its entry.
func (a *Admission) Change() (Change, error) {
	if err := a.validate(); err != nil {
		return Change{}, fmt.Errorf("write admission: %w", err)
	}
	s := AppendBytes(AppendArray(nil, 4), a.Device)
	s = AppendText(appendUint(s, uint64(a.Role)), a.Name)
	if a.more == nil {
		s = AppendArray(s, 0)
	}
	return newChange(KindAdmission, append(s, a.more...), nil, nil), nil
}

// Admission decodes a change of KindAdmission.
func (c *Change) Admission() (*Admission, error) {
	if c.Kind != KindAdmission {
		return nil, fmt.Errorf("read admission: change of kind %d", c.Kind)
	}
	if c.salt != nil || c.commit != nil {
		return nil, fmt.Errorf("read admission: %w", errType)
	}
	r := reader{b: c.shape}
	if n := r.want(majorArray); r.err == nil && n != 4 {
		r.fail(errType)
	}
	a := &Admission{Device: r.bytes(), Role: Role(r.uint()), Name: string(r.text()), more: r.more()}
	err := r.end()
	if err == nil {
		err = a.validate()
	}
	if err != nil {
		return nil, fmt.Errorf("read admission: %w", err)
	}
	return a, nil
}

// more reads an array of which only a newer program knows what belongs in it; nil
// if it is empty.
func (r *reader) more() Value {
	start := r.off
	n := r.want(majorArray)
	if r.err != nil || n == 0 {
		return nil
	}
	r.off = start
	return r.skip(MaxValueDepth)
}

func (a *Admission) validate() error {
	if len(a.Device) != ed25519.PublicKeySize {
		return errors.New("the device key is not an Ed25519 key")
	}
	if a.Role == 0 {
		return errors.New("the admission gives no role")
	}
	return ValidateName("device name", a.Name)
}

// Admission is what the entry says if it is an admission, else nil.
func (e *Entry) Admission() *Admission {
	if len(e.Changes) != 1 || e.Changes[0].Kind != KindAdmission {
		return nil
	}
	a, err := e.Changes[0].Admission()
	if err != nil {
		return nil // not of an entry that was parsed
	}
	return a
}
