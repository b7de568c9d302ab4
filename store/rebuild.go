package store

import (
	"crypto/rand"
	"fmt"
	"slices"

	"musafir/crdt"
)

// replayBytes is how much of the logs one step of catching up takes.
const replayBytes = 256 << 10

// catchUp brings what the view lacks of the entries into it.
func (s *Store) catchUp() error {
	for s.meta.Lag != nil {
		if err := s.catchUpPart(); err != nil {
			return err
		}
	}
	return nil
}

// catchUpPart replays one part of the lag: the one under way at a crash, or the
// next one.
func (s *Store) catchUpPart() error {
	b := s.Begin()
	b.replays = true
	l := *s.meta.Lag
	b.done = l.Done
	for _, from := range l.From {
		to := s.branches[from.Branch].head.Seq
		if i := slices.IndexFunc(l.To, func(m mark) bool { return m.Branch == from.Branch }); i >= 0 {
			to = l.To[i].Seq
		} else if len(l.To) > 0 {
			continue
		}
		done, err := b.replay(from, to, len(l.To) > 0)
		if err != nil {
			b.Discard()
			return err
		}
		if len(l.To) == 0 && done > from.Seq {
			l.To = []mark{{Branch: from.Branch, Seq: done - 1}}
			break
		}
	}
	return b.commitReplay(&l)
}

// replay merges stored entries from a mark up to a sequence, or, unless all are
// asked for, up to replayBytes. It returns the first sequence that it left.
func (b *Batch) replay(from mark, to uint64, all bool) (uint64, error) {
	read := 0
	for seq := from.Seq; seq <= to; seq++ {
		if read > replayBytes && !all {
			return seq, nil
		}
		e, err := b.s.entry(b.v, from.Branch, seq)
		if err != nil {
			return seq, err
		}
		parsed, err := crdt.ParseEntry(e.raw)
		if err != nil {
			return seq, err
		}
		read += len(e.raw)
		at := mark{Branch: from.Branch, Seq: seq}
		b.fresh[at] = e
		if err := b.merge(at, e, parsed); err != nil {
			return seq, err
		}
	}
	return to + 1, nil
}

func (b *Batch) commitReplay(l *lag) error {
	defer b.Discard()
	state := b.nextState()
	state.Lag = l
	records, err := b.dirty()
	if err != nil {
		return err
	}
	if len(records) > 0 {
		return b.commitView(state, records)
	}
	state.Lag = b.lagBeyond(l)
	if err := b.s.engine.commit([]put{state.put()}); err != nil {
		return err
	}
	b.publish(state, nil)
	return nil
}

// lagBeyond is what is left of a lag once the part under way is done, nil if
// nothing is.
func (b *Batch) lagBeyond(l *lag) *lag {
	next := &lag{}
	for _, from := range l.From {
		if i := slices.IndexFunc(l.To, func(m mark) bool { return m.Branch == from.Branch }); i >= 0 {
			from.Seq = l.To[i].Seq + 1
		}
		if from.Seq <= b.branches[from.Branch].head.Seq {
			next.From = append(next.From, from)
		}
	}
	if len(next.From) == 0 {
		return nil
	}
	return next
}

// Rebuild throws the merged view away and makes it again from the entries. It is
// the writer's to call; readers should be told to wait.
func (s *Store) Rebuild() error {
	if err := s.Broken(); err != nil {
		return err
	}
	if err := s.dropView(); err != nil {
		return s.unsure(err)
	}
	err := s.finishDrop()
	if err == nil {
		s.refresh(func() {})
		err = s.catchUp()
	}
	if err != nil {
		return s.fail(fmt.Errorf("the view was not made again, restart musafir: %w", err))
	}
	return nil
}

// dropView notes first that the view lacks everything, so that a crash in the
// middle ends with a rebuild too.
func (s *Store) dropView() error {
	m := s.meta
	m.Records, m.Conflicts, m.Position = 0, 0, 0
	rand.Read(m.Feed[:]) // cursors of the old feed are foreign now
	m.Lag = &lag{}
	for n, b := range s.branches {
		m.Lag.From = append(m.Lag.From, mark{Branch: uint32(n), Seq: b.From})
	}
	m.Dropping = true
	if err := s.engine.commit([]put{m.put()}); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.meta = m
	s.buckets = new(bucketSums)
	s.root = crdt.Sum{}
	return nil
}

// finishDrop deletes the view's keys, in as many commits as it takes.
func (s *Store) finishDrop() error {
	for _, letter := range viewKeys {
		for {
			puts, err := s.someKeys(letter)
			if err != nil {
				return err
			}
			if len(puts) == 0 {
				break
			}
			if err := s.engine.commit(puts); err != nil {
				return err
			}
		}
	}
	m := s.meta
	m.Dropping = false
	if err := s.engine.commit([]put{m.put()}); err != nil {
		return err
	}
	s.mu.Lock()
	s.meta = m
	s.mu.Unlock()
	return nil
}

// someKeys are the deletions of as many keys as half a commit takes.
func (s *Store) someKeys(letter byte) (puts []put, err error) {
	l := s.engine.limits()
	size := 0
	v := s.engine.view()
	defer v.close()
	err = v.scan([]byte{letter}, nil, false, func(k, _ []byte) (bool, error) {
		puts = append(puts, put{key: slices.Clone(k), del: true})
		size += puts[len(puts)-1].size()
		return size < l.bytes/2 && len(puts) < l.puts/2, nil
	})
	return puts, err
}
