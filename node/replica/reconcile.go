package replica

import (
	"errors"
	"maps"
	"slices"

	"musafir/crdt"
	"musafir/node/wire"
)

var errOffers = errors.New("it names too many heads that nobody holds")

// frontier takes what the peer holds, all of it. In a live session it says that the
// peer begins anew.
func (r *Replica) frontier(s *session, f *wire.Frontier) error {
	p := r.peer(s.peer)
	if s.parts == nil {
		p.holds, s.sent = holding{}, holding{}
		s.epoch++
		clear(s.offers)
		clear(s.unclear)
		clear(s.trailed)
		s.unacked = 0
		s.parts = map[crdt.ShortID]bool{}
	}
	behind, err := r.heads(s, f.Heads)
	if err != nil || r.sessions[s.id] == nil {
		return err
	}
	for _, h := range f.Heads {
		s.parts[h.Log] = true
	}
	r.sendHave(s, behind)
	if f.More {
		return nil
	}
	s.parts = nil
	for n := range p.holds {
		if p.holds[n] > 0 {
			s.sent.add(r.index, n, p.holds[n]-1)
		}
	}
	s.phase = live
	if err := r.trails(s); err != nil {
		return err
	}
	r.flow(s)
	r.tell(s)
	return nil
}

// have takes what the peer holds since it last told.
func (r *Replica) have(s *session, f *wire.Have) error {
	if _, err := r.heads(s, f.Heads); err != nil || r.sessions[s.id] == nil {
		return err
	}
	s.unacked = 0
	if err := r.trails(s); err != nil {
		return err
	}
	if s.phase == live {
		r.flow(s)
		r.tell(s)
	}
	return nil
}

// heads takes heads of the peer: what we hold too it has, the others it offers. It
// lists those that we hold and have gone past, which the peer cannot know.
func (r *Replica) heads(s *session, heads []wire.Head) (behind []wire.Head, err error) {
	for _, h := range heads {
		n, ok, err := r.index.find(h)
		if err != nil {
			return nil, err
		}
		switch {
		case ok:
			r.holdsToo(s, n, h.Seq)
			if h.Seq < r.index.branches[n].Head.Seq {
				behind = append(behind, h)
			}
		default:
			r.offered(s, h)
		}
		if r.sessions[s.id] == nil {
			return nil, nil
		}
	}
	return behind, nil
}

// offered takes note of a head that we do not hold.
func (r *Replica) offered(s *session, h wire.Head) {
	if len(s.offers) >= maxOffers {
		r.refuse(s, errOffers)
		return
	}
	// A later head of a line replaces the earlier ones, as far as one can see.
	for o := range s.offers {
		if o.log == h.Log && o.seq < h.Seq && len(r.index.byLog[h.Log]) <= 1 {
			delete(s.offers, o)
		}
	}
	s.offers[offerOf(h)] = r.now
	branches := r.index.byLog[h.Log]
	if len(branches) == 0 {
		return
	}
	log := r.index.branches[branches[0]].Log
	if known, ok := r.writer.Members.Log(log); ok && crdt.DeviceIDOf(known.Device) == r.writer.ID() {
		r.renew()
	}
	if !slices.ContainsFunc(branches, func(n uint32) bool { return r.peer(s.peer).holds[n] > 0 }) {
		s.unclear[h.Log] = true
	}
}

// renew: others hold entries of our own log that we do not.
func (r *Replica) renew() {
	if !r.renewing {
		r.renewing = true
		r.do(Renew{})
	}
}

// trails shows the way back along logs that forked: where the peer offers a head
// that is no longer than what we hold, and yet we do not hold it.
func (r *Replica) trails(s *session) error {
	forked := map[crdt.ShortID]bool{}
	for o := range s.offers {
		for _, n := range r.index.byLog[o.log] {
			if o.seq <= r.index.branches[n].Head.Seq && !s.trailed[o.log] {
				forked[o.log] = true
			}
		}
	}
	for _, log := range sortedLogs(forked) {
		if err := r.sendTrail(s, log); err != nil {
			return err
		}
	}
	return nil
}

// sendTrail names entries at s-1, s-2, s-4, ... of each branch of a log.
func (r *Replica) sendTrail(s *session, log crdt.ShortID) error {
	s.trailed[log] = true
	for _, n := range r.index.byLog[log] {
		t := &wire.Trail{Log: log}
		b := r.index.branches[n]
		for _, seq := range wire.TrailSeqs(b.Head.Seq) {
			point, err := r.trailPoint(n, seq)
			if err != nil {
				return err
			}
			t.Points = append(t.Points, point)
		}
		if len(t.Points) > 0 {
			r.send(s, t)
		}
	}
	return nil
}

// trailPoint names an entry of a branch or of what it forked from.
func (r *Replica) trailPoint(n uint32, seq uint64) (wire.Point, error) {
	for seq < r.index.branches[n].From {
		n = r.index.branches[n].Parent
	}
	id, err := r.index.id(n, seq)
	return wire.Point{Seq: seq, Hash: [8]byte(id[:8])}, err
}

