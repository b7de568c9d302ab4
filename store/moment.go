package store

import (
	"bytes"
	"math"
	"slices"

	"musafir/crdt"
)

// A Moment is what the store holds at one moment, for as long as it is open: what is
// committed later shows in none of its methods. It must be closed, which the store's
// Close waits for. It is safe from one goroutine.
type Moment struct {
	v       *snapshot
	control []bool // by branch: it belongs to a control log
	closed  bool
}

// Moment is what the store holds now.
func (s *Store) Moment() (*Moment, error) {
	v, err := s.snapshot()
	if err != nil {
		return nil, err
	}
	control, err := s.kinds.of(v)
	if err != nil {
		v.close()
		return nil, err
	}
	return &Moment{v: v, control: control}, nil
}

// Close ends the moment. Reading from it fails from then on.
func (m *Moment) Close() {
	if m.closed {
		return
	}
	m.closed = true
	m.v.close()
	m.v.sharedView = share(closedView{})
}

// Marks are the heads of all logs that may hold records, sorted: of all but the
// control logs.
func (m *Moment) Marks() []crdt.Mark {
	marks := make([]crdt.Mark, 0, len(m.v.branches))
	for n, b := range m.v.branches { // what follows a head goes on its branch, so each has one
		if !m.control[n] {
			marks = append(marks, crdt.MarkOf(b.Log, b.head))
		}
	}
	slices.SortFunc(marks, crdt.Mark.Compare)
	return marks
}

// Record is a record's merged state, nil if no entry touched it.
func (m *Moment) Record(key crdt.RecordKey) (*crdt.Record, error) { return m.v.record(key) }

// Touches are all held entries that touched a record, also those of which nothing
// shows any more.
func (m *Moment) Touches(key crdt.RecordKey) ([]*crdt.Touch, error) { return m.v.touches(key) }

// Feed is the feed's random id and the last position given in it by then.
func (m *Moment) Feed() (id [16]byte, position uint64) { return m.v.meta.Feed, m.v.meta.Position }

// Changed visits the ids of a collection's records that changed after a position of the
// feed, until visit returns false or an error. One may come several times, and some are of
// records that are not there.
func (m *Moment) Changed(collection string, after uint64, visit func(id string) (bool, error)) error {
	if after == math.MaxUint64 {
		return nil
	}
	prefix := collectionPrefix(keyRow, collection)[1:]
	return m.v.scan([]byte{keyFeed}, feedKey(after+1), true, func(k, value []byte) (bool, error) {
		return eachInRun(k, value, func(position uint64, name []byte) (bool, error) {
			id, is := bytes.CutPrefix(name, prefix)
			if position <= after || !is {
				return true, nil
			}
			return visit(string(id))
		})
	})
}

// Scan visits the records of a collection in id order, beginning after an id ("": the
// first), until visit returns false or an error: the live ones, or the deleted ones too.
func (m *Moment) Scan(collection, after string, deletedToo bool, visit func(*crdt.Record) (bool, error)) error {
	want := func(h rowHead) bool { return h.exists && (deletedToo || !h.deleted) }
	return m.v.scanCollection(collection, after, want, visit)
}
