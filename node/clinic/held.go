package clinic

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"musafir/crdt"
)

// A holding is what a phone has of the records: what entries before its watermark made of
// them, and over that what it pushed itself. Whatever wins a tie elsewhere, on the phone
// its own does.
type holding struct {
	look      Look
	past      Past // nil: nothing but its own
	client    string
	presented int64
	before    []Past                 // of a phone that was emptied: what it pushed until then is not its own any more
	since     func(*crdt.Touch) bool // what it pushed later and does not count; nil: all counts
	answer    *given                 // the answer that the phone took in last; nil: what it pushed, it has
}

// newHolding is what a phone has that presents a watermark. What is behind that comes later.
func newHolding(look Look, book *cursorBook, presented int64) (holding, error) {
	h := holding{look: look, client: book.client, presented: presented}
	if presented != 0 || !book.seen() {
		return h, nil
	}
	var err error
	h.before, err = book.pasts(look)
	return h, err
}

// pushed tells whether a touch came from the phone, as it is now: what it pushed with a
// watermark is not there any more once it has none.
func (h *holding) pushed(t *crdt.Touch) bool {
	if _, presented, _ := readOrigin(t.Phone); h.presented == 0 && presented != 0 {
		return false
	}
	if h.since != nil && h.since(t) {
		return false
	}
	return isOf(t, h.client) && !slices.ContainsFunc(h.before, func(p Past) bool { return p.Holds(t.Ref) })
}

// A hold is one record as a phone has it.
type hold struct {
	*crdt.Record      // nil: it has none
	pushed       bool // the phone wrote it at some time
	pending      bool // the phone may have made it and not know yet that it arrived
	emptied      bool // what the phone wrote of it, it did before its first answer: it may have been emptied then
}

// of reads a record.
func (h *holding) of(key crdt.RecordKey) (hold, error) {
	touches, err := h.look.Touches(key)
	if err != nil {
		return hold{}, err
	}
	then, own := h.then(touches)
	x := hold{pushed: len(own) > 0}
	if slices.ContainsFunc(then, isMerged) {
		x.Record = crdt.Refold(key, then)
		x.pending = h.pendingIn(touches, own)
		x.emptied = len(own) > 0 && !slices.ContainsFunc(own, func(t *crdt.Touch) bool { return !h.answer.follows(t) })
	}
	return x, nil
}

// had is a record as the phone has it. Where nothing was written since, that is the record.
func (h *holding) had(r *crdt.Record) (hold, error) {
	nothing, all := true, h.past != nil
	for _, t := range r.Living() {
		own, past := h.pushed(t), h.past != nil && h.past.Holds(t.Ref)
		nothing, all = nothing && !own && h.past == nil, all && past && !own
	}
	switch {
	case all:
		return hold{Record: r}, nil
	case nothing || h.isNew(r.Living()):
		return hold{}, nil
	}
	return h.of(r.Key)
}

// isNew tells of a record with these living touches that the phone cannot have any of it. One
// touch made it, so there are no others: whatever is dead was superseded, in the end by one
// that lives and names what it superseded.
func (h *holding) isNew(living []*crdt.Touch) bool {
	return len(living) == 1 && len(living[0].Change.Names) == 0 && h.past != nil && !h.past.Holds(living[0].Ref) && !h.pushed(living[0])
}

// each visits the rows of a table as the phone has them.
func (h *holding) each(table string, visit func(had row)) error {
	t := TableOf(table)
	return h.look.Scan(table, "", true, func(r *crdt.Record) (bool, error) {
		had, err := h.had(r)
		if err == nil && had.Record != nil {
			visit(rowOf(t, had.Record))
		}
		return err == nil, err
	})
}

func isMerged(t *crdt.Touch) bool { return t.Merged }

// then are copies of touches as the phone has them, and which of those it pushed itself.
func (h *holding) then(touches []*crdt.Touch) (then, own []*crdt.Touch) {
	then = make([]*crdt.Touch, len(touches))
	var over []*crdt.Touch
	for i, t := range touches {
		u := *t
		then[i] = &u
		mine, past := h.pushed(t), h.past != nil && h.past.Holds(t.Ref)
		mine = mine && (past || h.answer.left(t, touches))
		u.Merged = t.Merged && (mine || past)
		if mine && !(past && h.answer.forgot(t)) {
			own = append(own, &u)
		}
		if mine && !past {
			over = append(over, &u)
		}
	}
	slices.SortStableFunc(over, inPhoneOrder)
	for i, u := range over {
		u.Time = math.MaxUint64 - crdt.Time(len(over)-i) // above all others
		overrule(u, then, over[i:])
	}
	for _, u := range own {
		if len(over) > 0 && !slices.Contains(over, u) { // later than some of which the device had not heard
			earlier := slices.DeleteFunc(slices.Clone(over), func(o *crdt.Touch) bool { return inPhoneOrder(o, u) > 0 })
			overrule(u, earlier, nil)
		}
	}
	bury(then, over)
	return then, own
}

// bury lets a record stay deleted of which an answer said so: what the phone pushed of its other
// columns, to a device that had not heard of that, did not change it there.
func bury(then, over []*crdt.Touch) {
	before := slices.DeleteFunc(slices.Clone(then), func(t *crdt.Touch) bool { return !t.Merged || slices.Contains(over, t) })
	if len(over) == 0 || len(before) == 0 || !crdt.Refold(before[0].Change.Key, before).Deleted() {
		return
	}
	for _, u := range over {
		switch {
		case u.Merged && (u.Change.Dead || undeletes(u, before)):
			return
		case u.Merged:
			for _, d := range before {
				if d.Change.Dead {
					c := *d.Change
					c.Names, c.Supersedes = slices.Clone(c.Names), slices.Clone(c.Supersedes)
					c.Supersedes = named(&c, c.Supersedes, u)
					d.Change = &c
				}
			}
		}
	}
}

