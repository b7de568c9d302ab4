package access_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"musafir/crdt"
	"musafir/node/access"
)

// A renewed camp has a device that was admitted with key 1 and renewed again and
// again, each time after it had written, so that a birth names an entry beside the
// log that it continues.
type renewed struct {
	*world
	admitted *sealed
	births   []*sealed   // of its record logs, one for each key from 1 on
	until    [][]*sealed // all entries up to each birth, that one included
}

func renew(t tb, times int) *renewed {
	r := &renewed{world: newWorld(t)}
	r.admitted = r.admit(0, r.first, 1, crdt.RoleMember)
	last := r.begin(1, crdt.RecordLog, r.admitted)
	r.note(last)
	for key := 1; key <= times; key++ {
		last = r.goOn(key, key+1, crdt.RecordLog, r.admitted, r.record(key, last))
		r.note(last)
	}
	return r
}

func (r *renewed) note(birth *sealed) {
	r.births, r.until = append(r.births, birth), append(r.until, slices.Clone(r.all))
}

// A device that is renewed again and again proves each time, in no more bytes than
// there are, to those that follow that it is admitted.
func TestProofRenewed(t *testing.T) {
	r := renew(t, 40)
	first, longest := r.holding(r.first), 0
	for n := 1; n <= 40; n++ {
		items := r.proof(r.holding(r.until[n]...), n+1)
		if b, err := access.EncodeProof(items); err != nil || len(b) > access.MaxProofBytes {
			t.Fatalf("renewal %d takes %d bytes, %v", n, len(b), err)
		}
		for _, missed := range []int{1, 3, 10} {
			if err := r.holding(r.until[max(0, n-missed)]...).Verify(items, device(n+1)); err != nil {
				t.Errorf("renewal %d, to somebody who missed %d: %v", n, missed, err)
			}
		}
		err := first.Verify(items, device(n+1))
		if err == nil {
			longest = n
		} else if !errors.Is(err, access.ErrProofGap) {
			t.Errorf("renewal %d, to somebody who missed all: %v", n, err)
		}
	}
	t.Logf("%d renewals fit", longest)
	if longest < 12 || longest == 40 {
		t.Errorf("%d renewals fit", longest)
	}
}

// A coordinator's proof goes by its control logs, which others hold before any
// record; and what it admits is proven in the same way.
func TestProofRenewedCoordinator(t *testing.T) {
	w := newWorld(t)
	admitted := w.admit(0, w.first, 1, crdt.RoleCoordinator)
	control, records := w.begin(1, crdt.ControlLog, admitted), w.begin(1, crdt.RecordLog, admitted)
	acts := []*sealed{w.first, admitted, control}
	for key := 1; key <= 40; key++ {
		records = w.goOn(key, key+1, crdt.RecordLog, admitted, w.record(key, records))
		control = w.goOn(key, key+1, crdt.ControlLog, admitted, control)
		acts = append(acts, control)
	}
	tablet := w.admit(41, control, 42, crdt.RoleReader)
	all, behind := w.holding(w.all...), w.holding(acts[:len(acts)-10]...)
	for key := range 43 {
		switch err := behind.Verify(w.proof(all, key), device(key)); {
		case err != nil:
			t.Errorf("key %d: %v", key, err)
		case len(behind.Members()) != 2:
			t.Fatalf("key %d changed the camp", key)
		}
	}
	if items := w.proof(all, 42); !bytes.Equal(items[len(items)-1].Entry, tablet.e.Encoded()) {
		t.Error("the newest is left out")
	}
}

// Entries alone that take more than a proof: nothing is shown, and nothing fails.
func TestProofOfNothing(t *testing.T) {
	s := newStaff(t)
	c := s.holding(s.all...)
	a, err := (&crdt.Admission{Device: public(5), Role: crdt.RoleMember, Name: "tablet 5"}).Change()
	if err != nil {
		t.Fatal(err)
	}
	heads := []*sealed{}
	for range 120 {
		b := s.begin(1, crdt.ControlLog, s.coordinator)
		s.take(c, b)
		heads = append(heads, b)
	}
	large := s.write(next(s.control), 1, heads, a)
	s.take(c, large)
	items := s.proof(c, 5)
	if len(large.e.Encoded()) <= access.MaxProofBytes || len(items) != 0 {
		t.Fatalf("an entry of %d bytes, %d items", len(large.e.Encoded()), len(items))
	}
	if err := s.holding(s.first).Verify(items, device(5)); !errors.Is(err, access.ErrNotAdmitted) {
		t.Errorf("proven by nothing: %v", err)
	}
	if err := c.Verify(items, device(5)); err != nil {
		t.Errorf("to somebody who knows: %v", err)
	}
}

