package clinic_test

import (
	"slices"
	"testing"

	"musafir/crdt"
	"musafir/node/clinic/apptest"
)

const clerk = "0190a000-0000-7000-8000-0000000000aa"

// openFor makes a desk with clinics, a clerk of the clinic a, and the clerk's phone.
func openFor(t *testing.T, clinics ...string) (*desk, *apptest.Phone, *line) {
	d := open(t)
	for _, id := range clinics {
		d.set("clinics", id, "name", id)
	}
	d.set("users", clerk, "name", "Noor", "role", "provider")
	d.permit(clerk, "a")
	a, at := phone(1, d)
	at.user = clerk
	return d, a, at
}

// set writes columns of a record: names and texts in turn.
func (d *desk) set(table, id string, columns ...string) {
	e := &crdt.Edit{Key: crdt.RecordKey{Collection: table, ID: id}}
	for i := 0; i < len(columns); i += 2 {
		e.Set = append(e.Set, crdt.Field{Key: columns[i], Value: crdt.Text(columns[i+1])})
	}
	d.do(e)
}

// wantIDs compares the rows of some tables that a phone shows.
func wantIDs(t *testing.T, p *apptest.Phone, tables []string, want ...string) {
	t.Helper()
	var got []string
	for _, table := range tables {
		for _, r := range p.Visible(table) {
			got = append(got, r.Text("id"))
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the phone shows %v, want %v", got, want)
	}
}

// TestChartOfAVisitWithoutClinic: what names no clinic, or none that is known, is its
// patient's, through its visit too.
func TestChartOfAVisitWithoutClinic(t *testing.T) {
	d, a, at := openFor(t, "a", "b")
	for _, of := range []string{"a", "b"} {
		d.set("patients", "p"+of, "primary_clinic_id", of)
		d.set("visits", "v"+of, "patient_id", "p"+of, "clinic_id", "")
		d.set("visits", "w"+of, "patient_id", "p"+of, "clinic_id", "unheard of")
		d.set("events", "e"+of, "patient_id", "p"+of, "visit_id", "v"+of, "event_type", "x")
		d.set("events", "f"+of, "patient_id", "p"+of, "visit_id", "w"+of, "event_type", "x")
		d.set("events", "g"+of, "visit_id", "v"+of, "event_type", "x")
		d.set("appointments", "t"+of, "patient_id", "p"+of)
		d.set("prescriptions", "r"+of, "patient_id", "p"+of)
	}
	d.set("visits", "nobody", "patient_id", "unheard of")
	tables := []string{"patients", "visits", "events", "appointments", "prescriptions"}
	sync(t, a, at)
	wantIDs(t, a, tables, "pa", "va", "wa", "ea", "fa", "ga", "ta", "ra", "nobody")
	d.set("patients", "pb", "primary_clinic_id", "a")
	d.set("patients", "pa", "primary_clinic_id", "b")
	sync(t, a, at)
	wantIDs(t, a, tables, "pb", "vb", "wb", "eb", "fb", "gb", "tb", "rb", "nobody")
	d.set("visits", "vb", "clinic_id", "b")
	sync(t, a, at)
	wantIDs(t, a, tables, "pb", "wb", "fb", "tb", "rb", "nobody")
}

// TestClinicKnownLater: rows of a clinic that nobody knew go to all. They leave the phones of
// others once it is known.
func TestClinicKnownLater(t *testing.T) {
	d, a, at := openFor(t, "a")
	d.set("patients", "pb", "primary_clinic_id", "b", "surname", "hidden")
	d.set("visits", "vb", "patient_id", "pb", "clinic_id", "b")
	d.set("events", "eb", "patient_id", "pb", "visit_id", "vb", "event_type", "x")
	d.set("patients", "pa", "primary_clinic_id", "a")
	tables := []string{"patients", "visits", "events"}
	sync(t, a, at)
	wantIDs(t, a, tables, "pa", "pb", "vb", "eb")
	d.set("clinics", "b", "name", "B")
	sync(t, a, at)
	wantIDs(t, a, tables, "pa")
	if name := a.Row("patients", "pb").Text("surname"); name != "" {
		t.Errorf("the phone kept the name %q", name)
	}
	sync(t, a, at)
	w := a.Watermark()
	d.set("clinics", "b", "name", "B, upstairs") // nothing turns
	sync(t, a, at)
	if len(at.got) != 1 {
		t.Errorf("came again: %v", at.got)
	}
	sync(t, a, at)
	if sync(t, a, at); a.Watermark() == w || len(at.got) > 0 {
		t.Errorf("came again: %v", at.got)
	}
}
