package store

import (
	"bytes"
	"cmp"
	"slices"

	"musafir/crdt"
)

// A HeldEntry is an entry that is held and not merged.
type HeldEntry struct {
	Log    crdt.LogID
	Seq    uint64
	Entry  crdt.EntryID
	Reason string
}

// HeldEntries lists the entries that are held and not merged, in order of log and
// sequence.
func (s *Store) HeldEntries() ([]HeldEntry, error) {
	s.mu.RLock()
	list := make([]HeldEntry, 0, len(s.held))
	marks := make([]mark, 0, len(s.held))
	for at, reason := range s.held {
		list = append(list, HeldEntry{Log: s.branches[at.Branch].Log, Seq: at.Seq, Reason: reason})
		marks = append(marks, at)
	}
	s.mu.RUnlock()
	v, err := s.snapshot() // no older than the list
	if err != nil {
		return nil, err
	}
	defer v.close()
	for i, at := range marks {
		e, err := s.entry(v, at.Branch, at.Seq)
		if err != nil {
			return nil, err
		}
		list[i].Entry = e.id
	}
	slices.SortFunc(list, func(a, b HeldEntry) int {
		if c := bytes.Compare(a.Log[:], b.Log[:]); c != 0 {
			return c
		}
		return cmp.Or(cmp.Compare(a.Seq, b.Seq), bytes.Compare(a.Entry[:], b.Entry[:]))
	})
	return list, nil
}

// A HeldPlace is where in a log an entry stands that is held and not merged.
type HeldPlace struct {
	Log crdt.LogID
	Seq uint64
}

// HeldPlaces lists where the entries stand that are held and not merged, in order of log and
// sequence. It reads none of them.
func (s *Store) HeldPlaces() []HeldPlace {
	s.mu.RLock()
	list := make([]HeldPlace, 0, len(s.held))
	for at := range s.held {
		list = append(list, HeldPlace{Log: s.branches[at.Branch].Log, Seq: at.Seq})
	}
	s.mu.RUnlock()
	slices.SortFunc(list, func(a, b HeldPlace) int {
		return cmp.Or(bytes.Compare(a.Log[:], b.Log[:]), cmp.Compare(a.Seq, b.Seq))
	})
	return list
}