// What rests on what a device holds is taken only if it may stand there.
func TestProofForged(t *testing.T) {
	r := renew(t, 40)
	held := r.until[30]
	c, last := r.holding(held...), r.births[30] // of key 31
	other := r.admit(0, r.admitted, 43, crdt.RoleMember)
	othersLog := r.begin(43, crdt.RecordLog, other)
	r.take(c, other)
	r.take(c, othersLog)
	item := func(s *sealed) access.Item { return access.Item{Place: s.at, Entry: s.e.Encoded(), Seal: s.seal} }
	sealedBy := func(key int, s *sealed) *sealed {
		forged := *s
		forged.seal = crdt.SealEntry(keys[key], r.camp, s.id)
		return &forged
	}
	unproven := r.birth(44, &crdt.Birth{Kind: crdt.RecordLog, Admission: r.admitted.id}, r.admitted, last)
	unnamed := &crdt.Birth{Kind: crdt.RecordLog, Admission: r.admitted.id, Continues: last.log(), Incarnation: [16]byte{9}, Device: public(44)}
	unnamed.Proof = crdt.ContinuationProof(keys[31], r.camp, unnamed.Continues, public(44), unnamed.Incarnation)
	foreign := *unnamed
	foreign.Camp = crdt.CampID{7}
	foreign.Proof = crdt.ContinuationProof(keys[31], foreign.Camp, foreign.Continues, public(44), foreign.Incarnation)
	stolen := r.goOn(44, 44, crdt.RecordLog, r.admitted, last)
	for why, forged := range map[string][]*sealed{
		"by its own key and not by the one that it continues": {stolen},
		"by an older key":                   {r.goOn(30, 44, crdt.RecordLog, r.admitted, last)},
		"with no proof":                     {unproven},
		"not naming the log":                {r.birth(44, unnamed, r.admitted)},
		"of another camp":                   {r.birth(44, &foreign, r.admitted, last)},
		"sealed by the continued key":       {sealedBy(31, r.goOn(31, 44, crdt.RecordLog, r.admitted, last))},
		"a control log of a member":         {r.goOn(31, 44, crdt.ControlLog, r.admitted, last)},
		"another's admission":               {r.goOn(31, 44, crdt.RecordLog, other, last)},
		"a log of another admission":        {r.goOn(43, 44, crdt.RecordLog, r.admitted, othersLog)},
		"under an admission of its own":     {r.goOn(31, 44, crdt.RecordLog, r.admit(44, last, 44, crdt.RoleMember), last)},
		"an admission in a member's log":    {r.admit(31, last, 44, crdt.RoleMember)},
		"on one that is forged":             {stolen, r.goOn(44, 44, crdt.RecordLog, r.admitted, stolen)},
		"on one that is missing":            {r.goOn(32, 44, crdt.RecordLog, r.admitted, r.births[31])},
		"on one that comes later":           {r.births[32], r.births[31], r.goOn(33, 44, crdt.RecordLog, r.admitted, r.births[32])},
		"the birth of somebody else's log":  {r.births[31]},
		"a record in place of the birth":    {r.record(31, last)},
		"an admission sealed by a stranger": {sealedBy(44, r.admit(0, other, 44, crdt.RoleMember))},
	} {
		var items []access.Item
		for _, s := range forged {
			items = append(items, item(s))
		}
		if err := c.Verify(items, device(44)); err == nil {
			t.Errorf("key 44 is proven %s", why)
		} else {
			t.Logf("%s: %v", why, err)
		}
	}
	if err := c.Verify([]access.Item{item(r.goOn(31, 44, crdt.RecordLog, r.admitted, last))}, device(44)); err != nil {
		t.Errorf("what is right: %v", err)
	}
}
