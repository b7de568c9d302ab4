package clinic

import "musafir/crdt"

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
