package replica

import "musafir/crdt"

// Write brings one transaction into the group. salts are crdt.SaltSize random
// bytes for each edit. An EditError concerns this transaction alone; any other the
// group.
func (g *Group) Write(tx *crdt.Transaction, salts []byte, nowMs int64) (crdt.Receipt, error) {
	if g.err != nil {
		return crdt.Receipt{}, g.err
	}
	if tx.Note != nil {
		value, found, err := g.batch.Note(tx.Note.Key)
		if err != nil {
			return crdt.Receipt{}, g.failed(err)
		}
		if found {
			return Repeated(value), nil
		}
	}
	if g.next.Records.Log == (crdt.LogID{}) {
		return crdt.Receipt{}, &crdt.EditError{Err: ErrReader}
	}
	changes, err := g.compose(tx, salts)
	if err != nil {
		return crdt.Receipt{}, err
	}
	var receipt crdt.Receipt
	if len(changes) > 0 {
		if receipt, err = g.append(tx, changes, nowMs); err != nil {
			return crdt.Receipt{}, err
		}
	}
	if tx.Note != nil {
		g.batch.SetNote(crdt.Note{Key: tx.Note.Key, Value: append(receipt.Entry[:], tx.Note.Value...)})
	}
	return receipt, nil
}

// Repeated reads what was stored of the transaction that is asked for again: its
// entry and its note.
func Repeated(stored []byte) crdt.Receipt {
	if len(stored) < crdt.HashSize {
		return crdt.Receipt{}
	}
	return crdt.Receipt{Entry: crdt.EntryID(stored[:crdt.HashSize]), Repeated: stored[crdt.HashSize:]}
}

// compose turns the edits into changes, against the records as this commit has
// left them so far.
func (g *Group) compose(tx *crdt.Transaction, salts []byte) ([]crdt.Change, error) {
	changes := make([]crdt.Change, 0, len(tx.Edits))
	for i, edit := range tx.Edits {
		if err := edit.Key.Validate(); err != nil {
			return nil, &crdt.EditError{Err: err}
		}
		record, err := g.batch.Record(edit.Key)
		if err != nil {
			return nil, g.failed(err)
		}
		rc, err := crdt.Compose(record, edit, func() ([]*crdt.Touch, error) { return g.batch.Touches(edit.Key) })
		if err != nil {
			return nil, err
		}
		if rc == nil {
			continue
		}
		change, err := rc.Encode([crdt.SaltSize]byte(salts[i*crdt.SaltSize:]))
		if err != nil {
			return nil, &crdt.EditError{Key: edit.Key, Err: err}
		}
		changes = append(changes, change)
	}
	return changes, nil
}

// append makes the entry, and a seal where one is due.
func (g *Group) append(tx *crdt.Transaction, changes []crdt.Change, nowMs int64) (crdt.Receipt, error) {
	w := &g.next
	t := w.Clock.Next(nowMs)
	e, err := crdt.NewEntry(t, w.Graph.Deps(w.Records.Head.ID), tx.Author, tx.Phone, changes)
	if err != nil {
		return crdt.Receipt{}, &crdt.EditError{Err: err}
	}
	if err := g.room(cost(len(e.Encoded()))); err != nil {
		return crdt.Receipt{}, g.failed(err)
	}
	at, id := w.Records.Next(e)
	w.Graph.Add(at, id, e.Deps)
	if err := g.put(at, id, e); err != nil {
		return crdt.Receipt{}, g.failed(err)
	}
	if w.Records.SealDue() {
		if err := g.seal(); err != nil {
			return crdt.Receipt{}, g.failed(err)
		}
	}
	return crdt.Receipt{Entry: id, Time: t}, nil
}

// room seals what stands before an entry that would make the stretch between two
// seals longer than a batch.
func (g *Group) room(cost int) error {
	if g.open+cost > MaxBatchCost {
		if err := g.seal(); err != nil {
			return err
		}
	}
	g.open += cost
	return nil
}
