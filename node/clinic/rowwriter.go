package clinic

import (
	"slices"

	"musafir/crdt"
)

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
		if w.base != nil && w.named(name) && !w.repeats(name) && !slices.Contains(greatest, name) {
			w.editedBack(name, v)
		}
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

// repeats tells whether the phone pushed what it has in a column itself, and may not know that it
// arrived: since it presented its watermark, or in a row that was edited at the same time.
func (w *rowWriter) repeats(name string) bool {
	return slices.ContainsFunc(w.base.Living(), func(t *crdt.Touch) bool {
		_, presented, _ := readOrigin(t.Phone)
		return isOf(t, w.Client) && (presented == w.Presented || editedAt(t) == w.pushed.editedMs()) && writesWithin(t, crdt.JoinPath("", name))
	})
}

// editedBack says once more what the phone got in a column that it says was edited: it may have
// pushed something else meanwhile, of which this device has not heard.
func (w *rowWriter) editedBack(name string, v crdt.Value) {
	c := w.table.restate(crdt.JoinPath("", name), member(w.fields, name), v, w.NowMs)
	w.edit.Set, w.edit.Max, w.edit.Again = append(w.edit.Set, c.Set...), append(w.edit.Max, c.Max...), true
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
// is not said, it may be there by an answer that the phone took in since, and is so of a row that
// nobody edited.
func (w *rowWriter) revives() bool {
	v := boolOf(w.pushed.column(isDeleted))
	if w.base == nil || !w.base.Deleted() || v == nil || v.Bool() || w.pushed.removed {
		return false
	}
	there := slices.ContainsFunc(w.later, func(x row) bool { return !x.deleted })
	return w.pushed.changed[isDeleted] || w.all && !there && !w.merelyNoted()
}

// row is the row as it was sent, over the one that the phone had.
func (w *rowWriter) row() row {
	if w.table == nil {
		return row{table: &Table{Name: w.pushed.table}, id: w.pushed.id}
	}
	return w.pushed.row(w.table)
}
