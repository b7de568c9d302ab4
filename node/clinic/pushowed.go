package clinic

import (
	"slices"

	"musafir/crdt"
)

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
		if r == nil || r.Empty() { // held back; others may know the record
			rows = append(rows, x.key())
			continue
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
	return owe(p.Look, p.Client, append(rows, silent...))
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
			r, err := p.Look.Record(x.key())
			if err != nil {
				return nil, err
			}
			if r != nil { // what the phone shows may be of another shelf than what is merged
				from[shelfOf(rowOf(TableOf(dispensing), r))] = true
			}
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
