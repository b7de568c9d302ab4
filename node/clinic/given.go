package clinic

import (
	"slices"

	"musafir/crdt"
)

// A given is an answer that a phone took in. What the phone had pushed before, and the device
// that answered did not hold, the answer overwrote on the phone where it had a row of it.
type given struct {
	*Cursor
	book    *cursorBook             // in which it stands
	issued  []*crdt.Touch           // what the device wrote the cursor with
	past    Past                    // what the device held
	life    int64                   // the first watermark since the phone had nothing, 0 if that is not known
	begun   Past                    // what that device held which gave it; nil: not known
	emptied bool                    // it was known then that the phone had had something
	since   Past                    // what the phone had before; nil: the device did not know that
	before  *given                  // the answer before; nil: not known any more, or there was none
	owed    map[crdt.RecordKey]bool // rows that went out in any case; nil: not read yet
}

// given is the answer behind a cursor.
func (x *pull) given(c *Cursor) (g *given, err error) {
	if g, ok := x.answers[c.Watermark]; ok {
		return g, nil
	}
	g = &given{Cursor: c, issued: x.book.issued[c.Watermark], book: x.book}
	x.answers[c.Watermark] = g // before what it follows is read: made-up watermarks may go round
	if g.past, err = c.past(x.Look); err != nil {
		return nil, err
	}
	g.life, g.emptied = x.book.begun(c)
	if first := x.book.ever(g.life); first != nil {
		if g.begun, err = first.past(x.Look); err != nil {
			return nil, err
		}
	}
	if c.Presented == 0 {
		g.since, err = x.Look.Past(nil)
		return g, err
	}
	before := x.book.find(c.Presented)
	if before == nil {
		return g, nil
	}
	if g.before, err = x.given(before); err == nil && !c.Blind && len(c.also)+len(before.also) == 0 && covers(c.Marks, before.Marks) {
		g.since = g.before.past
	}
	return g, err
}

// forgot tells whether the phone pushed something before it was emptied, as far as is known.
func (g *given) forgot(t *crdt.Touch) bool {
	_, presented, _ := readOrigin(t.Phone)
	if g == nil {
		return false
	}
	if g.ofOtherLife(presented) {
		return true
	}
	if presented != 0 && presented < g.life || g.begun != nil && g.begun.Holds(t.Ref) && (presented != 0 || g.emptied) {
		return true
	}
	for left := chainMax; g != nil && left > 0; g, left = g.before, left-1 {
		switch g.Presented {
		case presented:
			return false
		case 0:
			return true
		}
	}
	return false
}

// follows tells whether the phone pushed something without a watermark, before it asked for all: it
// may have been emptied after that, or not know that it arrived.
func (g *given) follows(t *crdt.Touch) bool {
	_, presented, _ := readOrigin(t.Phone)
	return g != nil && g.Presented == 0 && presented == 0 && g.past.Holds(t.Ref)
}

// chainMax is how many answers, one after the other, are looked at.
const chainMax = 64

// ofOtherLife tells of a watermark that a device gave the phone before it was emptied, though it is
// later than those that it got since from one which had not heard of it.
func (g *given) ofOtherLife(watermark int64) bool {
	c := g.book.find(watermark)
	if c == nil && watermark > g.Watermark { // the phone left it behind before it was emptied
		c = g.book.ever(watermark)
	}
	return c != nil && g.life != 0 && c.Begun != 0 && !c.Blind && c.Begun != g.life
}

// precedes tells whether the phone pushed something after it had taken in the answer. In one
// sync it speaks to one device, and pushes what it presented when it pulled; what was held back
// then and merged later does not.
func (g *given) precedes(t *crdt.Touch) bool {
	_, presented, _ := readOrigin(t.Phone)
	switch {
	case presented != 0 && presented < g.life || g.ofOtherLife(presented):
		return false // as of what was held back and is merged since
	case presented >= g.Watermark && (!g.blindly() || g.book.descends(presented, g.Watermark)):
		return true
	}
	same := func(c *Cursor) bool { return c.Presented == presented }
	return (same(g.Cursor) || slices.ContainsFunc(g.also, same)) && slices.ContainsFunc(g.issued, func(i *crdt.Touch) bool {
		return i.Ref.Branch == t.Ref.Branch && i.Ref.Seq < t.Ref.Seq
	})
}

// left tells whether the phone still has what it pushed and the device did not know.
func (g *given) left(t *crdt.Touch, touches []*crdt.Touch) bool {
	if g == nil {
		return true
	}
	if g.forgot(t) && !g.precedes(t) {
		return false
	}
	for left := chainMax; g != nil && left > 0; g, left = g.before, left-1 {
		if g.precedes(t) {
			return true
		}
		if g.owes(t.Change.Key) || !g.leaves(touches) && !g.leavesOwn(t, touches) {
			return false
		}
		if g.Presented == 0 {
			return true
		}
	}
	return false
}

// owes tells whether a row was marked where the answer was given, so that it went out as it was there.
func (g *given) owes(key crdt.RecordKey) bool {
	if g.owed == nil {
		touches, err := g.book.owedTouches()
		if err != nil {
			return true
		}
		held := slices.DeleteFunc(slices.Clone(touches), func(t *crdt.Touch) bool { return !t.Merged || !g.past.Holds(t.Ref) })
		g.owed = owedSince(slotsOf(crdt.Refold(crdt.RecordKey{Collection: Owed, ID: g.book.client}, held)), g.since)
	}
	return g.owed[key]
}

// leaves tells whether the answer had nothing of a record: the device had heard nothing of it
// that the phone did not have. Of stock one cannot tell: it changes with what is dispensed.
func (g *given) leaves(touches []*crdt.Touch) bool {
	if len(touches) > 0 && touches[0].Change.Key.Collection == inventory {
		return false
	}
	return !slices.ContainsFunc(touches, func(t *crdt.Touch) bool { return g.past.Holds(t.Ref) && (g.since == nil || !g.since.Holds(t.Ref)) })
}

// leavesOwn tells whether all that the device had heard of a record and the phone did not have then
// came from the phone itself, and was shown as the phone has it.
func (g *given) leavesOwn(own *crdt.Touch, touches []*crdt.Touch) bool {
	client, _, _ := readOrigin(own.Phone)
	t := TableOf(own.Change.Key.Collection)
	if g.since == nil || t == nil || t.Name == inventory {
		return false
	}
	held := slices.DeleteFunc(slices.Clone(touches), func(x *crdt.Touch) bool { return !g.past.Holds(x.Ref) })
	if slices.ContainsFunc(held, func(x *crdt.Touch) bool { return !g.since.Holds(x.Ref) && !isOf(x, client) }) {
		return false
	}
	h := holding{past: g.since, client: client, presented: g.Presented, answer: g.before}
	then, _ := h.then(held)
	return rowOf(t, crdt.Refold(own.Change.Key, then)).equal(rowOf(t, crdt.Refold(own.Change.Key, held)))
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
