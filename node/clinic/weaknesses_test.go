package clinic_test

import (
	"strings"
	"testing"

	"musafir/crdt"
	"musafir/node/clinic"
	"musafir/node/clinic/apptest"
)

// What Hikma's own servers and hub do to their users, by the numbers under which it is on
// record; here it must not happen.

// TestW1 and W2: an edit made earlier and synced later is neither dropped, nor does it
// overwrite other columns, whatever the clocks say.
func TestW1LateEditIsKept(t *testing.T) {
	d := open(t)
	a, at := phone(1, d)
	b, bt := phone(2, d)
	id := a.Create("patients", apptest.Columns{"given_name": "R", "phone": "1", "camp": "1"})
	sync(t, a, at)
	sync(t, b, bt)
	a.Now = d.nowMs - 3_600_000
	a.Edit("patients", id, apptest.Columns{"phone": "2"})
	b.Now = d.nowMs
	b.Edit("patients", id, apptest.Columns{"camp": "2"})
	sync(t, b, bt)
	if err := a.Sync(at); err != nil {
		t.Fatal(err)
	}
	sync(t, b, bt)
	sync(t, a, at)
	agree(t, a, b)
	if r := b.Row("patients", id); r.Text("phone") != "2" || r.Text("camp") != "2" {
		t.Errorf("an edit is gone: %v", r)
	}
}

func TestW2DocumentsMergeByElement(t *testing.T) {
	d := open(t)
	a, at := phone(1, d)
	b, bt := phone(2, d)
	departments := func(triage, pharmacy string) string {
		return `[{"id":"t","name":"Triage","status":"` + triage + `"},{"id":"p","name":"Pharmacy","status":"` + pharmacy + `"}]`
	}
	id := a.Create("appointments", apptest.Columns{"departments": departments("pending", "pending"), "status": "pending"})
	sync(t, a, at)
	sync(t, b, bt)
	a.Edit("appointments", id, apptest.Columns{"departments": departments("seen", "pending")})
	b.Edit("appointments", id, apptest.Columns{"departments": departments("pending", "seen")})
	for range 2 {
		sync(t, a, at)
		sync(t, b, bt)
	}
	sync(t, a, at)
	agree(t, a, b)
	if got := a.Row("appointments", id).Text("departments"); got != departments("seen", "seen") {
		t.Errorf("the departments are %s", got)
	}
	if c := d.record("appointments", id).Conflicts; len(c) > 0 {
		t.Errorf("conflicts at %s", c[0].Path)
	}
}

func TestW3DeletedStaysDeleted(t *testing.T) {
	d := open(t)
	a, at := phone(1, d)
	id := a.Create("events", apptest.Columns{"event_type": "x", "form_data": `[{"fieldId":"a","value":"1"}]`})
	sync(t, a, at)
	a.SoftDelete("events", id)
	for range 3 {
		sync(t, a, at)
	}
	if rows := a.Visible("events"); len(rows) > 0 {
		t.Errorf("the event is back: %v", rows)
	}
	// The app's own way leaves a mark on the phone which no row may run into.
	other := a.Create("events", apptest.Columns{"event_type": "y"})
	sync(t, a, at)
	a.DeleteEvent(other)
	d.do(&crdt.Edit{Key: crdt.RecordKey{Collection: "events", ID: other}, Set: []crdt.Field{{Key: "event_type", Value: crdt.Text("z")}}})
	for range 3 {
		sync(t, a, at)
	}
}

func TestW4DeletionsArrive(t *testing.T) {
	d := open(t)
	a, at := phone(1, d)
	permissions := crdt.RecordKey{Collection: "user_clinic_permissions", ID: "0190a000-0000-7000-8000-00000000000a"}
	setting := crdt.RecordKey{Collection: "app_config", ID: "0190a000-0000-7000-8000-00000000000b"}
	d.do(
		&crdt.Edit{Key: permissions, Set: []crdt.Field{{Key: "user_id", Value: crdt.Text(super)}, {Key: "clinic_id", Value: crdt.Text("c")}, {Key: "can_edit_records", Value: crdt.True}}},
		&crdt.Edit{Key: setting, Set: []crdt.Field{{Key: "namespace", Value: crdt.Text("ui")}, {Key: "key", Value: crdt.Text("k")}, {Key: "value", Value: crdt.Text("v")}}},
	)
	sync(t, a, at)
	d.do(&crdt.Edit{Key: permissions, Delete: true}, &crdt.Edit{Key: setting, Delete: true})
	sync(t, a, at)
	if r := a.Row(permissions.Collection, permissions.ID); r["can_edit_records"] != false || r.Text("user_id") != super {
		t.Errorf("the permissions are %v", r)
	}
	if r := a.Row(setting.Collection, setting.ID); r.Text("value") != "" || r.Text("key") != "k" {
		t.Errorf("the setting is %v", r)
	}
	d.do(&crdt.Edit{Key: permissions, Undelete: true}, &crdt.Edit{Key: setting, Undelete: true})
	sync(t, a, at)
	if r := a.Row(permissions.Collection, permissions.ID); r["can_edit_records"] != true {
		t.Errorf("the permissions did not come back: %v", r)
	}
	if r := a.Row(setting.Collection, setting.ID); r.Text("value") != "v" {
		t.Errorf("the setting did not come back: %v", r)
	}
}

