package clinic

import (
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

// visits are the clinics of the visits that were sent.
func (p *Pushed) visits() map[string]string {
	clinics := map[string]string{}
	for _, x := range p.rows {
		if x.table == "visits" && x.err == nil {
			clinics[x.id] = textIn(x.column("clinic_id"))
		}
	}
	return clinics
}

// holdingsAfter are what the phone may have got after a cursor that it is known to have
// presented.
func (p Push) holdingsAfter(book *cursorBook, c *Cursor) (list []holding, err error) {
	for w := range book.bodies {
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

// says tells whether a row says anything new.
func (w *rowWriter) says() bool {
	e := w.edit
	return len(e.Set)+len(e.Remove) > 0 || len(e.Max) > 0 && !w.merelyNoted() && !w.merelyDeletes() || e.Undelete || w.isNew() && w.pushed.overtaken == nil
}

// merelyDeletes tells of a row that says nothing but that it is deleted, and when. The time is not
// written: the phone may not get through with the deletion here, and what was written would stand
// beside it where it does.
func (w *rowWriter) merelyDeletes() bool { return w.base != nil && w.pushed.deletes() }

// merelyNoted tells of a row of which nothing but times differs that nobody edited it: the app
// sets them when it notes that the row was pushed.
func (w *rowWriter) merelyNoted() bool {
	return w.pushed.status != statusCreated && w.pushed.status != statusUpdated
}

// A rowWriter turns one row into an edit.
type rowWriter struct {
	*push
	pushed *pushedRow
	table  *Table // nil: one that the app does not have
	base   *crdt.Record
	fields crdt.Value // of the record as the phone has it
	had    row        // of an app's table
	later  []row      // as it may have got it since
	all    bool       // every column counts as written
	edit   *crdt.Edit
}

func (x *push) writer(p *pushedRow) (*rowWriter, error) {
	w := &rowWriter{push: x, pushed: p, table: TableOf(p.table), fields: crdt.EmptyObject, all: p.status != statusUpdated || p.changed == nil}
	h, err := x.holding.of(p.key())
	if err != nil {
		return nil, err
	}
	w.edit = &crdt.Edit{Key: p.key(), From: &crdt.Record{Key: p.key()}}
	if h.Record != nil {
		w.base, w.edit.From, w.fields = h.Record, h.Record, h.Record.View().Fields
		if w.table != nil {
			w.had = rowOf(w.table, h.Record)
			err = w.readLater()
		}
		return w, err
	}
	if w.table != nil && p.status != statusCreated {
		if err := w.readLater(); err != nil {
			return nil, err
		}
	}
	r, err := x.Look.Record(p.key())
	w.all = w.all || r == nil || r.Empty() // of a record that nobody has all is new
	return w, err
}

// isNew tells whether there is no such record yet as far as the phone knows.
func (w *rowWriter) isNew() bool {
	return w.base == nil && len(w.later) == 0 && w.all && !w.pushed.removed
}

// column takes in one column.
func (w *rowWriter) column(name string, v crdt.Value) error {
	if !w.all && !w.pushed.changed[name] {
		return nil
	}
	if w.table == nil {
		if path := crdt.JoinPath("", name); !member(w.fields, name).Equal(v) {
			w.edit.Set = append(w.edit.Set, crdt.Field{Key: path, Value: v})
		}
		return nil
	}
	switch {
	case name == isDeleted && w.table.index(isDeleted) >= 0:
		return nil
	case name == deletedAt && (v.Kind() == crdt.KindNull || w.pushed.deletes()):
		return nil
	case w.table.Name == inventory && name == available:
		return w.count(v)
	case w.has(name, v):
		return nil
	}
	c := w.table.changeColumn(crdt.JoinPath("", name), member(w.fields, name), v, w.NowMs)
	w.edit.Set = append(w.edit.Set, c.Set...)
	w.edit.Max = append(w.edit.Max, c.Max...)
	w.edit.Remove = append(w.edit.Remove, c.Remove...)
	return nil
}

// has tells whether the phone has had that value all along. What was never written it has
// as the app fills it in.
func (w *rowWriter) has(name string, v crdt.Value) bool {
	i := w.table.index(name)
	if i >= 0 {
		typed := w.table.Columns[i].typed(v)
		if !w.named(name) && slices.ContainsFunc(w.later, func(x row) bool { return x.columns[i].Equal(typed) }) {
			return true
		}
		if w.base == nil {
			return false
		}
		return w.had.columns[i].Equal(typed) && (typed.Equal(v) || member(w.fields, name) != nil)
	}
	return w.base != nil && member(w.fields, name).Equal(v)
}

// named tells whether the app says of a column that it was edited.
func (w *rowWriter) named(name string) bool {
	return w.pushed.status == statusUpdated && w.pushed.changed[name]
}

// readLater reads the row as the phone may have got it since.
func (w *rowWriter) readLater() error {
	for i := range w.since {
		h, err := w.since[i].of(w.pushed.key())
		if err != nil {
			return err
		}
		if h.Record != nil {
			w.later = append(w.later, rowOf(w.table, h.Record))
		}
	}
	return nil
}

// count takes in how much there is of something in stock, if it was counted.
func (w *rowWriter) count(v crdt.Value) error {
	at := numberOf(w.pushed.column(countedAt))
	said := w.all || w.pushed.changed[countedAt]
	if w.base != nil && (!said || at == nil || w.had.column(countedAt).Equal(at)) {
		return nil
	}
	before, err := w.dispensedFrom(shelfAt(textIn(w.pushed.column("clinic_id")), textIn(w.pushed.column("drug_id")), textIn(w.pushed.column("batch_id"))))
	w.edit.Set = append(w.edit.Set, crdt.Field{Key: available, Value: v}, crdt.Field{Key: dispensedBefore, Value: amount(before)})
	return err
}

// dispensedFrom is what had been dispensed as far as the phone knows, what it sends now
// included.
func (x *push) dispensedFrom(shelf sumKey) (float64, error) {
	if x.had == nil {
		var err error
		if x.had, err = stockSum.had(&x.holding); err != nil {
			return 0, err
		}
		for _, p := range x.Rows.rows {
			if err := x.addSent(p); err != nil {
				return 0, err
			}
		}
	}
	return x.had.dispensedFrom(shelf), nil
}

// addSent adds a row that was dispensed and that nobody knew of.
func (x *push) addSent(p *pushedRow) error {
	if p.table != dispensing || p.err != nil {
		return nil
	}
	h, err := x.holding.of(p.key())
	if err == nil && h.Record == nil {
		x.had.add(stockSum.of(p.row(TableOf(dispensing))), 1)
	}
	return err
}

// revives tells whether a record that the phone has as deleted shall be there again. Where that
// is not said, it may be there by an answer that the phone took in since.
func (w *rowWriter) revives() bool {
	v := boolOf(w.pushed.column(isDeleted))
	if w.base == nil || !w.base.Deleted() || v == nil || v.Bool() || w.pushed.removed {
		return false
	}
	there := slices.ContainsFunc(w.later, func(x row) bool { return !x.deleted })
	return w.pushed.changed[isDeleted] || w.all && !there
}

// row is the row as it was sent, over the one that the phone had.
func (w *rowWriter) row() row {
	if w.table == nil {
		return row{table: &Table{Name: w.pushed.table}, id: w.pushed.id}
	}
	return w.pushed.row(w.table)
}

// column is what was sent in a column, nil if nothing was.
func (p *pushedRow) column(name string) crdt.Value {
	for _, f := range p.columns {
		if f.Key == name {
			return f.Value
		}
	}
	return nil
}

// row is a sent row with the values that the app has.
func (p *pushedRow) row(t *Table) row {
	x := row{table: t, id: p.id, columns: make([]crdt.Value, len(t.Columns))}
	for i, c := range t.Columns {
		x.columns[i] = c.typed(p.column(c.Name))
	}
	x.deleted = p.removed || isTrue(p.column(isDeleted))
	return x
}

func textIn(v crdt.Value) string {
	if v.Kind() == crdt.KindText {
		return v.Text()
	}
	return ""
}

// deletes tells whether a row says that its record is deleted.
func (p *pushedRow) deletes() bool {
	changed := p.status != statusUpdated || p.changed == nil || p.changed[isDeleted]
	return p.err == nil && (p.removed || TableOf(p.table) != nil && changed && isTrue(p.column(isDeleted)))
}

// Delete is what the rows delete. What others wrote and the phone had not seen keeps a
// record there.
func (p Push) Delete() ([]Batch, error) {
	var rows []*pushedRow
	for _, row := range p.Rows.rows {
		if row.deletes() {
			rows = append(rows, row)
		}
	}
	if len(rows) == 0 {
		return nil, nil
	}
	x, err := p.open()
	if err != nil {
		return nil, err
	}
	var edits []*crdt.Edit
	var held []*heldRow
	for _, row := range rows {
		h, err := x.holding.of(row.key())
		if err != nil {
			return nil, err
		}
		if h.Record == nil || h.Deleted() {
			continue
		}
		why, err := x.rights.refuseDelete(rowOfAny(row, h.Record))
		if err != nil {
			return nil, err
		}
		if why != "" {
			held = append(held, x.hold(row, denied, why))
			continue
		}
		edits = append(edits, &crdt.Edit{Key: row.key(), From: h.Record, Delete: true})
	}
	return deletions(x.batches(edits, held), x.Client, x.Presented, x.Rows.EditedMs()), nil
}

// deletions are batches with the phone's time of what it deleted.
func deletions(batches []Batch, client string, presented, editedMs int64) []Batch {
	for i := range batches {
		if batches[i].Origin != "" {
			batches[i].Origin = deletionOrigin(client, presented, editedMs)
		}
	}
	return batches
}

func rowOfAny(p *pushedRow, r *crdt.Record) row {
	if t := TableOf(p.table); t != nil {
		return rowOf(t, r)
	}
	return row{table: &Table{Name: p.table}, id: p.id}
}

// Owed marks the rows that the phone sent and that are not shown as it has them, and the stock
// that what it sent changes and of which it says nothing: it gets them with the next pull.
func (p Push) Owed() ([]*crdt.Edit, error) {
	var rows []crdt.RecordKey
	var stock *sums
	known := true
	if p.Rows.touchesStock() {
		var err error
		if known, _, err = Heard(p.Look, p.Client, p.Presented); err != nil {
			return nil, err
		}
		if stock, err = stockSum.upTo(p.Look, p.Dispensed); err != nil {
			return nil, err
		}
	}
	for _, x := range p.Rows.rows {
		t := TableOf(x.table)
		if t == nil || x.err != nil || x.removed {
			continue
		}
		r, err := p.Look.Record(x.key())
		if err != nil {
			return nil, err
		}
		if r == nil || r.Empty() {
			continue // held back
		}
		shown := rowOf(t, r)
		if t.Name == inventory {
			shown = stock.left(shown, r)
		}
		// How much was dispensed of what the phone counted is not known where its watermark is not.
		if !shown.sameAs(x) || t.Name == inventory && p.Presented != 0 && !known {
			rows = append(rows, x.key())
		}
	}
	silent, err := p.stockUnsaid(rows)
	if err != nil {
		return nil, err
	}
	return owe(p.Look, p.Client, p.Presented, append(rows, silent...))
}

func (p *Pushed) touchesStock() bool {
	return slices.ContainsFunc(p.rows, func(x *pushedRow) bool { return x.table == inventory && x.err == nil })
}

// stockUnsaid are the rows of stock from which the phone says that something was dispensed,
// more or less than before, without saying what is left; or of which it says other than what
// came of it, as where it was deleted elsewhere.
func (p Push) stockUnsaid(otherwise []crdt.RecordKey) (rows []crdt.RecordKey, err error) {
	said, from := map[string]bool{}, map[sumKey]bool{}
	for _, x := range p.Rows.rows {
		switch {
		case x.err != nil:
		case x.table == inventory:
			said[x.id] = true
		case x.table == dispensing && (x.dispensesAnew() || slices.Contains(otherwise, x.key())):
			from[shelfOf(x.row(TableOf(dispensing)))] = true
		}
	}
	if len(from) == 0 {
		return nil, nil
	}
	t := TableOf(inventory)
	err = p.Look.Scan(inventory, "", false, func(r *crdt.Record) (bool, error) {
		if from[shelfOf(rowOf(t, r))] && !said[r.Key.ID] {
			rows = append(rows, r.Key)
		}
		return true, nil
	})
	return rows, err
}

// dispensesAnew tells whether a row says that more or less was dispensed than was said before.
func (p *pushedRow) dispensesAnew() bool {
	if p.status != statusUpdated || p.changed == nil || p.removed {
		return true
	}
	return slices.ContainsFunc([]string{"quantity_dispensed", "clinic_id", "drug_id", "batch_id", isDeleted}, func(c string) bool { return p.changed[c] })
}

// sameAs tells whether a row is as the phone has it that sent another. When it was deleted
// does not count, nor when a row that is deleted was written.
func (x row) sameAs(p *pushedRow) bool {
	gone := x.deleted && p.deletes()
	for i, c := range x.table.Columns {
		if c.Name != deletedAt && !(gone && slices.Contains(greatest, c.Name)) && !x.columns[i].Equal(c.typed(p.column(c.Name))) {
			return false
		}
	}
	return true
}

// EditedMs is the phone's time of its latest edit, in milliseconds; 0 if it says none.
func (p *Pushed) EditedMs() (latest int64) {
	for _, x := range p.rows {
		if x.status == statusCreated || x.status == statusUpdated {
			latest = max(latest, x.editedMs())
		}
	}
	return latest
}

func (p *pushedRow) editedMs() int64 {
	if v := numberOf(p.column(updatedAt)); v != nil {
		return int64(number(v))
	}
	return 0
}

// Refs are the entries in which what was pushed stands, as it is merged now.
func (p *Pushed) Refs(look Look) (refs []crdt.Ref, err error) {
	for _, x := range p.rows {
		if x.err != nil {
			continue
		}
		r, err := look.Record(x.key())
		if err != nil {
			return nil, err
		}
		if r == nil {
			continue
		}
		for _, t := range r.Living() {
			refs = append(refs, t.Ref)
		}
	}
	return refs, nil
}
