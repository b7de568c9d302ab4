package clinic

import (
	"slices"

	"musafir/crdt"
)

// backTo is what a row sets back to what its phone had at its watermark, nil if nothing. A
// phone that took in an answer and then could not push has seen more than its watermark says:
// its user may have set a column back from what came. That the column then holds what it did
// is no reason to write nothing. Nobody knows that it was so, and the value stands beside the
// other one. What the phone pushed itself, and does not know that it arrived, comes again
// just as well; that is no reason to write anything.
func (x *push) backTo(p *pushedRow) (*crdt.Edit, error) {
	t := TableOf(p.table)
	if t == nil || p.status != statusUpdated || len(p.changed) == 0 {
		return nil, nil
	}
	h, err := x.holding.of(p.key())
	if err != nil || h.Record == nil {
		return nil, err
	}
	had := rowOf(t, h.Record)
	columns := slices.DeleteFunc(slices.Clone(p.columns), func(f crdt.Field) bool {
		i := t.index(f.Key)
		return i < 0 || !p.changed[f.Key] || !t.tells(f.Key) && t.Columns[i].Kind != JSON || !had.columns[i].Equal(t.Columns[i].typed(f.Value))
	})
	if len(columns) == 0 && !p.changed[isDeleted] {
		return nil, nil
	}
	after, err := x.holdingsAfter(x.book, x.cursor)
	if err != nil {
		return nil, err
	}
	e := &crdt.Edit{Key: p.key(), From: &crdt.Record{Key: p.key()}}
	for i := range after {
		if err := x.backFrom(e, p, had, columns, &after[i]); err != nil {
			return nil, err
		}
	}
	if len(e.Set)+len(e.Max)+len(e.Remove) == 0 && !e.Undelete {
		return nil, nil
	}
	return e, nil
}

// backFrom adds what the row sets back if the phone had taken in one answer.
func (x *push) backFrom(e *crdt.Edit, p *pushedRow, had row, columns []crdt.Field, after *holding) error {
	t := had.table
	h, err := after.of(p.key())
	if err != nil || h.Record == nil {
		return err
	}
	fields, shown := h.Record.View().Fields, rowOf(t, h.Record)
	touches, err := x.Look.Touches(p.key())
	if err != nil {
		return err
	}
	for _, f := range columns {
		if c := t.Column(f.Key); shown.column(f.Key).Equal(c.typed(f.Value)) || x.unheard(touches, *c) || said(e, f.Key) != nil {
			continue
		}
		if t.Column(f.Key).Kind != JSON {
			e.Set = append(e.Set, f)
			continue
		}
		change := t.changeColumn(f.Key, member(fields, f.Key), f.Value, x.NowMs)
		for _, part := range change.Set {
			if said(e, part.Key) == nil {
				e.Set = append(e.Set, part)
			}
		}
	}
	if v := boolOf(p.column(isDeleted)); p.changed[isDeleted] && v != nil && !v.Bool() && shown.deleted && !had.deleted {
		e.From, e.Undelete = h.Record, true
	}
	return nil
}

// unheard tells whether the phone wrote a column since it presented its watermark: it may not
// know that this arrived, and sends it again.
func (x *push) unheard(touches []*crdt.Touch, c Column) bool {
	return slices.ContainsFunc(touches, func(t *crdt.Touch) bool {
		_, presented, _ := readOrigin(t.Phone)
		return isOf(t, x.Client) && presented == x.Presented && slices.ContainsFunc(t.Change.Writes, func(w crdt.Write) bool { return w.Path == c.Name })
	})
}
