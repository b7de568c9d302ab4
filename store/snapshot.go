package store

import (
	"errors"
	"sync/atomic"

	"musafir/crdt"
)

// A sharedView is one view for many readers; the last to leave closes it.
type sharedView struct {
	view
	users atomic.Int64
}

func share(v view) *sharedView {
	s := &sharedView{view: v}
	s.users.Store(1)
	return s
}

func (v *sharedView) use() *sharedView {
	v.users.Add(1)
	return v
}

func (v *sharedView) close() {
	if v.users.Add(-1) == 0 {
		v.view.close()
	}
}

// A snapshot is the store at an entry boundary. Readers get the view that goes
// with the published state, never one of the database as it is: that may be ahead,
// or in the middle of following a large batch.
type snapshot struct {
	*sharedView
	s        *Store
	branches []branch
	byLog    map[crdt.LogID][]uint32
	meta     meta
	camp     crdt.CampID
}

func (v *snapshot) close() {
	v.sharedView.close()
	v.s.readers.Done()
}

func (s *Store) snapshot() (*snapshot, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if errors.Is(s.broken, ErrClosed) {
		return nil, ErrClosed
	}
	s.readers.Add(1)
	return &snapshot{
		sharedView: s.current.use(), s: s,
		branches: s.branches, byLog: s.byLog, meta: s.meta, camp: s.identity.Camp,
	}, nil
}

// refresh lets readers see what the writer committed. The caller publishes what
// goes with it under s.mu.
func (s *Store) refresh(publish func()) {
	fresh := share(s.engine.view())
	s.mu.Lock()
	old := s.current
	s.current = fresh
	publish()
	s.mu.Unlock()
	old.close()
}

// A closedView is what a batch reads that was begun on a closed store.
type closedView struct{}

func (closedView) get([]byte) ([]byte, bool, error) { return nil, false, ErrClosed }
func (closedView) close()                           {}

func (closedView) scan(_, _ []byte, _ bool, _ func(key, value []byte) (bool, error)) error {
	return ErrClosed
}

func (closedView) last([]byte) (key, value []byte, ok bool, err error) {
	return nil, nil, false, ErrClosed
}
