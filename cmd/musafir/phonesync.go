package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"musafir/crdt"
	"musafir/node/clinic"
	"musafir/node/hikma"
	"musafir/store"
)

// phoneRecords are a device's records, for phones.
type phoneRecords struct{ *device }

var _ hikma.Records = phoneRecords{}

// momentLook is a moment of the store as package clinic wants it.
type momentLook struct{ *store.Moment }

func (l momentLook) Past(marks []crdt.Mark) (clinic.Past, error) { return l.Moment.Past(marks) }

// Touches are those that matter: of a record with more history than fits into memory, those
// of which something lives.
func (l momentLook) Touches(key crdt.RecordKey) ([]*crdt.Touch, error) {
	touches, err := l.Moment.Touches(key)
	if !errors.Is(err, store.ErrTooLarge) {
		return touches, err
	}
	r, err := l.Record(key)
	if err != nil || r == nil {
		return nil, err
	}
	return r.Living(), nil
}

func (r phoneRecords) Moment() (clinic.Look, func(), error) {
	m, err := r.Dir.Moment()
	if err != nil {
		return nil, nil, err
	}
	return momentLook{m}, m.Close, nil
}

// Others are the camp's other devices.
func (r phoneRecords) Others() (ids []crdt.DeviceID) {
	members, self := r.Members()
	for _, m := range members.Members() {
		if current := m.Current(); !slices.Contains(current, self) {
			ids = append(ids, current...)
		}
	}
	return ids
}

// phoneRules is raised by a version that shows phones other rows, or rows otherwise, of the same
// records.
const phoneRules = 1

// Control is a digest of who takes part, and as what, of which entries are held and not merged,
// and of the rules by which phones are served.
func (r phoneRecords) Control() (digest [8]byte) {
	members, _ := r.Members()
	h := sha256.New()
	fmt.Fprintf(h, "rules %d\n", phoneRules)
	for _, m := range members.Members() {
		fmt.Fprintf(h, "%s %s\n", m.Role, m.Admission)
	}
	for _, at := range r.HeldPlaces() {
		fmt.Fprintf(h, "held %x %d\n", at.Log, at.Seq)
	}
	copy(digest[:], h.Sum(nil))
	return digest
}
