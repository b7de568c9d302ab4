package replica

import "slices"

// A batch may come ahead of what it builds on: its author pushes to all at once, and
// ways are of different length. It waits a moment before it is asked for again.

// overdue tells whether a batch has waited long enough.
func (r *Replica) overdue(s *session) bool {
	return slices.ContainsFunc(s.parked, func(b *Received) bool { return r.now-b.since > parkMs })
}

// park keeps a batch until more was written.
func (r *Replica) park(s *session, b *Received) {
	if b.since == 0 {
		b.since = r.now
	}
	s.parked = append(s.parked, b)
	bytes := 0
	for _, b := range s.parked {
		bytes += b.Bytes
	}
	if bytes > parkMaxBytes || len(s.parked) > parkMax {
		r.dropParked(s)
	}
}

// unpark tries again.
func (r *Replica) unpark(s *session) {
	again := s.parked
	s.parked = nil
	for _, b := range again {
		r.do(Ingest{s.id, b})
	}
}

// dropParked gives up what waited. The peer believes that it came: it is told what
// we hold.
func (r *Replica) dropParked(s *session) {
	for _, b := range s.parked {
		s.granted = max(0, s.granted-b.Bytes)
	}
	s.parked = nil
	r.reset(s)
}