func TestW5ValuesKeepTheirKinds(t *testing.T) {
	d := open(t)
	a, at := phone(1, d)
	b, bt := phone(2, d)
	vitals := a.Create("patient_vitals", apptest.Columns{"weight_kg": 61.5, "temperature_celsius": 36.0, "oxygen_saturation": 0, "pain_level": nil, "metadata": `{"a":1.50}`})
	problem := a.Create("patient_problems", apptest.Columns{"onset_date": 1767225600000, "end_date": nil})
	sync(t, a, at)
	sync(t, b, bt)
	agree(t, a, b)
	if r := b.Row("patient_vitals", vitals); r["weight_kg"] != 61.5 || r["temperature_celsius"] != 36.0 || r["oxygen_saturation"] != 0.0 || r["pain_level"] != nil {
		t.Errorf("the vitals are %v", r)
	}
	if r := b.Row("patient_problems", problem); r["onset_date"] != 1767225600000.0 || r["end_date"] != nil {
		t.Errorf("the problem is %v", r)
	}
	// What came by another way, in other kinds, still comes as what the app takes.
	other := crdt.RecordKey{Collection: "patient_vitals", ID: "0190a000-0000-7000-8000-00000000000c"}
	d.do(&crdt.Edit{Key: other, Set: []crdt.Field{
		{Key: "weight_kg", Value: crdt.Text("61.5")}, {Key: "timestamp", Value: crdt.Text("2026-01-01T00:00:00Z")}, {Key: "is_deleted", Value: crdt.Int(0)},
		{Key: "metadata", Value: crdt.Object([]crdt.Field{{Key: "a", Value: crdt.Int(1)}})}, {Key: "visit_id", Value: crdt.Int(7)},
	}})
	sync(t, b, bt)
	if r := b.Row(other.Collection, other.ID); r["weight_kg"] != 61.5 || r["timestamp"] != 1767225600000.0 || r.Text("metadata") != `{"a":1}` || r.Text("visit_id") != "7" || b.Lossy > 0 {
		t.Errorf("the vitals are %v, %v lost", r, b.Losses)
	}
}

func TestW6NoRowIsRefused(t *testing.T) {
	d := open(t)
	_, at := phone(1, d)
	push := func(changes string) {
		t.Helper()
		if err := at.Push(0, []byte(changes)); err != nil {
			t.Fatal(err)
		}
	}
	push(`{"visits":{"created":[{"id":"v-1","patient_id":"nobody","clinic_id":"","_status":"created","_changed":""}],"updated":[],"deleted":[]},
		"moon_phases":{"created":[{"id":"m","phase":{"of":["moon"]},"_status":"created"}],"updated":[],"deleted":["never","there"]},
		"peers":{"created":[{"id":"p","public_key":"secret"}]},
		"patients":{"created":[
			{"id":"not a uuid","given_name":7,"date_of_birth":["x"],"additional_data":{"a":1},"new_column":"kept","_status":"created","_changed":""},
			{"given_name":"no id"}, 17, null, {"id":"","given_name":"empty"}, {"id":"big","notes":1e400}, {"id":"bad text","given_name":"\ud800"}
		],"updated":{"not":"a list"}},
		"events":7}`)
	if v := d.record("visits", "v-1"); text(v, "patient_id") != "nobody" {
		t.Errorf("the visit without patient is %v", v)
	}
	if v := d.record("patients", "not a uuid"); text(v, "new_column") != "kept" || text(v, "additional_data") != `{"a":1}` {
		t.Errorf("the odd patient is %v", v.Fields)
	}
	if v := d.record("moon_phases", "m"); v.Deleted {
		t.Error("the row of the unknown table is gone")
	}
	if r, err := d.store.Record(crdt.RecordKey{Collection: "peers", ID: "p"}); err != nil || r != nil {
		t.Errorf("the keys of a session were kept: %v, %v", r, err)
	}
	rows := d.held()
	if len(rows) != 6 {
		t.Errorf("%d rows are held back: %v", len(rows), rows)
	}
	for _, h := range rows {
		if h.Why == "" || h.Table != "patients" {
			t.Errorf("held back without a reason: %+v", h)
		}
	}
	push(`{"patients":{"created":[{"given_name":"no id"}]}}`)
	if again := d.held(); len(again) != len(rows) {
		t.Errorf("the same row is held back twice: %v", again)
	}
}

