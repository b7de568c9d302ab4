package clinic

import (
	"bytes"
	"cmp"
	"strings"

	"github.com/go-json-experiment/json/jsontext" // JSON as it stands, value by value

	"musafir/crdt"
)

// mendMax is at how many rows that are held back a Mend looks: with every push, so that
// pushes stay quick however many there are.
const mendMax = 256

// Mend is what merges the rows that their users may write by now: batches in order, one
// row after the other. It looks at some of those behind an id; the next is to look behind
// the one that it names, which is "" at the end.
func Mend(look Look, after string, nowMs int64) (batches []Batch, next string, err error) {
	m := &mending{look: look, nowMs: nowMs, rights: map[string]*rights{}, books: map[string]*cursorBook{}}
	looked := 0
	err = look.Scan(HeldRows, after, false, func(r *crdt.Record) (bool, error) {
		looked, next = looked+1, r.Key.ID
		if kindOf(r) != denied {
			return looked < mendMax, nil
		}
		h := readHeld(r)
		h.raw = rawOf(r)
		more, err := m.mend(h)
		batches = append(batches, more...)
		return looked < mendMax, err
	})
	if looked < mendMax {
		next = ""
	}
	return batches, next, err
}

// A mending is a Mend at work, with what it reads once for all rows of a user or a phone.
type mending struct {
	look   Look
	nowMs  int64
	rights map[string]*rights
	books  map[string]*cursorBook
}

// mend is what a held row says, against what its phone had when it was held; none if its
// user may not say it yet. What the phone sent of the row since is newer: it stays. What
// deletes and also writes is deleted at the next time, of what was written then.
func (m *mending) mend(h *heldRow) ([]Batch, error) {
	row := h.pushed()
	if row == nil {
		return []Batch{h.unfit("it cannot be read any more")}, nil
	}
	x, err := m.open(h, row)
	if err != nil {
		return nil, err
	}
	gone, err := x.overtake(h, row, m.books[h.client])
	if gone || err != nil {
		return []Batch{h.drop(row)}, err
	}
	said, stays, err := x.mendWrite(h, row)
	switch {
	case err != nil || len(said) > 0 && stays:
		return said, err
	case len(said) > 0 && !row.deletes():
		// The phone was told meanwhile that the row is as it had been.
		owed, err := owe(m.look, h.client, []crdt.RecordKey{row.key()})
		end := h.drop(row)
		end.Edits = append(end.Edits, owed...)
		return append(said, end), err
	case len(said) > 0:
		return append(said, h.bound(row, &crdt.Edit{Key: h.key(), Set: []crdt.Field{{Key: "written", Value: crdt.True}}})), nil
	}
	deletion, refused, err := x.mendDelete(h, row)
	if err != nil || stays || refused {
		return deletion, err
	}
	return append(deletion, h.drop(row)), nil
}

// open is a push as it was when the row was held back, with the rights of now.
func (m *mending) open(h *heldRow, row *pushedRow) (x *push, err error) {
	x = &push{Push: Push{Look: m.look, Client: h.client, User: h.user, Presented: h.presented, NowMs: m.nowMs, Rows: &Pushed{rows: []*pushedRow{row}}}}
	book := m.books[h.client]
	if book == nil {
		if book, err = readCursors(m.look, h.client); err != nil {
			return nil, err
		}
		m.books[h.client] = book
	}
	if _, err = x.know(book.until(h.time)); err != nil {
		return nil, err
	}
	if x.holding.past, err = m.look.Past(h.marks); err != nil {
		return nil, err
	}
	x.marks, x.holding.since = h.marks, func(t *crdt.Touch) bool { return h.order(t, book, x.holding.past) != before }
	for i := range x.since {
		x.since[i].since = x.holding.since
	}
	if m.rights[h.user] == nil {
		if m.rights[h.user], err = rightsOf(m.look, h.user); err != nil {
			return nil, err
		}
	}
	x.rights = m.rights[h.user]
	return x, nil
}

// until are the cursors that had been issued at a time.
func (b *cursorBook) until(at crdt.Time) *cursorBook {
	then := *b
	then.bodies, then.found = map[int64][]crdt.Value{}, map[int64][]*Cursor{}
	for w, bodies := range b.bodies {
		for _, t := range b.issued[w] {
			if t.Time <= at {
				then.bodies[w] = bodies
			}
		}
	}
	return &then
}

