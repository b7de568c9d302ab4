package clinic

import "musafir/crdt"

// recalledMax is how many answers are looked at for whether one of them gave a row, and askedMax
// how often in one pull: if ever so many rows come into sight, few of them were given before.
const (
	recalledMax = 1024
	askedMax    = 8192
)

// gave tells whether the phone has a row that its cursor says is deleted, out of its sight or
// not there: an answer gave it, one of those that the phone took in one after the other since it
// had nothing. Rows that it has it must not get as new ones: it may hide them, and breaks then.
func (x *pull) gave(t *Table, r *crdt.Record, has *had) (bool, error) {
	if x.cursor == nil || has.Record == nil && !x.then.answer.blindly() {
		return false, nil
	}
	for n := 0; ; n++ {
		if x.asked++; x.asked > askedMax {
			return false, nil
		}
		b, err := x.recall(n)
		if b == nil || err != nil {
			return false, err
		}
		if h, err := b.has(x, t, r); err != nil || h.saw && !h.row.deleted {
			return err == nil, err
		}
	}
}

// blindly tells whether an answer or one before it came of a device that did not know what the
// phone had, and so may say less than the phone has.
func (g *given) blindly() bool {
	for left := chainMax; g != nil && left > 0; g, left = g.before, left-1 {
		if g.Blind {
			return true
		}
	}
	return false
}

// recall is what the device held that gave the nth answer from the last one; nil: there is none.
func (x *pull) recall(n int) (*belief, error) {
	if n < len(x.recalled) {
		return x.recalled[n], nil
	}
	c := x.cursor
	if n > 0 {
		if c = x.previous(x.recalled[n-1].cursor); c == nil || n == recalledMax {
			return nil, nil
		}
	}
	past, err := c.past(x.Look)
	if err != nil {
		return nil, err
	}
	b := &belief{holding: holding{look: x.Look, past: past}, cursor: c}
	b.scope, err = asSeen(x.Look, c, past)
	b.row = b.rowThen
	if err == nil && x.now.charts != nil && past.LaterCount() <= listEntriesMax {
		b.charts, err = x.sumOf(&linkSum, x.now.charts, &b.holding)
	}
	x.recalled = append(x.recalled, b)
	return b, err
}

// previous is the answer that the phone had taken in before another one, or that the device took
// for it; of a watermark that the phone made up the newest one that it is known to have presented. Nil if there is
// none, or if the phone was emptied between them.
func (x *pull) previous(c *Cursor) *Cursor {
	from := c.Presented
	if c.Blind && c.base != 0 {
		from = c.base
	}
	if from == 0 {
		return nil
	}
	before := x.book.ever(from)
	if before == nil {
		before = x.book.presentedBefore(c.Watermark)
	}
	if before == nil || before.Watermark < x.then.answer.life || before.Watermark >= c.Watermark {
		return nil
	}
	return before
}
