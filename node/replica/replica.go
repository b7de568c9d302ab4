package replica

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"

	"musafir/crdt"
	"musafir/node/access"
	"musafir/node/wire"
)

// Numbers of a session. Times are in milliseconds.
const (
	HandshakeMs  = 5_000
	beatBusyMs   = 5_000
	beatIdleMs   = 30_000
	silentMs     = 70_000 // a peer not heard for this long is gone
	pushMaxBytes = 128 << 10
	windowBytes  = 1 << 20 // of credit to the source
	patienceMs   = 100     // before asking others for what its author is about to send
	stallMs      = 3_000   // a source that sends nothing for this long is told our frontier again
	resetPauseMs = 1_000
	rememberMs   = 60_000
	maxOffers    = 1 << 16 // heads that a peer may name and we do not hold
)

// Config is what a replica begins with.
type Config struct {
	Nonce    [8]byte // random, of this process
	Program  string  // and version, at most 32 bytes
	Logs     Logs
	Writer   *Writer
	Branches []crdt.Branch
	Peers    map[crdt.DeviceID]*Peer
}

// A Replica is one device's side of all its sessions, as a value: Step takes what
// happened, Take gives what is to be done. What it tells others is durable: it
// learns of a write by Committed only.
type Replica struct {
	cfg      Config
	writer   *Writer
	index    *index
	peers    map[crdt.DeviceID]*Peer
	sessions map[Session]*session
	source   Session // who was granted what we lack; 0: nobody
	now      int64
	wall     int64
	renewing bool
	cloned   map[crdt.DeviceID]bool // devices seen twice at once
	remember int64                  // when peers were last remembered
	effects  []any
}

// New makes a replica.
func New(cfg Config) *Replica {
	peers := cfg.Peers
	if peers == nil {
		peers = map[crdt.DeviceID]*Peer{}
	}
	return &Replica{
		cfg: cfg, writer: cfg.Writer, peers: peers,
		index:    newIndex(cfg.Logs, cfg.Branches),
		sessions: map[Session]*session{}, cloned: map[crdt.DeviceID]bool{},
	}
}

// Take gives the effects of the events so far, and forgets them.
func (r *Replica) Take() []any {
	e := r.effects
	r.effects = nil
	return e
}

func (r *Replica) do(effect any) { r.effects = append(r.effects, effect) }

// Step takes one event. An error is one of reading the store.
func (r *Replica) Step(e Event) error {
	r.now, r.wall = e.Now, e.Wall
	err := r.step(e.What)
	if err == nil {
		err = r.want()
	}
	return err
}

func (r *Replica) step(what any) error {
	switch e := what.(type) {
	case Opened:
		r.open(e)
	case Framed:
		if s := r.sessions[e.Session]; s != nil {
			s.lastHeard = r.now
			return r.frame(s, e.Frame)
		}
	case Arrival:
		if s := r.sessions[e.Session]; s != nil {
			r.arrival(s, e)
		}
	case BadInput:
		if s := r.sessions[e.Session]; s != nil {
			r.refuse(s, e.Err)
		}
	case Streamed:
		if s := r.sessions[e.Session]; s != nil {
			r.streamed(s, e)
		}
	case Closed:
		r.forget(e.Session)
	case Committed:
		return r.committed(e)
	case Tick:
		r.tick()
	}
	return nil
}

// send puts a frame on a session.
func (r *Replica) send(s *session, f wire.Frame) {
	s.lastSent = r.now
	r.do(Send{s.id, f})
}

// end closes a session for a reason.
func (r *Replica) end(s *session, code uint64, format string, args ...any) {
	r.do(End{s.id, wire.Bye{Code: code, Text: clip(fmt.Sprintf(format, args...), 200)}})
	r.forget(s.id)
}

func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return string(bytes.ToValidUTF8([]byte(s[:most]), nil))
}

// refuse drops a peer that broke a rule.
func (r *Replica) refuse(s *session, err error) {
	if s.trusted {
		p := r.peer(s.peer)
		p.refused, p.changed = err.Error(), true
	}
	r.end(s, wire.ByeRule, "%v", err)
}

func (r *Replica) forget(id Session) {
	s := r.sessions[id]
	if s == nil {
		return
	}
	delete(r.sessions, id)
	if r.source == id {
		r.source = 0
	}
	if p := r.peers[s.peer]; p != nil && p.changed {
		r.keep(s.peer, p)
	}
}

func (r *Replica) keep(id crdt.DeviceID, p *Peer) {
	p.changed = false
	r.do(Remember{id, p.encode()})
}

// peer is what is known of a device.
func (r *Replica) peer(id crdt.DeviceID) *Peer {
	p := r.peers[id]
	if p == nil {
		p = &Peer{holds: holding{}}
		r.peers[id] = p
	}
	return p
}

