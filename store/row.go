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
	conflicts int
	position  uint64 // in the feed
}

const (
	rowExists  = 1
	rowDeleted = 2
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
	b = binary.AppendUvarint(append(b, flags), uint64(h.conflicts))
	return binary.AppendUvarint(b, h.position)
}

func readRowHead(row []byte) (rowHead, []byte, error) {
	if len(row) == 0 {
		return rowHead{}, nil, errKey
	}
	h := rowHead{exists: row[0]&rowExists != 0, deleted: row[0]&rowDeleted != 0}
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

// headOf says of a record what its row's head shall say, but for the position.
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

// readRow reads the row of a record, which stands at a key of the database. The
// record is nil if there is no row.
func (s *Store) readRow(v view, key crdt.RecordKey, at []byte, load func(crdt.Ref) (*crdt.Touch, error)) (rowHead, *crdt.Record, error) {
	row, ok, err := v.get(at)
	if err != nil || !ok {
		return rowHead{}, nil, err
	}
	return parseRow(key, row, load)
}

func parseRow(key crdt.RecordKey, row []byte, load func(crdt.Ref) (*crdt.Touch, error)) (rowHead, *crdt.Record, error) {
	h, state, err := readRowHead(row)
	if err != nil {
		return h, nil, fmt.Errorf("read row of %s: %w", key, err)
	}
	r, err := crdt.ReadRow(key, state, load)
	return h, r, err
}
