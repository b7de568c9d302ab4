package replica

import (
	"musafir/crdt"
	"musafir/node/access"
)

// Ingest brings verified entries of another device into the group: all that are
// not held yet, or none. ErrGap says that what they build on is missing; an
// access.Refusal that one of them may not stand where it does.
func (g *Group) Ingest(r *Received, nowMs int64) error {
	if g.err != nil {
		return g.err
	}
	// In the order of arrival each stretch between seals stands alone, so that it can
	// be sent on alone.
	if err := g.seal(); err != nil {
		return g.failed(err)
	}
	fresh, err := g.sift(r.Items)
	if err != nil {
		return err
	}
	r.fresh = len(fresh)
	members, err := g.check(fresh)
	if err != nil {
		return err
	}
	if members != nil {
		g.next.Members, g.shared = members, false
	}
	for _, a := range fresh {
		if err := g.put(a.At, a.ID, a.Entry); err != nil {
			return g.failed(err)
		}
		g.next.grow(a.At, a.ID, a.Entry)
		g.next.Clock.Observe(a.Entry.Time, nowMs)
	}
	if len(fresh) > 0 {
		g.cost += len(r.Seals) * lineBeside
	}
	return g.sealFresh(r, fresh)
}

// sealFresh stores the seals of what was new.
func (g *Group) sealFresh(r *Received, fresh []*Arrived) error {
	if len(fresh) == 0 {
		return nil
	}
	for _, s := range r.Seals {
		if err := g.batch.Seal(s.Log, s.Head, s.Seal); err != nil {
			return g.failed(err)
		}
	}
	return nil
}

// sift leaves out what is held, and makes sure that the rest has what it builds on.
func (g *Group) sift(items []*Arrived) ([]*Arrived, error) {
	fresh := make([]*Arrived, 0, len(items))
	planned := make(map[crdt.EntryID]bool, len(items))
	holds := func(log crdt.LogID, seq uint64, id crdt.EntryID) (bool, error) {
		if planned[id] {
			return true, nil
		}
		return g.batch.Holds(log, seq, id)
	}
	for _, a := range items {
		if held, err := holds(a.Log(), a.At.Seq, a.ID); err != nil {
			return nil, g.failed(err)
		} else if held {
			continue
		}
		if ok, err := grounded(a, holds); err != nil {
			return nil, g.failed(err)
		} else if !ok {
			return nil, ErrGap
		}
		planned[a.ID] = true
		fresh = append(fresh, a)
	}
	return fresh, nil
}

// grounded tells whether all that an entry names is held.
func grounded(a *Arrived, holds func(crdt.LogID, uint64, crdt.EntryID) (bool, error)) (bool, error) {
	if a.At.Seq > 0 {
		if ok, err := holds(a.At.Log, a.At.Seq-1, a.At.Prev); err != nil || !ok {
			return false, err
		}
	}
	for _, d := range a.Entry.Deps {
		if ok, err := holds(d.Log, d.Seq, d.ID); err != nil || !ok {
			return false, err
		}
	}
	return true, nil
}

// check asks the membership about each entry, as it is after those before it. The
// result is the membership after all of them, nil if it did not change.
func (g *Group) check(fresh []*Arrived) (*access.Camp, error) {
	members := g.next.Members
	changed := false
	for _, a := range fresh {
		if err := members.Check(a.At, a.ID, a.Entry); err != nil {
			return nil, err
		}
		if !a.membership() {
			continue
		}
		if !changed {
			members, changed = members.Clone(), true
		}
		members.Add(a.At, a.ID, a.Entry)
	}
	if !changed {
		return nil, nil
	}
	return members, nil
}
