package crdt

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// A Part of a record is one touch of it, with those of its slots that the part is
// about: the versions that live, or the slots whose claims wait.
type Part struct {
	*Touch
	slots bitset // nil: all
}

// Append adds the part to b: the ref of its touch, and a bit per slot unless it is
// about all.
func (p Part) Append(b []byte) []byte { return appendSlots(p.Ref.Append(b), p.slots) }

// ReadPart is the part that Append wrote. load fetches a touch by its ref.
func ReadPart(b []byte, load func(Ref) (*Touch, error)) (Part, error) {
	d := rowReader{b: b}
	ref, explicit := d.ref(), d.byte() == 1
	if d.bad {
		return Part{}, errRow
	}
	t, err := load(ref)
	if err != nil {
		return Part{}, err
	}
	p := Part{Touch: t}
	if explicit {
		p.slots = slices.Clone(d.bitset(t.Change.slots()))
	}
	if d.bad || len(d.b) != 0 {
		return Part{}, errRow
	}
	return p, nil
}

// CutRef reads a ref from the beginning of b.
func CutRef(b []byte) (ref Ref, rest []byte, err error) {
	d := rowReader{b: b}
	if ref = d.ref(); d.bad {
		return ref, nil, errRow
	}
	return ref, d.b, nil
}

// Append adds the ref to b.
func (r Ref) Append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(r.Branch))
	b = binary.AppendUvarint(b, r.Seq)
	return binary.AppendUvarint(b, uint64(r.Offset))
}

// part is what a source is kept as.
func (s *source) part() Part { return Part{s.Touch, s.slots()} }

// source is what a part of living versions was.
func (p Part) source() *source {
	s := newSource(p.Touch)
	for i := range s.living {
		if p.slots != nil && !p.slots.has(i) {
			s.kill(i)
		}
	}
	return s
}

// A Wait is a touch with slots whose claims on an entry wait until that is held.
type Wait struct {
	Part
	For ShortID
}

// claims are those that wait.
func (w Wait) claims() (claims []claim) {
	for slot := range w.Change.slots() {
		if w.slots != nil && !w.slots.has(slot) {
			continue
		}
		for nth, x := range w.Change.supersedes(slot) {
			if w.Change.Names[x] == w.For {
				claims = append(claims, claim{w.Touch, slot, nth})
			}
		}
	}
	return claims
}

// waits are the parts that a waiter is kept as, one for each entry it waits for.
func (w *waiter) waits() (waits []Wait) {
	for x, name := range w.Change.Names {
		if !w.names.has(x) {
			continue
		}
		p := Part{Touch: w.Touch}
		if w.slots != nil {
			p.slots = newBitset(w.Change.slots())
		}
		waits = append(waits, Wait{p, name})
	}
	if w.slots != nil {
		w.each(func(c claim) { w.find(waits, c.name()).slots.set(c.slot) })
	}
	return waits
}

func (w *waiter) find(waits []Wait, name ShortID) *Wait {
	i, _ := slices.BinarySearchFunc(waits, name, func(w Wait, name ShortID) int { return w.For.Compare(name) })
	return &waits[i]
}

// A Counter is the sum of the merged increments at a path.
type Counter struct {
	Path string
	Sum  int64
}

// Gather is the record that the parts amount to.
func Gather(key RecordKey, living []Part, counters []Counter, waits []Wait) (*Record, error) {
	r := &Record{Key: key}
	for _, p := range living {
		r.sources = append(r.sources, p.source())
	}
	slices.SortFunc(r.sources, func(a, b *source) int { return a.Ref.Compare(b.Ref) })
	for _, c := range counters {
		if ValidatePath(c.Path) != nil {
			return nil, fmt.Errorf("read record %s: %w", key, errRow)
		}
		r.count(c.Path, c.Sum)
	}
	for _, w := range waits {
		for _, c := range w.claims() {
			r.wait(c)
		}
	}
	return r, nil
}

// Weight is about how many bytes the counter takes in memory.
func (c Counter) Weight() uint64 { return counterBytes + counterTimes*uint64(len(c.Path)) }
