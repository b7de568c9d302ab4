package store

import (
	"encoding/binary"
	"fmt"

	"musafir/crdt"
)

// A rowHead is what a record's row says before its state, so that lists, counts
// and the feed need not read the entries.
type rowHead struct {
	exists    bool // some merged entry touched the record
	deleted   bool
	spread    bool // the row has only totals: the rest lies in parts
	conflicts int
	position  uint64 // in the feed
}

const (
	rowExists  = 1
	rowDeleted = 2
	rowSpread  = 4
)

func (h rowHead) live() bool { return h.exists && !h.deleted }

func appendRow(h rowHead, r *crdt.Record) []byte {
	return r.AppendRow(appendRowHead(make([]byte, 0, 32), h))
}

func appendRowHead(b []byte, h rowHead) []byte {
	flags := byte(0)
	if h.exists {
		flags |= rowExists
	}
	if h.deleted {
		flags |= rowDeleted
	}
	if h.spread {
		flags |= rowSpread
	}
	b = binary.AppendUvarint(append(b, flags), uint64(h.conflicts))
	return binary.AppendUvarint(b, h.position)
}

func readRowHead(row []byte) (rowHead, []byte, error) {
	if len(row) == 0 {
		return rowHead{}, nil, errKey
	}
	h := rowHead{exists: row[0]&rowExists != 0, deleted: row[0]&rowDeleted != 0, spread: row[0]&rowSpread != 0}
	conflicts, n := binary.Uvarint(row[1:])
	if n <= 0 {
		return rowHead{}, nil, errKey
	}
	position, m := binary.Uvarint(row[1+n:])
	if m <= 0 {
		return rowHead{}, nil, errKey
	}
	h.conflicts, h.position = int(conflicts), position
	return h, row[1+n+m:], nil
}

// headOf says of a whole record what its row's head shall say, but for the position.
func headOf(r *crdt.Record) rowHead {
	h := rowHead{exists: !r.Empty()}
	if h.exists {
		h.deleted = r.Deleted()
	}
	if h.live() {
		h.conflicts = r.ConflictCount()
	}
	return h
}

// spreadHead is the head of a record that is kept in parts. To count its conflicts
// it would have to be read: there is one, that it has come to this.
func spreadHead(n crdt.Totals) rowHead {
	h := rowHead{spread: true, exists: !n.Empty()}
	h.deleted = h.exists && n.Deleted()
	h.conflicts = int(count(h.live()))
	return h
}

// appendSpreadRow is the row of such a record.
func appendSpreadRow(h rowHead, n crdt.Totals) []byte {
	b := appendRowHead(make([]byte, 0, 32), h)
	for _, x := range []uint64{n.Living, n.Alive, n.Counters, n.Weight} {
		b = binary.AppendUvarint(b, x)
	}
	return b
}

func readTotals(state []byte) (n crdt.Totals, err error) {
	for _, x := range []*uint64{&n.Living, &n.Alive, &n.Counters, &n.Weight} {
		size := 0
		if *x, size = binary.Uvarint(state); size <= 0 {
			return n, errKey
		}
		state = state[size:]
	}
	if len(state) > 0 {
		return n, errKey
	}
	return n, nil
}

// A loader fetches a touch by where it is kept.
type loader = func(crdt.Ref) (*crdt.Touch, error)

// readRow reads the row of a record, which stands at a key of the database. The
// record is nil if there is no row.
func (s *Store) readRow(v reads, key crdt.RecordKey, at []byte, load loader) (rowHead, *crdt.Record, error) {
	row, ok, err := v.get(at)
	if err != nil || !ok {
		return rowHead{}, nil, err
	}
	h, state, err := readRowHead(row)
	if err != nil {
		return h, nil, fmt.Errorf("read row of %s: %w", key, err)
	}
	r, err := s.readState(v, key, h, state, load)
	return h, r, err
}

// readState reads a record from what stands behind its row's head.
func (s *Store) readState(v reads, key crdt.RecordKey, h rowHead, state []byte, load loader) (*crdt.Record, error) {
	if !h.spread {
		return readWhole(key, state, load)
	}
	n, err := readTotals(state)
	if err != nil {
		return nil, fmt.Errorf("read row of %s: %w", key, err)
	}
	return readParts(v, key, n, s.engine.limits().read, load)
}

func readWhole(key crdt.RecordKey, state []byte, load loader) (*crdt.Record, error) {
	if len(state) > shortRowBytes {
		load = apart(load)
	}
	return crdt.ReadRow(key, state, load)
}

// shortRowBytes is a row of so few touches that the entries that they stand in may
// be held in memory for them.
const shortRowBytes = 128

// apart loads touches that do not hold on to the entries that they stand in.
func apart(load loader) loader {
	return func(ref crdt.Ref) (*crdt.Touch, error) {
		t, err := load(ref)
		if err == nil {
			t.Own()
		}
		return t, err
	}
}
