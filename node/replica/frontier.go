package replica

import (
	"errors"
	"slices"

	"musafir/node/wire"
)

var errOffers = errors.New("it names too many heads that nobody holds")

// sendFrontier tells all that we hold.
func (r *Replica) sendFrontier(s *session) {
	s.resets, s.resetIs = r.now, false
	heads := make([]wire.Head, 0, len(r.index.branches))
	for n, b := range r.index.branches {
		s.told.set(uint32(n), b.Head.Seq+1)
		heads = append(heads, r.index.head(uint32(n)))
	}
	slices.SortFunc(heads, wire.Head.Compare)
	parts := wire.SplitHeads(heads)
	for i, part := range parts {
		r.send(s, &wire.Frontier{Heads: part, More: i < len(parts)-1})
	}
}

// reset tells our frontier again, so that the peer begins anew with what it knows
// of us. The more often that is needed the longer it waits.
func (r *Replica) reset(s *session) {
	if s.resetIs = r.now-s.resets < s.pause; s.resetIs {
		return
	}
	s.pause = min(2*s.pause, resetMostMs)
	r.sendFrontier(s)
}

// frontier takes what the peer holds, all of it. In a live session it says that the
// peer begins anew.
func (r *Replica) frontier(s *session, f *wire.Frontier) error {
	if !s.parting {
		r.anew(s)
	}
	if err := r.heads(s, f.Heads); err != nil || r.gone(s) {
		return err
	}
	if s.parting = f.More; f.More {
		return nil
	}
	s.phase = live
	r.peer(s.peer).holds = s.holds
	if err := r.trails(s); err != nil {
		return err
	}
	r.flow(s)
	r.tell(s)
	return nil
}

// anew forgets what we know of the peer, and in a live session what we told it: it
// may have dropped what told it of us.
func (r *Replica) anew(s *session) {
	s.holds, s.sent = &holding{}, &holding{}
	s.epoch++
	s.offers.clear()
	clear(s.unclear)
	clear(s.trailed)
	s.unacked, s.inStep = 0, false
	if s.phase == live {
		s.told.clear()
	}
}

// have takes what the peer holds since it last told.
func (r *Replica) have(s *session, f *wire.Have) error {
	before := s.offers.n
	if err := r.heads(s, f.Heads); err != nil || r.gone(s) {
		return err
	}
	s.unacked = 0
	if s.offers.n > before {
		s.granted = 0 // it tells only of what it has no credit to send
	}
	if err := r.trails(s); err != nil {
		return err
	}
	if s.phase == live {
		r.flow(s)
		r.tell(s)
	}
	return nil
}

// heads takes heads of the peer: what we hold too it has, the others it offers.
func (r *Replica) heads(s *session, heads []wire.Head) error {
	for _, h := range heads {
		n, ok, err := r.index.find(h)
		if err != nil {
			return err
		}
		if ok {
			r.holdsToo(s, n, h.Seq)
		} else if r.offered(s, h); r.gone(s) {
			return nil
		}
	}
	return nil
}

// offered takes note of a head that we do not hold. Where we hold less of its log
// there is nothing to be sent. Where we hold another branch of it one of the two
// sees a head that is no longer than its own, and shows the way back: until then we
// do not know how much the peer holds.
func (r *Replica) offered(s *session, h wire.Head) {
	if s.offers.n >= maxOffers {
		r.refuse(s, errOffers)
		return
	}
	s.offers.add(h, r.now)
	branches := r.index.byLog[h.Log]
	known := func(n uint32) bool { return s.holds.at(n) > 0 }
	if len(branches) > 0 && !slices.ContainsFunc(branches, known) {
		s.unclear[h.Log] = true
	}
}
