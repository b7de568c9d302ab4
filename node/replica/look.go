package replica

import "musafir/crdt"

// A SessionState is how a session stands, for tests and for looking at what is
// stuck.
type SessionState struct {
	Session   Session
	Peer      crdt.DeviceID
	Live      bool
	Holds     []uint64 // per branch, the first sequence that the peer is not known to hold
	Offers    int      // heads that it holds and we do not
	Credit    int      // bytes that it still lets us send
	Granted   int      // bytes that we still let it send
	Unacked   int      // bytes sent unasked and not acknowledged
	Streaming bool
	Source    bool // it is the one that is asked
}

// Sessions lists the sessions by number.
func (r *Replica) Sessions() []SessionState {
	var list []SessionState
	for _, s := range r.order {
		list = append(list, SessionState{
			Session: s.id, Peer: s.peer, Live: s.phase == live, Holds: s.holds.clone().next,
			Offers: s.offers.n, Credit: s.credit, Granted: s.granted, Unacked: s.unacked,
			Streaming: s.streaming, Source: r.source == s,
		})
	}
	return list
}
