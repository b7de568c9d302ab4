package replica

// A holding is what a device holds: per branch the first sequence that it does
// not, as far as is known.
type holding struct {
	next []uint64
}

// at is the first sequence that is not in it, of the branch alone.
func (h *holding) at(branch uint32) uint64 {
	if int(branch) < len(h.next) {
		return h.next[branch]
	}
	return 0
}

// set takes note of a branch alone; it never goes back.
func (h *holding) set(branch uint32, next uint64) {
	for int(branch) >= len(h.next) {
		h.next = append(h.next, 0)
	}
	h.next[branch] = max(h.next[branch], next)
}

// add takes note of an entry, and so of all before it.
func (h *holding) add(x *index, branch uint32, seq uint64) {
	for h.at(branch) <= seq {
		h.set(branch, seq+1)
		b := &x.branches[branch]
		if b.From == 0 {
			return
		}
		branch, seq = b.Parent, b.From-1
	}
}

// covers tells whether an entry is in it.
func (h *holding) covers(branch uint32, seq uint64) bool { return h.at(branch) > seq }

// from is the first sequence of a branch's own that is not in it.
func (h *holding) from(x *index, branch uint32) uint64 {
	return max(h.at(branch), x.branches[branch].From)
}

func (h *holding) clone() *holding { return &holding{next: append([]uint64(nil), h.next...)} }

// clear forgets all.
func (h *holding) clear() { clear(h.next) }
