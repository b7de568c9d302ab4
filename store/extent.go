package store

import "musafir/crdt"

// An Extent is what somebody held who had certain marks: the entries that they name,
// and all before them in their logs. It does not follow dependencies, as [Store.Past]
// does: marks of a moment have what they depend on beside them. It goes with its
// moment: of what came later it knows nothing, and it ends when that is closed.
type Extent struct {
	m     *Moment
	below []uint64 // by branch: its entries below this are in it
}

// Past is what somebody held who had those marks. A mark of an entry that is not held
// here counts for nothing, so that there is rather less in the past than more; but one
// that is ahead of a log with one branch counts as its head.
func (m *Moment) Past(marks []crdt.Mark) (*Extent, error) {
	x := &Extent{m: m, below: make([]uint64, len(m.v.branches))}
	byLog := map[crdt.ShortID][]uint32{}
	for n, b := range m.v.branches {
		if !m.control[n] {
			byLog[b.Log.Short()] = append(byLog[b.Log.Short()], uint32(n))
		}
	}
	for _, k := range marks {
		if err := x.take(k, byLog[k.Log]); err != nil {
			return nil, err
		}
	}
	return x, nil
}

// take adds what a mark names, given the branches of its log.
func (x *Extent) take(k crdt.Mark, branches []uint32) error {
	if len(branches) == 1 {
		if head := x.m.v.branches[branches[0]].head.Seq; k.Seq > head {
			x.reach(branches[0], head)
			return nil
		}
	}
	for _, n := range branches {
		stands, err := x.m.stands(k, n)
		if err != nil {
			return err
		}
		if stands {
			x.reach(n, k.Seq)
			return nil
		}
	}
	return nil
}

// stands tells whether the entry of a mark stands on a branch itself, not on one that
// it forked from.
func (m *Moment) stands(k crdt.Mark, n uint32) (bool, error) {
	b := &m.v.branches[n]
	if k.Seq < b.From || k.Seq > b.head.Seq {
		return false, nil
	}
	if k.Seq == b.head.Seq {
		return k.Head == b.head.ID.Short(), nil
	}
	stored, ok, err := m.v.get(entryKey(keyEntry, n, k.Seq))
	if err == nil && !ok {
		err = missing(n, k.Seq)
	}
	if err != nil {
		return false, err
	}
	id, err := storedID(stored)
	return err == nil && k.Head == id.Short(), err
}

// reach adds an entry of a branch and all before it.
func (x *Extent) reach(n uint32, seq uint64) {
	for {
		known := x.below[n] > 0 // then so is what the branch forked from
		x.below[n] = max(x.below[n], seq+1)
		b := &x.m.v.branches[n]
		if known || b.From == 0 {
			return
		}
		n, seq = b.Parent, b.From-1
	}
}

// Holds tells whether an entry is in it.
func (x *Extent) Holds(r crdt.Ref) bool {
	return int(r.Branch) < len(x.below) && r.Seq < x.below[r.Branch]
}

// outside is the first entry of a branch that is not in it, and how many such there
// are. Control logs have none that matter.
func (x *Extent) outside(n uint32) (from, entries uint64) {
	b := &x.m.v.branches[n]
	if from = max(b.From, x.below[n]); x.m.control[n] || from > b.head.Seq {
		return from, 0
	}
	return from, b.head.Seq - from + 1
}

// LaterCount is how many entries are not in it, control logs apart. It reads nothing.
func (x *Extent) LaterCount() (entries uint64) {
	for n := range x.below {
		_, more := x.outside(uint32(n))
		entries += more
	}
	return entries
}

// Later visits the records that the entries outside of it touch, branch by branch,
// until visit returns false or an error. A record comes as often as it was touched;
// those of internal collections come too. Each can be read: one that no merged entry
// touched is left out.
func (x *Extent) Later(visit func(key crdt.RecordKey) (more bool, err error)) error {
	for n := range x.below {
		from, entries := x.outside(uint32(n))
		if entries == 0 {
			continue
		}
		if more, err := x.m.touched(uint32(n), from, visit); err != nil || !more {
			return err
		}
	}
	return nil
}

// touched visits the records that the entries of a branch touch, from one on.
func (m *Moment) touched(n uint32, from uint64, visit func(crdt.RecordKey) (bool, error)) (more bool, err error) {
	more = true
	var u unpacker
	existing := m.existing(visit)
	err = m.v.scan(branchKey(keyEntry, n), entryKey(keyEntry, n, from), true, func(k, value []byte) (bool, error) {
		_, seq, err := readEntryKey(k)
		if err != nil {
			return false, err
		}
		e, err := u.unpack(value)
		if err != nil {
			return false, err
		}
		if m.v.s.isHeld(mark{Branch: n, Seq: seq}) {
			more, err = crdt.EachTouched(e.raw, existing)
		} else {
			more, err = crdt.EachTouched(e.raw, visit)
		}
		return more, err
	})
	return more, err
}

// existing leaves out what no merged entry touched: an entry that is held and not
// merged may be the first of a record.
func (m *Moment) existing(visit func(crdt.RecordKey) (bool, error)) func(crdt.RecordKey) (bool, error) {
	return func(key crdt.RecordKey) (bool, error) {
		head, _, err := headAt(m.v, recordKey(keyRow, key)[1:])
		if err != nil || !head.exists {
			return err == nil, err
		}
		return visit(key)
	}
}
