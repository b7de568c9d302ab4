package access_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"musafir/crdt"
	"musafir/node/access"
)

// Each rule, by an entry that keeps it and one that breaks it.
func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name  string
		entry func(*staff) *sealed
		why   string // part of the refusal, empty for none
	}{
		{"the camp's first entry", func(s *staff) *sealed { return s.first }, ""},
		{"the first entry of another camp", func(s *staff) *sealed {
			return s.birth(0, &crdt.Birth{Founding: &crdt.Founding{Camp: "Camp 5", Device: "desk", Recovery: public(47)}})
		}, "another camp"},
		{"a log of another camp", func(s *staff) *sealed {
			return s.birth(1, &crdt.Birth{Camp: crdt.CampID{1}, Kind: crdt.RecordLog, Admission: s.coordinator.id}, s.coordinator)
		}, "another camp"},
		{"a birth in the middle of a log", func(s *staff) *sealed {
			b := s.begin(1, crdt.RecordLog, s.coordinator)
			return s.write(next(s.records), 1, []*sealed{s.coordinator}, b.e.Changes[0])
		}, "in the middle of a log"},
		{"a log that begins with a record", func(s *staff) *sealed { return s.write(crdt.Place{}, 1, nil, recordChange(t)) }, "no birth"},
		{"a log that begins with what nobody knows", func(s *staff) *sealed { return s.write(crdt.Place{}, 1, nil, unknown(t)) }, "no birth"},

		{"a coordinator's control log", func(s *staff) *sealed { return s.begin(1, crdt.ControlLog, s.coordinator) }, ""},
		{"a coordinator's record log", func(s *staff) *sealed { return s.begin(1, crdt.RecordLog, s.coordinator) }, ""},
		{"a second control log of the founder", func(s *staff) *sealed { return s.begin(0, crdt.ControlLog, s.first) }, ""},
		{"a member's record log", func(s *staff) *sealed { return s.begin(2, crdt.RecordLog, s.member) }, ""},
		{"a member's control log", func(s *staff) *sealed { return s.begin(2, crdt.ControlLog, s.member) }, "no coordinator"},
		{"a reader's record log", func(s *staff) *sealed { return s.begin(3, crdt.RecordLog, s.reader) }, "not write"},
		{"a reader's control log", func(s *staff) *sealed { return s.begin(3, crdt.ControlLog, s.reader) }, "no coordinator"},
		{"a reader's log of a kind that nobody knows", func(s *staff) *sealed { return s.begin(3, 7, s.reader) }, ""},
		{"somebody else under the admission", func(s *staff) *sealed { return s.begin(4, crdt.RecordLog, s.member) }, "not the one that was admitted"},
		{"somebody else in a log of an unknown kind", func(s *staff) *sealed { return s.begin(4, 7, s.member) }, "not the one that was admitted"},
		{"an admission that is none", func(s *staff) *sealed { return s.begin(1, crdt.RecordLog, s.records) }, "not held, or is none"},
		{"a newer act in a record log for an admission", func(s *staff) *sealed {
			return s.begin(1, crdt.RecordLog, s.record(1, s.records, unknown(t)))
		}, "not held, or is none"},
		{"an admission that is not held", func(s *staff) *sealed {
			return s.birth(1, &crdt.Birth{Kind: crdt.RecordLog, Admission: crdt.EntryID{1}}, s.coordinator)
		}, "not held, or is none"},
		{"no dependency on the admission", func(s *staff) *sealed {
			return s.birth(2, &crdt.Birth{Kind: crdt.RecordLog, Admission: s.member.id}, s.reader)
		}, "does not depend on the admission"},

		{"a log that goes on under a new key", func(s *staff) *sealed {
			return s.goOn(1, 4, crdt.RecordLog, s.coordinator, s.records)
		}, ""},
		{"a control log that goes on under a new key", func(s *staff) *sealed {
			return s.goOn(1, 4, crdt.ControlLog, s.coordinator, s.control)
		}, ""},
		{"a record log that continues a control log", func(s *staff) *sealed {
			return s.goOn(1, 4, crdt.RecordLog, s.coordinator, s.control)
		}, ""},
		{"a control log that continues a record log", func(s *staff) *sealed {
			return s.goOn(1, 4, crdt.ControlLog, s.coordinator, s.records)
		}, "depends on a log that is no control log"},
		{"a control log that depends on a record log", func(s *staff) *sealed {
			return s.birth(1, &crdt.Birth{Kind: crdt.ControlLog, Admission: s.coordinator.id}, s.coordinator, s.founder)
		}, "depends on a log that is no control log"},
		{"a log that goes on under the same key", func(s *staff) *sealed {
			return s.goOn(1, 1, crdt.RecordLog, s.coordinator, s.records)
		}, ""},
		{"a new key that vouches for itself", func(s *staff) *sealed {
			return s.goOn(4, 4, crdt.RecordLog, s.coordinator, s.records)
		}, "did not vouch"},
		{"a key that another member vouches for", func(s *staff) *sealed {
			return s.goOn(0, 4, crdt.RecordLog, s.coordinator, s.records)
		}, "did not vouch"},
		{"a log of another admission continued", func(s *staff) *sealed {
			return s.goOn(0, 4, crdt.RecordLog, s.coordinator, s.founder)
		}, "of another admission"},
		{"a log continued that it does not depend on", func(s *staff) *sealed {
			b := &crdt.Birth{Kind: crdt.RecordLog, Admission: s.coordinator.id, Continues: s.records.log()}
			b.Proof = crdt.ContinuationProof(keys[1], s.camp, b.Continues, public(4), [16]byte{9})
			b.Incarnation = [16]byte{9}
			return s.birth(4, b, s.coordinator)
		}, "does not depend on the log"},
		{"a log continued that is not held", func(s *staff) *sealed {
			b := &crdt.Birth{Kind: crdt.RecordLog, Admission: s.coordinator.id, Continues: crdt.LogID{1}, Proof: make([]byte, 64)}
			return s.birth(4, b, s.coordinator)
		}, "does not depend on the log"},

		{"a control log of the recovery key", func(s *staff) *sealed { return s.begin(recoveryKey, crdt.ControlLog, s.first) }, ""},
		{"a record log of the recovery key", func(s *staff) *sealed { return s.begin(recoveryKey, crdt.RecordLog, s.first) }, "writes no records"},
		{"a log of the recovery key under another admission", func(s *staff) *sealed {
			return s.begin(recoveryKey, crdt.ControlLog, s.coordinator)
		}, "not the one that was admitted"},
		{"a device that goes on from the recovery key", func(s *staff) *sealed {
			return s.goOn(recoveryKey, 4, crdt.ControlLog, s.first, s.begin(recoveryKey, crdt.ControlLog, s.first))
		}, "of another admission"},
		{"the recovery key that goes on from a device", func(s *staff) *sealed {
			return s.goOn(0, recoveryKey, crdt.ControlLog, s.first, s.first)
		}, "of another admission"},

		{"records in a record log", func(s *staff) *sealed { return s.record(1, s.records) }, ""},
		{"records of a newer kind in a record log", func(s *staff) *sealed { return s.record(1, s.records, unknown(t)) }, ""},
		{"records in a control log", func(s *staff) *sealed { return s.record(1, s.control) }, "no records"},
		{"records beside a newer kind in a control log", func(s *staff) *sealed { return s.record(1, s.control, unknown(t)) }, "no records"},
		{"an act of a newer kind in a control log", func(s *staff) *sealed { return s.write(next(s.control), 1, nil, unknown(t)) }, ""},
		{"an admission in a control log", func(s *staff) *sealed { return s.admit(1, s.control, 5, crdt.RoleMember) }, ""},
		{"an admission that depends on another control log", func(s *staff) *sealed {
			return s.write(next(s.control), 1, []*sealed{s.reader}, s.reader.e.Changes[0])
		}, ""},
		{"an admission that depends on records", func(s *staff) *sealed {
			return s.write(next(s.control), 1, []*sealed{s.founder}, s.reader.e.Changes[0])
		}, "depends on a log that is no control log"},
		{"an act of a newer kind that depends on records", func(s *staff) *sealed {
			return s.write(next(s.control), 1, []*sealed{s.founder}, unknown(t))
		}, "depends on a log that is no control log"},
		{"records that depend on everything", func(s *staff) *sealed {
			return s.write(next(s.records), 1, []*sealed{s.founder, s.control, s.reader}, recordChange(t))
		}, ""},
		{"a second admission of a key", func(s *staff) *sealed { return s.admit(1, s.control, 2, crdt.RoleReader) }, ""},
		{"an admission to a newer role", func(s *staff) *sealed { return s.admit(1, s.control, 5, 300) }, ""},
		{"an admission in a record log", func(s *staff) *sealed { return s.admit(1, s.records, 5, crdt.RoleMember) }, "admits nobody"},
		{"an entry of a log that is not held", func(s *staff) *sealed {
			return s.write(crdt.Place{Log: crdt.LogID{1}, Seq: 3, Prev: crdt.EntryID{2}}, 1, nil, recordChange(t))
		}, "the birth of its log"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStaff(t)
			x := c.entry(s)
			camp := s.holding(s.all[:len(s.all)-1]...)
			for range 2 { // by asking it nothing changes
				wantRefusal(t, camp.Check(x.at, x.id, x.e), x, c.why)
			}
		})
	}
}

