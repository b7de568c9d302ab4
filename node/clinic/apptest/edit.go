package apptest

import "fmt"

// Create inserts a row as the app does: what is not given is empty.
func (p *Phone) Create(table string, columns Columns) (id string) {
	t := tableOf(table)
	r := &row{id: p.NewID(), status: Created}
	for _, c := range t.Columns {
		r.values = append(r.values, empty(c))
	}
	for _, name := range []string{createdAt, updatedAt} {
		if t.has(name) {
			r.values[t.at[name]] = float64(p.Now)
		}
	}
	for name, value := range columns {
		r.values[t.at[name]] = entered(t, name, value)
	}
	p.insert(table, r)
	return r.id
}

func (p *Phone) insert(table string, r *row) {
	p.order++
	r.order = p.order
	p.rows[table][r.id] = r
}

// Edit changes columns of a row and its updated_at, and notes which became different.
func (p *Phone) Edit(table, id string, columns Columns) {
	t, r := tableOf(table), p.shown(table, id)
	values := map[string]any{}
	for name, value := range columns {
		values[name] = entered(t, name, value)
	}
	r.touch(t, p.Now)
	for _, c := range t.Columns { // in an order that does not depend on the map
		if v, there := values[c.Name]; there {
			r.set(t, c.Name, v)
		}
	}
}

// touch is what the app's database does first with every change of a row.
func (r *row) touch(t *table, nowMs int64) {
	if t.has(updatedAt) {
		r.set(t, updatedAt, float64(nowMs))
	}
}

// shown is a row that the app can still get at.
func (p *Phone) shown(table, id string) *row {
	tableOf(table)
	r := p.rows[table][id]
	if r == nil || r.status == Deleted {
		panic(fmt.Sprintf("the phone has no row %s in table %s", id, table))
	}
	return r
}

// SoftDelete marks a row as deleted in a way that is pushed, as an edit.
func (p *Phone) SoftDelete(table, id string) {
	p.Edit(table, id, Columns{isDeleted: true, deletedAt: p.Now})
}

// Undelete takes that back.
func (p *Phone) Undelete(table, id string) {
	p.Edit(table, id, Columns{isDeleted: false, deletedAt: nil})
}

// DeleteEvent deletes an event as the app does: it is marked and edited, and then becomes
// a tombstone, so that nobody is ever told.
func (p *Phone) DeleteEvent(id string) {
	p.Edit("events", id, Columns{isDeleted: true})
	p.bury("events", id)
}

// DeletePatient deletes a patient as the app does: the patient and most of what belongs to
// it become tombstones, and nobody is ever told.
func (p *Phone) DeletePatient(id string) {
	p.bury("patients", id)
	for _, name := range []string{"patient_additional_attributes", "appointments", "visits", "events"} {
		t := tableOf(name)
		for _, r := range p.rows[name] {
			if r.get(t, "patient_id") == id {
				r.status = Deleted
			}
		}
	}
}

func (p *Phone) bury(table, id string) { p.shown(table, id).status = Deleted }
