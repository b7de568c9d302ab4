package crdt

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"testing"
)

// partsMap keeps parts as a store does: as bytes under their names.
type partsMap struct {
	d        *device
	living   map[ShortID][]byte
	counters map[string]int64
	waits    map[waitKey][]byte
	retired  map[EntryID]bool
}

type waitKey struct{ For, by ShortID }

func newPartsMap(d *device) *partsMap {
	return &partsMap{d, map[ShortID][]byte{}, map[string]int64{}, map[waitKey][]byte{}, map[EntryID]bool{}}
}

func (m *partsMap) part(b []byte, name ShortID) Part {
	p, err := ReadPart(b, func(ref Ref) (*Touch, error) {
		if t := m.d.byName[name]; t != nil && t.Ref == ref {
			return t, nil
		}
		return nil, errRow
	})
	if err != nil {
		panic(err)
	}
	return p
}

func (m *partsMap) Living(name ShortID) (Part, bool) {
	b, ok := m.living[name]
	if !ok {
		return Part{}, false
	}
	return m.part(b, name), true
}

func (m *partsMap) Live(p Part) { m.living[p.Entry.Short()] = p.Append(nil) }

func (m *partsMap) Retire(t *Touch) {
	delete(m.living, t.Entry.Short())
	m.retired[t.Entry] = true
}

func (m *partsMap) Counter(path string) (int64, bool) { n, ok := m.counters[path]; return n, ok }
func (m *partsMap) Count(c Counter)                   { m.counters[c.Path] = c.Sum }

func (m *partsMap) Waiting(name ShortID, visit func(Wait)) {
	for k, b := range maps.Clone(m.waits) {
		if k.For == name {
			visit(Wait{m.part(b, k.by), name})
		}
	}
}

func (m *partsMap) Wait(by *Touch, name ShortID) (Wait, bool) {
	b, ok := m.waits[waitKey{name, by.Entry.Short()}]
	if !ok {
		return Wait{}, false
	}
	p, err := ReadPart(b, func(Ref) (*Touch, error) { return by, nil })
	return Wait{p, name}, err == nil
}

func (m *partsMap) Keep(w Wait)   { m.waits[waitKey{w.For, w.Entry.Short()}] = w.Append(nil) }
func (m *partsMap) Forget(w Wait) { delete(m.waits, waitKey{w.For, w.Entry.Short()}) }

func (m *partsMap) gather() *Record {
	var living []Part
	var counters []Counter
	var waits []Wait
	for name, b := range m.living {
		living = append(living, m.part(b, name))
	}
	for path, sum := range m.counters {
		counters = append(counters, Counter{path, sum})
	}
	for k, b := range m.waits {
		waits = append(waits, Wait{m.part(b, k.by), k.For})
	}
	r, err := Gather(testKey, living, counters, waits)
	if err != nil {
		panic(err)
	}
	return r
}

// takeApart lets the parts take a touch that the record took with an effect. What
// they amount to is the record, and the record's parts are these.
func (d *device) takeApart(t *Touch, want Effect) {
	if d.spread == nil {
		return
	}
	// Of what is merged a store tells no more than that it is held.
	held := func(name ShortID) (*Touch, bool) {
		x, ok := d.find(name)
		if ok && x.Merged {
			return nil, true
		}
		return x, ok
	}
	apply := d.spread.Apply
	if !t.Merged {
		apply = d.spread.Hold
	}
	m := d.spread.Parts.(*partsMap)
	m.retired = map[EntryID]bool{}
	d.byName[t.Entry.Short()] = t // its parts are read by that
	defer delete(d.byName, t.Entry.Short())
	if got := apply(t, held); got.Root != want.Root {
		panic("in parts a touch has another effect")
	}
	retired := map[EntryID]bool{}
	for _, x := range want.Retired {
		retired[x.Entry] = true
	}
	if !maps.Equal(retired, m.retired) {
		panic(fmt.Sprintf("in parts %v retire, not %v", m.retired, retired))
	}
	d.checkParts(m)
}

func (d *device) checkParts(m *partsMap) {
	if r := m.gather(); !bytes.Equal(rowOf(r), rowOf(d.rec)) {
		panic(fmt.Sprintf("the parts amount to %x, not to %x", rowOf(r), rowOf(d.rec)))
	}
	again := newPartsMap(d)
	if s := d.rec.Spread(again); s.Totals != d.spread.Totals {
		panic(fmt.Sprintf("the totals are %+v, not %+v", d.spread.Totals, s.Totals))
	}
	if !maps.EqualFunc(again.living, m.living, bytes.Equal) || !maps.Equal(again.counters, m.counters) ||
		!maps.EqualFunc(again.waits, m.waits, bytes.Equal) {
		panic("the record has other parts")
	}
	if n := d.spread.Totals; n.Empty() != d.rec.Empty() || n.Deleted() != d.rec.Deleted() {
		panic("the totals tell something else than the record")
	}
}

func TestReadPartDamaged(t *testing.T) {
	w := newWriter(1)
	x, err := w.write(1, &RecordChange{Key: testKey, Writes: []Write{{Path: "p", Value: Int(1)}}})
	if err != nil {
		t.Fatal(err)
	}
	load := func(Ref) (*Touch, error) { return x, nil }
	good := Part{x, bitset{1}}.Append(nil)
	if p, err := ReadPart(good, load); err != nil || !slices.Equal(p.slots, bitset{1}) {
		t.Fatalf("read %v, %v", p, err)
	}
	for n := range len(good) {
		if _, err := ReadPart(good[:n], load); err == nil {
			t.Errorf("%d of %d bytes were taken", n, len(good))
		}
	}
	if _, err := ReadPart(append(good, 0), load); err == nil {
		t.Errorf("one byte too many was taken")
	}
}

// TestManyNames: where many entries are named and many live, each is found as where
// they are few.
func TestManyNames(t *testing.T) {
	const n = searchMax / 32
	w, d := newWriter(1), newDevice()
	last := &RecordChange{Key: testKey, Writes: []Write{{Path: "p", Value: Int(-1)}}}
	for i := range n {
		x, err := w.write(Time(i+1), &RecordChange{Key: testKey, Writes: []Write{{Path: "p", Value: Int(int64(i))}}})
		if err != nil {
			t.Fatal(err)
		}
		d.take(x)
		if i%3 != 0 {
			last.Names = append(last.Names, x.Entry.Short())
		}
	}
	slices.SortFunc(last.Names, ShortID.Compare)
	for i := range last.Names {
		last.Supersedes = append(last.Supersedes, uint16(i))
	}
	last.Writes[0].Supersedes = last.Supersedes
	x, err := w.write(n+1, last)
	if err != nil {
		t.Fatal(err)
	}
	d.take(x)
	checkOracle(t, d.rec, d.held)
	if want := n - len(last.Names) + 1; len(d.rec.sources) != want {
		t.Errorf("%d live, and should %d", len(d.rec.sources), want)
	}
}
