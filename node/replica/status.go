package replica

import (
	"maps"
	"slices"

	"musafir/crdt"
	"musafir/node/access"
)

// A PeerStatus says how this device stands with another one.
type PeerStatus struct {
	ID        crdt.DeviceID
	Connected bool
	Inbound   bool
	Remote    string
	LastHeard int64  // milliseconds since 1970 by our clock; 0: never
	AheadMs   int64  // its clock minus ours
	Program   string // and version
	Unmerged  uint64 // entries it holds and does not merge
	Lacks     uint64 // entries that we hold and it does not, as far as known
	Offers    int    // heads that it holds and we do not
	Synced    bool   // both hold the same
	Refused   string // why it was dropped last
}

// Status lists the other devices of the camp, by id, and whoever else has a
// session. A device that changed its key stands under the newest one; where its data
// was copied, each copy that has a key of its own stands there.
func (r *Replica) Status() []PeerStatus {
	list := map[crdt.DeviceID]PeerStatus{}
	for _, m := range r.writer.Members.Members() {
		for _, id := range append(m.Current(), r.stillUsed(&m)...) {
			list[id] = r.standing(id, nil)
		}
	}
	delete(list, r.writer.ID())
	for _, s := range r.order {
		if s.trusted {
			list[s.peer] = r.standing(s.peer, s)
		}
	}
	var sorted []PeerStatus
	for _, id := range slices.Sorted(maps.Keys(list)) {
		sorted = append(sorted, list[id])
	}
	return sorted
}

// stillUsed are the ids of a device that were heard after it went on under another
// one: a copy of it has them, and had no need to notice.
func (r *Replica) stillUsed(m *access.Member) (ids []crdt.DeviceID) {
	left := map[crdt.DeviceID]int64{} // when the last copy went on from it
	for _, renewal := range m.Renewals {
		ms := renewal.Time.Ms()
		if p := r.peers[renewal.To]; p != nil {
			ms -= p.ahead
		}
		left[renewal.From] = max(left[renewal.From], ms)
	}
	for id, ms := range left {
		if p := r.peers[id]; p != nil && p.lastHeard > ms+stillUsedMs {
			ids = append(ids, id)
		}
	}
	return ids
}

// standing tells of one device; s is its session, or nil.
func (r *Replica) standing(id crdt.DeviceID, s *session) PeerStatus {
	p := r.peers[id]
	if p == nil {
		p = &Peer{holds: &holding{}}
	}
	st := PeerStatus{
		ID: id, Remote: p.remote, LastHeard: p.lastHeard, AheadMs: p.ahead, Program: p.program,
		Unmerged: p.unmerged, Refused: p.refused, Lacks: r.lacking(p.holds),
	}
	if s != nil {
		st.Connected, st.Inbound, st.Remote = s.phase > waitHello, s.inbound, s.remote
		st.Offers, st.Synced, st.Lacks = s.offers.n, r.synced(s), r.lacking(s.holds)
	}
	return st
}

// lacking counts the entries that we hold and a peer does not, as far as known.
func (r *Replica) lacking(holds *holding) (n uint64) {
	for i := range r.index.branches {
		if next, head := holds.from(r.index, uint32(i)), r.index.branches[i].Head.Seq; next <= head {
			n += head + 1 - next
		}
	}
	return n
}

// synced tells whether both sides of a session hold the same.
func (r *Replica) synced(s *session) bool {
	return s.phase == live && s.offers.n == 0 && !s.omitted && !s.asksRest && r.lacking(s.holds) == 0
}

// Digest names all that this device holds: equal digests, equal entries.
func (r *Replica) Digest() [crdt.HashSize]byte { return r.index.Digest() }

// Quiet tells whether every live session is synced.
func (r *Replica) Quiet() bool {
	for _, s := range r.order {
		if s.phase == live && !r.synced(s) {
			return false
		}
	}
	return true
}
