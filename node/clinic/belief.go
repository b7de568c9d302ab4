package clinic

import (
	"maps"
	"slices"

	"musafir/crdt"
)

// A belief is what a phone has, if it has what one of its cursors says.
type belief struct {
	holding
	state           // as the phone's own rows are seen, by what it has
	device  state   // as the device saw rows that answered: what the phone pushed elsewhere it may not have known
	stock   *sums   // nil: nothing has stock
	control [8]byte // what the device knew of who takes part
	cursor  *Cursor // nil: of none, or it is not asked for
}

// believe is what the phone has at a cursor; nothing but its own, if that is nil.
func (x *pull) believe(c *Cursor) (b *belief, err error) {
	b = &belief{holding: x.holding}
	b.state, b.control = state{scope: x.now.scope, row: b.rowThen}, x.Control
	if c == nil {
		return b, nil
	}
	b.control = c.Control
	if b.answer, err = x.given(c); err != nil {
		return nil, err
	}
	b.past = b.answer.past
	b.scope, err = asSeen(x.Look, c, b.past)
	b.device = state{scope: b.scope, row: (&belief{holding: b.holding.ofDevice()}).rowThen}
	return b, err
}

// ofDevice is what the device had that gave the answer, without what the phone pushed since.
func (h *holding) ofDevice() holding { return holding{look: h.look, past: h.past} }

func (b *belief) rowThen(table, id string) (row, bool, error) {
	h, err := b.of(crdt.RecordKey{Collection: table, ID: id})
	if err != nil || h.Record == nil {
		return row{}, false, err
	}
	return rowOf(TableOf(table), h.Record), true, nil
}

// doubt reads the cursors of answers of which it is not known whether the phone took them in:
// it may have, all or a part, and failed to push then. Those that the device knew which gave
// the last answer do not matter: that one mended what they had done.
func (x *pull) doubt() error {
	for _, w := range slices.Sorted(maps.Keys(x.book.bodies)) {
		if x.cursor != nil && w == x.cursor.Watermark || x.book.issuedIn(w, x.then.past) {
			continue
		}
		c := x.book.find(w)
		if c == nil {
			continue
		}
		b, err := x.believe(c)
		if err != nil {
			return err
		}
		x.maybe = append(x.maybe, b)
	}
	return nil
}

// beliefs are all of them.
func (x *pull) beliefs() []*belief { return append([]*belief{x.then}, x.maybe...) }

// turnedAll tells whether the user's clinics may be others than the phone has the rows of, or the
// device may show other rows of the same records than the one that answered.
func (x *pull) turnedAll() bool {
	return slices.ContainsFunc(x.beliefs(), func(b *belief) bool { return b.control != x.Control || !x.now.equal(b.scope) })
}

// had is a record as a phone has it.
type had struct {
	hold
	row   row
	saw   bool // its user saw it
	there bool // the phone has a row of it
}

func (b *belief) has(x *pull, t *Table, r *crdt.Record) (h had, err error) {
	if h.hold, err = b.had(r); err != nil || h.Record == nil {
		return h, err
	}
	h.row = x.shown(t, h.Record, b.stock)
	h.saw, err = b.saw(x, t, r, &h)
	h.there = h.saw || h.pushed
	return h, err
}

// saw tells whether the answer let the phone see a row.
func (b *belief) saw(x *pull, t *Table, r *crdt.Record, h *had) (bool, error) {
	if b.device.row == nil {
		return b.sees(h.row)
	}
	if !h.pushed {
		return b.device.sees(h.row)
	}
	device := b.holding.ofDevice()
	held, err := device.had(r)
	if err != nil {
		return false, err
	}
	if held.Record == nil {
		return b.sees(h.row) // the device had not heard of it
	}
	return b.device.sees(x.shown(t, held.Record, b.stock))
}

func (h *had) same(now row, sees bool) bool { return h.saw == sees && h.row.equal(now) }

// mayHave tells whether the phone may have something else of a record than is shown now, or
// may have been told that it must not have it.
func (x *pull) mayHave(t *Table, r *crdt.Record, now row, sees bool) (bool, error) {
	for _, b := range x.maybe {
		h, err := b.has(x, t, r)
		if err != nil {
			return false, err
		}
		gone := h.Record != nil && !h.there && sees && !now.deleted
		if gone || h.there && !h.same(now, sees) {
			return true, nil
		}
	}
	return false, nil
}
