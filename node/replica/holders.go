package replica

import (
	"maps"
	"slices"

	"musafir/crdt"
)

// Holders is which other devices hold what, as a value that does not change.
type Holders struct {
	devices [][]*holding // per device, by each key it has had
}

// Holders is what is known now of what the other devices hold durably.
func (r *Replica) Holders() *Holders {
	self, _ := r.writer.Members.Member(r.writer.ID())
	byDevice := map[crdt.EntryID][]*holding{}
	for id, p := range r.peers {
		if m, ok := r.writer.Members.Member(id); ok && m.Admission != self.Admission {
			byDevice[m.Admission] = append(byDevice[m.Admission], p.holds.clone())
		}
	}
	return &Holders{devices: slices.Collect(maps.Values(byDevice))}
}

// Copies is how many other devices are known to hold all of these entries durably.
func (h *Holders) Copies(at []crdt.Ref) (n int) {
	missing := func(held *holding) bool {
		return slices.ContainsFunc(at, func(ref crdt.Ref) bool { return !held.covers(ref.Branch, ref.Seq) })
	}
	for _, keys := range h.devices {
		if slices.ContainsFunc(keys, func(held *holding) bool { return !missing(held) }) {
			n++
		}
	}
	return n
}

// Copies is how many other devices are known to hold all of these entries durably.
func (r *Replica) Copies(at []crdt.Ref) int { return r.Holders().Copies(at) }
