package clinic_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"musafir/crdt"
	"musafir/node/clinic"
	"musafir/node/clinic/apptest"
)

// gaps are all that there are, a text each, after looking at so many rows at a time.
func (d *desk) gaps(atATime int) (all []string) {
	m := d.look()
	defer m.Close()
	after := crdt.RecordKey{}
	for more := true; more; {
		more = false
		left := atATime
		err := clinic.Gaps(m, after, func(key crdt.RecordKey, gaps []clinic.Gap) (bool, error) {
			for _, g := range gaps {
				if g.Table != key.Collection || g.ID != key.ID {
					d.t.Errorf("of %v: %+v", key, g)
				}
				all = append(all, fmt.Sprintf("%s/%s %s %q: %s", g.Table, g.ID, g.Column, g.Names, g.Why))
			}
			after = key
			left--
			more = left <= 0
			return left > 0, nil
		})
		if err != nil {
			d.t.Fatal(err)
		}
	}
	return all
}

func TestGaps(t *testing.T) {
	d := newDesk(t)
	row := func(table, id string, columns ...string) *crdt.Edit {
		e := &crdt.Edit{Key: crdt.RecordKey{Collection: table, ID: id}, Set: []crdt.Field{{Key: "metadata", Value: crdt.Text("{}")}}}
		for _, c := range columns {
			name, value, _ := strings.Cut(c, "=")
			e.Set = append(e.Set, crdt.Field{Key: name, Value: crdt.Text(value)})
		}
		return e
	}
	gone := func(e *crdt.Edit) {
		d.do(e)
		d.do(&crdt.Edit{Key: e.Key, Delete: true})
	}
	d.do(
		row("clinics", "c"), row("users", "u", "name=U"), row("drug_catalogue", "d"), row("patients", "p", "primary_clinic_id=c"),
		row("visits", "v", "patient_id=p", "clinic_id=c", "provider_id=u"), row("events", "e", "patient_id=p", "visit_id=v", "form_id=f", "recorded_by_user_id=left"),
		row("patient_vitals", "m", "patient_id=p", "event_id=e"), row("appointments", "a", "patient_id=p", "clinic_id=c"),
		row("prescriptions", "r", "patient_id=p"), row("prescription_items", "i", "patient_id=p", "prescription_id=r", "drug_id=d", "clinic_id=c"),
		row("dispensing_records", "x", "patient_id=p", "clinic_id=c", "drug_id=d", "prescription_item_id=i", "batch_id=no-row-at-all"),
	)
	gone(row("users", "left"))
	gone(row("event_forms", "f"))
	gone(row("patients", "q"))
	gone(row("visits", "w"))
	gone(row("visits", "deleted-itself", "patient_id=nobody"))
	if got := d.gaps(1000); len(got) > 0 {
		t.Fatalf("whole rows are said to be incomplete: %q", got)
	}
	d.do(
		row("patients", "p2", "primary_clinic_id=elsewhere"),
		row("visits", "v2", "patient_id=", "clinic_id=elsewhere"), row("visits", "v3", "patient_id=q", "clinic_id="),
		row("events", "e2", "patient_id=p", "visit_id=w", "form_id=never"), row("events", "e3", "patient_id=p", "visit_id=a\tb"),
		row("patient_vitals", "m2", "visit_id=never", "recorded_by_user_id=never"),
		row("dispensing_records", "x2", "patient_id=p", "clinic_id=c", "drug_id=never", "prescription_item_id=never"),
		row("moon_phases", "m", "patient_id=nobody"),
	)
	want := []string{
		`patients/p2 primary_clinic_id "elsewhere": the clinic is not there`,
		`visits/v2 patient_id "": it names no patient`, `visits/v2 clinic_id "elsewhere": the clinic is not there`,
		`visits/v3 patient_id "q": the patient was deleted`, `visits/v3 clinic_id "": it names no clinic`,
		`events/e2 visit_id "w": the visit was deleted`, `events/e2 form_id "never": the form is not there`, `events/e3 visit_id "a\tb": the visit is not there`,
		`patient_vitals/m2 patient_id "": it names no patient`, `patient_vitals/m2 visit_id "never": the visit is not there`, `patient_vitals/m2 recorded_by_user_id "never": the user is not there`,
		`dispensing_records/x2 prescription_item_id "never": the item of a prescription is not there`, `dispensing_records/x2 drug_id "never": the drug is not there`,
	}
	for _, atATime := range []int{1, 2, 1000} {
		if got := d.gaps(atATime); !slices.Equal(got, want) {
			t.Errorf("%d at a time:\n%s\nwant\n%s", atATime, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	// What was missing comes, and what was deleted comes back.
	d.do(row("clinics", "elsewhere"), row("visits", "never", "patient_id=p", "clinic_id=c"), row("users", "never"), row("event_forms", "never"),
		row("drug_catalogue", "never"), row("prescription_items", "never", "patient_id=p", "prescription_id=r", "drug_id=d", "clinic_id=c"),
		&crdt.Edit{Key: crdt.RecordKey{Collection: "visits", ID: "w"}, Undelete: true, Set: row("", "", "patient_id=p", "clinic_id=c").Set})
	if got := d.gaps(3); !slices.Equal(got, []string{want[1], want[3], want[4], want[7], want[8]}) {
		t.Errorf("after they came: %q", got)
	}
}

// TestGapsOfPhones: a child that comes before its parent is merged, and listed until that came.
func TestGapsOfPhones(t *testing.T) {
	d := open(t)
	a, at := phone(1, d)
	b, bt := phone(2, d)
	sync(t, b, bt)
	day := apptest.NewDay(a)
	patient := day.RegisterPatient()
	visit := a.Create("visits", apptest.Columns{"patient_id": patient, "clinic_id": ""})
	child := apptest.Stringify(map[string]any(a.Row("visits", visit)))
	if err := at.Push(0, []byte(`{"visits":{"created":[`+child+`],"updated":[],"deleted":[]}}`)); err != nil {
		t.Fatal(err)
	}
	sync(t, b, bt)
	if len(b.Visible("visits")) != 1 {
		t.Error("the visit whose patient has not come was not delivered")
	}
	if got := d.gaps(10); len(got) != 2 || !strings.Contains(got[0], "patient is not there") || !strings.Contains(got[1], "names no clinic") {
		t.Errorf("gaps: %q", got)
	}
	sync(t, a, at)
	if got := d.gaps(10); slices.ContainsFunc(got, func(g string) bool { return strings.Contains(g, " patient_id ") }) {
		t.Errorf("the patient came: %q", got)
	}
}
