package apptest_test

import (
	"encoding/json"
	"strings"
	"testing"

	"musafir/node/clinic"
	"musafir/node/clinic/apptest"
)

func TestDay(t *testing.T) {
	p := newPhone()
	d := apptest.NewDay(p)
	d.StepMs = 20_000
	patients := d.Patients(50)
	counts := map[string]int{
		"patients": 50, "patient_additional_attributes": 50, "visits": 50, "events": 50, "patient_vitals": 50, "patient_problems": 50,
		"prescriptions": 50, "prescription_items": 100, "dispensing_records": 50, "appointments": 50,
	}
	sum := 0
	for table, want := range counts {
		sum += want
		if n := len(p.Visible(table)); n != want {
			t.Errorf("%d %s, want %d", n, table, want)
		}
	}
	if p.Pending() != sum || len(patients) != 50 {
		t.Errorf("%d rows are pending, want %d", p.Pending(), sum)
	}
	checkReferences(t, p)
	checkDocuments(t, p)

	hub := saying()
	mustSync(t, p, hub)
	other := newPhone()
	mustSync(t, other, saying(pushedAsPulled(t, hub.pushes[0])...))
	if other.Dump() != p.Dump() || other.Lossy != 0 || other.Unknown != 0 {
		t.Errorf("a phone that gets what the other pushed shows something else; it lost %v", other.Losses)
	}
}

// checkReferences wants what rows name to be there, if it was entered here.
func checkReferences(t *testing.T, p *apptest.Phone) {
	for column, table := range map[string]string{
		"patient_id": "patients", "visit_id": "visits", "current_visit_id": "visits",
		"prescription_id": "prescriptions", "prescription_item_id": "prescription_items",
	} {
		for _, x := range clinic.Tables {
			for _, r := range p.Visible(x.Name) {
				if id := r.Text(column); x.Column(column) != nil && (id == "" || p.Row(table, id) == nil) {
					t.Fatalf("%s of a row in %s is %q, which is not there", column, x.Name, id)
				}
			}
		}
	}
}

func checkDocuments(t *testing.T, p *apptest.Phone) {
	for _, x := range clinic.Tables {
		for _, c := range x.Columns {
			for _, r := range p.Visible(x.Name) {
				s := r.Text(c.Name)
				if c.Kind == clinic.JSON && s != "" && !json.Valid([]byte(s)) {
					t.Fatalf("%s.%s is no JSON: %s", x.Name, c.Name, s)
				}
			}
		}
	}
}

// pushedAsPulled turns a push into what another phone would pull.
func pushedAsPulled(t *testing.T, push string) (tables []string) {
	_, text, _ := strings.Cut(push, " ")
	var all map[string]map[string][]map[string]any
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		t.Fatal(err)
	}
	for name, lists := range all {
		var rows []string
		for _, r := range lists["created"] {
			delete(r, "_status")
			delete(r, "_changed")
			rows = append(rows, apptest.Stringify(r))
		}
		tables = append(tables, created(name, rows...))
	}
	return tables
}

func TestDayFollowsFromTheSeed(t *testing.T) {
	dump := func(client string, seed uint64) string {
		p := apptest.New(client, seed)
		apptest.NewDay(p).Patients(3)
		return p.Dump()
	}
	first := dump(client, 1)
	if again := dump(client, 1); again != first {
		t.Error("the same phone entered something else")
	}
	if first == dump(client, 2) || first == dump("another", 1) {
		t.Error("another phone entered the same")
	}
}

// The stations of a clinic change one appointment, and the stock goes down.
func TestStations(t *testing.T) {
	p := newPhone()
	d := apptest.NewDay(p)
	mustSync(t, p, saying(created("clinic_inventory", whole("clinic_inventory", "s1", apptest.Columns{
		"clinic_id": d.ClinicID, "drug_id": d.DrugIDs[0], "batch_id": d.BatchID, "quantity_available": 100}))))
	patient := d.RegisterPatient()
	visit := d.Visit(patient)
	appointment := d.Appointment(patient, visit)
	d.SetDepartment(appointment, d.Departments[0].ID, "in_progress")
	d.SetDepartment(appointment, d.Departments[0].ID, "completed")
	got := apptest.DepartmentsOf(p.Row("appointments", appointment))
	if len(got) != 3 || got[0].Status != "completed" || *got[0].SeenAt != "2026-01-01T00:00:00.000Z" || *got[0].SeenBy != d.UserID ||
		got[1].Status != "pending" || d.Departments[0].Status != "pending" {
		t.Errorf("the departments are %+v", got)
	}
	_, items := d.Prescribe(patient, visit)
	mustSync(t, p, saying())
	p.Now++
	d.Dispense(items[0], 4)
	wantRow(t, p.Row("prescription_items", items[0]), apptest.Columns{"quantity_dispensed": 4.0, "_status": "updated"})
	wantRow(t, p.Row("clinic_inventory", "s1"), apptest.Columns{"quantity_available": 96.0, "_status": "updated"})
	sameSet(t, p.Row("clinic_inventory", "s1").Changed(), "quantity_available", "updated_at")

	event := d.Event(patient, visit, apptest.Field{FieldID: "f", Name: "Plan", FieldType: "free-text", InputType: "text", Value: "راحة"})
	if f := apptest.FieldsOf(p.Row("events", event)); len(f) != 1 || f[0].Value != "راحة" {
		t.Errorf("the event holds %v", f)
	}
	sameSet(t, p.Row("visits", visit).Changed(), "metadata", "updated_at")
}
