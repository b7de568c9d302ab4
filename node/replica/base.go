package replica

import "slices"

// A base is what two devices both held at some time. Each remembers the last ones
// with each other, so that when they meet again they need to name only the heads
// that moved since.
type base struct {
	Name [8]byte  `cbor:"1,keyasint"` // the first bytes of the frontier's digest
	Next []uint64 `cbor:"2,keyasint"` // per branch as numbered here, the first sequence that was not in it
}

const basesMax = 4 // the other device may have missed the last ones

// base finds one that the peer named.
func (p *Peer) base(name [8]byte) (base, bool) {
	i := slices.IndexFunc(p.bases, func(b base) bool { return b.Name == name })
	if i < 0 || name == [8]byte{} {
		return base{}, false
	}
	return p.bases[i], true
}

// lastBase is the one to name.
func (p *Peer) lastBase() (b base) {
	if len(p.bases) > 0 {
		b = p.bases[len(p.bases)-1]
	}
	return b
}

// share takes note that both hold what has this digest.
func (p *Peer) share(digest [32]byte, next []uint64) {
	b := base{Name: [8]byte(digest[:8]), Next: next}
	p.bases = slices.DeleteFunc(p.bases, func(o base) bool { return o.Name == b.Name })
	p.bases = append(p.bases, b)
	p.bases = slices.Clone(p.bases[max(0, len(p.bases)-basesMax):])
	p.changed = true
}

// rebase takes note of what is held in common, once nothing has changed for a
// while: then the other side sees the same.
func (r *Replica) rebase(s *session) {
	if s.phase != live || s.shared == r.index.version || r.now-r.moved < shareAfterMs || !r.synced(s) {
		return
	}
	s.shared = r.index.version
	r.peer(s.peer).share(r.index.Digest(), r.index.heads())
}
