package replica_test

import (
	"slices"
	"testing"

	"musafir/crdt"
	"musafir/node/replica"
	"musafir/node/wire"
)

// sent lists the frames that went out on a session, and forgets them.
func (d *device) sent(session replica.Session) (frames []wire.Frame) {
	for _, effect := range d.asked {
		if s, ok := effect.(replica.Send); ok && s.Session == session {
			frames = append(frames, s.Frame)
		}
	}
	d.asked = nil
	return frames
}

func kinds(frames []wire.Frame) (list []wire.Kind) {
	for _, f := range frames {
		list = append(list, f.Kind())
	}
	return list
}

// count is how many frames of a kind there are.
func count(frames []wire.Frame, kind wire.Kind) (n int) {
	for _, f := range frames {
		if f.Kind() == kind {
			n++
		}
	}
	return n
}

// greet opens a session with a device that is not there, and says hello for it.
func (d *device) greet(session replica.Session, peer int, digest [32]byte) {
	d.step(replica.Opened{Session: session, Peer: crdt.DeviceIDOf(public(keyOf(peer)))})
	d.step(replica.Framed{Session: session, Frame: &wire.Hello{Version: wire.Version, Nonce: [8]byte{byte(peer)}, Digest: digest}})
}

// heads are what a device would list of what another one holds.
func (d *device) heads(full bool) (heads []wire.Head) {
	for log, list := range d.store.Frontier() {
		heads = wire.AppendHeads(heads, log, list, full)
	}
	slices.SortFunc(heads, wire.Head.Compare)
	return heads
}

// another is a head of a log that nobody holds.
func another(n byte) wire.Head {
	return wire.Head{Log: crdt.ShortID{0xff, n}, Seq: 3, Hash: []byte{n, 1, 2, 3, 4, 5, 6, 7}}
}

// TestParked: a batch that comes too early waits for what it builds on; if that does
// not come, the peer is told what is held.
func TestParked(t *testing.T) {
	a := found(t)
	b := a.admit(2, crdt.RoleMember)
	a.put("rahima", "one")
	birth := must(verify(a, a.store, a.cut(a.own(0)[:1:1])))[0]
	late := *birth
	birth.Items, late.Items = birth.Items[:1], late.Items[1:]
	birth.Seals, late.Seals = birth.Seals[1:], late.Seals[:1] // that of the last entry stands first

	b.greet(1, 1, [32]byte{1})
	b.step(replica.Framed{Session: 1, Frame: &wire.Frontier{Heads: a.heads(false)}})
	b.sent(1)
	b.step(replica.Arrival{Session: 1, Batch: &late})
	if n := count(b.sent(1), wire.KindFrontier); n != 0 {
		t.Error("it does not wait")
	}
	b.step(replica.Arrival{Session: 1, Batch: birth})
	if b.Status()[0].Offers != 0 || count(b.sent(1), wire.KindFrontier) != 0 {
		t.Errorf("what waited was not taken: %+v", b.Status())
	}

	c := a.admit(3, crdt.RoleMember)
	c.greet(1, 1, [32]byte{1})
	c.step(replica.Framed{Session: 1, Frame: &wire.Frontier{Heads: a.heads(false)}})
	c.sent(1)
	late2 := late
	c.step(replica.Arrival{Session: 1, Batch: &late2})
	tick(2_000, c)
	if n := count(c.sent(1), wire.KindFrontier); n != 1 {
		t.Errorf("what waits in vain brings %d frontiers, want 1", n)
	}
}