// undeletes tells whether a touch replaces a deletion among others.
func undeletes(u *crdt.Touch, among []*crdt.Touch) bool {
	return !u.Change.Dead && slices.ContainsFunc(among, func(d *crdt.Touch) bool {
		return d.Change.Dead && slices.ContainsFunc(u.Change.Supersedes, func(at uint16) bool { return u.Change.Names[at] == d.Entry.Short() })
	})
}

// inPhoneOrder orders what one phone pushed as it did so: by the watermark, then by its
// own clock, of which only the order counts.
func inPhoneOrder(a, b *crdt.Touch) int {
	_, first, _ := readOrigin(a.Phone)
	_, second, _ := readOrigin(b.Phone)
	return cmp.Or(cmp.Compare(first, second), cmp.Compare(editedAt(a), editedAt(b)), cmp.Compare(a.Time, b.Time))
}

// overrule lets what a phone pushed replace all that it had until then, but what it pushed
// later: on the phone it did, though the device which took it may not have heard of all that.
func overrule(u *crdt.Touch, then, later []*crdt.Touch) {
	c := *u.Change
	c.Names, c.Supersedes, c.Writes = slices.Clone(c.Names), slices.Clone(c.Supersedes), slices.Clone(c.Writes)
	for _, t := range then {
		if !t.Merged || slices.Contains(later, t) {
			continue
		}
		if c.Dead {
			c.Supersedes = named(&c, c.Supersedes, t)
		}
		for i := range c.Writes {
			if w := &c.Writes[i]; (w.Op == crdt.OpSet || w.Op == crdt.OpRemove) && writesWithin(t, w.Path) {
				w.Supersedes = named(&c, w.Supersedes, t)
			}
			if w := c.Writes[i]; w.Op == crdt.OpMax {
				c.Writes = leftOut(&c, w, t)
			}
		}
	}
	u.Change = &c
}

// leftOut adds, where the order of a document was written, that what an earlier touch wrote of its
// elements is gone if the order does not name them: it names all that the phone had.
func leftOut(c *crdt.RecordChange, order crdt.Write, t *crdt.Touch) []crdt.Write {
	column, is := strings.CutSuffix(order.Path, "/"+orderKey)
	if !is || order.Value.Kind() != crdt.KindText {
		return c.Writes
	}
	keys, ok := orderedKeys(order.Value.Text())
	if !ok {
		return c.Writes
	}
	all := c.Writes
	for _, w := range t.Change.Writes {
		element, in := strings.CutPrefix(w.Path, column+"/")
		if !in || element == orderKey || slices.ContainsFunc(keys, func(k string) bool { return crdt.JoinPath(column, k) == w.Path }) {
			continue
		}
		at := slices.IndexFunc(all, func(x crdt.Write) bool { return x.Path == w.Path })
		if at < 0 {
			at, all = len(all), append(all, crdt.Write{Path: w.Path, Op: crdt.OpRemove})
		}
		if all[at].Op == crdt.OpRemove {
			all[at].Supersedes = named(c, all[at].Supersedes, t)
		}
	}
	return all
}

// named adds what a touch wrote to a list of what is superseded.
func named(c *crdt.RecordChange, superseded []uint16, t *crdt.Touch) []uint16 {
	at := slices.Index(c.Names, t.Entry.Short())
	if at < 0 {
		at, c.Names = len(c.Names), append(c.Names, t.Entry.Short())
	}
	if at < crdt.MaxNames && !slices.Contains(superseded, uint16(at)) {
		superseded = append(slices.Clone(superseded), uint16(at))
	}
	return superseded
}

// writesWithin tells whether a touch wrote a path or something in it.
func writesWithin(t *crdt.Touch, path string) bool {
	return slices.ContainsFunc(t.Change.Writes, func(w crdt.Write) bool {
		return w.Path == path || strings.HasPrefix(w.Path, path+"/")
	})
}

// editedAt is the phone's time of what it pushed, in milliseconds; 0 if it says none.
func editedAt(t *crdt.Touch) int64 {
	if t.Change.Dead {
		return deletedAtIn(t.Phone)
	}
	for i := range t.Change.Writes {
		if w := &t.Change.Writes[i]; w.Path == updatedAt && w.Value.Kind() == crdt.KindInt {
			return w.Value.Int()
		}
	}
	return 0
}

// pendingIn tells whether the phone may hold a record as one that it made and that has not
// arrived: it knows of it by nothing but what it pushed since it presented this watermark.
// What such a row gets is taken for newer than what the phone's user wrote meanwhile.
func (h *holding) pendingIn(touches, own []*crdt.Touch) bool {
	known := func(t *crdt.Touch) bool {
		_, presented, _ := readOrigin(t.Phone)
		return presented != h.presented
	}
	if slices.ContainsFunc(own, known) || len(own) == 0 {
		return false
	}
	return h.past == nil || !slices.ContainsFunc(touches, func(t *crdt.Touch) bool { return h.past.Holds(t.Ref) && (!h.pushed(t) || h.answer.forgot(t)) })
}

// isOf tells whether a phone pushed something. Nothing is of a phone without a name.
func isOf(t *crdt.Touch, client string) bool {
	of, _, ok := readOrigin(t.Phone)
	return ok && of == client
}
