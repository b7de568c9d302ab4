package store

import (
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"sync"

	"musafir/crdt"
)

// A Store is one device's logs and the view derived from them. Reading is safe
// from any goroutine; there is one writer at a time.
type Store struct {
	engine engine
	space  func(bytes int) error // refuses a write that the disk has no room for
	cache  *entryCache

	readers  sync.WaitGroup // snapshots that are open
	mu       sync.RWMutex   // guards what follows; changed by the writer only
	current  *sharedView    // what readers see, at the entry boundary that the rest tells of
	identity Identity
	meta     meta
	branches []branch
	byLog    map[crdt.LogID][]uint32
	graph    crdt.Graph
	held     map[mark]string // entries held and not merged, with the reason
	buckets  *bucketSums
	root     crdt.Sum
	broken   error         // the database failed in the middle: only a restart helps
	changed  chan struct{} // closed at the next commit, and when the store is

	kinds logKinds
}

type branch struct {
	branchInfo
	head crdt.Head
}

// Errors that callers tell apart.
var (
	ErrHeld   = errors.New("the entry is held already")
	ErrGap    = errors.New("the entry before it, or one it depends on, is not held")
	ErrClosed = errors.New("the store is closed")
)

// OpenMemory opens a store on a memory disk.
func OpenMemory(m *Memory) (*Store, error) {
	return open(m, func(int) error { return nil }, defaultCacheBytes)
}

func open(e engine, space func(int) error, cacheBytes int) (*Store, error) {
	s := &Store{
		engine: e, space: space, cache: newEntryCache(cacheBytes),
		byLog: map[crdt.LogID][]uint32{}, graph: crdt.Graph{}, held: map[mark]string{},
		buckets: new(bucketSums), changed: make(chan struct{}),
	}
	if err := s.finishJournal(); err != nil {
		return nil, err
	}
	if err := s.load(); err != nil {
		return nil, err
	}
	if s.meta.Feed == [16]byte{} {
		rand.Read(s.meta.Feed[:]) // never fails
	}
	if s.meta.Dropping {
		if err := s.finishDrop(); err != nil {
			return nil, err
		}
		s.buckets, s.root = new(bucketSums), crdt.Sum{}
	}
	s.current = share(s.engine.view())
	if err := s.catchUp(); err != nil {
		s.current.close()
		return nil, err
	}
	return s, nil
}

// Close waits for readers to end, then ends the store's use of the database.
func (s *Store) Close() error {
	s.mu.Lock()
	if errors.Is(s.broken, ErrClosed) {
		s.mu.Unlock()
		return nil
	}
	s.broken = ErrClosed
	close(s.changed)
	s.mu.Unlock()
	s.readers.Wait()
	s.current.close()
	return s.engine.close()
}

// fail makes the store refuse everything but reading: what the database holds is
// no longer known for sure, or no longer consistent.
func (s *Store) fail(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken == nil {
		s.broken = err
		close(s.changed)
		s.changed = make(chan struct{})
	}
	return err
}

func (s *Store) load() error {
	v := s.engine.view()
	defer v.close()
	if _, err := fetch(v, []byte{keyIdentity}, &s.identity); err != nil {
		return err
	}
	if _, err := fetch(v, []byte{keyMeta}, &s.meta); err != nil {
		return err
	}
	for _, d := range s.meta.Graph {
		s.graph[d.ID] = d
	}
	return errors.Join(s.loadBranches(v), s.loadHeld(v), s.loadBuckets(v))
}

func (s *Store) loadBranches(v view) error {
	err := v.scan([]byte{keyBranch}, nil, true, func(k, value []byte) (bool, error) {
		var b branch
		if err := decMode.Unmarshal(value, &b.branchInfo); err != nil {
			return false, fmt.Errorf("read branch: %w", err)
		}
		s.byLog[b.Log] = append(s.byLog[b.Log], uint32(len(s.branches)))
		s.branches = append(s.branches, b)
		return true, nil
	})
	if err != nil {
		return err
	}
	for i := range s.branches {
		key, value, ok, err := v.last(branchKey(keyEntry, uint32(i)))
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("log %s has no entries: %w", s.branches[i].Log, errKey)
		}
		id, err := storedID(value)
		if err != nil {
			return fmt.Errorf("log %s: %w", s.branches[i].Log, err)
		}
		_, seq, err := readEntryKey(key)
		if err != nil {
			return err
		}
		s.branches[i].head = crdt.Head{Seq: seq, ID: id}
	}
	return nil
}

func (s *Store) loadHeld(v view) error {
	return v.scan([]byte{keyHeld}, nil, true, func(k, value []byte) (bool, error) {
		b, seq, err := readEntryKey(k)
		s.held[mark{Branch: b, Seq: seq}] = string(value)
		return true, err
	})
}

func (s *Store) loadBuckets(v view) error {
	err := v.scan([]byte{keyBucket}, nil, true, func(k, value []byte) (bool, error) {
		return true, readPage(k, value, s.buckets)
	})
	for _, sum := range s.buckets {
		s.root.Add(sum)
	}
	return err
}

// Identity is the camp that the store belongs to; zero if it is empty.
func (s *Store) Identity() Identity {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.identity
}

// Counts are the numbers of entries, of live records, of fields in conflict (the
// latter two in ordinary collections), and of entries held and not merged.
func (s *Store) Counts() (entries, records, conflicts, quarantined uint64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.meta.Entries, s.meta.Records, s.meta.Conflicts, s.meta.Held
}

// StateRoot is the hash over all living versions.
func (s *Store) StateRoot() [crdt.HashSize]byte {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.root.Bytes()
}

// Frontier is what the device holds.
func (s *Store) Frontier() crdt.Frontier {
	s.mu.RLock()
	defer s.mu.RUnlock()
	f := make(crdt.Frontier, len(s.byLog))
	for log, branches := range s.byLog {
		for _, n := range branches { // what follows a head goes on its branch, so each has one
			f[log] = append(f[log], s.branches[n].head)
		}
	}
	return f
}

// Graph lists the heads of the entry graph.
func (s *Store) Graph() crdt.Graph {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return maps.Clone(s.graph)
}

// Broken is why the store takes no more writes until it is opened again, or nil.
func (s *Store) Broken() error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.broken
}
