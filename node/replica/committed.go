package replica

import (
	"errors"

	"musafir/node/access"
	"musafir/node/wire"
)

// committed brings the replica up to what was written.
func (r *Replica) committed(e Committed) error {
	if e.Writer != nil {
		r.writer = e.Writer
	}
	moved := r.index.update(e.Branches, r.writer.Members)
	if len(moved) > 0 {
		r.moved = r.now
	}
	for _, o := range e.Batches {
		if err := r.outcome(o); err != nil {
			return err
		}
	}
	if e.Writer != nil && !r.forked {
		if r.checkOwn(); r.forked {
			r.renew()
		}
	}
	for _, s := range r.order {
		if s.phase != live {
			continue
		}
		if err := r.reconsider(s, moved); err != nil {
			return err
		}
		if len(moved) > 0 {
			r.unpark(s)
		}
		r.flow(s)
		r.tell(s)
	}
	return nil
}

// outcome credits a peer with what it sent. A batch that was not written must come
// again, and the peer believes that it came: it is told what we hold.
func (r *Replica) outcome(o Outcome) error {
	s := r.sessions[o.Session]
	if s == nil {
		return nil
	}
	s.progress = r.now
	if errors.Is(o.Err, ErrGap) {
		r.park(s, o.Batch)
		return nil
	}
	s.granted = max(0, s.granted-o.Batch.Bytes)
	var refusal *access.Refusal
	switch {
	case errors.As(o.Err, &refusal):
		r.refuse(s, o.Err)
		return nil
	case o.Err != nil:
		r.reset(s)
		return nil
	}
	s.pause = resetPauseMs
	return r.credit(s, o.Batch)
}

// credit takes note that a peer holds what it sent. If we held all of it, it hears
// so once more, and feeds us no longer.
func (r *Replica) credit(s *session, b *Received) error {
	var heads []wire.Head
	for _, sealed := range b.Seals {
		h := headOf(sealed.Log, sealed.Head)
		n, ok, err := r.index.find(h)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		delete(s.feeds, n)
		r.holdsToo(s, n, h.Seq)
		if s.told.at(n) > h.Seq && r.index.lines[n].author != s.peer {
			heads = append(heads, h)
		}
	}
	if b.fresh == 0 {
		r.sendHave(s, heads)
	}
	return nil
}

// reconsider looks which of a peer's offers are held by now.
func (r *Replica) reconsider(s *session, moved []uint32) error {
	if s.offers.n == 0 {
		return nil
	}
	var failed error
	for _, moved := range moved {
		s.offers.drop(prefix(r.index.branches[moved].Log), func(o offer) bool {
			n, ok, err := r.index.find(o.Head)
			if err != nil {
				failed = err
			}
			if ok {
				r.holdsToo(s, n, o.Seq)
			}
			return ok
		})
	}
	r.rest(s)
	return failed
}