// text is a field as people see it.
func text(v crdt.View, field string) (text string) {
	shown := clinic.Shown("patients", v.Fields)
	shown.Fields(func(name string, f crdt.Value) {
		if name == field && f.Kind() == crdt.KindText {
			text = f.Text()
		}
	})
	return text
}

func TestW7NothingIsEmptied(t *testing.T) {
	d := open(t)
	a, at := phone(1, d)
	b, bt := phone(2, d)
	p := a.Create("prescriptions", apptest.Columns{"items": `[{"id":"i","name":"Amoxicillin"}]`, "metadata": `{"note":"x"}`, "status": "pending"})
	x := a.Create("patient_additional_attributes", apptest.Columns{"attribute": "children", "number_value": 0, "boolean_value": false})
	sync(t, a, at)
	sync(t, b, bt)
	b.Edit("prescriptions", p, apptest.Columns{"status": "picked-up"})
	sync(t, b, bt)
	sync(t, a, at)
	agree(t, a, b)
	if r := a.Row("prescriptions", p); r.Text("items") != `[{"id":"i","name":"Amoxicillin"}]` || r.Text("metadata") != `{"note":"x"}` || r.Text("status") != "picked-up" {
		t.Errorf("the prescription is %v", r)
	}
	if r := b.Row("patient_additional_attributes", x); r["number_value"] != 0.0 || r["boolean_value"] != false {
		t.Errorf("the attribute is %v", r)
	}
}

func TestW12NewRowsOfEachTable(t *testing.T) {
	d := open(t)
	a, at := phone(1, d)
	b, bt := phone(2, d)
	n := 0
	for _, table := range clinic.Tables {
		if table.Pushed {
			a.Create(table.Name, nil)
			n++
		}
	}
	sync(t, a, at)
	sync(t, b, bt)
	if len(bt.got) < n {
		t.Errorf("of %d tables came %d rows", n, len(bt.got))
	}
	for _, table := range clinic.Tables {
		if table.Pushed && len(b.Rows(table.Name)) == 0 {
			t.Errorf("nothing of %s came", table.Name)
		}
	}
	if a.Pending() > 0 || b.Lossy > 0 {
		t.Errorf("%d rows wait; lost %v", a.Pending(), b.Losses)
	}
}

func TestW13DeletionsOfEachForm(t *testing.T) {
	d := open(t)
	a, at := phone(1, d)
	var ids []string
	for range 3 {
		ids = append(ids, a.Create("patients", apptest.Columns{"given_name": "R"}))
	}
	sync(t, a, at)
	sync(t, a, at)
	changes := `{"patients":{"created":[],"updated":[],"deleted":["` + ids[0] + `",{"id":"` + ids[1] + `","given_name":"R","image_timestamp":0}]}}`
	if err := at.Push(a.Watermark(), []byte(changes)); err != nil {
		t.Fatal(err)
	}
	for i, id := range ids {
		if got := d.record("patients", id).Deleted; got != (i < 2) {
			t.Errorf("patient %d: deleted %v", i, got)
		}
	}
}

func TestW17OnlyTablesOfTheApp(t *testing.T) {
	d := open(t)
	a, at := phone(1, d)
	d.do(
		&crdt.Edit{Key: crdt.RecordKey{Collection: "patient_allergies", ID: "x"}, Set: []crdt.Field{{Key: "a", Value: crdt.Int(1)}}},
		&crdt.Edit{Key: crdt.RecordKey{Collection: "event_logs", ID: "x"}, Set: []crdt.Field{{Key: "a", Value: crdt.Int(1)}}},
		&crdt.Edit{Key: crdt.RecordKey{Collection: "patients", ID: "x"}, Set: []crdt.Field{{Key: "not_in_the_app", Value: crdt.Int(1)}, {Key: "hashed_password", Value: crdt.Text("x")}}},
	)
	sync(t, a, at)
	if len(at.got) != 2 || a.Unknown > 0 { // the patient and the user
		t.Errorf("%v came, %d columns that the app does not have", at.got, a.Unknown)
	}
}

