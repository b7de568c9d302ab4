package replica

import (
	"maps"
	"slices"

	"musafir/node/wire"
)

// tick does what time asks for.
func (r *Replica) tick() {
	for _, s := range slices.Clone(r.order) {
		r.rebase(s)
		switch {
		case s.phase == waitHail && r.now-s.began > HandshakeMs:
			r.vanish(s)
		case s.phase < waitFrontier && r.now-s.began > HandshakeMs:
			r.end(s, wire.ByeDone, "the handshake took too long") // no refusal: the network may be slow
		case r.now-s.lastHeard > silentMs:
			r.end(s, wire.ByeDone, "nothing was heard")
		case r.overdue(s):
			r.dropParked(s)
		case s.resetIs:
			r.reset(s)
		case s.phase == live && r.now-s.lastSent >= r.beatMs(s):
			r.send(s, &wire.Beat{Time: uint64(max(0, r.wall))})
		}
	}
	if r.forked && r.now-r.renewed >= renewEveryMs {
		r.renew()
	}
	if r.now-r.remember >= rememberMs {
		r.rememberAll()
	}
}

// rememberAll has stored what changed of what is known of others.
func (r *Replica) rememberAll() {
	r.remember = r.now
	for _, id := range slices.Sorted(maps.Keys(r.peers)) {
		if p := r.peers[id]; p.changed {
			r.keep(id, p)
		}
	}
}

func (r *Replica) beatMs(s *session) int64 {
	if s.offers.n > 0 || s.unacked > 0 || s.asked {
		return beatBusyMs
	}
	return beatIdleMs
}

// beat says that the peer is there.
func (r *Replica) beat(s *session, f *wire.Beat) {
	if s.trusted {
		r.peer(s.peer).met(r.wall, f.Time)
	}
}
