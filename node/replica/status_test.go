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

// TestStatusOfCopies: each copy of a device that got a key of its own is told, to the
// others and to each other.
func TestStatusOfCopies(t *testing.T) {
	a, b, twin := twins(t)
	for key, copied := range map[int]*device{20: b, 21: twin} {
		copied.commit(func(g *replica.Group) error { return g.Renew(keyOf(key), incarnation(key), copied.now) })
	}
	b, twin = load(t, b.store, b.writer.Camp, keyOf(20), a.queue), load(t, twin.store, b.writer.Camp, keyOf(21), a.queue)
	a.dial(b)
	a.dial(twin)
	tick(1_000, a, b, twin)
	for at, others := range map[*device][]*device{a: {b, twin}, b: {a, twin}, twin: {a, b}} {
		var got, want []crdt.DeviceID
		for _, st := range at.Status() {
			got = append(got, st.ID)
		}
		for _, o := range others {
			want = append(want, o.writer.ID())
		}
		if slices.Sort(want); !slices.Equal(got, want) {
			t.Errorf("%s tells of %v, want %v", at.writer.ID(), got, want)
		}
	}
}

// TestStatusOfCopiedKey: one of two copies keeps the key, since it wrote nothing that
// the other one did not hold. Whoever hears of it after the other one left the key
// tells of both, also while it is away.
func TestStatusOfCopiedKey(t *testing.T) {
	a, b, twin := twins(t)
	b.commit(func(g *replica.Group) error { return g.Renew(keyOf(20), incarnation(20), b.now) })
	b = load(t, b.store, b.writer.Camp, keyOf(20), a.queue)
	a.dial(b)
	here, _ := a.dial(twin)
	tells := func() (ids []crdt.DeviceID) {
		for _, st := range a.Status() {
			ids = append(ids, st.ID)
		}
		return ids
	}
	want := []crdt.DeviceID{b.writer.ID(), twin.writer.ID()}
	slices.Sort(want)
	tick(1_000, a, b, twin)
	if got := tells(); !slices.Equal(got, want) {
		t.Errorf("while both are there it tells of %v, want %v", got, want)
	}
	tick(200_000, a, b, twin)
	a.step(replica.Closed{Session: here})
	if got := tells(); !slices.Equal(got, want) {
		t.Errorf("while one is away it tells of %v, want %v", got, want)
	}
}
