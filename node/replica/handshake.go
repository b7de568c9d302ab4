package replica

import (
	"errors"
	"maps"
	"slices"

	"musafir/crdt"
	"musafir/node/wire"
)

var errOrder = errors.New("a frame came that has no place here")

// open begins a session. The dialer speaks first.
func (r *Replica) open(e Opened) {
	s := &session{
		id: e.Session, peer: e.Peer, inbound: e.Inbound, remote: e.Remote,
		began: r.now, lastSent: r.now, lastHeard: r.now,
		told: holding{}, sent: holding{}, unclear: map[crdt.ShortID]bool{}, trailed: map[crdt.ShortID]bool{}, offers: map[offer]int64{},
	}
	r.sessions[s.id] = s
	if s.inbound {
		return
	}
	s.phase = waitHello
	key := r.writer.Members.DiscoveryKeys()[0] // the newest
	r.send(s, &wire.Hail{Version: wire.Version, MAC: wire.HailMAC(key, r.writer.ID(), s.peer)})
	if r.isMember(s.peer) {
		s.trusted = true
		r.greet(s)
	}
}

func (r *Replica) isMember(id crdt.DeviceID) bool {
	_, ok := r.writer.Members.Member(id)
	return ok
}

// frame takes a frame of a session that is there.
func (r *Replica) frame(s *session, f wire.Frame) error {
	switch f := f.(type) {
	case *wire.Hail:
		r.hail(s, f)
		return nil
	case *wire.Bye:
		r.bye(s, f)
		return nil
	}
	if s.phase == waitHail {
		r.end(s, wire.ByeStranger, "")
		return nil
	}
	switch f := f.(type) {
	case *wire.Prove:
		return r.prove(s)
	case *wire.Proof:
		return r.proof(s, f)
	case *wire.Hello:
		return r.takeHello(s, f)
	case *wire.Beat:
		r.beat(s, f)
		return nil
	}
	if s.phase < waitFrontier {
		r.refuse(s, errOrder)
		return nil
	}
	switch f := f.(type) {
	case *wire.Frontier:
		return r.frontier(s, f)
	case *wire.Have:
		return r.have(s, f)
	case *wire.Trail:
		return r.trail(s, f)
	case *wire.Grant:
		r.grant(s, f)
		return nil
	}
	r.refuse(s, errOrder)
	return nil
}

// hail is the dialer's first frame. Whoever does not know the camp's key gets no
// answer at all.
func (r *Replica) hail(s *session, f *wire.Hail) {
	if !s.inbound || s.phase != waitHail {
		r.refuse(s, errOrder)
		return
	}
	fits := false
	for _, key := range r.writer.Members.DiscoveryKeys() {
		fits = f.Fits(key, s.peer, r.writer.ID()) || fits
	}
	if !fits {
		r.do(End{Session: s.id})
		r.forget(s.id)
		return
	}
	if f.Version != wire.Version {
		r.end(s, wire.ByeVersion, "this device speaks version %d of the protocol, not %d: bring both to the same version of musafir", wire.Version, f.Version)
		return
	}
	if !r.isMember(s.peer) {
		s.phase = waitProof
		r.send(s, &wire.Prove{})
		return
	}
	s.trusted, s.phase = true, waitHello
	r.greet(s)
}

// prove shows that this device is admitted.
func (r *Replica) prove(s *session) error {
	proof, err := r.ourProof()
	if err != nil {
		return err
	}
	r.send(s, proof)
	return nil
}

// proof checks what the peer shows.
func (r *Replica) proof(s *session, f *wire.Proof) error {
	if s.trusted {
		r.refuse(s, errOrder)
		return nil
	}
	if err := r.checkProof(f, s.peer); err != nil {
		r.end(s, wire.ByeStranger, "the device is not admitted to this camp: %v", err)
		return nil
	}
	s.trusted = true
	if s.phase == waitProof {
		s.phase = waitHello
	}
	r.greet(s)
	return r.greeted(s)
}

// greet sends our hello.
func (r *Replica) greet(s *session) {
	if s.greeted {
		return
	}
	s.greeted = true
	s.digest = r.index.Digest()
	for n, b := range r.index.branches {
		s.told[uint32(n)] = b.Head.Seq + 1
	}
	r.send(s, &wire.Hello{
		Version: wire.Version, Time: uint64(max(0, r.wall)), Nonce: r.cfg.Nonce,
		Digest: s.digest, Program: r.cfg.Program,
	})
}