// ordered are the sessions by number, so that equal input has equal effects.
func (r *Replica) ordered() []*session {
	list := make([]*session, 0, len(r.sessions))
	for _, id := range slices.Sorted(maps.Keys(r.sessions)) {
		list = append(list, r.sessions[id])
	}
	return list
}

// committed brings the replica up to what was written.
func (r *Replica) committed(e Committed) error {
	if e.Writer != nil {
		r.writer = e.Writer
	}
	moved := r.index.update(e.Branches)
	for _, o := range e.Batches {
		if err := r.outcome(o); err != nil {
			return err
		}
	}
	for _, s := range r.ordered() {
		if s.phase != live {
			continue
		}
		if err := r.reconsider(s, moved); err != nil {
			return err
		}
		r.flow(s)
		r.tell(s)
	}
	return nil
}

// outcome credits a peer with what it sent, or answers a batch that does not fit.
func (r *Replica) outcome(o Outcome) error {
	s := r.sessions[o.Session]
	if s == nil {
		return nil
	}
	s.granted = max(0, s.granted-o.Batch.Bytes)
	s.progress = r.now
	if errors.Is(o.Err, ErrGap) {
		r.reset(s)
		return nil
	}
	if o.Err != nil {
		var refusal *access.Refusal
		if errors.As(o.Err, &refusal) {
			r.refuse(s, o.Err)
		}
		return nil
	}
	p := r.peer(s.peer)
	for _, sealed := range o.Batch.Seals {
		h := headOf(sealed.Log, sealed.Head)
		n, ok, err := r.index.find(h)
		if err != nil {
			return err
		}
		if ok {
			p.holds.add(r.index, n, h.Seq)
			s.sent.add(r.index, n, h.Seq)
			p.changed = true
		}
	}
	return nil
}

// reconsider looks which of a peer's offers are held by now.
func (r *Replica) reconsider(s *session, moved []uint32) error {
	if len(s.offers) == 0 {
		return nil
	}
	touched := map[crdt.ShortID]bool{}
	for _, n := range moved {
		touched[prefix(r.index.branches[n].Log)] = true
	}
	for o := range s.offers {
		if !touched[o.log] {
			continue
		}
		n, ok, err := r.index.find(o.head())
		if err != nil {
			return err
		}
		if ok {
			r.holdsToo(s, n, o.seq)
			delete(s.offers, o)
		}
	}
	return nil
}

// holdsToo takes note that the peer holds an entry of ours.
func (r *Replica) holdsToo(s *session, n uint32, seq uint64) {
	p := r.peer(s.peer)
	p.holds.add(r.index, n, seq)
	p.changed = true
	s.sent.add(r.index, n, seq)
	delete(s.unclear, prefix(r.index.branches[n].Log))
}

// tell announces what we hold since we last told, but for what is on its way to
// the peer. It acknowledges and offers in one.
func (r *Replica) tell(s *session) {
	var heads []wire.Head
	for n := range r.index.branches {
		n := uint32(n)
		next := r.index.branches[n].Head.Seq + 1
		if s.told[n] >= next || s.sent[n] >= next && !r.peer(s.peer).holds.covers(n, next-1) {
			continue
		}
		s.told[n] = next
		heads = append(heads, r.index.head(n))
	}
	r.sendHave(s, heads)
}

func (r *Replica) sendHave(s *session, heads []wire.Head) {
	if len(heads) == 0 {
		return
	}
	slices.SortFunc(heads, wire.Head.Compare)
	for _, part := range wire.SplitHeads(slices.CompactFunc(heads, equalHeads)) {
		r.send(s, &wire.Have{Heads: part})
	}
}

func equalHeads(a, b wire.Head) bool { return a.Compare(b) == 0 }

// tick does what time asks for.
func (r *Replica) tick() {
	for _, s := range r.ordered() {
		switch {
		case s.phase < waitFrontier && r.now-s.began > HandshakeMs:
			r.end(s, wire.ByeStranger, "the handshake took too long")
		case r.now-s.lastHeard > silentMs:
			r.end(s, wire.ByeDone, "nothing was heard")
		case s.phase == live && r.now-s.lastSent >= r.beatMs(s):
			r.send(s, &wire.Beat{Time: uint64(max(0, r.wall))})
		}
	}
	if r.now-r.remember < rememberMs {
		return
	}
	r.remember = r.now
	for _, id := range slices.Sorted(maps.Keys(r.peers)) {
		if p := r.peers[id]; p.changed {
			r.keep(id, p)
		}
	}
}

func (r *Replica) beatMs(s *session) int64 {
	if len(s.offers) > 0 || s.unacked > 0 || s.asked {
		return beatBusyMs
	}
	return beatIdleMs
}