func wantRefusal(t *testing.T, err error, x *sealed, why string) {
	t.Helper()
	var r *access.Refusal
	switch {
	case why == "" && err == nil:
	case why == "" || !errors.As(err, &r):
		t.Errorf("refused: %v, want %q", err, why)
	case !strings.Contains(r.Why, why) || !strings.Contains(err.Error(), r.Why):
		t.Errorf("refused because %q, want %q", r.Why, why)
	case r.Entry != x.id || r.Log != x.log():
		t.Errorf("refused entry %s of log %s", r.Entry, r.Log)
	}
}

// A birth stands at the beginning, whatever else is wrong with its place.
func TestCheckPlace(t *testing.T) {
	s := newStaff(t)
	c := s.holding(s.all...)
	for _, at := range []crdt.Place{{Seq: 1}, {Prev: s.control.id}, next(s.control)} {
		wantRefusal(t, c.Check(at, s.records.id, s.records.e), &sealed{at: at, id: s.records.id}, "in the middle of a log")
	}
}

// Before the camp's first entry nothing else may come.
func TestCheckFirst(t *testing.T) {
	s := newStaff(t)
	for i, x := range s.all {
		if err := access.New(s.camp).Check(x.at, x.id, x.e); (err == nil) != (i == 0) {
			t.Errorf("entry %d: %v", i, err)
		}
	}
	// Whoever was told a wrong camp takes no entry for its first.
	wrong := access.New(crdt.CampID(s.control.id))
	if wrong.Check(s.control.at, s.control.id, s.control.e) == nil {
		t.Error("a birth that founds nothing founds a camp")
	}
	wrong.Add(s.control.at, s.control.id, s.control.e)
	wrong.Add(s.first.at, s.first.id, s.first.e)
	if len(wrong.Members()) > 0 || wrong.Name() != "" || wrong.DiscoveryKeys() != nil {
		t.Error("entries of another camp count")
	}
}

