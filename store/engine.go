package store

import "errors"

// An engine is an ordered map of bytes that commits atomically and durably.
type engine interface {
	// view is a snapshot; it must be closed.
	view() view
	// commit writes all or nothing, and returns once it is synced. After an
	// errUnsure nobody knows which of the two it was.
	commit(puts []put) error
	limits() limits
	close() error
}

var errUnsure = errors.New("the database failed in the middle of a write, restart musafir")

// A put sets a key, or deletes it.
type put struct {
	key, value []byte
	del        bool
}

// putOverhead is what an engine may add to key and value of a put.
const putOverhead = 48

func (p put) size() int { return len(p.key) + len(p.value) + putOverhead }

// limits are what an engine takes.
type limits struct {
	bytes, puts int    // in one commit
	whole       uint64 // what a record may weigh to be kept whole, in one row
	read        uint64 // what is read of a record at once, and half of what is read of its history
}

// What a record may weigh (crdt.Totals). The first bounds what a single write may
// have to read, the second what a tablet is asked to hold to show a record.
const (
	wholeMax = 1 << 20
	readMax  = 32 << 20
)

// newLimits are those of an engine that commits so much at once. What a record
// takes in a row is a quarter of its weight at most.
func newLimits(bytes, puts int) limits {
	return limits{bytes: bytes, puts: puts, whole: min(wholeMax, 2*uint64(bytes)), read: readMax}
}

// A view is a consistent state of an engine.
type view interface {
	reads
	// last is the greatest key with a prefix, and its value.
	last(prefix []byte) (key, value []byte, ok bool, err error)
	close()
}

// reads are the ways to read single records.
type reads interface {
	// get copies the value; ok is false if there is none.
	get(key []byte) (value []byte, ok bool, err error)
	// scan visits the keys with a prefix in ascending order, beginning at from
	// (nil: the first), until visit returns false or an error. Keys and values
	// are valid during the visit only; without values the latter are nil.
	scan(prefix, from []byte, values bool, visit func(key, value []byte) (bool, error)) error
}
