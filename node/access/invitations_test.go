package access_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"musafir/crdt"
	"musafir/node/access"
)

const minute = 60_000

func code(n byte) access.Code { return access.NewCode([10]byte{n, n, n, 9: n}) }

func TestInvitation(t *testing.T) {
	var v access.Invitations
	joiner, self := device(1), device(0)
	if err := v.Open(code(1), crdt.RoleReader, 5, 10*minute); err != nil {
		t.Fatal(err)
	}
	mac := code(1).Request(joiner, self, "tablet")
	if _, err := v.Try(code(2).Name(), mac, joiner, self, "tablet", 6); !errors.Is(err, access.ErrNoInvitation) {
		t.Errorf("an unknown name: %v", err)
	}
	for why, try := range map[string]func() (access.Invitation, error){
		"another device":      func() (access.Invitation, error) { return v.Try(code(1).Name(), mac, device(2), self, "tablet", 6) },
		"another coordinator": func() (access.Invitation, error) { return v.Try(code(1).Name(), mac, joiner, device(2), "tablet", 6) },
		"another device name": func() (access.Invitation, error) { return v.Try(code(1).Name(), mac, joiner, self, "phone", 6) },
	} {
		if got, err := try(); !errors.Is(err, access.ErrWrongCode) || got != (access.Invitation{}) {
			t.Errorf("%s: %+v, %v", why, got, err)
		}
	}
	bad := code(1).Request(joiner, self, "a\nb") // knows the code, and may try again
	if _, err := v.Try(code(1).Name(), bad, joiner, self, "a\nb", 6); err == nil || errors.Is(err, access.ErrWrongCode) {
		t.Errorf("a name that no device may have: %v", err)
	}
	got, err := v.Try(code(1).Name(), mac, joiner, self, "tablet", 10*minute-1)
	if want := (access.Invitation{Code: code(1), Role: crdt.RoleReader, Expires: 10 * minute}); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := v.Try(code(1).Name(), mac, joiner, self, "tablet", 6); !errors.Is(err, access.ErrNoInvitation) {
		t.Errorf("used twice: %v", err)
	}
}

func TestInvitationExpires(t *testing.T) {
	var v access.Invitations
	if err := v.Open(code(1), crdt.RoleMember, 0, 10*minute); err != nil {
		t.Fatal(err)
	}
	mac := code(1).Request(device(1), device(0), "tablet")
	for range 2 {
		if _, err := v.Try(code(1).Name(), mac, device(1), device(0), "tablet", 10*minute); !errors.Is(err, access.ErrExpired) {
			t.Errorf("after its time: %v", err)
		}
	}
	if list := v.List(10 * minute); len(list) > 0 {
		t.Errorf("open: %+v", list)
	}
	if err := v.Open(code(1), crdt.RoleMember, 10*minute, 20*minute); err != nil {
		t.Errorf("one that expired stands in the way: %v", err)
	}
}

func TestInvitationFiveFailures(t *testing.T) {
	var v access.Invitations
	for n := byte(1); n < 3; n++ {
		if err := v.Open(code(n), crdt.RoleMember, 0, minute); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 5 {
		if n := len(v.List(0)); n != 2 {
			t.Fatalf("%d are open after %d failures", n, i)
		}
		if _, err := v.Try(code(1).Name(), [32]byte{}, device(1), device(0), "tablet", 0); !errors.Is(err, access.ErrWrongCode) {
			t.Errorf("failure %d: %v", i, err)
		}
	}
	right := code(1).Request(device(1), device(0), "tablet")
	if _, err := v.Try(code(1).Name(), right, device(1), device(0), "tablet", 0); !errors.Is(err, access.ErrNoInvitation) {
		t.Errorf("after five failures: %v", err)
	}
	other := code(2).Request(device(1), device(0), "tablet")
	if _, err := v.Try(code(2).Name(), other, device(1), device(0), "tablet", 0); err != nil {
		t.Errorf("the failures of one ended another: %v", err)
	}
}

func TestInvitationsOpen(t *testing.T) {
	var v access.Invitations
	if v.Close("none") || len(v.List(0)) > 0 {
		t.Error("something is open that nobody opened")
	}
	if err := v.Open(code(1), 0, 0, minute); err == nil {
		t.Error("an invitation to no role")
	}
	for n := range byte(access.MaxInvitations) {
		if err := v.Open(code(n), crdt.RoleMember, 0, minute-int64(n%2)); err != nil {
			t.Fatal(err)
		}
	}
	if err := v.Open(code(7), crdt.RoleMember, 0, minute); !errors.Is(err, access.ErrNameTaken) {
		t.Errorf("the same name twice: %v", err)
	}
	if err := v.Open(code(200), crdt.RoleMember, 0, minute); err == nil {
		t.Error("more are open than may be")
	}
	list := v.List(0)
	sorted := slices.IsSortedFunc(list, func(a, b access.Invitation) int { return int(a.Expires - b.Expires) })
	if len(list) != access.MaxInvitations || !sorted {
		t.Errorf("%d are open: %+v", len(list), list)
	}
	if !v.Close(code(7).Name()) || v.Close(code(7).Name()) || len(v.List(0)) != access.MaxInvitations-1 {
		t.Error("one that was closed is open, or others are not")
	}
	if err := v.Open(code(7), crdt.RoleMember, 0, minute); err != nil {
		t.Errorf("one that was closed stands in the way: %v", err)
	}
}

// A coordinator invites a device, which shows that it knows the code, and is shown
// the same.
func Example() {
	coordinator, tablet := device(0), device(1)
	var open access.Invitations
	code := access.NewCode([10]byte{0x3c, 0xc5, 0x44, 0xd4, 0x01, 0x21, 0x77, 0x90, 0xa4, 0x27})
	if err := open.Open(code, crdt.RoleMember, 0, 10*minute); err != nil {
		fmt.Println(err)
	}

	typed, err := access.ParseCode("7k2m 9noi 45vs l917") // as people write it
	fmt.Println(code, typed, err)
	request := typed.Request(tablet, coordinator, "pharmacy")

	taken, err := open.Try(typed.Name(), request, tablet, coordinator, "pharmacy", 2*minute)
	fmt.Println(taken.Role, err)
	answer := taken.Code.MAC("answer", tablet, coordinator)
	fmt.Println(answer == typed.MAC("answer", tablet, coordinator))
	// Output:
	// 7K2M-9N01-45VS-1917 7K2M-9N01-45VS-1917 <nil>
	// member <nil>
	// true
}
