package clinic

import (
	"maps"

	"musafir/crdt"
)

// A sumKey is what something is added up under, as a digest.
type sumKey [8]byte

// An addend is what one row adds: so much under each of its keys. Keys that are zero are none.
type addend struct {
	at     [3]sumKey
	amount int64
}

// sums are amounts by key. Copies share what they began with: few amounts change from one
// moment to the next. None holds nothing.
type sums struct {
	base, over map[sumKey]int64 // what stands in both counts as in over; base does not change
}

func newSums() *sums { return &sums{over: map[sumKey]int64{}} }

func (s *sums) of(key sumKey) int64 {
	if s == nil {
		return 0
	}
	if n, ok := s.over[key]; ok {
		return n
	}
	return s.base[key]
}

// add adds what a row adds, so many times.
func (s *sums) add(x addend, times int64) {
	for _, key := range x.at {
		if key != (sumKey{}) {
			s.over[key] = s.of(key) + times*x.amount
		}
	}
}

// overMax is how many amounts a copy holds of its own before they become another base.
const overMax = 4096

// copy is one that changes on its own.
func (s *sums) copy() *sums {
	if len(s.over) <= overMax {
		return &sums{s.base, maps.Clone(s.over)}
	}
	base := make(map[sumKey]int64, len(s.base)+len(s.over))
	maps.Copy(base, s.base)
	maps.Copy(base, s.over)
	maps.DeleteFunc(base, func(_ sumKey, n int64) bool { return n == 0 })
	return &sums{base, map[sumKey]int64{}}
}

// A sum is what the rows of some tables add up to, by what one row adds.
type sum struct {
	tables []string
	of     func(row) addend
}

// read adds up the rows that are seen by a scan.
func (s *sum) read(scan func(table string, visit func(*crdt.Record) (bool, error)) error) (*sums, error) {
	all := newSums()
	for _, table := range s.tables {
		t := TableOf(table)
		err := scan(table, func(r *crdt.Record) (bool, error) {
			all.add(s.of(rowOf(t, r)), 1)
			return true, nil
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// inAll is what there is of it at a moment.
func (s *sum) inAll(look Look) (*sums, error) {
	return s.read(func(table string, visit func(*crdt.Record) (bool, error)) error {
		return look.Scan(table, "", true, visit)
	})
}

// had is what there was of it as a phone had it.
func (s *sum) had(h *holding) (*sums, error) {
	all := newSums()
	for _, table := range s.tables {
		if err := h.each(table, func(had row) { all.add(s.of(had), 1) }); err != nil {
			return nil, err
		}
	}
	return all, nil
}
