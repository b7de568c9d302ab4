package store

import "musafir/crdt"

// Author is what the device needs to go on writing a log of its own, and the time
// of the last entry in it.
func (s *Store) Author(log crdt.LogID) (crdt.Author, crdt.Time, error) {
	head, entries, size, err := s.Unsealed(log)
	if err != nil {
		return crdt.Author{}, 0, err
	}
	v, err := s.snapshot()
	if err != nil {
		return crdt.Author{}, 0, err
	}
	defer v.close()
	s.mu.RLock()
	branches := s.byLog[log]
	s.mu.RUnlock()
	e, err := s.entry(v, branches[len(branches)-1], head.Seq)
	if err != nil {
		return crdt.Author{}, 0, err
	}
	return crdt.ResumeAuthor(log, head, entries, size), e.header.Time, nil
}

// Past tells which entries the author of one had held: itself, those before it in
// its log, and all that these depend on. It reads the headers of that past.
func (s *Store) Past(of crdt.Ref) (func(crdt.Ref) bool, error) {
	v, err := s.snapshot()
	if err != nil {
		return nil, err
	}
	defer v.close()
	p := past{s: s, v: v, upTo: map[uint32]uint64{}}
	p.reach(of.Branch, of.Seq)
	for len(p.left) > 0 {
		next := p.left[len(p.left)-1]
		p.left = p.left[:len(p.left)-1]
		if err := p.read(next); err != nil {
			return nil, err
		}
	}
	return func(r crdt.Ref) bool { n, ok := p.upTo[r.Branch]; return ok && r.Seq < n }, nil
}

// A past grows from an entry back through the logs.
type past struct {
	s    *Store
	v    view
	upTo map[uint32]uint64 // per branch: entries below this are in it
	left []span
}

// A span is a part of a branch whose headers are still to be read.
type span struct {
	branch   uint32
	from, to uint64
}

func (p *past) reach(n uint32, seq uint64) {
	p.s.mu.RLock()
	b := p.s.branches[n]
	p.s.mu.RUnlock()
	from, known := max(p.upTo[n], b.From), p.upTo[n] > 0
	if seq+1 > from || !known {
		p.upTo[n] = max(p.upTo[n], seq+1)
		p.left = append(p.left, span{n, from, seq})
	}
	if !known && b.From > 0 {
		p.reach(b.Parent, b.From-1)
	}
}

func (p *past) read(sp span) error {
	return p.v.scan(branchKey(keyEntry, sp.branch), entryKey(keyEntry, sp.branch, sp.from), true, func(k, value []byte) (bool, error) {
		_, seq, err := readEntryKey(k)
		if err != nil || seq > sp.to {
			return false, err
		}
		e, err := newHeldEntry(value)
		if err != nil {
			return false, err
		}
		for _, d := range e.header.Deps {
			if err := p.depend(d); err != nil {
				return false, err
			}
		}
		return true, nil
	})
}

// depend adds an entry of another log, on whichever branch it stands.
func (p *past) depend(d crdt.Dep) error {
	p.s.mu.RLock()
	branches := p.s.byLog[d.Log]
	p.s.mu.RUnlock()
	for _, n := range branches {
		e, err := p.s.entry(p.v, n, d.Seq)
		if err == nil && e.id == d.ID {
			p.reach(n, d.Seq)
			return nil
		}
	}
	return nil // an entry whose dependency is not held would not be held either
}
