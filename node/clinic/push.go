package clinic

import (
	"maps"
	"slices"

	"musafir/crdt"
)

// A Push is what a phone sent, against what this device holds at a moment. It is written in
// steps, each against a new moment: Write, then Delete, then Owed, each durable before the
// next. A push that is cut off between them is repeated by the phone, and does the rest.
type Push struct {
	Look      Look
	Client    string
	User      string
	Presented int64 // the watermark that the phone presented at the pull before
	NowMs     int64
	Rows      *Pushed
	Dispensed *Tallied // up to the moment of Look; nil: it is read
}

// A Batch is what becomes one entry.
type Batch struct {
	Edits  []*crdt.Edit
	Origin string // of the phone; "" if it is not what the phone wrote
	Author string // of what another user pushed before; "" if the user who pushes now wrote it

	held *heldRow                          // whose row it writes; nil: one of the push
	only map[crdt.RecordKey]crdt.RecordKey // these edits are done only if nothing of that record was refused
}

// A push is a Push at work.
type push struct {
	Push
	holding holding
	marks   []crdt.Mark // what the phone had seen
	rights  *rights
	book    *cursorBook
	cursor  *Cursor   // what the phone had seen; nil: nothing
	guessed bool      // what it had seen is not known for certain
	since   []holding // what the phone may have by now, where it presents a watermark that is none
	had     *sums     // what had been dispensed, as the phone has it; nil: not read yet
}

func (p Push) open() (*push, error) {
	book, err := readCursors(p.Look, p.Client)
	if err != nil {
		return nil, err
	}
	x := &push{Push: p}
	c, err := x.know(book)
	if err != nil {
		return nil, err
	}
	if c == nil {
		x.holding.past, err = p.Look.Past(nil)
	} else {
		x.marks = c.commonMarks()
		x.holding.past, err = c.past(p.Look)
	}
	if err != nil {
		return nil, err
	}
	if x.rights, err = rightsOf(p.Look, p.User); err == nil {
		x.rights.visits = p.Rows.visits()
	}
	return x, err
}

// know reads what is known of what the phone has: the cursor that it is known to have got.
func (x *push) know(book *cursorBook) (c *Cursor, err error) {
	if x.holding, err = newHolding(x.Look, book, x.Presented); err != nil {
		return nil, err
	}
	if c = book.ever(x.Presented); c == nil && x.Presented != 0 {
		x.guessed = true
		c = book.last()
		x.since, err = x.holdingsAfter(book, c)
	}
	x.book, x.cursor = book, c
	return c, err
}

// holdingsAfter are what the phone may have got after a cursor that it is known to have
// presented, the earliest first.
func (p Push) holdingsAfter(book *cursorBook, c *Cursor) (list []holding, err error) {
	for _, w := range slices.Sorted(maps.Keys(book.bodies)) {
		if c != nil && w <= c.Watermark {
			continue
		}
		later := book.find(w)
		if later == nil {
			continue
		}
		h := holding{look: p.Look, client: p.Client, presented: p.Presented}
		if h.past, err = later.past(p.Look); err != nil {
			return nil, err
		}
		list = append(list, h)
	}
	return list, nil
}

// Write is what the rows say, but for deletions. Rows that cannot be records and rows that
// the user has no right to write are held back, and come as batches of their own.
func (p Push) Write() ([]Batch, error) {
	x, err := p.open()
	if err != nil {
		return nil, err
	}
	w := &written{push: x}
	for _, row := range p.Rows.rows {
		if err := w.add(row); err != nil {
			return nil, err
		}
	}
	drops, err := w.outdated()
	if err != nil {
		return nil, err
	}
	return append(x.batches(w.edits, w.held), drops...), nil
}

// What was written of the rows, and what was held back.
type written struct {
	*push
	edits []*crdt.Edit
	held  []*heldRow
	whole []*rowWriter // of rows of which nothing was held back
}

func (x *written) add(row *pushedRow) error {
	if row.err != nil {
		x.held = append(x.held, x.hold(row, unfit, row.err.Error()))
		return nil
	}
	w, why, err := x.edit(row)
	if err != nil {
		return err
	}
	if why != "" {
		x.held = append(x.held, x.hold(row, denied, why))
		return nil
	}
	fit, err := split(w.edit)
	if err != nil {
		x.held = append(x.held, x.hold(row, unfit, err.Error()))
		return nil
	}
	if w.says() {
		x.edits = append(x.edits, fit...)
	}
	back, err := x.backTo(row)
	if err != nil {
		return err
	}
	if back != nil {
		x.edits = append(x.edits, back)
	}
	column, err := w.silent()
	if err != nil {
		return err
	}
	if column != "" {
		x.held = append(x.held, x.hold(row, silent, "the phone has another value in "+column+" than anybody wrote, and does not say that it was edited: enter it again if it was edited while the phone synced"))
		return nil
	}
	x.whole = append(x.whole, w)
	return nil
}

// batches puts edits together to entries, no record twice into one.
func (x *push) batches(edits []*crdt.Edit, held []*heldRow) (batches []Batch) {
	for _, list := range Transactions(edits) {
		batches = append(batches, Batch{Edits: list, Origin: Origin(x.Client, x.Presented)})
	}
	var keep []*crdt.Edit
	for _, h := range held {
		keep = append(keep, h.edits()...)
	}
	for _, list := range Transactions(keep) {
		batches = append(batches, Batch{Edits: list})
	}
	return batches
}

// edit is what one row says; or why its user may not say it.
func (x *push) edit(p *pushedRow) (w *rowWriter, why string, err error) {
	if w, err = x.writer(p); err != nil {
		return nil, "", err
	}
	for _, f := range p.columns {
		if p.overtaken[crdt.JoinPath("", f.Key)] {
			continue
		}
		if err := w.column(f.Key, f.Value); err != nil {
			return nil, "", err
		}
	}
	if w.revives() {
		w.edit.Undelete = true
	}
	if !w.says() {
		return w, "", nil
	}
	var had *row
	if w.base != nil && w.table != nil {
		had = &w.had
	}
	why, err = x.rights.refuseWrite(w.row(), had, w.edit)
	return w, why, err
}
