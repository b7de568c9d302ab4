package clinic

import (
	"crypto/sha256"
	"maps"

	"musafir/crdt"
)

// Dispensed is what was dispensed from each shelf, up to a moment. It does not change.
type Dispensed struct{ sums dispensed }

// A Tally keeps what was dispensed, so that not every row of that is read each time. It is
// brought from moment to moment by what changed between them. It is for one goroutine.
type Tally struct {
	feed     [16]byte
	position uint64
	begun    bool
	parts    map[[16]byte]part // by record
	shelves  map[shelf]*shelf
	sums     dispensed // is not changed once it was given out
}

// A part is what one record adds.
type part struct {
	at     *shelf
	amount quantity
}

// tallyMax is of how many records the parts are kept. Where there are more, nothing is.
const tallyMax = 1 << 17

// At is what was dispensed up to a moment; nil if the tally does not know: the moment is
// older than that of the call before, or there are too many records.
func (t *Tally) At(look Look) (*Dispensed, error) {
	feed, position := look.Feed()
	switch {
	case !t.begun || feed != t.feed:
		*t = Tally{feed: feed, position: position, begun: true, parts: map[[16]byte]part{}, shelves: map[shelf]*shelf{}, sums: dispensed{}}
		if err := t.read(look); err != nil {
			*t = Tally{}
			return nil, err
		}
	case position < t.position:
		return nil, nil
	case position > t.position:
		if err := t.advance(look); err != nil {
			*t = Tally{}
			return nil, err
		}
		t.position = position
	}
	if t.parts == nil {
		return nil, nil
	}
	return &Dispensed{t.sums}, nil
}

// read takes in all records.
func (t *Tally) read(look Look) error {
	return look.Scan(dispensing, "", false, func(r *crdt.Record) (bool, error) {
		t.take(r.Key.ID, r)
		return t.parts != nil, nil
	})
}

// advance takes in those that changed.
func (t *Tally) advance(look Look) error {
	own := false
	return look.Changed(dispensing, t.position, func(id string) (bool, error) {
		if t.parts == nil {
			return false, nil
		}
		if !own {
			t.sums, own = maps.Clone(t.sums), true
		}
		r, err := look.Record(crdt.RecordKey{Collection: dispensing, ID: id})
		if err == nil {
			t.take(id, r)
		}
		return err == nil, err
	})
}

// take puts what a record adds in place of what it added before.
func (t *Tally) take(id string, r *crdt.Record) {
	sum := sha256.Sum256([]byte(id))
	name := [16]byte(sum[:])
	if old, ok := t.parts[name]; ok {
		t.sums[*old.at] -= old.amount
		delete(t.parts, name)
	}
	if r == nil || r.Empty() {
		return
	}
	x := rowOf(TableOf(dispensing), r)
	if x.deleted {
		return
	}
	p := part{t.shelf(shelfOf(x)), quantityOf(x)}
	t.sums[*p.at] += p.amount
	if t.parts[name] = p; len(t.parts) > tallyMax {
		t.parts, t.shelves, t.sums = nil, nil, nil
	}
}

// shelf is the one copy of a shelf.
func (t *Tally) shelf(at shelf) *shelf {
	if t.shelves[at] == nil {
		t.shelves[at] = &at
	}
	return t.shelves[at]
}

// upTo is what was dispensed up to a moment, as it is known or as it is read.
func (d *Dispensed) upTo(look Look) (dispensed, error) {
	if d != nil {
		return d.sums, nil
	}
	return dispensedIn(look)
}

// stockOf is what had been dispensed as the phone has it: where nothing changed since, that
// is what there is now.
func (x *pull) stockOf(b *belief) (dispensed, error) {
	h := b.strictly()
	if h.past == nil || h.past.LaterCount() > listEntriesMax {
		sums := dispensed{}
		return sums, h.each(dispensing, func(had row) { sums.add(had, 1) })
	}
	changed := map[crdt.RecordKey]bool{}
	err := h.past.Later(func(key crdt.RecordKey) (bool, error) {
		if key.Collection == dispensing {
			changed[key] = true
		}
		return true, nil
	})
	if err != nil || len(changed) == 0 {
		return x.stock, err
	}
	sums := maps.Clone(x.stock)
	for key := range changed {
		if err := x.undispense(sums, h, key); err != nil {
			return nil, err
		}
	}
	return sums, nil
}

// undispense puts what the phone has of a record in place of what there is now.
func (x *pull) undispense(sums dispensed, h *holding, key crdt.RecordKey) error {
	r, err := x.Look.Record(key)
	if err != nil || r == nil || r.Empty() {
		return err
	}
	t := TableOf(key.Collection)
	sums.add(rowOf(t, r), -1)
	had, err := h.had(r)
	if err == nil && had.Record != nil {
		sums.add(rowOf(t, had.Record), 1)
	}
	return err
}