// TestStall: a source that sends nothing gives way to another one. The only one is
// told anew what is held.
func TestStall(t *testing.T) {
	a := found(t)
	a.admit(2, crdt.RoleMember)
	a.admit(3, crdt.RoleMember)
	offer := &wire.Frontier{Heads: append(a.heads(false), another(1))}
	a.greet(1, 2, [32]byte{1})
	a.step(replica.Framed{Session: 1, Frame: offer})
	a.greet(2, 3, [32]byte{1})
	a.step(replica.Framed{Session: 2, Frame: offer})
	granted := func(want replica.Session) {
		t.Helper()
		for _, s := range a.Sessions() {
			if s.Source != (s.Session == want) {
				t.Errorf("session %d is the source: %v", s.Session, s.Source)
			}
		}
	}
	granted(1)
	tick(2_000, a)
	granted(1)
	tick(2_000, a)
	granted(2)
	tick(4_000, a)
	granted(1)
	a.step(replica.Closed{Session: 2})
	a.sent(1)
	tick(20_000, a)
	granted(1)
	if n := count(a.sent(1), wire.KindFrontier); n < 1 || n > 2 {
		t.Errorf("the only source was told %d frontiers", n)
	}
}

// TestAnew: a peer that begins anew is told anew what is held here.
func TestAnew(t *testing.T) {
	a := found(t)
	a.admit(2, crdt.RoleMember)
	a.greet(1, 2, a.store.Frontier().Digest())
	if a.sent(1); !a.Quiet() {
		t.Fatal("they are not in sync")
	}
	a.step(replica.Framed{Session: 1, Frame: &wire.Frontier{Heads: a.heads(false)}})
	frames := a.sent(1)
	if len(frames) != 1 || frames[0].Kind() != wire.KindHave || len(frames[0].(*wire.Have).Heads) != len(a.heads(false)) {
		t.Errorf("it is told %v", kinds(frames))
	}
}

// TestFullHashes: where the lists are equal and the digests are not, hashes are told
// in full, and a head that then differs is wanted.
func TestFullHashes(t *testing.T) {
	a := found(t)
	a.admit(2, crdt.RoleMember)
	a.greet(1, 2, [32]byte{1})
	a.sent(1)
	a.step(replica.Framed{Session: 1, Frame: &wire.Frontier{Heads: a.heads(false)}})
	frames := a.sent(1)
	if len(frames) != 1 || frames[0].Kind() != wire.KindFrontier || !frames[0].(*wire.Frontier).Full {
		t.Fatalf("it is told %v", kinds(frames))
	}
	heads := a.heads(true)
	heads[0].Hash = slices.Clone(heads[0].Hash)
	heads[0].Hash[31] ^= 1
	a.step(replica.Framed{Session: 1, Frame: &wire.Frontier{Full: true, Heads: heads}})
	frames = a.sent(1)
	if count(frames, wire.KindFrontier) != 0 || count(frames, wire.KindGrant) != 1 || a.Quiet() {
		t.Errorf("a head that differs brings %v", kinds(frames))
	}
}

// TestOrder: frames that have no place where they come end the session, whatever
// they are, and nothing else happens.
func TestOrder(t *testing.T) {
	frames := []wire.Frame{
		&wire.Hail{Version: wire.Version}, &wire.Proof{Packed: []byte{1}}, &wire.Hello{Version: wire.Version},
		&wire.Frontier{}, &wire.Have{}, &wire.Trail{Points: []wire.Point{{}}}, &wire.Grant{Bytes: 1}, &wire.Knock{}, &wire.Welcome{},
	}
	for _, f := range frames {
		a := found(t)
		a.admit(2, crdt.RoleMember)
		a.step(replica.Opened{Session: 1, Peer: crdt.DeviceIDOf(public(keyOf(2)))})
		if f.Kind() == wire.KindHello {
			a.step(replica.Framed{Session: 1, Frame: f})
		}
		a.step(replica.Framed{Session: 1, Frame: f})
		if n := len(a.Sessions()); n != 0 {
			t.Errorf("after a %v %d sessions are left", f.Kind(), n)
		}
	}
	a := found(t)
	a.step(replica.Opened{Session: 1, Peer: "somebody", Inbound: true})
	a.asked = nil
	a.step(replica.Framed{Session: 1, Frame: &wire.Hail{Version: wire.Version}})
	if len(a.asked) != 1 || a.asked[0] != (replica.End{Session: 1, Silent: true}) {
		t.Errorf("a stranger gets %+v", a.asked)
	}
}

