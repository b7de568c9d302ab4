package replica

import (
	"errors"
	"slices"

	"musafir/node/wire"
)

// A rule of frontiers.
var errBase = errors.New("it names a frontier that nobody spoke of")

// sendFrontier tells all that we hold.
func (r *Replica) sendFrontier(s *session) { r.sendHeads(s, base{}, false) }

// sendChanges tells what we hold beyond what both held, if the peer named something
// that we know of.
func (r *Replica) sendChanges(s *session) {
	b, _ := r.peer(s.peer).base(s.hello.Base)
	r.sendHeads(s, b, false)
}

func (r *Replica) sendHeads(s *session, since base, full bool) {
	s.resets, s.resetIs = r.now, false
	var heads []wire.Head
	for i, b := range r.index.branches {
		s.told.set(uint32(i), b.Head.Seq+1)
		if i < len(since.Next) && since.Next[i] > b.Head.Seq {
			continue
		}
		h := r.index.head(uint32(i))
		if full {
			h.Hash = b.Head.ID[:]
		}
		heads = append(heads, h)
	}
	slices.SortFunc(heads, wire.Head.Compare)
	parts := wire.SplitHeads(heads)
	for i, part := range parts {
		r.send(s, &wire.Frontier{Base: since.Name, Full: full, Heads: part, More: i < len(parts)-1})
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

// rest asks for the heads that we had no room for, once those that we noted have come:
// of what we then hold the peer makes no offer, and the others have room. If none
// comes the source is told our frontier anyway: see want.
func (r *Replica) rest(s *session) {
	if s.omitted && s.offers.n == 0 {
		s.omitted, s.asksRest = false, true
		r.reset(s)
	}
}

// frontier takes what the peer holds, all of it or what it adds to the base that we
// named. In a live session it says that the peer begins anew.
func (r *Replica) frontier(s *session, f *wire.Frontier) error {
	if f.Base != [8]byte{} && f.Base != s.named.Name {
		r.refuse(s, errBase)
		return nil
	}
	if !s.parting {
		r.anew(s)
		if f.Base != [8]byte{} {
			s.holds.next = slices.Clone(s.named.Next)
			s.sent = s.holds.clone()
		}
	}
	if err := r.heads(s, f.Heads); err != nil {
		return err
	}
	if s.parting = f.More; f.More {
		return nil
	}
	r.compare(s, f)
	s.phase = live
	r.peer(s.peer).holds = s.holds
	if err := r.trails(s); err != nil {
		return err
	}
	r.flow(s)
	r.tell(s)
	return nil
}

// compare looks whether the lists are equal although the digests were not. Then
// hashes that were cut short hide a difference, and are told in full, once.
func (r *Replica) compare(s *session, f *wire.Frontier) {
	unequal := s.hello.Digest != s.digest && r.index.Digest() == s.digest
	if s.phase == waitFrontier && unequal && !s.full && s.offers.n == 0 && r.lacking(s.holds) == 0 {
		s.full = true
		r.sendHeads(s, base{}, true)
	}
}

// anew forgets what we know of the peer, and in a live session what we told it: it
// may have dropped what told it of us.
func (r *Replica) anew(s *session) {
	s.holds, s.sent = &holding{}, &holding{}
	s.epoch++
	s.offers.clear()
	s.omitted, s.asksRest = false, false
	clear(s.unclear)
	clear(s.trailed)
	clear(s.feeds)
	s.unacked, s.inStep = 0, false
	if s.phase == live {
		s.told.clear()
	}
}

// have takes what the peer holds since it last told.
func (r *Replica) have(s *session, f *wire.Have) error {
	before := s.offers.n
	s.asksRest = s.asksRest && s.resetIs // not asked yet
	if err := r.heads(s, f.Heads); err != nil {
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
			if s.holds.covers(n, h.Seq) || !s.sent.covers(n, h.Seq) {
				delete(s.feeds, n) // it gets it elsewhere
			}
			r.holdsToo(s, n, h.Seq)
		} else {
			r.offered(s, h)
		}
	}
	return nil
}

// offered takes note of a head that we do not hold. Where we hold less of its log
// there is nothing to be sent. Where we hold another branch of it one of the two
// sees a head that is no longer than its own, and shows the way back: until then we
// do not know how much the peer holds. What there is no room for it names again, once
// we hold the others: see rest.
func (r *Replica) offered(s *session, h wire.Head) {
	if s.offers.n >= maxOffers {
		s.omitted = true
		return
	}
	s.offers.add(h, r.now)
	branches := r.index.byLog[h.Log]
	for _, n := range branches {
		delete(s.feeds, n)
	}
	known := func(n uint32) bool { return s.holds.at(n) > 0 }
	if len(branches) > 0 && !slices.ContainsFunc(branches, known) {
		s.unclear[h.Log] = true
	}
}
