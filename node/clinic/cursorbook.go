package clinic

import (
	"bytes"
	"maps"
	"slices"

	"musafir/crdt"
)

// A cursorBook is all that is known of one phone's cursors.
type cursorBook struct {
	client string
	slots  *slots
	bodies map[int64][]crdt.Value
	issued map[int64][]*crdt.Touch // what wrote them
	found  map[int64][]*Cursor     // those that were put together
	look   Look
	all    map[int64][]crdt.Value // all bodies that there ever were; nil: not read yet
	owed   []*crdt.Touch          // all that was ever written of what the phone is owed; nil: not read yet
}

func readCursors(look Look, client string) (*cursorBook, error) {
	slots, err := readSlots(look, crdt.RecordKey{Collection: Cursors, ID: client})
	if err != nil {
		return nil, err
	}
	book := &cursorBook{client: client, slots: slots, bodies: map[int64][]crdt.Value{}, issued: map[int64][]*crdt.Touch{}, found: map[int64][]*Cursor{}, look: look}
	slots.each(func(_ int, body crdt.Value, by *crdt.Touch) {
		if w, ok := watermarkOf(body); ok {
			book.issued[w] = append(book.issued[w], by)
			if !slices.ContainsFunc(book.bodies[w], body.Equal) {
				book.bodies[w] = append(book.bodies[w], body)
			}
		}
	})
	return book, nil
}

// known tells whether the phone was ever given anything.
func (b *cursorBook) known() bool { return b.slots.record != nil }

// siblingsMax is how many cursors of one watermark are read. More than two are somebody's
// doing.
const siblingsMax = 8

// find is the cursor behind a watermark, put together with those that it rests on; nil if it
// is not known here. Where two devices issued the same watermark, as a device and its clone
// may, only what both had counts. What no device of ours writes counts for nothing.
func (b *cursorBook) find(watermark int64) *Cursor {
	return common(b.put(watermark, b.bodies[watermark]))
}

// put puts cursors of one watermark together of their bodies; none if one cannot be.
func (b *cursorBook) put(watermark int64, bodies []crdt.Value) []*Cursor {
	if len(bodies) == 0 {
		return nil
	}
	if list, known := b.found[watermark]; known {
		return list
	}
	b.found[watermark] = nil // if it rests on itself
	var list []*Cursor
	for i, body := range bodies {
		c, err := readCursor(body)
		if err != nil || i == siblingsMax || c.base != 0 && !b.complete(c) {
			return nil
		}
		list = append(list, c)
	}
	b.found[watermark] = list
	return list
}

// complete adds to a cursor what it does not say of its own; false if that is not known here.
func (b *cursorBook) complete(c *Cursor) bool {
	all := b.everOf(c.base)
	i := slices.IndexFunc(all, func(base *Cursor) bool { return bytes.Equal(digestOf(base.Marks), c.of) })
	if i < 0 || all[i].depth >= depthMax+1 {
		return false
	}
	c.Marks, c.depth = withMarks(all[i].Marks, c.Marks), all[i].depth+1
	return true
}

// ever is a cursor that may have been removed: its body is in the history then. Another cursor
// may rest on it, of which the device that removed it did not know.
func (b *cursorBook) ever(watermark int64) *Cursor { return common(b.everOf(watermark)) }

func (b *cursorBook) everOf(watermark int64) []*Cursor {
	if len(b.bodies[watermark]) == 0 && b.all == nil {
		b.all = map[int64][]crdt.Value{}
		touches, err := b.look.Touches(crdt.RecordKey{Collection: Cursors, ID: b.client})
		if err != nil {
			return nil
		}
		for _, t := range touches {
			for i := range t.Change.Writes {
				if w := &t.Change.Writes[i]; t.Merged && w.Op == crdt.OpSet {
					if at, ok := watermarkOf(w.Value); ok {
						b.all[at] = append(b.all[at], w.Value)
					}
				}
			}
		}
	}
	if len(b.bodies[watermark]) > 0 {
		return b.put(watermark, b.bodies[watermark])
	}
	return b.put(watermark, b.all[watermark])
}

func (b *cursorBook) owedTouches() (touches []*crdt.Touch, err error) {
	if b.owed == nil {
		b.owed, err = b.look.Touches(crdt.RecordKey{Collection: Owed, ID: b.client})
	}
	return b.owed, err
}

// descends tells whether the phone got a watermark after another one, as far as is known. Where a
// device did not know what the phone had, the greater one may be the earlier.
func (b *cursorBook) descends(watermark, from int64) bool {
	for left := recalledMax; left > 0 && watermark != 0; left-- {
		if watermark == from {
			return true
		}
		c := b.ever(watermark)
		if c == nil {
			return false
		}
		watermark = c.Presented
	}
	return false
}

// newest is the greatest watermark that is known here.
func (b *cursorBook) newest() (newest int64) {
	for w := range b.bodies {
		newest = max(newest, w)
	}
	return newest
}

// presentedBefore is the newest cursor older than a watermark that the phone is known to have
// presented, nil if none is.
func (b *cursorBook) presentedBefore(watermark int64) *Cursor {
	newest := int64(0)
	for _, bodies := range b.bodies {
		for _, body := range bodies {
			if c, err := readCursor(body); err == nil && c.Presented < watermark && c.Presented > newest && b.ever(c.Presented) != nil {
				newest = c.Presented
			}
		}
	}
	return b.ever(newest)
}

