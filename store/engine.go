package store

import "errors"

// An engine is an ordered map of bytes that commits atomically and durably.
type engine interface {
	// view is a snapshot; it must be closed.
	view() view
	// commit writes all or nothing, and returns once it is synced. After an
	// errUnsure nobody knows which of the two it was.
	commit(puts []put) error
	// limits is what one commit may hold.
	limits() (bytes, puts int)
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

// A view is a consistent state of an engine.
type view interface {
	// get copies the value; ok is false if there is none.
	get(key []byte) (value []byte, ok bool, err error)
	// scan visits the keys with a prefix in ascending order, beginning at from
	// (nil: the first), until visit returns false or an error. Keys and values
	// are valid during the visit only; without values the latter are nil.
	scan(prefix, from []byte, values bool, visit func(key, value []byte) (bool, error)) error
	// last is the greatest key with a prefix, and its value.
	last(prefix []byte) (key, value []byte, ok bool, err error)
	close()
}
