package replica_test

import (
	"slices"
	"testing"

	"musafir/crdt"
	"musafir/node/replica"
)

// at names the head of a device's record log, as another device numbers it.
func at(t *testing.T, here, of *device) crdt.Ref {
	t.Helper()
	for n, b := range here.store.Branches() {
		if b.Head.ID == of.writer.Records.Head.ID {
			return crdt.Ref{Branch: uint32(n), Seq: b.Head.Seq}
		}
	}
	t.Fatal("the entry is not held")
	return crdt.Ref{}
}

func TestStatus(t *testing.T) {
	a := found(t)
	b := a.admit(2, crdt.RoleMember)
	c := a.admit(3, crdt.RoleMember)
	a.put("rahima", "Rahima")
	check := func(when string, d *device, want ...replica.PeerStatus) {
		t.Helper()
		slices.SortFunc(want, func(x, y replica.PeerStatus) int {
			if x.ID < y.ID {
				return -1
			}
			return 1
		})
		if got := d.Status(); !slices.Equal(got, want) {
			t.Errorf("%s, the status is\n%+v, want\n%+v", when, got, want)
		}
	}
	never := func(d *device, lacks uint64) replica.PeerStatus {
		return replica.PeerStatus{ID: d.writer.ID(), Lacks: lacks}
	}
	check("alone", a, never(b, 5), never(c, 5))
	if !a.Quiet() {
		t.Error("a device without a session is not quiet")
	}

	a.dial(b)
	tick(1_000, a, b)
	synced := replica.PeerStatus{
		ID: b.writer.ID(), Connected: true, Remote: "10.0.0.2:2", LastHeard: 1_000, Program: "musafir test", Synced: true,
	}
	check("connected", a, synced, never(c, 6))
	if !a.Quiet() || !b.Quiet() {
		t.Error("two devices that hold the same are not quiet")
	}
	if n := a.Copies([]crdt.Ref{at(t, a, a), at(t, a, b)}); n != 1 {
		t.Errorf("%d devices hold the entries, want 1", n)
	}
	if n := c.Copies(nil); n != 0 {
		t.Errorf("%d devices are known to who met none", n)
	}

	for session := range a.others {
		a.step(replica.Closed{Session: session})
	}
	a.put("rahima", "Rahima Begum")
	gone := synced
	gone.Connected, gone.Synced, gone.Lacks = false, false, 1
	check("after the session", a, gone, never(c, 7))
	if n := a.Copies([]crdt.Ref{at(t, a, a)}); n != 0 {
		t.Errorf("%d devices hold an entry that nobody was sent", n)
	}
}

// TestStatusDiffers: while the peer has what we lack, nobody is quiet.
func TestStatusDiffers(t *testing.T) {
	a := found(t)
	b := a.admit(2, crdt.RoleMember)
	here, _ := a.dial(b)
	tick(1_000, a, b)
	a.step(replica.Framed{Session: here, Frame: offer(b.writer.Records.Log, 9)})
	st := a.Status()
	if len(st) != 1 || st[0].Offers != 1 || st[0].Synced || a.Quiet() {
		t.Errorf("with an offer the status is %+v, quiet %v", st, a.Quiet())
	}
}

// TestCopiesOfOneDevice: a device with two keys is one copy.
func TestCopiesOfOneDevice(t *testing.T) {
	a := found(t)
	b := a.admit(2, crdt.RoleMember)
	here, _ := a.dial(b)
	b.commit(func(g *replica.Group) error { return g.Renew(keyOf(20), incarnation(20), b.now) })
	a.step(replica.Closed{Session: here})
	b = load(t, b.store, b.writer.Camp, keyOf(20), a.queue)
	a.dial(b)
	tick(1_000, a, b)
	if n := a.Copies([]crdt.Ref{at(t, a, a)}); n != 1 {
		t.Errorf("%d devices hold the entry, want 1", n)
	}
	if st := a.Status(); len(st) != 1 || st[0].ID != b.writer.ID() {
		t.Errorf("the status is %+v, want one device, by its newest key", st)
	}
}