// issue is the edit that keeps a new cursor and lets those go that the phone has left
// behind: it will never present one from before the one that it presents now.
func (b *cursorBook) issue(c, presented *Cursor, past Past) *crdt.Edit {
	gone := b.past(presented, past)
	return b.slots.keep(crdt.RecordKey{Collection: Cursors, ID: b.client}, c.encode(presented), func(body crdt.Value) bool {
		w, ok := watermarkOf(body)
		return ok && !gone[w]
	})
}

// unconfirmedMax is how many answers count as what a phone may have taken in that presents the
// same watermark again and again.
const unconfirmedMax = 16

// past are the watermarks of which no cursor is needed any more.
func (b *cursorBook) past(presented *Cursor, past Past) (gone map[int64]bool) {
	all := slices.Sorted(maps.Keys(b.bodies))
	gone = map[int64]bool{}
	needed, from := map[int64]bool{}, int64(0)
	if presented != nil {
		from = presented.Watermark
		b.need(from, needed, 0)
		b.need(presented.base, needed, 0) // its body may be in the history only
		b.need(presented.Begun, needed, 0)
	}
	open := slices.DeleteFunc(slices.Clone(all), func(w int64) bool { return w <= from })
	for _, w := range open[max(0, len(open)-unconfirmedMax):] {
		b.need(w, needed, 0)
	}
	for _, w := range all {
		if !needed[w] && (w > from || b.issuedIn(w, past)) {
			gone[w] = true
		}
	}
	return gone
}

// issuedIn tells whether who had that past knew of a cursor.
func (b *cursorBook) issuedIn(watermark int64, past Past) bool {
	return past != nil && !slices.ContainsFunc(b.issued[watermark], func(t *crdt.Touch) bool { return !past.Holds(t.Ref) })
}

// need adds a watermark and those of the cursors on which its own rests.
func (b *cursorBook) need(watermark int64, needed map[int64]bool, depth int) {
	if needed[watermark] || depth > depthMax+1 {
		return
	}
	needed[watermark] = true
	for _, body := range b.bodies[watermark] {
		c, err := readCursor(body)
		if err == nil && c.base != 0 {
			b.need(c.base, needed, depth+1)
		}
		if err == nil && c.Begun != 0 {
			b.need(c.Begun, needed, depth+1)
		}
	}
}

// begin says of a new cursor since when the phone has something. One that has nothing still
// has it since the first answer that it may have taken in and never got through with.
func (b *cursorBook) begin(c, presented *Cursor) {
	if c.Presented != 0 {
		if presented == nil {
			presented = c // as far as is known: what says it may be gone soon
		}
		c.Begun, c.Emptied = b.begun(presented)
		return
	}
	c.Begun, c.Emptied = c.Watermark, b.seen()
	for _, w := range slices.Sorted(maps.Keys(b.bodies)) {
		if first := b.find(w); first != nil && first.Presented == 0 && !b.presentedSince(w) {
			c.Begun, c.Emptied = first.Begun, first.Emptied
			return
		}
	}
}

// begun is since when the phone has something that has a cursor. A device that did not know what
// the phone had may have taken it for one from before it was emptied.
func (b *cursorBook) begun(c *Cursor) (begun int64, emptied bool) {
	begun, emptied = c.Begun, c.Emptied
	for w := range b.bodies {
		if k := b.find(w); k != nil && w <= c.Watermark && k.Begun > begun {
			begun, emptied = k.Begun, k.Emptied
		}
	}
	return begun, emptied
}

// beforeLife tells of what the phone pushed whether it did before it was emptied last, as far as is
// known; nil if it never was.
func (b *cursorBook) beforeLife() func(*crdt.Touch) bool {
	life := int64(0)
	for w := range b.bodies {
		if c := b.find(w); c != nil && c.Emptied {
			life = max(life, c.Begun)
		}
	}
	if life == 0 {
		return nil
	}
	return func(t *crdt.Touch) bool {
		_, presented, _ := readOrigin(t.Phone)
		return presented < life
	}
}

// presentedSince tells whether the phone is known to have presented a watermark or a later one.
func (b *cursorBook) presentedSince(watermark int64) bool {
	for w := range b.bodies {
		if c := b.find(w); c != nil && c.Presented >= watermark {
			return true
		}
	}
	return false
}

// last is for a watermark that is none, as the app makes up: the newest cursor that the phone is
// known to have presented, so that it has at least that much. Nil if there is none.
func (b *cursorBook) last() *Cursor {
	newest := int64(0)
	for _, bodies := range b.bodies {
		for _, body := range bodies {
			if c, err := readCursor(body); err == nil && len(b.bodies[c.Presented]) > 0 {
				newest = max(newest, c.Presented)
			}
		}
	}
	return b.find(newest)
}

// pasts are what all cursors of the phone that are known here stand for.
func (b *cursorBook) pasts(look Look) (pasts []Past, err error) {
	for w := range b.bodies {
		c := b.find(w)
		if c == nil {
			continue
		}
		p, err := c.past(look)
		if err != nil {
			return nil, err
		}
		pasts = append(pasts, p)
	}
	return pasts, nil
}

// seen tells whether the phone ever presented a watermark that a device of the camp gave it.
func (b *cursorBook) seen() bool {
	for _, bodies := range b.bodies {
		for _, body := range bodies {
			if c, err := readCursor(body); err == nil && c.Presented > 0 {
				return true
			}
		}
	}
	return false
}