// What only a newer program understands is let through, with all that rests on it,
// and counts for nothing.
func TestNewer(t *testing.T) {
	s := newStaff(t)
	role := s.admit(1, s.control, 5, 300)
	act := s.write(next(role), 1, nil, unknown(t))
	logs := []*sealed{
		s.begin(5, crdt.ControlLog, role), s.begin(5, crdt.RecordLog, role), // of a device in a newer role
		s.begin(6, crdt.ControlLog, act), // of a device that a newer act may have admitted
		s.begin(2, 7, s.member),          // of a newer kind
	}
	var inside []*sealed
	for i, l := range logs {
		key := []int{5, 5, 6, 2}[i]
		admitted := s.admit(key, l, 7+i, crdt.RoleCoordinator)
		inside = append(inside, admitted, s.record(key, admitted))
		if i == 0 || i == 2 {
			inside = append(inside, s.begin(7+i, crdt.RecordLog, admitted))
		}
	}
	c := s.holding(s.all...)
	// Only control logs admit, whoever understands the others.
	for _, i := range []int{1, 3} {
		for _, kind := range []crdt.LogKind{crdt.ControlLog, crdt.RecordLog, 7} {
			begun := s.begin(7+i, kind, inside[map[int]int{1: 3, 3: 8}[i]])
			if err := c.Check(begun.at, begun.id, begun.e); err == nil || !strings.Contains(err.Error(), "not held, or is none") {
				t.Errorf("a log of kind %d under what stands in log %d: %v", kind, i, err)
			}
		}
	}
	// And they rest on control logs, also where only a newer program understands them.
	for _, begun := range []*sealed{
		s.birth(5, &crdt.Birth{Kind: crdt.ControlLog, Admission: role.id}, role, logs[1]),
		s.birth(6, &crdt.Birth{Kind: crdt.ControlLog, Admission: act.id}, act, logs[3]),
		s.write(next(inside[1]), 5, []*sealed{logs[1]}, unknown(t)),
	} {
		if err := c.Check(begun.at, begun.id, begun.e); err == nil || !strings.Contains(err.Error(), "no control log") {
			t.Errorf("an act that rests on a log that is none: %v", err)
		}
	}
	if n := len(c.Members()); n != 4 {
		t.Errorf("%d members, want 4", n)
	}
	for _, key := range []int{5, 6, 7, 8, 9, 10} {
		if m, ok := c.Member(device(key)); ok {
			t.Errorf("key %d is %+v", key, m)
		}
	}
	for _, x := range append(logs, inside...) {
		if l, ok := c.Log(x.log()); !ok || !l.Newer {
			t.Errorf("log %s: %+v, %v", x.log(), l, ok)
		}
	}
	for _, x := range []*sealed{s.control, s.records, s.founder} {
		if l, _ := c.Log(x.log()); l.Newer {
			t.Errorf("log %s is newer", x.log())
		}
	}
	// A newer log does not make a key known, one that goes on from it does.
	kind := s.goOn(2, 11, 7, s.member, logs[3])
	known := s.goOn(2, 12, crdt.RecordLog, s.member, logs[3])
	s.take(c, kind)
	s.take(c, known)
	if _, ok := c.Member(device(11)); ok {
		t.Error("a key of a newer log is a member")
	}
	if m, ok := c.Member(device(12)); !ok || m.Admission != s.member.id || len(m.Keys) != 2 || len(m.Logs) != 3 {
		t.Errorf("the continued member is %+v, %v", m, ok)
	}
}

