package sim

import (
	"fmt"

	"musafir/crdt"
	"musafir/node/wire"
)

// A book lists all entries that were ever written in a world, by number.
type book struct {
	entries []written
	byID    map[crdt.EntryID]int
	byHead  map[headKey]int
	bySeq   map[seqKey][]int
	logs    map[crdt.ShortID]string // what the log is called in words
	named   map[string]int
}

// written is an entry as the book knows it.
type written struct {
	id   crdt.EntryID
	log  crdt.LogID
	seq  uint64
	past []int // what it names: the one before it and its dependencies
	size int
	at   int64            // when it was first on a disk
	keys []crdt.RecordKey // the records that it touches; where there are phones
}

type headKey struct {
	log  crdt.ShortID
	seq  uint64
	hash [8]byte
}

type seqKey struct {
	log crdt.LogID
	seq uint64
}

func newBook() *book {
	return &book{
		byID: map[crdt.EntryID]int{}, byHead: map[headKey]int{}, bySeq: map[seqKey][]int{},
		logs: map[crdt.ShortID]string{}, named: map[string]int{},
	}
}

// add finds an entry, or takes it in; who is the machine where it was seen first.
func (b *book) add(it *crdt.Item, who string) (int, error) {
	if n, ok := b.byID[it.ID]; ok {
		return n, nil
	}
	e, err := crdt.ParseEntry(it.Raw)
	if err != nil {
		return 0, err
	}
	x := written{id: it.ID, log: it.At.Log, seq: it.At.Seq, size: len(it.Raw)}
	if x.seq == 0 {
		x.log = crdt.LogID(it.ID)
		b.name(x.log, e.Birth(), who)
	} else if x.past, err = b.see(x.past, it.At.Prev); err != nil {
		return 0, err
	}
	for _, d := range e.Deps {
		if x.past, err = b.see(x.past, d.ID); err != nil {
			return 0, err
		}
	}
	n := len(b.entries)
	b.entries = append(b.entries, x)
	b.byID[x.id] = n
	b.byHead[headKey{crdt.EntryID(x.log).Short(), x.seq, [8]byte(x.id[:8])}] = n
	at := seqKey{x.log, x.seq}
	b.bySeq[at] = append(b.bySeq[at], n)
	return n, nil
}

func (b *book) see(past []int, id crdt.EntryID) ([]int, error) {
	n, ok := b.byID[id]
	if !ok {
		return nil, fmt.Errorf("entry %s is named and was never seen", id.Short())
	}
	return append(past, n), nil
}

// name calls a log after the machine that began it; control logs have a star.
func (b *book) name(log crdt.LogID, birth *crdt.Birth, who string) {
	if birth.Kind == crdt.ControlLog {
		who += "*"
	}
	b.named[who]++
	if n := b.named[who]; n > 1 {
		who = fmt.Sprint(who, ".", n)
	}
	b.logs[crdt.EntryID(log).Short()] = who
}

// head finds the entry that a head names.
func (b *book) head(h wire.Head) (int, bool) {
	n, ok := b.byHead[headKey{h.Log, h.Seq, [8]byte(h.Hash[:8])}]
	return n, ok
}

// A set is some entries of the book.
type set []uint64

func (s set) has(n int) bool { return n/64 < len(s) && s[n/64]&(1<<(n%64)) != 0 }

func (s set) with(n int) set {
	for n/64 >= len(s) {
		s = append(s, 0)
	}
	s[n/64] |= 1 << (n % 64)
	return s
}

// lacks finds an entry of another set that is not in this one.
func (s set) lacks(other set) (int, bool) {
	for n := range len(other) * 64 {
		if other.has(n) && !s.has(n) {
			return n, true
		}
	}
	return 0, false
}

func (b *book) words(n int) string {
	x := &b.entries[n]
	return fmt.Sprintf("%s %d (%x)", b.logs[crdt.EntryID(x.log).Short()], x.seq, x.id[:4])
}
