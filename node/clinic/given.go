package clinic

import (
	"slices"

	"musafir/crdt"
)

// A given is an answer that a phone took in. What the phone had pushed before, and the device
// that answered did not hold, the answer overwrote on the phone where it had a row of it.
type given struct {
	*Cursor
	issued []*crdt.Touch // what the device wrote the cursor with
	past   Past          // what the device held
	since  Past          // what the phone had before; nil: the device did not know that
	after  []int64       // the watermarks that it had presented one after the other, as far as they are known
	first  bool          // that is since it had none
}

// given is the answer behind a cursor.
func (x *pull) given(c *Cursor, past Past) (*given, error) {
	g := &given{Cursor: c, issued: x.book.issued[c.Watermark], past: past}
	g.readBefore(x.book)
	before := &Cursor{}
	if c.Presented != 0 {
		if before = x.book.find(c.Presented); before == nil || !covers(c.Marks, before.Marks) {
			return g, nil
		}
	}
	var err error
	g.since, err = x.Look.Past(before.Marks)
	return g, err
}

// readBefore reads how the phone came to its watermark.
func (g *given) readBefore(book *cursorBook) {
	for c := g.Cursor; c != nil && !g.first; {
		if slices.Contains(g.after, c.Presented) {
			return
		}
		g.after, g.first = append(g.after, c.Presented), c.Presented == 0
		c = book.find(c.Presented)
	}
}

// forgot tells whether the phone pushed something before it was emptied.
func (g *given) forgot(t *crdt.Touch) bool {
	_, presented, _ := readOrigin(t.Phone)
	return g.first && !slices.Contains(g.after, presented)
}

// precedes tells whether the phone pushed something after it had taken in the answer. In one
// sync it speaks to one device.
func (g *given) precedes(t *crdt.Touch) bool {
	if _, presented, _ := readOrigin(t.Phone); presented >= g.Watermark {
		return true
	}
	return slices.ContainsFunc(g.issued, func(i *crdt.Touch) bool {
		return i.Ref.Branch == t.Ref.Branch && i.Ref.Seq < t.Ref.Seq
	})
}

// left tells whether the phone still has what it pushed, and the device did not know; kept is
// whether the answer had nothing of the record.
func (g *given) left(t *crdt.Touch, kept bool) bool {
	return g == nil || g.precedes(t) || kept && !g.forgot(t)
}

// leaves tells whether the answer had nothing of a record: the device had heard nothing of it
// that the phone did not have. Of stock one cannot tell: it changes with what is dispensed.
func (g *given) leaves(touches []*crdt.Touch) bool {
	if g != nil && len(touches) > 0 && touches[0].Change.Key.Collection == inventory {
		return false
	}
	return g == nil || g.since != nil && !slices.ContainsFunc(touches, func(t *crdt.Touch) bool { return g.past.Holds(t.Ref) && !g.since.Holds(t.Ref) })
}

// strictly is a holding of which nothing counts that an answer may have overwritten.
func (h holding) strictly() *holding {
	if h.answer != nil {
		g := *h.answer
		g.since = nil
		h.answer = &g
	}
	return &h
}