func TestMember(t *testing.T) {
	s := newStaff(t)
	// The clock of a restored device may say anything; its newest key comes last.
	s.now = 1 << 30
	second := s.goOn(1, 4, crdt.RecordLog, s.coordinator, s.records)
	s.now = 1 << 20
	third := s.goOn(4, 5, crdt.RecordLog, s.coordinator, second)
	s.now = 1 << 50
	control := s.goOn(1, 4, crdt.ControlLog, s.coordinator, s.control)
	again := s.admit(4, control, 3, crdt.RoleMember)
	less := s.admit(4, control, 2, crdt.RoleReader)
	c := s.holding(s.all...)
	for _, key := range []int{1, 4, 5} {
		m, ok := c.Member(device(key))
		if !ok || m.Admission != s.coordinator.id || !m.Key.Equal(public(1)) || m.By != device(0) || m.Time != s.coordinator.e.Time {
			t.Fatalf("key %d is %+v, %v", key, m, ok)
		}
		if len(m.Keys) != 3 || !m.Keys[0].Equal(public(1)) || !m.Keys[1].Equal(public(4)) || !m.Keys[2].Equal(public(5)) {
			t.Errorf("keys %x", m.Keys)
		}
		if want := []access.Renewal{{From: device(1), To: device(4), Time: second.e.Time}, {From: device(4), To: device(5), Time: third.e.Time}}; !slices.Equal(m.Renewals, want) {
			t.Errorf("renewals %v, want %v", m.Renewals, want)
		}
		if n := len(m.Logs); n != 5 || m.Logs[2] != second.log() || m.Logs[3] != control.log() || m.Logs[4] != third.log() {
			t.Errorf("logs %v", m.Logs)
		}
	}
	if m, _ := c.Member(device(3)); m.Admission != again.id || m.Role != crdt.RoleMember || m.By != device(4) {
		t.Errorf("of two admissions the one to more counts, not %+v", m)
	}
	if m, _ := c.Member(device(2)); m.Admission == less.id || m.Role != crdt.RoleMember {
		t.Errorf("of two admissions the one to less counts: %+v", m)
	}
	if m, ok := c.Member(device(9)); ok {
		t.Errorf("a stranger is %+v", m)
	}
	if n := len(c.Members()); n != 4 {
		t.Errorf("%d members, want 4: each device is one", n)
	}
}