// pushed is the row that is held back, nil if it cannot be one.
func (h *heldRow) pushed() *pushedRow {
	p := &Pushed{}
	dec := jsontext.NewDecoder(bytes.NewReader([]byte(h.raw)), jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
	for list := range strings.FieldsSeq(h.lists) {
		raw, err := dec.ReadValue()
		if err != nil {
			return nil
		}
		p.rows = append(p.rows, readPushedRow(h.table, list, raw))
	}
	p.unite()
	if len(p.rows) != 1 || p.rows[0].err != nil {
		return nil
	}
	h.edited = p.rows[0].editedMs()
	return p.rows[0]
}

// A turn is when a phone pushed something, beside a row that was held back.
type turn byte

const (
	before turn = iota
	after
	unknown
)

// order tells when the phone pushed something: by what it had seen, by where both stand in one log,
// by the watermarks if devices gave them, then by the phone's times. Where none of these tells it the
// two stand side by side: a watermark that the app made up of a wrong clock may be off by years.
func (h *heldRow) order(t *crdt.Touch, book *cursorBook, had Past) turn {
	_, presented, _ := readOrigin(t.Phone)
	edited := editedAt(t)
	if had.Holds(t.Ref) || presented == h.presented && edited == h.edited && edited != 0 { // or a part of the row itself
		return before
	}
	in := uint64(0)
	for _, at := range h.places {
		if at.Branch == t.Ref.Branch {
			in = max(in, at.Seq)
		}
	}
	switch {
	case in != 0:
		return turnOf(in, t.Ref.Seq)
	case presented != h.presented && book.ever(h.presented) != nil && book.ever(presented) != nil:
		return turnOf(h.presented, presented)
	case presented != h.presented:
		return unknown
	case h.edited != 0 && edited != 0:
		return turnOf(h.edited, edited)
	}
	return turnOf(h.time, t.Time)
}

func turnOf[T cmp.Ordered](held, t T) turn {
	if t > held {
		return after
	}
	return before
}

// overtake notes what the phone pushed of the row since it was held back. If that deleted the
// record, there is nothing left to say.
func (x *push) overtake(h *heldRow, row *pushedRow, book *cursorBook) (gone bool, err error) {
	touches, err := x.Look.Touches(row.key())
	if err != nil {
		return false, err
	}
	dead := false
	for _, t := range touches {
		if !isOf(t, h.client) || h.order(t, book, x.holding.past) != after {
			continue
		}
		if row.overtaken == nil {
			row.overtaken = map[string]bool{}
		}
		for i := range t.Change.Writes {
			column, _, _ := strings.Cut(t.Change.Writes[i].Path, "/")
			row.overtaken[column] = true
		}
		dead = dead || t.Change.Dead
	}
	if !dead {
		return false, nil
	}
	r, err := x.Look.Record(row.key())
	return err == nil && r != nil && r.Deleted(), err
}

// mendWrite is what the row says but for a deletion; stays tells that it stays held back: its
// user may still not say it, or it can never be merged.
func (x *push) mendWrite(h *heldRow, row *pushedRow) (said []Batch, stays bool, err error) {
	if h.written {
		return nil, false, nil
	}
	w, why, err := x.edit(row)
	if err != nil || why != "" || !w.says() {
		return nil, why != "", err
	}
	fit, err := split(w.edit)
	if err != nil {
		return []Batch{h.unfit(err.Error())}, true, nil
	}
	return x.batchesOf(h, fit), false, nil
}

// mendDelete is the deletion, none if there is nothing to delete.
func (x *push) mendDelete(h *heldRow, row *pushedRow) (said []Batch, refused bool, err error) {
	if !row.deletes() {
		return nil, false, nil
	}
	had, known, err := x.deletes(row.key())
	if err != nil || had == nil {
		return nil, false, err
	}
	why, err := x.rights.refuseDelete(rowOfAny(row, known))
	if err != nil || why != "" {
		return nil, why != "", err
	}
	said = x.batchesOf(h, []*crdt.Edit{{Key: row.key(), From: had, Delete: true}})
	return deletions(said, h.client, h.presented, h.edited), false, nil
}

// batchesOf are those of a held row, in the name of the user who wrote it.
func (x *push) batchesOf(h *heldRow, edits []*crdt.Edit) []Batch {
	batches := x.batches(edits, nil)
	for i := range batches {
		batches[i].Author, batches[i].held = x.rights.name, h
	}
	return batches
}

// bound is an edit of what is held that is done only if nothing of the row was refused.
func (h *heldRow) bound(row *pushedRow, e *crdt.Edit) Batch {
	return Batch{Edits: []*crdt.Edit{e}, only: map[crdt.RecordKey]crdt.RecordKey{h.key(): row.key()}}
}

// drop ends that a row is held back.
func (h *heldRow) drop(row *pushedRow) Batch {
	return h.bound(row, &crdt.Edit{Key: h.key(), Delete: true})
}

// unfit holds back for good what cannot be merged even if its user may.
func (h *heldRow) unfit(why string) Batch {
	return Batch{Edits: []*crdt.Edit{{Key: h.key(), Set: []crdt.Field{
		{Key: "kind", Value: crdt.Text(unfit)}, {Key: "why", Value: crdt.Text(clipped(why, whyBytesMax))},
	}}}}
}
