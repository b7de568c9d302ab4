package replica

import (
	"slices"

	"musafir/crdt"
	"musafir/node/wire"
)

// flow sends what the peer lacks: within its credit all, else unasked a little.
func (r *Replica) flow(s *session) {
	if s.streaming || s.phase != live {
		return
	}
	ranges, budget := r.push(s), pushMaxBytes-s.unacked
	if s.asked {
		if ranges, budget = r.lacks(s), s.credit; len(ranges) == 0 {
			s.credit, s.asked = 0, false
		}
	}
	if len(ranges) == 0 || budget <= 0 {
		return
	}
	s.streaming, s.free = true, !s.asked
	r.do(Stream{Session: s.id, Epoch: s.epoch, Ranges: actsFirst(r.index, ranges), Budget: budget})
}

// push lists what is sent unasked: what is new of our own logs, and of those that
// the peer gets from us. It may build on what others are about to send. A peer that
// lacks more than that asks one for all of it, which would come twice.
func (r *Replica) push(s *session) (ours []crdt.Range) {
	others := false
	for i := range r.index.branches {
		n := uint32(i)
		g, lacking := r.lack(s, n)
		switch {
		case !lacking:
		case r.index.lines[i].author == r.self || s.feeds[n]:
			ours = append(ours, g)
		default:
			others = true
		}
	}
	if len(ours) == 0 {
		s.inStep = true
	}
	if others && !s.inStep {
		return nil
	}
	return ours
}

// lacks lists what we hold and the peer neither holds nor is about to get.
func (r *Replica) lacks(s *session) (ranges []crdt.Range) {
	for i := range r.index.branches {
		if g, lacking := r.lack(s, uint32(i)); lacking {
			ranges = append(ranges, g)
		}
	}
	return ranges
}

// lack is what the peer lacks of a branch.
func (r *Replica) lack(s *session, n uint32) (g crdt.Range, lacking bool) {
	b := &r.index.branches[n]
	g = crdt.Range{Branch: n, From: s.sent.from(r.index, n), To: b.Head.Seq}
	if g.From > g.To || len(s.unclear) > 0 && s.unclear[prefix(b.Log)] {
		return g, false
	}
	return g, true
}

// actsFirst leaves records for later as long as there are acts of membership.
func actsFirst(x *index, ranges []crdt.Range) []crdt.Range {
	var acts []crdt.Range
	for _, g := range ranges {
		if x.lines[g.Branch].control {
			acts = append(acts, g)
		}
	}
	if len(acts) > 0 {
		return acts
	}
	return ranges
}

// streamed takes note of what is on its way.
func (r *Replica) streamed(s *session, e Streamed) {
	s.streaming = false
	s.lastSent = r.now
	if !s.free {
		s.credit -= e.Sent.Bytes
	}
	if e.Epoch == s.epoch {
		r.onItsWay(s, e.Sent)
	}
	if e.Sent.Bytes > 0 || e.Epoch != s.epoch { // else there is nothing that can be sent
		r.flow(s)
	}
	r.tell(s)
}

func (r *Replica) onItsWay(s *session, sent Sent) {
	acked := true
	for n, next := range sent.Next {
		acked = acked && s.holds.covers(n, next-1)
		s.sent.add(r.index, n, next-1)
		s.told.set(n, next)
		if !s.free {
			s.feeds[n] = true // it chose us to get this from
		}
	}
	if s.free && !acked {
		s.unacked += sent.Bytes
	}
}

// grant takes credit from the peer.
func (r *Replica) grant(s *session, f *wire.Grant) {
	s.credit = int(min(uint64(max(0, s.credit))+f.Bytes, 8*windowBytes))
	s.asked = true
	r.flow(s)
}

// tell announces what we hold since we last told, but for what is on its way to
// the peer. It acknowledges and offers in one. While entries go out it waits: they
// may be what it would tell of.
func (r *Replica) tell(s *session) {
	if s.streaming || s.phase != live {
		return
	}
	var heads []wire.Head
	for i := range r.index.branches {
		n := uint32(i)
		next := r.index.branches[i].Head.Seq + 1
		if s.told.at(n) >= next || s.sent.at(n) >= next && !s.holds.covers(n, next-1) {
			continue
		}
		s.told.set(n, next)
		heads = append(heads, r.index.head(n))
	}
	r.sendHave(s, heads)
}

func (r *Replica) sendHave(s *session, heads []wire.Head) {
	if len(heads) == 0 {
		return
	}
	slices.SortFunc(heads, wire.Head.Compare)
	same := func(a, b wire.Head) bool { return a.Compare(b) == 0 }
	for _, part := range wire.SplitHeads(slices.CompactFunc(heads, same)) {
		r.send(s, &wire.Have{Heads: part})
	}
}
