package replica

import (
	"slices"

	"musafir/crdt"
	"musafir/node/wire"
)

// trails shows the way back along logs that forked: where the peer offers a head
// that is no longer than what we hold, and yet we do not hold it.
func (r *Replica) trails(s *session) error {
	forked := map[crdt.ShortID]bool{}
	for log, offers := range s.offers.byLog {
		for _, n := range r.index.byLog[log] {
			reaches := func(o offer) bool { return o.Seq <= r.index.branches[n].Head.Seq }
			if !s.trailed[log] && slices.ContainsFunc(offers, reaches) {
				forked[log] = true
			}
		}
	}
	for _, log := range sortedLogs(forked) {
		if err := r.sendTrail(s, log); err != nil {
			return err
		}
	}
	return nil
}

// sendTrail names entries at s-1, s-2, s-4, ... of each branch of a log.
func (r *Replica) sendTrail(s *session, log crdt.ShortID) error {
	s.trailed[log] = true
	branches := r.index.byLog[log]
	for _, n := range branches[:min(len(branches), trailsMax)] {
		t := &wire.Trail{Log: log}
		for _, seq := range wire.TrailSeqs(r.index.branches[n].Head.Seq) {
			point, err := r.trailPoint(n, seq)
			if err != nil {
				return err
			}
			t.Points = append(t.Points, point)
		}
		if len(t.Points) > 0 {
			r.send(s, t)
		}
	}
	return nil
}

// trailPoint names an entry of a branch or of what it forked from.
func (r *Replica) trailPoint(n uint32, seq uint64) (wire.Point, error) {
	for seq < r.index.branches[n].From {
		n = r.index.branches[n].Parent
	}
	id, err := r.index.id(n, seq)
	return wire.Point{Seq: seq, Hash: [8]byte(id[:8])}, err
}

// trail takes the peer's way back along a log: the last entry on it that we hold
// too is where the lines part.
func (r *Replica) trail(s *session, f *wire.Trail) error {
	if len(r.index.byLog[f.Log]) == 0 {
		return nil // nothing can be told of it, or remembered
	}
	for _, p := range f.Points {
		n, ok, err := r.index.find(wire.Head{Log: f.Log, Seq: p.Seq, Hash: p.Hash[:]})
		if err != nil {
			return err
		}
		if ok {
			r.holdsToo(s, n, p.Seq)
			break
		}
	}
	delete(s.unclear, f.Log)
	if !s.trailed[f.Log] {
		if err := r.sendTrail(s, f.Log); err != nil {
			return err
		}
	}
	r.flow(s)
	return nil
}
