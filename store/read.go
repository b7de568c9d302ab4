package store

import (
	"bytes"
	"context"
	"fmt"

	"musafir/crdt"
)

// Record is a record's merged state, nil if no entry touched it.
func (s *Store) Record(key crdt.RecordKey) (*crdt.Record, error) {
	v, err := s.snapshot()
	if err != nil {
		return nil, err
	}
	defer v.close()
	return v.record(key)
}

func (v *snapshot) record(key crdt.RecordKey) (*crdt.Record, error) {
	head, r, err := v.s.readRow(v, key, recordKey(keyRow, key), v.s.loader(v))
	if err != nil || !head.exists {
		return nil, err
	}
	return r, nil
}

func (s *Store) loader(v view) loader {
	return func(ref crdt.Ref) (*crdt.Touch, error) { return s.touch(v, ref) }
}

// Touches are all held entries that touched a record, also those of which
// nothing shows any more.
func (s *Store) Touches(key crdt.RecordKey) ([]*crdt.Touch, error) {
	v, err := s.snapshot()
	if err != nil {
		return nil, err
	}
	defer v.close()
	return v.touches(key)
}

func (v *snapshot) touches(key crdt.RecordKey) ([]*crdt.Touch, error) {
	row, ok, err := v.get(recordKey(keyRow, key))
	if err != nil || !ok {
		return nil, err
	}
	head, state, err := readRowHead(row)
	if err != nil {
		return nil, fmt.Errorf("read row of %s: %w", key, err)
	}
	load := v.s.loader(v)
	var r *crdt.Record
	if !head.spread {
		if r, err = readWhole(key, state, load); err != nil {
			return nil, err
		}
	}
	return v.s.touches(v, key, r, load)
}

// touches are those of a record, which is nil if it is kept in parts.
func (s *Store) touches(v reads, key crdt.RecordKey, r *crdt.Record, load loader) ([]*crdt.Touch, error) {
	weightMax := 2 * s.engine.limits().read
	if r != nil {
		return readTouches(v, key, r.Living(), nil, weightMax, load)
	}
	slips, err := readSlips(v, key)
	if err != nil {
		return nil, err
	}
	return readTouches(v, key, nil, slips, weightMax, load)
}

// Scan visits the live records of a collection in id order, beginning after an id
// ("": the first), until visit returns false or an error. All are of one moment.
func (s *Store) Scan(collection, after string, visit func(*crdt.Record) (bool, error)) error {
	v, err := s.snapshot()
	if err != nil {
		return err
	}
	defer v.close()
	return v.scanCollection(collection, after, rowHead.live, visit)
}

func (v *snapshot) scanCollection(collection, after string, want func(rowHead) bool, visit func(*crdt.Record) (bool, error)) error {
	prefix := collectionPrefix(keyRow, collection)
	var from []byte
	if after != "" {
		from = append(append(bytes.Clone(prefix), after...), 0)
	}
	return v.scanRows(prefix, from, func(_ crdt.RecordKey, h rowHead) bool { return want(h) }, visit)
}

// ScanAll visits the live records of all ordinary collections, in collection and
// id order.
func (s *Store) ScanAll(visit func(*crdt.Record) (bool, error)) error {
	v, err := s.snapshot()
	if err != nil {
		return err
	}
	defer v.close()
	return v.scanRows([]byte{keyRow}, nil, func(key crdt.RecordKey, h rowHead) bool {
		return h.live() && !key.Internal()
	}, visit)
}

func (v *snapshot) scanRows(prefix, from []byte, want func(crdt.RecordKey, rowHead) bool, visit func(*crdt.Record) (bool, error)) error {
	load := v.s.loader(v)
	return v.scan(prefix, from, true, func(k, row []byte) (bool, error) {
		key, err := readRecordKey(k[1:])
		if err != nil {
			return false, err
		}
		head, state, err := readRowHead(row)
		if err != nil || !want(key, head) {
			return err == nil, err
		}
		r, err := v.s.readState(v, key, head, state, load)
		if err != nil {
			return false, err
		}
		return visit(r)
	})
}

