package store

import (
	"slices"
)

const sweepKeys = 2000 // looked at in one step

// Sweep deletes keys of the feed and of the conflict index that no longer hold,
// some at a time; writing only adds them. It is the writer's to call, when it has
// nothing else to do. It says where to go on, nil at the end.
func (s *Store) Sweep(from []byte) (next []byte, err error) {
	if err := s.Broken(); err != nil {
		return nil, err
	}
	if from == nil {
		from = []byte{keyFeed}
	}
	v, err := s.snapshot()
	if err != nil {
		return nil, err
	}
	defer v.close()
	var stale []put
	seen := 0
	letter := from[0]
	err = v.scan([]byte{letter}, from, true, func(k, value []byte) (bool, error) {
		if seen++; seen > sweepKeys {
			next = slices.Clone(k)
			return false, nil
		}
		holds, err := indexHolds(v, letter, k, value)
		if err == nil && !holds {
			stale = append(stale, put{key: slices.Clone(k), del: true})
		}
		return true, err
	})
	if err != nil {
		return nil, err
	}
	if next == nil && letter == keyFeed {
		next = []byte{keyConflict}
	}
	if len(stale) == 0 {
		return next, nil
	}
	if err := s.space(sizeOf(stale)); err != nil {
		return nil, err
	}
	for l := s.engine.limits(); len(stale) > 0; {
		n := fitting(stale, l.bytes, l.puts)
		if err := s.engine.commit(stale[:n]); err != nil {
			return nil, s.unsure(err)
		}
		stale = stale[n:]
	}
	s.refresh(func() {})
	return next, nil
}

func indexHolds(v view, letter byte, k, value []byte) (bool, error) {
	if letter == keyFeed {
		return runHolds(v, k, value)
	}
	head, _, err := headAt(v, k[1:])
	return head.conflicts > 0, err
}

// headAt reads the head of the row of a record by its name.
func headAt(v view, name []byte) (rowHead, bool, error) {
	row, ok, err := v.get(append([]byte{keyRow}, name...))
	if err != nil || !ok {
		return rowHead{}, false, err
	}
	head, _, err := readRowHead(row)
	return head, err == nil, err
}
