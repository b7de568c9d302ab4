package replica

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"musafir/crdt"
	"musafir/node/wire"
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
	self     crdt.DeviceID
	writer   *Writer
	index    *index
	peers    map[crdt.DeviceID]*Peer
	sessions map[Session]*session
	order    []*session // by number
	source   *session   // who was granted what we lack; nil: nobody
	now      int64
	wall     int64
	moved    int64 // when something was last written
	forked   bool  // others write our log too: a new key is needed
	renewed  int64 // when that was last said
	remember int64 // when peers were last remembered
	effects  []any
}

// New makes a replica.
func New(cfg Config) *Replica {
	r := &Replica{
		cfg: cfg, self: cfg.Writer.ID(), writer: cfg.Writer, peers: cfg.Peers,
		index:    newIndex(cfg.Logs, cfg.Branches, cfg.Writer.Members),
		sessions: map[Session]*session{}, renewed: -renewEveryMs,
	}
	if r.peers == nil {
		r.peers = map[crdt.DeviceID]*Peer{}
	}
	r.checkOwn()
	return r
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
		r.want()
	}
	return err
}

func (r *Replica) step(what any) error {
	switch e := what.(type) {
	case Opened:
		r.open(e)
	case Committed:
		return r.committed(e)
	case Tick:
		r.tick()
	case Stopping:
		r.rememberAll()
	case Twin:
		r.twin(e.Of)
	case Framed:
		return r.heard(e.Session, func(s *session) error { return r.frame(s, e.Frame) })
	case Underway:
		return r.heard(e.Session, func(s *session) error { s.progress = r.now; return nil })
	case Arrival:
		return r.heard(e.Session, func(s *session) error { r.arrival(s, e); return nil })
	case BadInput:
		return r.heard(e.Session, func(s *session) error { r.refuse(s, e.Err); return nil })
	case Streamed:
		if s := r.sessions[e.Session]; s != nil {
			r.streamed(s, e)
		}
	case Closed:
		if s := r.sessions[e.Session]; s != nil {
			r.forget(s)
		}
	}
	return nil
}

// heard takes something from a peer whose session is still there.
func (r *Replica) heard(id Session, take func(*session) error) error {
	s := r.sessions[id]
	if s == nil {
		return nil
	}
	s.lastHeard = r.now
	if p := r.peers[s.peer]; p != nil && s.trusted {
		p.lastHeard = r.wall
	}
	return take(s)
}

// send puts a frame on a session.
func (r *Replica) send(s *session, f wire.Frame) {
	s.lastSent = r.now
	r.do(Send{s.id, f})
}

// end closes a session for a reason.
func (r *Replica) end(s *session, code uint64, format string, args ...any) {
	r.do(End{Session: s.id, Bye: wire.Bye{Code: code, Text: clip(fmt.Sprintf(format, args...), wire.MaxByeTextBytes)}})
	r.forget(s)
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
	if s.phase == waitHail {
		r.vanish(s)
		return
	}
	r.end(s, wire.ByeRule, "%v", err)
}

// vanish ends a session without a word.
func (r *Replica) vanish(s *session) {
	r.do(End{Session: s.id, Silent: true})
	r.forget(s)
}

// trust takes note that the peer is admitted.
func (r *Replica) trust(s *session) {
	if !s.trusted {
		s.trusted = true
		r.do(Trusted{s.id})
	}
}

func (r *Replica) forget(s *session) {
	delete(r.sessions, s.id)
	r.order = slices.DeleteFunc(r.order, func(o *session) bool { return o == s })
	if r.source == s {
		r.source = nil
	}
	p := r.peers[s.peer]
	if p == nil {
		return
	}
	if p.changed {
		r.keep(s.peer, p)
	}
	// A copy of the same device may still be there.
	if i := slices.IndexFunc(r.order, func(o *session) bool { return o.peer == s.peer && o.phase == live }); i >= 0 && p.holds == s.holds {
		p.holds = r.order[i].holds
	}
}

// keep remembers what is known of a device.
func (r *Replica) keep(id crdt.DeviceID, p *Peer) {
	p.changed = false
	r.do(Remember{id, p.encode()})
}

// peer is what is known of a device.
func (r *Replica) peer(id crdt.DeviceID) *Peer {
	p := r.peers[id]
	if p == nil {
		p = &Peer{holds: &holding{}}
		r.peers[id] = p
	}
	return p
}

// holdsToo takes note that the peer holds an entry of ours.
func (r *Replica) holdsToo(s *session, n uint32, seq uint64) {
	s.holds.add(r.index, n, seq)
	s.sent.add(r.index, n, seq)
	r.peer(s.peer).changed = true
	delete(s.unclear, prefix(r.index.branches[n].Log))
}

func sortedLogs(m map[crdt.ShortID]bool) []crdt.ShortID {
	return slices.SortedFunc(maps.Keys(m), crdt.ShortID.Compare)
}

// Peers is what is known of other devices, for a replica that begins anew.
func (r *Replica) Peers() map[crdt.DeviceID]*Peer { return r.peers }
