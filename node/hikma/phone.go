package hikma

import (
	"context"
	"errors"
	"time"

	"musafir/crdt"
)

// A Phone is one that somebody has logged in with.
type Phone struct {
	Client     string // its id: the app on it makes one when it is installed
	Name       string // "" if it did not say
	User       string // id of who logged in last
	Approved   bool   // by somebody; counts where approval is required
	Revoked    bool   // it is not let in any more
	First      time.Time
	LastSync   time.Time     // zero: it never did
	LastDevice crdt.DeviceID // with which it synced last; "" if it never did
	ClockAhead time.Duration // of its clock before that device's; negative: it is behind
}

// ErrNoPhone says that nobody ever logged in with such a phone.
var ErrNoPhone = errors.New("no such phone")

// Phones are all that there are, in the order of their ids.
func (s *Server) Phones() ([]Phone, error) { return nil, errors.ErrUnsupported }

// Revoke keeps a phone out from now on, on every device that hears of it.
func (s *Server) Revoke(ctx context.Context, client string) error { return errors.ErrUnsupported }

// Approve lets a phone in, also one that was revoked.
func (s *Server) Approve(ctx context.Context, client string) error { return errors.ErrUnsupported }

// RequireApproval tells whether the camp lets in only phones that somebody approved.
func (s *Server) RequireApproval() (bool, error) { return false, errors.ErrUnsupported }

// SetRequireApproval says whether the camp lets in only phones that somebody approved.
func (s *Server) SetRequireApproval(ctx context.Context, required bool) error {
	return errors.ErrUnsupported
}

// NoteClock keeps how far a phone's clock is ahead of this device's.
func (s *Server) NoteClock(ctx context.Context, client string, ahead time.Duration) error {
	return errors.ErrUnsupported
}
