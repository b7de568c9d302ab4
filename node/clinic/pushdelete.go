package clinic

import (
	"slices"

	"musafir/crdt"
)

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
		had, known, err := x.deletes(row.key())
		if err != nil {
			return nil, err
		}
		if had == nil {
			continue
		}
		why, err := x.rights.refuseDelete(rowOfAny(row, known))
		if err != nil {
			return nil, err
		}
		if why != "" {
			held = append(held, x.hold(row, denied, why))
			continue
		}
		edits = append(edits, &crdt.Edit{Key: row.key(), From: had, Delete: true})
	}
	return deletions(x.batches(edits, held), x.Client, x.Presented, x.Rows.EditedMs()), nil
}

// deletes is a record that the phone deletes, as it had it, and as is known of it; nil if it is not
// there to be deleted. A phone that has a row of which its watermark says nothing took it in from a
// later answer: what the first of them had it has seen. If none is known the deletion stands beside
// what is there.
func (x *push) deletes(key crdt.RecordKey) (had, known *crdt.Record, err error) {
	h, err := x.holding.of(key)
	if err != nil || h.Record != nil && h.Deleted() {
		return nil, nil, err
	}
	if h.Record != nil {
		return h.Record, h.Record, nil
	}
	known, err = x.Look.Record(key)
	if err != nil || known == nil || known.Deleted() || slices.ContainsFunc(known.Living(), func(t *crdt.Touch) bool { return t.Change.Dead }) {
		return nil, nil, err
	}
	after, err := x.holdingsAfter(x.book, x.cursor)
	if err != nil {
		return nil, nil, err
	}
	for i := range after {
		if h, err := after[i].of(key); err != nil || h.Record != nil && !h.Deleted() {
			return h.Record, h.Record, err
		}
	}
	return &crdt.Record{Key: key}, known, nil
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
