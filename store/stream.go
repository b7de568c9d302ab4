package store

import (
	"bytes"
	"container/heap"

	"musafir/crdt"
)

// Branches lists the branches by number.
func (s *Store) Branches() []crdt.Branch {
	s.mu.RLock()
	defer s.mu.RUnlock()
	list := make([]crdt.Branch, len(s.branches))
	for i, b := range s.branches {
		list[i] = crdt.Branch{Log: b.Log, Parent: b.Parent, From: b.From, Head: b.head}
	}
	return list
}

// EntryID is the id of an entry by its branch and sequence.
func (s *Store) EntryID(branch uint32, seq uint64) (crdt.EntryID, error) {
	v, err := s.snapshot()
	if err != nil {
		return crdt.EntryID{}, err
	}
	defer v.close()
	if int(branch) < len(v.branches) && v.branches[branch].head.Seq == seq {
		return v.branches[branch].head.ID, nil
	}
	e, err := s.entry(v, branch, seq)
	if err != nil {
		return crdt.EntryID{}, err
	}
	return e.id, nil
}

// Stream visits the entries of the ranges in the order in which they arrived here,
// which is a causal order, until visit returns false or an error. Each commit's
// last entry of a log has a seal.
func (s *Store) Stream(ranges []crdt.Range, visit func(*crdt.Item) (bool, error)) error {
	v, err := s.snapshot()
	if err != nil {
		return err
	}
	defer v.close()
	q := make(arrivals, 0, len(ranges))
	for _, r := range ranges {
		c := &cursor{v: v, r: r, next: r.From}
		if ok, err := c.advance(); err != nil {
			return err
		} else if ok {
			q = append(q, c)
		}
	}
	heap.Init(&q)
	for len(q) > 0 {
		c := q[0]
		if more, err := visit(&c.items[0].Item); err != nil || !more {
			return err
		}
		if ok, err := c.advance(); err != nil {
			return err
		} else if ok {
			heap.Fix(&q, 0)
		} else {
			heap.Pop(&q)
		}
	}
	return nil
}

// cursorBytes is how much of a range is read at once.
const cursorBytes = 64 << 10

type arrived struct {
	crdt.Item
	arrival uint64
}

// A cursor walks along one range and reads a little ahead.
type cursor struct {
	v     *snapshot
	r     crdt.Range
	next  uint64 // to be read
	prev  crdt.EntryID
	items []arrived // the first is the current one
}

// advance goes to the next entry; false at the end of the range.
func (c *cursor) advance() (bool, error) {
	if len(c.items) > 0 {
		c.items = c.items[1:]
	}
	if len(c.items) > 0 {
		return true, nil
	}
	if c.next > c.r.To {
		return false, nil
	}
	if err := c.read(); err != nil {
		return false, err
	}
	if len(c.items) == 0 {
		return false, missing(c.r.Branch, c.next)
	}
	return true, nil
}

func (c *cursor) read() error {
	if err := c.before(); err != nil {
		return err
	}
	c.items = nil
	size := 0
	from := entryKey(keyEntry, c.r.Branch, c.next)
	err := c.v.scan(branchKey(keyEntry, c.r.Branch), from, true, func(k, value []byte) (bool, error) {
		_, seq, err := readEntryKey(k)
		if err != nil || seq != c.next || seq > c.r.To {
			return false, err
		}
		e, err := unpackEntry(bytes.Clone(value))
		if err != nil {
			return false, err
		}
		at := crdt.Place{Log: c.v.branches[c.r.Branch].Log, Seq: seq, Prev: c.prev}
		c.items = append(c.items, arrived{crdt.Item{Branch: c.r.Branch, At: at, ID: e.id, Raw: e.raw}, e.arrival})
		c.prev = e.id
		c.next++
		size += len(e.raw)
		return size < cursorBytes, nil
	})
	if err != nil || len(c.items) == 0 {
		return err
	}
	return c.seals()
}

// before finds the id of the entry that the range goes on from.
func (c *cursor) before() error {
	if c.next == 0 || c.prev != (crdt.EntryID{}) {
		return nil
	}
	n := c.r.Branch
	if b := c.v.branches[n]; c.next == b.From {
		n = b.Parent
	}
	e, err := c.v.s.entry(c.v, n, c.next-1)
	if err != nil {
		return err
	}
	c.prev = e.id
	return nil
}

// seals adds what seals there are to the entries that were read.
func (c *cursor) seals() error {
	first := c.items[0].At.Seq
	from := entryKey(keySeal, c.r.Branch, first)
	return c.v.scan(branchKey(keySeal, c.r.Branch), from, true, func(k, value []byte) (bool, error) {
		_, seq, err := readEntryKey(k)
		if err != nil || seq-first >= uint64(len(c.items)) {
			return false, err
		}
		if len(value) != len(crdt.Seal{}) {
			return false, errKey
		}
		seal := crdt.Seal(value)
		c.items[seq-first].Seal = &seal
		return true, nil
	})
}

// arrivals is a heap of cursors by the arrival of their current entry.
type arrivals []*cursor

func (q arrivals) Len() int           { return len(q) }
func (q arrivals) Less(i, j int) bool { return q[i].items[0].arrival < q[j].items[0].arrival }
func (q arrivals) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *arrivals) Push(x any)        { *q = append(*q, x.(*cursor)) }
func (q *arrivals) Pop() any {
	old := *q
	c := old[len(old)-1]
	*q = old[:len(old)-1]
	return c
}

// Peers visits what the node remembers of other devices.
func (s *Store) Peers(visit func(id crdt.DeviceID, value []byte) error) error {
	v, err := s.snapshot()
	if err != nil {
		return err
	}
	defer v.close()
	return v.scan([]byte{keyPeer}, nil, true, func(k, value []byte) (bool, error) {
		return true, visit(crdt.DeviceID(k[1:]), bytes.Clone(value))
	})
}
