package replica

import (
	"errors"

	"musafir/crdt"
	"musafir/node/wire"
)

var errOrder = errors.New("a frame came that has no place here")

// open begins a session. The dialer speaks first.
func (r *Replica) open(e Opened) {
	s := newSession(e, r.now)
	r.sessions[s.id] = s
	r.order = append(r.order, s)
	if s.inbound {
		return
	}
	s.phase = waitHello
	key := r.writer.Members.DiscoveryKeys()[0] // the newest
	r.send(s, &wire.Hail{Version: wire.Version, MAC: wire.HailMAC(key, r.self, s.peer)})
	if r.isMember(s.peer) {
		r.trust(s)
		r.greet(s)
	}
}

func (r *Replica) isMember(id crdt.DeviceID) bool {
	_, ok := r.writer.Members.Member(id)
	return ok
}

// frame takes a frame of a session that is there.
func (r *Replica) frame(s *session, f wire.Frame) error {
	if hail, ok := f.(*wire.Hail); ok {
		r.hail(s, hail)
		return nil
	}
	if s.phase == waitHail {
		r.vanish(s)
		return nil
	}
	switch f := f.(type) {
	case *wire.Bye:
		r.bye(s, f)
		return nil
	case *wire.Prove:
		return r.prove(s, f)
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
		fits = f.Fits(key, s.peer, r.self) || fits
	}
	if !fits {
		r.vanish(s)
		return
	}
	if f.Version != wire.Version {
		r.end(s, wire.ByeVersion, "this device speaks version %d of the protocol, not %d: bring both to the same version of musafir", wire.Version, f.Version)
		return
	}
	if !r.isMember(s.peer) {
		s.phase = waitProof
		r.askProof(s)
		return
	}
	r.trust(s)
	s.phase = waitHello
	r.greet(s)
}

// askProof asks the peer for its admission.
func (r *Replica) askProof(s *session) {
	key := r.writer.Members.DiscoveryKeys()[0]
	r.send(s, &wire.Prove{MAC: wire.ProveMAC(key, r.self, s.peer)})
}

// prove shows that this device is admitted, once, to who knows the camp.
func (r *Replica) prove(s *session, f *wire.Prove) error {
	fits := false
	for _, key := range r.writer.Members.DiscoveryKeys() {
		fits = f.Fits(key, s.peer, r.self) || fits
	}
	if !fits || s.proved {
		r.refuse(s, errOrder)
		return nil
	}
	s.proved = true
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
	r.trust(s)
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
		s.told.set(uint32(n), b.Head.Seq+1)
	}
	s.named = r.peer(s.peer).lastBase()
	r.send(s, &wire.Hello{
		Version: wire.Version, Time: uint64(max(0, r.wall)), Nonce: r.cfg.Nonce,
		Digest: s.digest, Base: s.named.Name, Program: r.cfg.Program,
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
		r.askProof(s)
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
	p.met(r.wall, s.hello.Time)
	p.program, p.unmerged, p.refused, p.changed = s.hello.Program, s.hello.Unmerged, "", true
	if !s.inbound { // the port of one that dialled is a passing one
		p.remote = s.remote
	}
	if s.hello.Digest == s.digest {
		r.even(s)
		return nil
	}
	s.phase = waitFrontier
	r.sendChanges(s)
	return nil
}

// even: both held the same when they said hello.
func (r *Replica) even(s *session) {
	for n, next := range s.told.next {
		if next > 0 {
			s.holds.add(r.index, uint32(n), next-1)
		}
	}
	s.sent = s.holds.clone()
	s.phase = live
	p := r.peer(s.peer)
	p.holds = s.holds
	p.share(s.digest, s.told.clone().next)
	r.flow(s)
	r.tell(s)
}

// onlySession keeps one of two sessions with the same process: the one that the
// device with the lesser id dialled, where both did so at once, else the newer one:
// nobody dials who has a session that works.
func (r *Replica) onlySession(s *session) bool {
	for _, other := range r.order {
		if other == s || other.peer != s.peer || other.hello == nil || other.phase < waitFrontier {
			continue
		}
		if other.hello.Nonce != s.hello.Nonce {
			continue // a copy of the device, or what is left of a process that is gone
		}
		loser := other
		atOnce := s.began-other.began < dialledAtOnceMs
		if atOnce && other.inbound != s.inbound && r.dialledByLesser(other) {
			loser = s
		}
		r.end(loser, wire.ByeBusy, "another session of the two devices goes on")
		return loser != s
	}
	return true
}

func (r *Replica) dialledByLesser(s *session) bool {
	return (r.self < s.peer) != s.inbound
}

// EndedIt begins what PeerStatus.Refused says where the other device ended the session.
const EndedIt = "it ended the session: "

func (r *Replica) bye(s *session, f *wire.Bye) {
	if s.trusted && (f.Code == wire.ByeRule || f.Code == wire.ByeVersion || f.Code == wire.ByeStranger) {
		p := r.peer(s.peer)
		p.refused, p.changed = EndedIt+f.Text, true
	}
	r.do(End{Session: s.id, Bye: wire.Bye{Code: wire.ByeDone}})
	r.forget(s)
}
