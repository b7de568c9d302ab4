package crdt

import (
	"encoding/binary"
	"errors"
	"fmt"
)

var errRow = errors.New("the view of the record is damaged")

// AppendRow adds the record's state to b: which touches live, by ref, and what
// cannot be read from them. It is local to a device and derived from its logs.
func (r *Record) AppendRow(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(r.sources)))
	for _, s := range r.sources {
		b = binary.AppendUvarint(b, uint64(s.Ref.Branch))
		b = binary.AppendUvarint(b, s.Ref.Seq)
		b = binary.AppendUvarint(b, uint64(s.Ref.Offset))
		b = s.appendLiving(b)
	}
	b = binary.AppendUvarint(b, uint64(len(r.counters)))
	for _, c := range r.counters {
		b = appendString(b, c.path)
		b = binary.AppendVarint(b, c.sum)
	}
	b = binary.AppendUvarint(b, uint64(len(r.pending)))
	for _, c := range r.pending {
		b = append(append(b, c.name[:]...), byte(c.scope))
		b = appendString(b, c.path)
		b = appendString(b, string(c.elem))
	}
	return b
}

// appendLiving writes 0 if all versions of the touch live, else 1 and a bit per
// slot.
func (s *source) appendLiving(b []byte) []byte {
	all := true
	for i, alive := range s.living {
		if alive != s.Change.makesVersion(i) {
			all = false
			break
		}
	}
	if all {
		return append(b, 0)
	}
	b = append(b, 1)
	at := len(b)
	b = append(b, make([]byte, (len(s.living)+7)/8)...)
	for i, alive := range s.living {
		if alive {
			b[at+i/8] |= 1 << (i % 8)
		}
	}
	return b
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// ReadRow is the record that AppendRow wrote. load fetches a touch by its ref.
func ReadRow(key RecordKey, row []byte, load func(Ref) (*Touch, error)) (*Record, error) {
	r := &Record{Key: key}
	d := rowReader{b: row}
	for range d.count() {
		ref := Ref{Branch: uint32(d.uvarint()), Seq: d.uvarint(), Offset: uint32(d.uvarint())}
		explicit := d.byte() == 1
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
		c := claim{name: ShortID(d.take(len(ShortID{}))), scope: scope(d.byte()), path: d.string()}
		if elem := d.string(); elem != "" {
			c.elem = Value(elem)
		}
		r.pending = append(r.pending, c)
	}
	if d.bad || len(d.b) != 0 {
		return nil, fmt.Errorf("read record %s: %w", key, errRow)
	}
	return r, nil
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

func (d *rowReader) living(s *source) {
	p := d.take((len(s.living) + 7) / 8)
	s.n = 0
	for i := range s.living {
		s.living[i] = p[i/8]&(1<<(i%8)) != 0
		if s.living[i] {
			s.n++
		}
	}
}
