package crdt

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"testing"
)

func TestRoles(t *testing.T) {
	for role, name := range map[Role]string{RoleCoordinator: "coordinator", RoleMember: "member", RoleReader: "reader"} {
		if got, err := ParseRole(name); err != nil || got != role || role.String() != name || !role.Known() {
			t.Errorf("%s reads as %v, %v", name, got, err)
		}
	}
	for _, name := range []string{"", "Member", "role 4", "admin"} {
		if got, err := ParseRole(name); err == nil {
			t.Errorf("%q reads as %v", name, got)
		}
	}
	for _, role := range []Role{0, roleEnd, 1 << 63} {
		if role.Known() {
			t.Errorf("%v is known", role)
		}
	}
	if got := Role(300).String(); got != "role 300" {
		t.Errorf("role 300 is written %q", got)
	}
}

func TestAdmissionRefused(t *testing.T) {
	good := Admission{Device: make([]byte, ed25519.PublicKeySize), Role: RoleReader, Name: "x"}
	if _, err := good.Change(); err != nil {
		t.Fatal(err)
	}
	for why, spoil := range map[string]func(*Admission){
		"a short key":     func(a *Admission) { a.Device = a.Device[1:] },
		"no role":         func(a *Admission) { a.Role = 0 },
		"no name":         func(a *Admission) { a.Name = "" },
		"a line break":    func(a *Admission) { a.Name = "a\nb" },
		"half a sequence": func(a *Admission) { a.Name = "\xe0" },
	} {
		a := good
		spoil(&a)
		if _, err := a.Change(); err == nil {
			t.Errorf("an admission with %s is written", why)
		}
	}
}

// A proof of continuation fits one birth only, as far as the birth's log is said
// by it.
func TestContinuation(t *testing.T) {
	old := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize))
	device := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{2}, ed25519.SeedSize)).Public().(ed25519.PublicKey)
	good := Birth{
		Camp: CampID{1}, Kind: RecordLog, Device: device, Admission: EntryID{2}, Incarnation: [16]byte{3}, Continues: LogID{4},
	}
	good.Proof = ContinuationProof(old, good.Camp, good.Continues, good.Device, good.Incarnation)
	oldPublic := old.Public().(ed25519.PublicKey)
	if err := good.VerifyContinuation(oldPublic); err != nil {
		t.Fatal(err)
	}
	for why, spoil := range map[string]func(*Birth){
		"of another camp":         func(b *Birth) { b.Camp[31] ^= 1 },
		"of another key":          func(b *Birth) { b.Device = oldPublic },
		"of another incarnation":  func(b *Birth) { b.Incarnation[15] ^= 1 },
		"that continues another":  func(b *Birth) { b.Continues[0] ^= 1 },
		"with no proof":           func(b *Birth) { b.Proof = nil },
		"with a damaged proof":    func(b *Birth) { b.Proof = bytes.Repeat([]byte{7}, ed25519.SignatureSize) },
		"with a proof cut short":  func(b *Birth) { b.Proof = b.Proof[:63] },
		"that continues the camp": func(b *Birth) { b.Continues = LogID(b.Camp) },
	} {
		b := good
		spoil(&b)
		if err := b.VerifyContinuation(oldPublic); !errors.Is(err, ErrContinuation) {
			t.Errorf("a birth %s: %v", why, err)
		}
	}
	for _, key := range []ed25519.PublicKey{nil, device, oldPublic[:31]} {
		if err := good.VerifyContinuation(key); !errors.Is(err, ErrContinuation) {
			t.Errorf("by key %x: %v", key, err)
		}
	}
}
