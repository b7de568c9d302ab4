package access_test

import (
	"errors"
	"strings"
	"testing"

	"musafir/crdt"
	"musafir/node/access"
)

func TestRecoveryCode(t *testing.T) {
	key := keys[recoveryKey]
	code := access.RecoveryCode(key)
	if len(code) != 14*5-1 || strings.ContainsAny(code, "ILOU") {
		t.Fatalf("a recovery key reads %q", code)
	}
	for _, s := range []string{code, strings.ToLower(code), strings.ReplaceAll(code, "-", " "), strings.ReplaceAll(strings.ReplaceAll(code, "0", "o"), "1", "l")} {
		if got, err := access.ParseRecoveryCode(s); err != nil || !got.Equal(key) {
			t.Errorf("%q: %v", s, err)
		}
	}
	swapped := code[2:3] + code[1:2] + code[:1] + code[3:]
	for s, says := range map[string]string{
		"": "this has 0", code[1:]: "this has 55", code + "7": "this has 57", "U" + code[1:]: "is in no code",
		swapped: "a letter that is wrong",
	} {
		if _, err := access.ParseRecoveryCode(s); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", s, err)
		}
	}
	for i, r := range code {
		wrong := code[:i] + string(map[bool]rune{true: '8', false: '7'}[r == '7']) + code[i+1:]
		if r == '-' {
			continue
		}
		if _, err := access.ParseRecoveryCode(wrong); !errors.Is(err, access.ErrRecoveryCode) {
			t.Errorf("letter %d wrong: %v", i, err)
		}
	}
}

func FuzzParseRecoveryCode(f *testing.F) {
	code := access.RecoveryCode(keys[recoveryKey])
	for _, s := range []string{code, strings.ToLower(code), code[:40], "", "\u200f" + code, "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		key, err := access.ParseRecoveryCode(s)
		if err != nil {
			return
		}
		if again, err := access.ParseRecoveryCode(access.RecoveryCode(key)); err != nil || !again.Equal(key) {
			t.Fatalf("%q reads as %q", s, access.RecoveryCode(key))
		}
	})
}

// A camp that somebody made up around the public half is not taken for the true one.
func TestFoundedWith(t *testing.T) {
	recovery := keys[recoveryKey]
	found := func(key int, founding crdt.Founding, mark [16]byte) *access.Camp {
		w := &world{tb: t, now: 1 << 40}
		w.first = w.birth(key, &crdt.Birth{Founding: &founding, Incarnation: mark})
		return w.holding(w.first)
	}
	f := crdt.Founding{Camp: "Kutupalong 4", Device: "desk", Recovery: public(recoveryKey), Secret: [32]byte{1, 2, 3}}
	mark := access.FoundingMark(recovery, public(0), &f)
	if !found(0, f, mark).FoundedWith(recovery) {
		t.Error("the camp of the key is not known")
	}
	other := f
	other.Camp = "Kutupalong 5"
	for what, c := range map[string]*access.Camp{
		"another device": found(1, f, mark), "another name": found(0, other, mark), "another mark": found(0, f, [16]byte{1}), "none held": access.New(crdt.CampID{}),
	} {
		if c.FoundedWith(recovery) {
			t.Errorf("%s: it is taken for the camp of the key", what)
		}
	}
	if found(0, f, mark).FoundedWith(keys[3]) {
		t.Error("another key is taken for the camp's")
	}
}

func TestRecoverySignature(t *testing.T) {
	w := newWorld(t)
	c := w.holding(w.first)
	good := access.SignRecovery(keys[recoveryKey], device(1), device(0))
	if !c.VerifyRecovery(good, device(1), device(0)) {
		t.Error("the recovery key's signature is refused")
	}
	for what, ok := range map[string]bool{
		"another joiner":  c.VerifyRecovery(good, device(2), device(0)),
		"another member":  c.VerifyRecovery(good, device(1), device(2)),
		"sent back":       c.VerifyRecovery(good, device(0), device(1)),
		"another key":     c.VerifyRecovery(access.SignRecovery(keys[3], device(1), device(0)), device(1), device(0)),
		"a short one":     c.VerifyRecovery(good[:63], device(1), device(0)),
		"none":            c.VerifyRecovery(nil, device(1), device(0)),
		"no camp to hold": access.New(w.camp).VerifyRecovery(good, device(1), device(0)),
	} {
		if ok {
			t.Errorf("%s is taken", what)
		}
	}
}

// The only coordinator is lost: the recovery key makes a new one, of a device that
// nobody knows, which admits others; each of them can prove it to somebody who holds
// nothing but the camp's first entry.
func TestRecovery(t *testing.T) {
	w := newWorld(t)
	log := w.begin(recoveryKey, crdt.ControlLog, w.first)
	renewed := w.admit(recoveryKey, log, 1, crdt.RoleCoordinator)
	control := w.begin(1, crdt.ControlLog, renewed)
	next := w.admit(1, control, 2, crdt.RoleMember)
	w.begin(2, crdt.RecordLog, next)
	c := w.holding(w.all...)
	if m, ok := c.Member(device(1)); !ok || m.Role != crdt.RoleCoordinator || m.By != device(recoveryKey) {
		t.Errorf("the recovered device is %+v", m)
	}
	if m, ok := c.Member(device(recoveryKey)); ok {
		t.Errorf("the recovery key is a device: %+v", m)
	}
	if m, _ := c.Member(device(0)); len(m.Keys) != 1 || len(m.Logs) != 1 {
		t.Errorf("the founder has logs or keys that are not its own: %+v", m)
	}
	if n := len(c.Members()); n != 3 {
		t.Errorf("%d members", n)
	}
	if !c.RecoveryKey().Equal(keys[recoveryKey].Public()) {
		t.Error("another recovery key")
	}
	first := w.holding(w.first)
	for _, key := range []int{1, 2} {
		if err := first.Verify(w.proof(c, key), device(key)); err != nil {
			t.Errorf("key %d: %v", key, err)
		}
	}
	if _, err := c.Proof(device(recoveryKey), w.read); err == nil {
		t.Error("the recovery key proves that it is admitted")
	}
}

// A member that the recovery key made a coordinator is one device, and a coordinator,
// whatever the clocks say.
func TestRecoveryOfMember(t *testing.T) {
	s := newStaff(t)
	s.now = 1 << 20 // long before
	log := s.begin(recoveryKey, crdt.ControlLog, s.first)
	promoted := s.admit(recoveryKey, log, 2, crdt.RoleCoordinator)
	s.begin(2, crdt.RecordLog, s.member)
	c := s.holding(s.all...)
	m, ok := c.Member(device(2))
	if !ok || m.Role != crdt.RoleCoordinator || m.Admission != promoted.id {
		t.Errorf("it is %+v", m)
	}
	if n := len(c.Members()); n != 4 {
		t.Errorf("%d members, want 4", n)
	}
	if err := c.Check(crdt.Place{}, crdt.EntryID{9}, s.begin(2, crdt.ControlLog, promoted).e); err != nil {
		t.Error(err)
	}
}
