package access

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"

	"musafir/crdt"
)

// Limits of invitations.
const (
	MaxInvitations = 64 // open at once
	maxWrongCodes  = 5  // that name an invitation, the last of which ends it
)

// Errors of invitations.
var (
	ErrNoInvitation = errors.New("no such invitation is open here: it was used, or ended by wrong codes or a restart, or made on another device")
	ErrExpired      = errors.New("the invitation has expired: ask for a new one")
	ErrWrongCode    = errors.New("the code is wrong")
	ErrNameTaken    = errors.New("an open invitation has the same name: draw another code")

	// Of making one.
	ErrNotCoordinator     = errors.New("this device is no coordinator, and only a coordinator can invite devices: ask for a code on a coordinator's device")
	ErrTooManyInvitations = fmt.Errorf("%d invitations are open, which is the most there may be: wait until one was used or has expired", MaxInvitations)
	ErrUnreachable        = errors.New("an invitation is open only while musafir runs here and other devices can reach it: musafir up")
)

// An Invitation lets whoever knows its code join in a role.
type Invitation struct {
	Code    Code
	Role    crdt.Role
	Expires int64 // in milliseconds of the clock that the caller counts by
}

// Invitations are those that were made here and are open. They count by one
// monotonic clock of the caller's, in milliseconds. The zero value has none.
type Invitations struct {
	open map[string]*invitation // by name
}

type invitation struct {
	Invitation
	wrong int // codes
}

// Open adds an invitation, and drops those that have expired.
func (v *Invitations) Open(code Code, role crdt.Role, now, expires int64) error {
	for name, i := range v.open {
		if i.expired(now) {
			delete(v.open, name)
		}
	}
	switch {
	case !role.Known():
		return fmt.Errorf("open an invitation: %s is not known", role)
	case v.open[code.Name()] != nil:
		return ErrNameTaken
	case len(v.open) >= MaxInvitations:
		return ErrTooManyInvitations
	}
	if v.open == nil {
		v.open = map[string]*invitation{}
	}
	v.open[code.Name()] = &invitation{Invitation: Invitation{Code: code, Role: role, Expires: expires}}
	return nil
}

func (i *invitation) expired(now int64) bool { return now >= i.Expires }

// Try takes up the invitation of that name for a joiner whose request has that MAC
// ([Code.Request]). Success uses it up.
func (v *Invitations) Try(name string, mac [sha256.Size]byte, joiner, self crdt.DeviceID, deviceName string, now int64) (Invitation, error) {
	i := v.open[name]
	if i == nil {
		return Invitation{}, ErrNoInvitation
	}
	if i.expired(now) {
		return Invitation{}, ErrExpired
	}
	want := i.Code.Request(joiner, self, deviceName)
	if !hmac.Equal(mac[:], want[:]) {
		if i.wrong++; i.wrong == maxWrongCodes {
			delete(v.open, name)
		}
		return Invitation{}, ErrWrongCode
	}
	if err := crdt.ValidateName("device name", deviceName); err != nil {
		return Invitation{}, err
	}
	delete(v.open, name)
	return i.Invitation, nil
}

// List gives the invitations that are open, those that expire first first.
func (v *Invitations) List(now int64) []Invitation {
	var list []Invitation
	for _, i := range v.open {
		if !i.expired(now) {
			list = append(list, i.Invitation)
		}
	}
	slices.SortFunc(list, func(a, b Invitation) int {
		return cmp.Or(cmp.Compare(a.Expires, b.Expires), strings.Compare(string(a.Code), string(b.Code)))
	})
	return list
}

// Close ends the invitation of that name, and tells whether there was one.
func (v *Invitations) Close(name string) bool {
	_, ok := v.open[name]
	delete(v.open, name)
	return ok
}
