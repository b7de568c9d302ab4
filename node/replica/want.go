package replica

import (
	"slices"

	"musafir/crdt"
	"musafir/node/wire"
)

// want sees to it that one peer is granted what we lack. One at a time: what one
// sends is complete in itself, what two send in turn is not.
func (r *Replica) want() {
	if s := r.source; s != nil && s.offers.n > 0 {
		if r.now-s.progress <= stallMs {
			r.topUp(s)
			return
		}
		s.stalled = r.now
	}
	r.source = r.bestSource()
	if r.source == nil {
		return
	}
	s := r.source
	s.granted, s.progress = 0, r.now
	if s.stalled > 0 && r.now-s.resets > againMs {
		r.sendFrontier(s)
	}
	r.topUp(s)
}

// bestSource is the peer that offers most, those that sent nothing when they were
// asked behind all others.
func (r *Replica) bestSource() *session {
	var best *session
	for _, s := range r.order {
		if s.phase != live || !r.due(s) {
			continue
		}
		if best == nil || s.stalled < best.stalled || s.stalled == best.stalled && s.offers.n > best.offers.n {
			best = s
		}
	}
	return best
}

// due tells whether the peer offers something that is not about to come from its
// author.
func (r *Replica) due(s *session) bool {
	waits := func(o offer) bool { return r.now-o.since < patienceMs }
	for log, offers := range s.offers.byLog {
		if !r.comesFromAuthor(s, log) || slices.ContainsFunc(offers, func(o offer) bool { return !waits(o) }) {
			return true
		}
	}
	return false
}

// comesFromAuthor tells whether the device that writes a log has a live session,
// other than this one.
func (r *Replica) comesFromAuthor(s *session, log crdt.ShortID) bool {
	branches := r.index.byLog[log]
	if len(branches) == 0 {
		return false
	}
	author := r.index.lines[branches[0]].author
	return author != s.peer && slices.ContainsFunc(r.order, func(o *session) bool { return o.phase == live && o.peer == author })
}

// topUp keeps the source's credit up.
func (r *Replica) topUp(s *session) {
	if s.granted < windowBytes/2 {
		more := windowBytes - s.granted
		s.granted += more
		r.send(s, &wire.Grant{Bytes: uint64(more)})
	}
}

// arrival takes a batch to be written.
func (r *Replica) arrival(s *session, e Arrival) {
	if s.phase < waitFrontier {
		r.refuse(s, errOrder)
		return
	}
	s.progress = r.now
	if e.Gap {
		s.granted = max(0, s.granted-e.Bytes)
		r.reset(s)
		return
	}
	r.do(Ingest{s.id, e.Batch})
}
