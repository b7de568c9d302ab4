package clinic

import (
	"slices"

	"musafir/crdt"
)

// A Tally keeps what the rows of some tables add up to, so that not all of them are read each
// time. It is brought from moment to moment by what changed between them. It is for one
// goroutine.
type Tally struct {
	sum      *sum
	feed     [16]byte
	position uint64
	begun    bool
	parts    map[sumKey]addend // by record; nil: there are too many
	sums     *sums             // is not changed once it was given out
}

// StockTally keeps what was dispensed.
func StockTally() *Tally { return &Tally{sum: &stockSum} }

// ChartTally keeps how much there is about each patient, for users of some clinics.
func ChartTally() *Tally { return &Tally{sum: &chartSum} }

// Tallied is what a tally knew at a moment. It does not change.
type Tallied struct{ sums *sums }

// tallyMax is of how many records the parts are kept, some 110 bytes each. Where there are
// more, nothing is.
const tallyMax = 1 << 19

// At is what the tally comes to at a moment; nil if it does not know: the moment is older
// than that of the call before, or there are too many records.
func (t *Tally) At(look Look) (*Tallied, error) {
	feed, position := look.Feed()
	switch {
	case !t.begun || feed != t.feed:
		*t = Tally{sum: t.sum, feed: feed, position: position, begun: true, parts: map[sumKey]addend{}, sums: newSums()}
		if err := t.read(look); err != nil {
			*t = Tally{sum: t.sum}
			return nil, err
		}
		if t.sums != nil {
			t.sums = t.sums.copy() // whose own amounts are few
		}
	case position < t.position:
		return nil, nil
	case position > t.position:
		if err := t.advance(look); err != nil {
			*t = Tally{sum: t.sum}
			return nil, err
		}
		t.position = position
	}
	if t.parts == nil {
		return nil, nil
	}
	return &Tallied{t.sums}, nil
}

// read takes in all records.
func (t *Tally) read(look Look) error {
	for _, table := range t.sum.tables {
		err := look.Scan(table, "", true, func(r *crdt.Record) (bool, error) {
			t.take(r.Key, r)
			return t.parts != nil, nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// advance takes in those that changed.
func (t *Tally) advance(look Look) error {
	own := false
	for _, table := range t.sum.tables {
		err := look.Changed(table, t.position, func(id string) (bool, error) {
			if t.parts == nil {
				return false, nil
			}
			if !own {
				t.sums, own = t.sums.copy(), true
			}
			key := crdt.RecordKey{Collection: table, ID: id}
			r, err := look.Record(key)
			if err == nil {
				t.take(key, r)
			}
			return err == nil, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// take puts what a record adds in place of what it added before.
func (t *Tally) take(key crdt.RecordKey, r *crdt.Record) {
	name := digest(key.Collection, key.ID)
	t.sums.add(t.parts[name], -1)
	delete(t.parts, name)
	if r == nil || r.Empty() {
		return
	}
	x := t.sum.of(rowOf(TableOf(key.Collection), r))
	if x == (addend{}) {
		return
	}
	t.sums.add(x, 1)
	if t.parts[name] = x; len(t.parts) > tallyMax {
		t.parts, t.sums = nil, nil
	}
}

// upTo is what a sum comes to at a moment, as it is known or as it is read.
func (s *sum) upTo(look Look, known *Tallied) (*sums, error) {
	if known != nil {
		return known.sums, nil
	}
	return s.inAll(look)
}

// sumOf is what a sum comes to as the phone has it: where nothing changed since, that is what
// there is now.
func (x *pull) sumOf(s *sum, now *sums, h *holding) (*sums, error) {
	if h.past == nil || h.past.LaterCount() > listEntriesMax {
		return s.had(h)
	}
	changed, err := laterOf(h.past, s.tables)
	if err != nil || len(changed) == 0 {
		return now, err
	}
	had := now.copy()
	for key := range changed {
		was, is, err := x.change(key, h)
		if err != nil {
			return nil, err
		}
		if is != nil {
			had.add(s.of(*is), -1)
		}
		if was != nil {
			had.add(s.of(*was), 1)
		}
	}
	return had, nil
}

// change is a row as the phone has it, and as it is now; nil where there is none.
func (x *pull) change(key crdt.RecordKey, h *holding) (was, is *row, err error) {
	r, err := x.Look.Record(key)
	if err != nil || r == nil || r.Empty() {
		return nil, nil, err
	}
	t := TableOf(key.Collection)
	now := rowOf(t, r)
	had, err := h.had(r)
	if err != nil || had.Record == nil {
		return nil, &now, err
	}
	then := rowOf(t, had.Record)
	return &then, &now, nil
}

// laterOf are the records of some tables that entries outside of a past touch.
func laterOf(past Past, tables []string) (map[crdt.RecordKey]bool, error) {
	keys := map[crdt.RecordKey]bool{}
	err := past.Later(func(key crdt.RecordKey) (bool, error) {
		if slices.Contains(tables, key.Collection) {
			keys[key] = true
		}
		return true, nil
	})
	return keys, err
}
