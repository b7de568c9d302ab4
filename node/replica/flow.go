package replica

import (
	"slices"

	"musafir/crdt"
	"musafir/node/wire"
)

// flow sends what the peer lacks: within its credit all, else unasked a little of
// what this device wrote. That may build on what the peer has yet to get from
// elsewhere.
func (r *Replica) flow(s *session) {
	if s.streaming || s.phase != live {
		return
	}
	ranges := r.lacks(s)
	if len(ranges) == 0 && s.asked {
		s.credit, s.asked = 0, false
	}
	budget := s.credit
	if !s.asked {
		budget = pushMaxBytes - s.unacked
	}
	if len(ranges) == 0 || budget <= 0 {
		return
	}
	s.streaming, s.free = true, !s.asked
	r.do(Stream{Session: s.id, Epoch: s.epoch, Ranges: ranges, Budget: budget})
}

// lacks lists what the peer may get, and neither holds nor is about to get: control
// logs ahead of all others; if it granted nothing, what was written here.
func (r *Replica) lacks(s *session) (ranges []crdt.Range) {
	var acts []crdt.Range
	for i := range r.index.branches {
		b, n := &r.index.branches[i], uint32(i)
		next := s.sent.from(r.index, n)
		if next > b.Head.Seq || len(s.unclear) > 0 && s.unclear[prefix(b.Log)] {
			continue
		}
		l := &r.index.lines[i]
		if !s.asked && l.author != r.self {
			continue
		}
		lacking := crdt.Range{Branch: n, From: next, To: b.Head.Seq}
		if l.control {
			acts = append(acts, lacking)
		}
		ranges = append(ranges, lacking)
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