// A device whose data was copied goes on under as many ids as there are copies that
// noticed, each of which may be copied again.
func TestCopiedMember(t *testing.T) {
	s := newStaff(t)
	one := s.goOn(1, 4, crdt.RecordLog, s.coordinator, s.records)
	s.goOn(1, 5, crdt.RecordLog, s.coordinator, s.records)
	s.goOn(1, 5, crdt.ControlLog, s.coordinator, s.control)
	s.goOn(4, 6, crdt.RecordLog, s.coordinator, one)
	c := s.holding(s.all...)
	m, _ := c.Member(device(1))
	if got, want := m.Current(), []crdt.DeviceID{device(5), device(6)}; !slices.Equal(got, want) {
		t.Errorf("it goes on as %v, want %v", got, want)
	}
	for key, want := range map[int][]crdt.DeviceID{1: nil, 4: {device(1)}, 5: {device(1)}, 6: {device(1), device(4)}, 9: nil} {
		if got := m.Former(device(key)); !slices.Equal(got, want) {
			t.Errorf("key %d was %v, want %v", key, got, want)
		}
	}
	for key := 10; key < 30; key++ {
		s.take(c, s.goOn(1, key, crdt.RecordLog, s.coordinator, s.records))
	}
	m, _ = c.Member(device(1))
	if got := m.Current(); len(got) != 16 || got[0] != device(15) || got[15] != device(6) {
		t.Errorf("of 22 copies it tells %v", got)
	}
	if r, ok := m.Renewal(device(6)); !ok || r.From != device(4) {
		t.Errorf("key 6 came by %v, %v", r, ok)
	}
	if r, ok := m.Renewal(device(1)); ok {
		t.Errorf("the admitted key came by %v", r)
	}
}

func TestClone(t *testing.T) {
	s := newStaff(t)
	c := s.holding(s.all...)
	copied := c.Clone()
	s.take(copied, s.admit(1, s.control, 5, crdt.RoleMember))
	if len(copied.Members()) != 5 || len(c.Members()) != 4 || copied.Name() != c.Name() {
		t.Error("what is added to a clone is in the camp, or not in the clone")
	}
}
