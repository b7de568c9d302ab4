package apptest

import (
	"encoding/json"
	"fmt"
	"slices"
)

// batchRows is how many rows the app writes at once. What is in one batch is written as
// one; what is in several is not.
const batchRows = 300

// A batch is what the app writes at once.
type batch struct {
	table   string
	inserts []*row
	updates []*row   // as they will be
	buried  []string // ids
}

// A writer applies what was pulled, until the app is killed.
type writer struct {
	p       *Phone
	killIn  int // the number of the batch in which the app is killed, from 1; 0 for none
	written int
}

func (w *writer) apply(tables []pulledTable) error {
	for _, x := range tables {
		t := schema[x.name]
		if t == nil {
			if len(x.created)+len(x.updated)+len(x.deleted) > 0 {
				return fmt.Errorf("the app has no table %s", x.name)
			}
			continue
		}
		if err := w.applyTable(t, x); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) applyTable(t *table, x pulledTable) error {
	for _, step := range []struct {
		rows    []json.RawMessage
		prepare func(*batch, *table, json.RawMessage) error
	}{{x.created, w.prepareCreated}, {x.updated, w.prepareUpdated}, {x.deleted, w.prepareDeleted}} {
		for chunk := range slices.Chunk(step.rows, batchRows) {
			b := &batch{table: t.Name}
			for _, raw := range chunk {
				if err := step.prepare(b, t, raw); err != nil {
					return err
				}
			}
			if err := w.write(b); err != nil {
				return err
			}
		}
	}
	return nil
}

// found is the row that the app finds when it looks for an id: tombstones it does not see.
func (w *writer) found(t *table, id string) *row {
	if r := w.p.rows[t.Name][id]; r != nil && r.status != Deleted {
		return r
	}
	return nil
}

// prepareCreated takes a row from under created: an update if the app sees it, else an
// insert, which breaks on a tombstone.
func (w *writer) prepareCreated(b *batch, t *table, raw json.RawMessage) error {
	r, err := w.p.readRow(t, raw)
	if err != nil {
		return err
	}
	if existing := w.found(t, r.id); existing != nil {
		return b.update(merged(t, existing, r))
	}
	b.inserts = append(b.inserts, r)
	return nil
}

// prepareUpdated takes a row from under updated: nothing if the app does not see it.
func (w *writer) prepareUpdated(b *batch, t *table, raw json.RawMessage) error {
	r, err := w.p.readRow(t, raw)
	if err != nil {
		return err
	}
	if existing := w.found(t, r.id); existing != nil {
		return b.update(merged(t, existing, r))
	}
	w.p.Skipped++
	return nil
}

// prepareDeleted takes an object with an id. Ids alone the app looks for in a way that
// never finds them.
func (w *writer) prepareDeleted(b *batch, t *table, raw json.RawMessage) error {
	var sent map[string]any
	_ = json.Unmarshal(raw, &sent) // what is no object has no id
	id, _ := sent["id"].(string)
	if w.found(t, id) == nil {
		return nil
	}
	if slices.Contains(b.buried, id) {
		return fmt.Errorf("row %s stands twice in one batch", id)
	}
	b.buried = append(b.buried, id)
	return nil
}

// merged is a row after the hub's has come: the hub's, but where columns were edited here
// those stay, and the row stays pending. A row that was never acknowledged has no edits
// noted, so it is overwritten.
func merged(t *table, local, remote *row) *row {
	m := remote.clone()
	m.order = local.order
	if len(local.changed) == 0 {
		return m
	}
	m.status, m.changed = local.status, slices.Clone(local.changed)
	for _, name := range local.changed {
		if i, there := t.at[name]; there {
			m.values[i] = local.values[i]
		}
	}
	return m
}

func (b *batch) update(r *row) error {
	if slices.ContainsFunc(b.updates, func(x *row) bool { return x.id == r.id }) {
		return fmt.Errorf("row %s stands twice in one batch", r.id)
	}
	b.updates = append(b.updates, r)
	return nil
}

// write writes a batch, whole or not at all.
func (w *writer) write(b *batch) error {
	if len(b.inserts)+len(b.updates)+len(b.buried) == 0 {
		return nil
	}
	rows := w.p.rows[b.table]
	fresh := map[string]bool{}
	for _, r := range b.inserts {
		if rows[r.id] != nil || fresh[r.id] {
			return fmt.Errorf("insert into %s: row %s is there already", b.table, r.id)
		}
		fresh[r.id] = true
	}
	w.written++
	if w.written == w.killIn {
		return fmt.Errorf("batch %d: %w", w.written, ErrFault)
	}
	for _, r := range b.inserts {
		w.p.insert(b.table, r)
	}
	for _, r := range b.updates {
		rows[r.id] = r
	}
	for _, id := range b.buried {
		rows[id].status = Deleted
	}
	return nil
}
