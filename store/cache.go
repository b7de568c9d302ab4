package store

import (
	"fmt"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru" // an LRU list; the bound in bytes is ours

	"musafir/crdt"
)

const (
	defaultCacheBytes = 4 << 20
	cacheEntriesMax   = 1 << 16
)

// A heldEntry is an entry as it was read from the database.
type heldEntry struct {
	id     crdt.EntryID
	raw    []byte
	header *crdt.Entry
}

func newHeldEntry(stored []byte) (*heldEntry, error) {
	e, err := unpackEntry(stored)
	if err != nil {
		return nil, err
	}
	header, err := crdt.ScanHeader(e.raw)
	if err != nil {
		return nil, err
	}
	return &heldEntry{id: e.id, raw: e.raw, header: header}, nil
}

// headerOf is an entry's header without the entry: what is cached shall not hold
// on to more than it counts.
func headerOf(e *crdt.Entry) *crdt.Entry {
	return &crdt.Entry{Time: e.Time, Deps: e.Deps, Author: e.Author, Phone: e.Phone}
}

// An entryCache keeps entries read lately: neighbouring records often stand in
// one entry.
type entryCache struct {
	mu    sync.Mutex
	lru   *simplelru.LRU[mark, *heldEntry]
	bytes int
	limit int
}

func newEntryCache(limit int) *entryCache {
	c := &entryCache{limit: limit}
	lru, err := simplelru.NewLRU(cacheEntriesMax, func(_ mark, e *heldEntry) { c.bytes -= len(e.raw) })
	if err != nil {
		panic(err) // only for a size below one
	}
	c.lru = lru
	return c
}

func (c *entryCache) get(m mark) (*heldEntry, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lru.Get(m)
}

func (c *entryCache) add(m mark, e *heldEntry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lru.Contains(m) {
		return
	}
	c.bytes += len(e.raw)
	c.lru.Add(m, e)
	for c.bytes > c.limit && c.lru.Len() > 1 {
		c.lru.RemoveOldest()
	}
}

// entry reads an entry by its branch and sequence.
func (s *Store) entry(v view, branch uint32, seq uint64) (*heldEntry, error) {
	at := mark{Branch: branch, Seq: seq}
	if e, ok := s.cache.get(at); ok {
		return e, nil
	}
	stored, ok, err := v.get(entryKey(keyEntry, branch, seq))
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, missing(branch, seq)
	}
	e, err := newHeldEntry(stored)
	if err != nil {
		return nil, fmt.Errorf("entry %d of branch %d: %w", seq, branch, err)
	}
	s.cache.add(at, e)
	return e, nil
}

func missing(branch uint32, seq uint64) error {
	return fmt.Errorf("entry %d of branch %d is missing: %w", seq, branch, errKey)
}

// isHeld tells whether an entry is held and not merged.
func (s *Store) isHeld(at mark) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	_, held := s.held[at]
	return held
}

// touch reads what an entry did to one record.
func (s *Store) touch(v view, ref crdt.Ref) (*crdt.Touch, error) {
	e, err := s.entry(v, ref.Branch, ref.Seq)
	if err != nil {
		return nil, err
	}
	change, err := crdt.ChangeAt(e.raw, int(ref.Offset))
	if err != nil {
		return nil, err
	}
	rc, err := change.Record()
	if err != nil {
		return nil, err
	}
	return s.newTouch(e.id, e.header, ref, rc)
}

func (s *Store) newTouch(id crdt.EntryID, header *crdt.Entry, ref crdt.Ref, rc *crdt.RecordChange) (*crdt.Touch, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if int(ref.Branch) >= len(s.branches) {
		return nil, errKey
	}
	_, held := s.held[mark{Branch: ref.Branch, Seq: ref.Seq}]
	return &crdt.Touch{
		Ref: ref, Log: s.branches[ref.Branch].Log, Entry: id,
		Time: header.Time, Author: header.Author, Phone: header.Phone,
		Merged: !held, Change: rc,
	}, nil
}