// TestSilent: who is not heard is gone, and who does not finish its greeting.
func TestSilent(t *testing.T) {
	a := found(t)
	a.admit(2, crdt.RoleMember)
	a.greet(1, 2, a.store.Frontier().Digest())
	a.step(replica.Opened{Session: 2, Peer: "somebody", Inbound: true})
	tick(6_000, a)
	if list := a.Sessions(); len(list) != 1 || list[0].Session != 1 {
		t.Errorf("after 6 s these are left: %+v", list)
	}
	tick(60_000, a)
	if n := count(a.sent(1), wire.KindBeat); n != 2 {
		t.Errorf("%d beats in 66 s, want 2", n)
	}
	tick(10_000, a)
	if n := len(a.Sessions()); n != 0 {
		t.Errorf("%d sessions with somebody who is not heard", n)
	}
}

// TestStrangers: who does not know the camp gets no word and leaves nothing behind,
// and sees nobody's admission.
func TestStrangers(t *testing.T) {
	for _, f := range []wire.Frame{
		&wire.Bye{Code: wire.ByeRule, Text: "no"}, &wire.Hail{Version: wire.Version}, &wire.Beat{}, &wire.Prove{}, &wire.Hello{Version: wire.Version},
	} {
		a := found(t)
		a.asked = nil
		a.step(replica.Opened{Session: 1, Peer: "somebody", Inbound: true})
		a.step(replica.Framed{Session: 1, Frame: f})
		tick(120_000, a)
		if len(a.asked) != 1 || a.asked[0] != (replica.End{Session: 1, Silent: true}) {
			t.Errorf("a stranger's %v brings %+v", f.Kind(), a.asked)
		}
	}
	a := found(t)
	a.step(replica.Opened{Session: 1, Peer: crdt.DeviceIDOf(public(keyOf(2)))}) // we dialled
	a.sent(1)
	a.step(replica.Framed{Session: 1, Frame: &wire.Prove{}})
	if frames := a.sent(1); len(frames) != 0 || len(a.Sessions()) != 0 {
		t.Errorf("who asks for a proof and does not know the camp gets %v", kinds(frames))
	}
}

// TestProveOnce: an admission is shown once, to who knows the camp.
func TestProveOnce(t *testing.T) {
	a := found(t)
	other := crdt.DeviceIDOf(public(keyOf(2)))
	self := crdt.DeviceIDOf(public(keyOf(1)))
	ask := &wire.Prove{MAC: wire.ProveMAC(a.writer.Members.DiscoveryKeys()[0], other, self)}
	a.step(replica.Opened{Session: 1, Peer: other})
	a.sent(1)
	a.step(replica.Framed{Session: 1, Frame: ask})
	if frames := a.sent(1); count(frames, wire.KindProof) != 1 {
		t.Fatalf("who knows the camp gets %v", kinds(frames))
	}
	a.step(replica.Framed{Session: 1, Frame: ask})
	if frames := a.sent(1); count(frames, wire.KindProof) != 0 || len(a.Sessions()) != 0 {
		t.Errorf("who asks again gets %v", kinds(frames))
	}
}

// TestTwin: a copy of the device brings a new key; of one that it no longer has, not.
func TestTwin(t *testing.T) {
	renewals := func(a *device) (n int) {
		for _, e := range a.asked {
			if _, ok := e.(replica.Renew); ok {
				n++
			}
		}
		return n
	}
	a := found(t)
	a.step(replica.Twin{Of: "a former id"})
	if renewals(a) != 0 {
		t.Error("a copy under another id brings a new key")
	}
	a.step(replica.Twin{Of: a.writer.ID()})
	a.step(replica.Twin{Of: a.writer.ID()})
	if n := renewals(a); n != 1 {
		t.Errorf("a copy brings %d new keys", n)
	}
}