// trail takes the peer's way back along a log: the last entry on it that we hold
// too is where the lines part.
func (r *Replica) trail(s *session, f *wire.Trail) error {
	for _, p := range f.Points {
		n, ok, err := r.index.find(wire.Head{Log: f.Log, Seq: p.Seq, Hash: p.Hash[:]})
		if err != nil {
			return err
		}
		if ok {
			r.holdsToo(s, n, p.Seq)
			break
		}
	}
	delete(s.unclear, f.Log)
	if !s.trailed[f.Log] {
		if err := r.sendTrail(s, f.Log); err != nil {
			return err
		}
	}
	if s.phase == live {
		r.flow(s)
	}
	return nil
}

// flow sends what the peer lacks: within its credit, or, if it is of our own hand
// and little, unasked.
func (r *Replica) flow(s *session) {
	if s.streaming || s.phase != live {
		return
	}
	ranges, own := r.lacks(s)
	if len(ranges) == 0 {
		s.credit, s.asked = 0, false
		return
	}
	budget := s.credit
	if !s.asked {
		if !own {
			return
		}
		budget = pushMaxBytes - s.unacked
	}
	if budget <= 0 {
		return
	}
	s.streaming = true
	r.do(Stream{Session: s.id, Epoch: s.epoch, Ranges: ranges, Budget: budget})
}

// lacks lists what we hold and the peer neither holds nor is about to get, control
// logs ahead of all others; own: all of it was written by this device.
func (r *Replica) lacks(s *session) (ranges []crdt.Range, own bool) {
	own = true
	var acts []crdt.Range
	for n := range r.index.branches {
		b, n := &r.index.branches[n], uint32(n)
		next := s.sent.next(r.index, n)
		if next > b.Head.Seq || s.unclear[prefix(b.Log)] {
			continue
		}
		lacking := crdt.Range{Branch: n, From: next, To: b.Head.Seq}
		l, known := r.writer.Members.Log(b.Log)
		if known && l.Kind == crdt.ControlLog {
			acts = append(acts, lacking)
		}
		ranges = append(ranges, lacking)
		own = own && known && crdt.DeviceIDOf(l.Device) == r.writer.ID()
	}
	if len(acts) > 0 {
		return acts, own
	}
	return ranges, own
}

// streamed takes note of what is on its way.
func (r *Replica) streamed(s *session, e Streamed) {
	s.streaming = false
	s.lastSent = r.now
	if e.Epoch == s.epoch {
		for n, next := range e.Sent.Next {
			s.sent.add(r.index, n, next-1)
			s.told[n] = max(s.told[n], next)
		}
	}
	if s.asked {
		s.credit -= e.Sent.Bytes
	} else {
		s.unacked += e.Sent.Bytes
	}
	r.flow(s)
	r.tell(s)
}

// grant takes credit from the peer.
func (r *Replica) grant(s *session, f *wire.Grant) {
	s.credit = int(min(uint64(max(0, s.credit))+f.Bytes, 8*windowBytes))
	s.asked = true
	r.flow(s)
}

// arrival takes a batch to be written.
func (r *Replica) arrival(s *session, e Arrival) {
	s.lastHeard = r.now
	if s.phase < waitFrontier {
		r.refuse(s, errOrder)
		return
	}
	if e.Gap {
		s.granted = max(0, s.granted-e.Bytes)
		r.reset(s)
		return
	}
	s.progress = r.now
	r.do(Ingest{s.id, e.Batch})
}

// want sees to it that one peer is granted what we lack. One at a time: what one
// sends is complete in itself, what two send in turn is not.
func (r *Replica) want() error {
	if s := r.sessions[r.source]; s != nil && s.phase == live && len(s.offers) > 0 {
		r.topUp(s)
		return nil
	}
	r.source = 0
	var best *session
	for _, s := range r.ordered() {
		if s.phase == live && r.due(s) && (best == nil || len(s.offers) > len(best.offers)) {
			best = s
		}
	}
	if best == nil {
		return nil
	}
	r.source = best.id
	best.granted, best.progress = 0, r.now
	r.topUp(best)
	return nil
}

// due tells whether the peer offers something that is not about to come from its
// author.
func (r *Replica) due(s *session) bool {
	for o, since := range s.offers {
		if r.now-since >= patienceMs || !r.authorIsHere(o.log) {
			return true
		}
	}
	return false
}

// authorIsHere tells whether the device that writes a log has a live session.
func (r *Replica) authorIsHere(log crdt.ShortID) bool {
	branches := r.index.byLog[log]
	if len(branches) == 0 {
		return false
	}
	l, ok := r.writer.Members.Log(r.index.branches[branches[0]].Log)
	if !ok {
		return false
	}
	author := crdt.DeviceIDOf(l.Device)
	for s := range maps.Values(r.sessions) {
		if s.peer == author && s.phase == live {
			return true
		}
	}
	return false
}

// topUp keeps the source's credit up, and reminds one that sends nothing.
func (r *Replica) topUp(s *session) {
	if s.granted < windowBytes/2 {
		more := windowBytes - s.granted
		s.granted += more
		r.send(s, &wire.Grant{Bytes: uint64(more)})
	}
	if r.now-s.progress > stallMs {
		s.progress = r.now
		s.granted = 0
		r.sendFrontier(s)
	}
}