// takeHello takes the peer's hello; a dialer that does not know the listener asks for
// its proof first.
func (r *Replica) takeHello(s *session, f *wire.Hello) error {
	if s.hello != nil {
		r.refuse(s, errOrder)
		return nil
	}
	if f.Version != wire.Version {
		r.end(s, wire.ByeVersion, "this device speaks version %d of the protocol, not %d: bring both to the same version of musafir", wire.Version, f.Version)
		return nil
	}
	s.hello = f
	if !s.trusted && s.phase != waitProof { // a listener has asked already
		r.send(s, &wire.Prove{})
		return nil
	}
	return r.greeted(s)
}

// greeted goes on once both hellos are there and the peer is known.
func (r *Replica) greeted(s *session) error {
	if s.hello == nil || !s.trusted || s.phase != waitHello {
		return nil
	}
	if !r.onlySession(s) {
		return nil
	}
	p := r.peer(s.peer)
	p.lastHeard, p.ahead, p.program, p.unmerged = r.wall, int64(s.hello.Time)-r.wall, s.hello.Program, s.hello.Unmerged
	p.refused, p.changed = "", true
	if !s.inbound { // the port of one that dialled is a passing one
		p.remote = s.remote
	}
	if s.hello.Digest == s.digest {
		s.phase = live
		return r.even(s)
	}
	s.phase = waitFrontier
	r.sendFrontier(s)
	return nil
}

// even: both held the same when they said hello.
func (r *Replica) even(s *session) error {
	p := r.peer(s.peer)
	p.holds = holding{}
	for n, next := range s.told {
		p.holds.add(r.index, n, next-1)
	}
	s.sent = maps.Clone(p.holds)
	r.flow(s)
	r.tell(s)
	return nil
}

// onlySession keeps one of two sessions with the same process: the one that the
// device with the lesser id dialled, or the newer one. A peer that is there twice
// with different nonces was cloned.
func (r *Replica) onlySession(s *session) bool {
	for _, other := range r.ordered() {
		if other == s || other.peer != s.peer || other.hello == nil || other.phase < waitFrontier {
			continue
		}
		if other.hello.Nonce != s.hello.Nonce {
			r.cloned[s.peer] = true
			continue
		}
		loser := other
		if other.inbound != s.inbound && r.dialledByLesser(other) {
			loser = s
		}
		r.end(loser, wire.ByeBusy, "another session of the two devices goes on")
		return loser != s
	}
	return true
}

func (r *Replica) dialledByLesser(s *session) bool {
	return (r.writer.ID() < s.peer) != s.inbound
}

func (r *Replica) bye(s *session, f *wire.Bye) {
	if f.Code == wire.ByeRule || f.Code == wire.ByeVersion || f.Code == wire.ByeStranger {
		p := r.peer(s.peer)
		p.refused, p.changed = "it ended the session: "+f.Text, true
	}
	r.do(End{Session: s.id, Bye: wire.Bye{Code: wire.ByeDone}})
	r.forget(s.id)
}

func (r *Replica) beat(s *session, f *wire.Beat) {
	if !s.trusted {
		return
	}
	p := r.peer(s.peer)
	p.lastHeard, p.ahead = r.wall, int64(f.Time)-r.wall
}

// sendFrontier tells all that we hold.
func (r *Replica) sendFrontier(s *session) {
	s.resets = r.now
	heads := make([]wire.Head, 0, len(r.index.branches))
	for n, b := range r.index.branches {
		s.told[uint32(n)] = b.Head.Seq + 1
		heads = append(heads, r.index.head(uint32(n)))
	}
	slices.SortFunc(heads, wire.Head.Compare)
	parts := wire.SplitHeads(heads)
	for i, part := range parts {
		r.send(s, &wire.Frontier{Heads: part, More: i < len(parts)-1})
	}
}

// reset tells our frontier again, so that the peer begins anew with what it knows
// of us.
func (r *Replica) reset(s *session) {
	if r.now-s.resets >= resetPauseMs {
		r.sendFrontier(s)
	}
}

func sortedLogs(m map[crdt.ShortID]bool) []crdt.ShortID {
	return slices.SortedFunc(maps.Keys(m), crdt.ShortID.Compare)
}
