package transport

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"musafir/crdt"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/sec"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
)

// A WrongDeviceError says that another device answered than the one that was meant:
// what was known about the address is out of date.
type WrongDeviceError struct {
	Expected, Found crdt.DeviceID
}

func (e *WrongDeviceError) Error() string {
	return fmt.Sprintf("expected device %s, but %s answered", e.Expected, e.Found)
}

// openError tells in one line why a device was not reached.
func openError(ctx context.Context, to crdt.DeviceID, err error) error {
	var dial *swarm.DialError
	switch {
	case context.Cause(ctx) != nil:
		err = context.Cause(ctx) // ErrClosed among them
	case errors.Is(err, swarm.ErrGaterDisallowedConnection):
		err = ErrRefused
	case errors.Is(err, swarm.ErrNoAddresses):
		err = errors.New("no address of it is known")
	case errors.As(err, &dial) && len(dial.DialErrors) > 0:
		err = attempts(dial.DialErrors)
	}
	return fmt.Errorf("reach device %s: %w", to, err)
}

// attempts are the addresses that were dialled, and what became of each.
type attempts []swarm.TransportError

func (a attempts) Error() string {
	lines := make([]string, len(a))
	for i, one := range a {
		lines[i] = fmt.Sprintf("at %s: %s", one.Address, plain(one.Cause))
	}
	return strings.Join(lines, "; ")
}

func (a attempts) Unwrap() []error {
	causes := make([]error, len(a))
	for i, one := range a {
		causes[i] = plain(one.Cause)
	}
	return causes
}

// plain says in our words what libp2p says in its own.
func plain(err error) error {
	var mismatch sec.ErrPeerIDMismatch
	if errors.As(err, &mismatch) {
		return &WrongDeviceError{Expected: nameOf(mismatch.Expected), Found: nameOf(mismatch.Actual)}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("no answer in time (%w)", err)
	}
	return err
}

// nameOf names even those whose key is no device's.
func nameOf(p peer.ID) crdt.DeviceID { return crdt.DeviceID(p.String()) }
