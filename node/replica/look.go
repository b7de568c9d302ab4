package replica

import (
	"maps"

	"musafir/crdt"
)

// A SessionState is how a session stands, for tests and for looking at what is
// stuck.
type SessionState struct {
	Session   Session
	Peer      crdt.DeviceID
	Live      bool
	Holds     map[uint32]uint64 // per branch, the first sequence that the peer is not known to hold
	Offers    int               // heads that it holds and we do not
	Credit    int               // bytes that it still lets us send
	Granted   int               // bytes that we still let it send
	Unacked   int               // bytes sent unasked and not acknowledged
	Streaming bool
	Source    bool // it is the one that is asked
}

// Sessions lists the sessions by number.
func (r *Replica) Sessions() []SessionState {
	var list []SessionState
	for _, s := range r.ordered() {
		list = append(list, SessionState{
			Session: s.id, Peer: s.peer, Live: s.phase == live, Holds: maps.Clone(r.peer(s.peer).holds),
			Offers: len(s.offers), Credit: s.credit, Granted: s.granted, Unacked: s.unacked,
			Streaming: s.streaming, Source: r.source == s.id,
		})
	}
	return list
}

// Holds is what the device is known to hold durably: per branch, as numbered here,
// the first sequence that it is not known to hold.
func (p *Peer) Holds() map[uint32]uint64 { return maps.Clone(p.holds) }
