package store

import (
	"encoding/binary"
	"math"

	"musafir/crdt"
)

// The feed is stored in runs: the records that one commit changed, at positions
// that follow each other, under the position of the last. A bulk of records so
// costs one key for many.
const (
	runRecordsMax = 64
	runBytesMax   = 16 << 10
)

// A feedRun is a run as it is written.
type feedRun struct {
	last  uint64
	names []byte // of each record the length of its name, and the name
	n     int
}

// add appends a record's name (collection 0 id) at the next position.
func (r *feedRun) add(position uint64, name []byte) {
	r.last = position
	r.names = append(binary.AppendUvarint(r.names, uint64(len(name))), name...)
	r.n++
}

func (r *feedRun) full() bool { return r.n >= runRecordsMax || len(r.names) >= runBytesMax }

func (r *feedRun) put() put {
	return put{key: feedKey(r.last), value: append(binary.AppendUvarint(nil, uint64(r.n)), r.names...)}
}

func feedKey(last uint64) []byte { return binary.BigEndian.AppendUint64([]byte{keyFeed}, last) }

// eachInRun visits the positions and names of a stored run, until visit returns
// false or an error.
func eachInRun(k, value []byte, visit func(position uint64, name []byte) (bool, error)) (bool, error) {
	n, size := binary.Uvarint(value)
	if len(k) != 9 || size <= 0 || n > runRecordsMax {
		return false, errKey
	}
	last, value := binary.BigEndian.Uint64(k[1:]), value[size:]
	for i := range n {
		length, size := binary.Uvarint(value)
		if size <= 0 || length > uint64(len(value)-size) {
			return false, errKey
		}
		name := value[size : size+int(length)]
		value = value[size+int(length):]
		if more, err := visit(last-n+1+i, name); err != nil || !more {
			return false, err
		}
	}
	return true, nil
}

// Changes visits what changed after a position of the feed, each record once, at
// its newest position. Internal collections are left out.
func (s *Store) Changes(since uint64, visit func(position uint64, r *crdt.Record) (bool, error)) error {
	v, err := s.snapshot()
	if err != nil {
		return err
	}
	defer v.close()
	if since == math.MaxUint64 {
		return nil
	}
	return v.scan([]byte{keyFeed}, feedKey(since+1), true, func(k, value []byte) (bool, error) {
		return eachInRun(k, value, func(position uint64, name []byte) (bool, error) {
			key, err := readRecordKey(name)
			if err != nil || position <= since || key.Internal() {
				return err == nil, err
			}
			head, r, err := s.readRow(v, key, recordKey(keyRow, key), s.loader(v))
			if err != nil || r == nil || head.position != position {
				return err == nil, err
			}
			return visit(position, r)
		})
	})
}

// runHolds tells whether the newest change of any record in a run is there.
func runHolds(v view, k, value []byte) (holds bool, err error) {
	_, err = eachInRun(k, value, func(position uint64, name []byte) (bool, error) {
		head, ok, err := headAt(v, name)
		holds = holds || ok && head.position == position
		return !holds, err
	})
	return holds, err
}