func TestW20StockIsWhatIsLeft(t *testing.T) {
	d := open(t)
	a, at := phone(1, d)
	b, bt := phone(2, d)
	const clinicID, drug, batch = "c", "d", "b"
	stock := a.Create("clinic_inventory", apptest.Columns{"clinic_id": clinicID, "drug_id": drug, "batch_id": batch, "quantity_available": 100, "last_counted_at": d.nowMs})
	sync(t, a, at)
	sync(t, b, bt)
	dispense := func(p *apptest.Phone, n int) {
		p.Create("dispensing_records", apptest.Columns{"clinic_id": clinicID, "drug_id": drug, "batch_id": batch, "quantity_dispensed": n})
		p.Edit("clinic_inventory", stock, apptest.Columns{"quantity_available": p.Row("clinic_inventory", stock).Number("quantity_available") - float64(n)})
	}
	dispense(a, 10)
	dispense(b, 7)
	all := func() {
		t.Helper()
		for range 2 {
			sync(t, a, at)
			sync(t, b, bt)
		}
		sync(t, a, at)
		agree(t, a, b)
	}
	left := func(want float64) {
		t.Helper()
		if got := a.Row("clinic_inventory", stock).Number("quantity_available"); got != want {
			t.Errorf("%v are left, want %v", got, want)
		}
	}
	all()
	left(83)
	// A count counts, and what was dispensed apart comes off it.
	a.Edit("clinic_inventory", stock, apptest.Columns{"quantity_available": 80, "last_counted_at": d.nowMs + 5})
	dispense(b, 3)
	dispense(a, 1)
	all()
	left(76)
	if c := d.record("clinic_inventory", stock).Conflicts; len(c) > 0 {
		t.Errorf("conflicts at %s", c[0].Path)
	}
}

func TestHeldBackUntilPermitted(t *testing.T) {
	d := open(t)
	const nurse = "0190a000-0000-7000-8000-0000000000aa"
	may := crdt.RecordKey{Collection: "user_clinic_permissions", ID: "0190a000-0000-7000-8000-0000000000ab"}
	d.do(
		&crdt.Edit{Key: crdt.RecordKey{Collection: "users", ID: nurse}, Set: []crdt.Field{{Key: "name", Value: crdt.Text("Noor")}, {Key: "role", Value: crdt.Text("registrar")}}},
		&crdt.Edit{Key: crdt.RecordKey{Collection: "clinics", ID: "c"}, Set: []crdt.Field{{Key: "name", Value: crdt.Text("Clinic")}}},
		&crdt.Edit{Key: may, Set: []crdt.Field{{Key: "user_id", Value: crdt.Text(nurse)}, {Key: "clinic_id", Value: crdt.Text("c")}, {Key: "can_register_patients", Value: crdt.True}}},
	)
	a, at := phone(1, d)
	at.user = nurse
	patient := a.Create("patients", apptest.Columns{"given_name": "R", "primary_clinic_id": "c"})
	vitals := a.Create("patient_vitals", apptest.Columns{"patient_id": patient, "weight_kg": 60})
	sync(t, a, at)
	if d.record("patients", patient).Deleted {
		t.Error("the patient is not there")
	}
	if r, err := d.store.Record(crdt.RecordKey{Collection: "patient_vitals", ID: vitals}); err != nil || r != nil {
		t.Errorf("vitals of a user who may not write them: %v, %v", r, err)
	}
	rows := d.held()
	if len(rows) != 1 || rows[0].Row != vitals || !strings.Contains(rows[0].Why, "Noor") {
		t.Fatalf("held back: %+v", rows)
	}
	at.mend()
	if len(d.held()) != 1 {
		t.Error("merged without permission")
	}
	d.do(&crdt.Edit{Key: may, Set: []crdt.Field{{Key: "can_edit_records", Value: crdt.True}}})
	at.mend()
	if d.record("patient_vitals", vitals).Deleted || len(d.held()) != 0 {
		t.Error("not merged although it is permitted now")
	}
}

// Who says at a device how much there is has counted it, too.
func TestStockCountedAtADevice(t *testing.T) {
	d := open(t)
	a, at := phone(1, d)
	stock := a.Create("clinic_inventory", apptest.Columns{"clinic_id": "c", "drug_id": "d", "batch_id": "b", "quantity_available": 100, "last_counted_at": d.nowMs})
	a.Create("dispensing_records", apptest.Columns{"clinic_id": "c", "drug_id": "d", "batch_id": "b", "quantity_dispensed": 10})
	sync(t, a, at)
	key := crdt.RecordKey{Collection: "clinic_inventory", ID: stock}
	for _, e := range []*crdt.Edit{
		{Key: key, Set: []crdt.Field{{Key: "quantity_available", Value: crdt.Int(50)}}},
		{Key: key, Patch: crdt.Object([]crdt.Field{{Key: "quantity_available", Value: crdt.Int(40)}})},
	} {
		if err := clinic.CountStock([]*crdt.Edit{e}, d.store); err != nil {
			t.Fatal(err)
		}
		d.do(e)
	}
	sync(t, a, at)
	if got := a.Row("clinic_inventory", stock).Number("quantity_available"); got != 40 {
		t.Errorf("%v are left, want 40", got)
	}
}
