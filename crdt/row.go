package crdt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

var errRow = errors.New("the view of the record is damaged")

// AppendRow adds the record's state to b: which touches live, by ref, and what
// cannot be read from them. It is local to a device and derived from its logs.
func (r *Record) AppendRow(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(r.sources)))
	for _, s := range r.sources {
		b = appendSlots(s.Ref.Append(b), s.slots())
	}
	b = binary.AppendUvarint(b, uint64(len(r.counters)))
	for _, c := range r.counters {
		b = appendString(b, c.path)
		b = binary.AppendVarint(b, c.sum)
	}
	b = binary.AppendUvarint(b, uint64(len(r.waiting)))
	for _, w := range r.waiting {
		b = w.append(w.Ref.Append(b))
	}
	return b
}

// slots are the versions of the touch that live, nil if all do.
func (s *source) slots() bitset {
	living, all := newBitset(len(s.living)), true
	for i, alive := range s.living {
		if alive {
			living.set(i)
		}
		all = all && alive == s.Change.makesVersion(i)
	}
	if all {
		return nil
	}
	return living
}

// appendSlots writes 0 for all slots, else 1 and a bit per slot.
func appendSlots(b []byte, slots bitset) []byte {
	if slots == nil {
		return append(b, 0)
	}
	return append(append(b, 1), slots...)
}

// append writes the slots that may wait, then a bit per name.
func (w *waiter) append(b []byte) []byte { return append(appendSlots(b, w.slots), w.names...) }

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// ReadRow is the record that AppendRow wrote. load fetches a touch by its ref.
func ReadRow(key RecordKey, row []byte, load func(Ref) (*Touch, error)) (*Record, error) {
	r := &Record{Key: key}
	d := rowReader{b: row}
	for range d.count() {
		ref, explicit := d.ref(), d.byte() == 1
		if d.bad {
			break
		}
		t, err := load(ref)
		if err != nil {
			return nil, fmt.Errorf("read record %s: %w", key, err)
		}
		s := newSource(t)
		if explicit {
			d.living(s)
		}
		r.sources = append(r.sources, s)
	}
	for range d.count() {
		c := counter{path: d.string(), sum: d.varint()}
		d.bad = d.bad || ValidatePath(c.path) != nil
		r.counters = append(r.counters, c)
	}
	for range d.count() {
		ref, explicit := d.ref(), d.byte() == 1
		if d.bad {
			break
		}
		t, err := r.loadOnce(ref, load)
		if err != nil {
			return nil, fmt.Errorf("read record %s: %w", key, err)
		}
		r.waiting = append(r.waiting, d.waiter(t, explicit))
	}
	if d.bad || len(d.b) != 0 {
		return nil, fmt.Errorf("read record %s: %w", key, errRow)
	}
	return r, nil
}

// loadOnce gives a touch of which versions live as it was loaded for them.
func (r *Record) loadOnce(ref Ref, load func(Ref) (*Touch, error)) (*Touch, error) {
	if i, found := slices.BinarySearchFunc(r.sources, ref, func(s *source, ref Ref) int { return s.Ref.Compare(ref) }); found {
		return r.sources[i].Touch, nil
	}
	return load(ref)
}

type rowReader struct {
	b   []byte
	bad bool
}

func (d *rowReader) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.bad, d.b = true, nil
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *rowReader) varint() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.bad, d.b = true, nil
		return 0
	}
	d.b = d.b[n:]
	return v
}

// count reads a number of items, each of at least one byte.
func (d *rowReader) count() uint64 {
	n := d.uvarint()
	if n > uint64(len(d.b)) {
		d.bad, d.b = true, nil
		return 0
	}
	return n
}

func (d *rowReader) byte() byte { return d.take(1)[0] }

// take yields n bytes, zeros if there are fewer.
func (d *rowReader) take(n int) []byte {
	if len(d.b) < n {
		d.bad, d.b = true, nil
		return make([]byte, n)
	}
	p := d.b[:n]
	d.b = d.b[n:]
	return p
}

func (d *rowReader) string() string { return string(d.take(int(d.count()))) }

func (d *rowReader) ref() Ref {
	return Ref{Branch: uint32(d.uvarint()), Seq: d.uvarint(), Offset: uint32(d.uvarint())}
}

func (d *rowReader) bitset(n int) bitset { return bitset(d.take((n + 7) / 8)) }

func (d *rowReader) living(s *source) {
	living := d.bitset(len(s.living))
	s.n = 0
	for i := range s.living {
		s.living[i] = living.has(i)
		if s.living[i] {
			s.n++
		}
	}
}

func (d *rowReader) waiter(t *Touch, explicit bool) *waiter {
	w := &waiter{Touch: t}
	if explicit {
		w.slots = slices.Clone(d.bitset(t.Change.slots()))
	}
	w.names = slices.Clone(d.bitset(len(t.Change.Names)))
	return w
}
