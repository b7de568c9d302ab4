package node_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"testing"
	"time"

	"musafir/crdt"
	"musafir/node"
	"musafir/node/access"
)

// Who may not invite, and how many invitations there may be, is told by errors that
// callers know.
func TestInviteErrors(t *testing.T) {
	disk, key := found(t)
	r := open(t, disk, key)
	ctx := context.Background()
	codes := map[access.Code]bool{}
	for range access.MaxInvitations {
		code, err := r.Invite(ctx, crdt.RoleMember, time.Hour)
		check(t, err)
		codes[code] = true
	}
	if len(codes) != access.MaxInvitations {
		t.Errorf("%d codes of %d invitations", len(codes), access.MaxInvitations)
	}
	if code, err := r.Invite(ctx, crdt.RoleMember, time.Hour); code != "" || !errors.Is(err, access.ErrTooManyInvitations) {
		t.Errorf("one more: %q, %v", code, err)
	}
	public, member, err := ed25519.GenerateKey(nil)
	check(t, err)
	_, err = r.Admit(ctx, crdt.Admission{Device: public, Role: crdt.RoleMember, Name: "member"})
	check(t, err)
	r.stop()
	if _, err := r.Invite(ctx, crdt.RoleMember, time.Hour); !errors.Is(err, node.ErrStopped) {
		t.Errorf("after the end: %v", err)
	}
	r = open(t, disk, member)
	if code, err := r.Invite(ctx, crdt.RoleMember, time.Hour); code != "" || !errors.Is(err, access.ErrNotCoordinator) {
		t.Errorf("a member: %q, %v", code, err)
	}
	if _, err := r.Admit(ctx, crdt.Admission{Device: public, Role: crdt.RoleMember, Name: "x"}); !errors.Is(err, access.ErrNotCoordinator) {
		t.Errorf("a member admits: %v", err)
	}
}

// Invitations that have expired make room.
func TestInviteAfterExpiry(t *testing.T) {
	disk, key := found(t)
	r := open(t, disk, key)
	for range 2 * access.MaxInvitations {
		_, err := r.Invite(context.Background(), crdt.RoleMember, 0)
		check(t, err)
	}
}