// Conflicted visits the records in conflict, in collection and id order, after a
// key (zero: from the first).
func (s *Store) Conflicted(after crdt.RecordKey, visit func(*crdt.Record) (bool, error)) error {
	v, err := s.snapshot()
	if err != nil {
		return err
	}
	defer v.close()
	var from []byte
	if after != (crdt.RecordKey{}) {
		from = append(recordKey(keyConflict, after), 0)
	}
	return v.scan([]byte{keyConflict}, from, false, func(k, _ []byte) (bool, error) {
		key, err := readRecordKey(k[1:])
		if err != nil || key.Internal() {
			return err == nil, err
		}
		head, r, err := s.readRow(v, key, recordKey(keyRow, key), s.loader(v))
		if err != nil || head.conflicts == 0 {
			return err == nil, err
		}
		return visit(r)
	})
}

// CountsAs is how many conflicts a record counts as in the store's counts and lists:
// those that it has, or one if it is too large to be read with each write.
func (s *Store) CountsAs(r *crdt.Record) int {
	n := r.Totals()
	if n.Weight > s.engine.limits().whole {
		return spreadHead(n).conflicts
	}
	return headOf(r).conflicts
}

// Feed is the feed's random id and the last position given in it.
func (s *Store) Feed() (id [16]byte, position uint64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.meta.Feed, s.meta.Position
}

// WaitChange returns once the feed has passed a position, or with ctx's error.
func (s *Store) WaitChange(ctx context.Context, position uint64) error {
	for {
		s.mu.RLock()
		now, changed, broken := s.meta.Position, s.changed, s.broken
		s.mu.RUnlock()
		if now > position {
			return nil
		}
		if broken != nil {
			return broken
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Birth is the first entry of a log.
func (s *Store) Birth(log crdt.LogID) (*crdt.Birth, error) {
	v, err := s.snapshot()
	if err != nil {
		return nil, err
	}
	defer v.close()
	return v.birth(log)
}

func (v *snapshot) birth(log crdt.LogID) (*crdt.Birth, error) {
	branches := v.byLog[log]
	if len(branches) == 0 {
		return nil, fmt.Errorf("log %s: %w", log, ErrGap)
	}
	e, err := v.s.entry(v, branches[0], 0)
	if err != nil {
		return nil, err
	}
	parsed, err := crdt.ParseEntry(e.raw)
	if err != nil {
		return nil, err
	}
	return parsed.Changes[0].Birth()
}

// Unsealed is what an author has to know to go on with its log: its head, how
// many entries stand behind the last seal and how many bytes they take.
func (s *Store) Unsealed(log crdt.LogID) (head crdt.Head, entries, size int, err error) {
	v, err := s.snapshot()
	if err != nil {
		return head, 0, 0, err
	}
	defer v.close()
	branches := v.byLog[log]
	if len(branches) == 0 {
		return head, 0, 0, fmt.Errorf("log %s: %w", log, ErrGap)
	}
	n := branches[len(branches)-1]
	head = v.branches[n].head
	from := v.branches[n].From
	key, _, ok, err := v.last(branchKey(keySeal, n))
	if err != nil {
		return head, 0, 0, err
	}
	if ok {
		if _, from, err = readEntryKey(key); err != nil {
			return head, 0, 0, err
		}
		from++
	}
	err = v.scan(branchKey(keyEntry, n), entryKey(keyEntry, n, from), true, func(_, value []byte) (bool, error) {
		e, err := unpackEntry(value)
		entries++
		size += len(e.raw)
		return true, err
	})
	return head, entries, size, err
}

// Note reads a local remark.
func (s *Store) Note(key [crdt.HashSize]byte) ([]byte, bool, error) {
	v, err := s.snapshot()
	if err != nil {
		return nil, false, err
	}
	defer v.close()
	return v.get(append([]byte{keyNote}, key[:]...))
}
