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

// What a phone claims not to have is asked as it is: nothing is taken out of another clinic,
// and no event from who recorded it.
func TestRightsAskTheRecord(t *testing.T) {
	d := open(t)
	d.staff("can_register_patients", "can_edit_records", "can_delete_records")
	d.do(
		&crdt.Edit{Key: crdt.RecordKey{Collection: "patients", ID: "pb"}, Set: texts("primary_clinic_id", "b", "surname", "hidden")},
		&crdt.Edit{Key: crdt.RecordKey{Collection: "patients", ID: "pa"}, Set: texts("primary_clinic_id", "a")},
		&crdt.Edit{Key: crdt.RecordKey{Collection: "visits", ID: "vb"}, Set: texts("patient_id", "pb", "clinic_id", "b")},
		&crdt.Edit{Key: crdt.RecordKey{Collection: "visits", ID: "va"}, Set: texts("patient_id", "pa", "clinic_id", "a")},
		&crdt.Edit{Key: crdt.RecordKey{Collection: "events", ID: "eb"}, Set: texts("patient_id", "pb", "visit_id", "vb", "recorded_by_user_id", nurse)},
		&crdt.Edit{Key: crdt.RecordKey{Collection: "events", ID: "ea"}, Set: texts("patient_id", "pa", "visit_id", "va", "recorded_by_user_id", super)},
	)
	_, at := nursePhone(t, d)
	d.push(at, 0, `{
		"patients":{"created":[{"id":"pb","primary_clinic_id":"a","_status":"created"}]},
		"events":{"created":[
			{"id":"eb","patient_id":"pa","visit_id":"va","event_type":"forged","recorded_by_user_id":"`+nurse+`","_status":"created"},
			{"id":"ea","patient_id":"pa","visit_id":"va","event_type":"forged","recorded_by_user_id":"`+nurse+`","_status":"created"},
			{"id":"e1","patient_id":"pb","visit_id":"vb","event_type":"added","_status":"created"},
			{"id":"e2","patient_id":"pa","visit_id":"va","event_type":"mine","_status":"created"},
			{"id":"e3","patient_id":"pb","visit_id":"v3","event_type":"mine","_status":"created"}]},
		"visits":{"created":[
			{"id":"vb","patient_id":"pb","clinic_id":"a","_status":"created"},
			{"id":"v3","patient_id":"pb","clinic_id":"a","_status":"created"}]}}`)
	var held []string
	for _, h := range d.held() {
		held = append(held, h.Row)
	}
	for _, id := range []string{"pb", "eb", "ea", "e1", "vb"} {
		if !strings.Contains(" "+strings.Join(held, " ")+" ", " "+id+" ") {
			t.Errorf("%s is not held back", id)
		}
	}
	if len(held) != 5 {
		t.Errorf("held back: %v", d.held())
	}
	d.record("events", "e2")
	d.record("events", "e3") // in a visit that came with it
}

// Why a row is held back names the clinic as people do, and by its id only where it has no name.
func TestRightsNameTheClinic(t *testing.T) {
	d := open(t)
	d.staff("can_view_history")
	const river, unnamed = "0190a000-0000-7000-8000-0000000000c1", "0190a000-0000-7000-8000-0000000000c2"
	d.do(
		&crdt.Edit{Key: crdt.RecordKey{Collection: "clinics", ID: river}, Set: texts("name", "River clinic")},
		&crdt.Edit{Key: crdt.RecordKey{Collection: "clinics", ID: unnamed}, Set: texts("name", " ")},
	)
	a, at := nursePhone(t, d)
	d.push(at, a.Watermark(), `{"visits":{"created":[
		{"id":"v1","clinic_id":"`+river+`","_status":"created"},
		{"id":"v2","clinic_id":"`+unnamed+`","_status":"created"},
		{"id":"v3","clinic_id":"nowhere","_status":"created"}]}}`)
	const why = "Noor may not add visits in the clinic %s: it takes the permission can_register_patients or can_edit_records"
	for row, where := range map[string]string{"v1": "River clinic", "v2": unnamed, "v3": "nowhere"} {
		want := fmt.Sprintf(why, where)
		if !slices.ContainsFunc(d.held(), func(h clinic.HeldRow) bool { return h.Row == row && h.Why == want }) {
			t.Errorf("held back: %v; %s not for: %s", d.held(), row, want)
		}
	}
}

// Who deletes says nothing of the record's clinic: the record does.
func TestRightsToDeleteAskTheRecord(t *testing.T) {
	d := open(t)
	d.staff("can_register_patients", "can_delete_patient_records")
	a, at := nursePhone(t, d)
	id := a.Create("patients", apptest.Columns{"given_name": "R", "primary_clinic_id": "a"})
	sync(t, a, at)
	sync(t, a, at)
	d.do(&crdt.Edit{Key: crdt.RecordKey{Collection: "patients", ID: id}, Set: texts("primary_clinic_id", "b")})
	a.DeletePatient(id)
	a.Now = d.nowMs
	if err := at.Push(a.Watermark(), []byte(`{"patients":{"deleted":["`+id+`"]}}`)); err != nil {
		t.Fatal(err)
	}
	if d.record("patients", id).Deleted || len(d.held()) != 1 {
		t.Errorf("deleted: %v, held back: %v", d.record("patients", id).Deleted, d.held())
	}
}

// Who runs a clinic does not say who may do what: with that one could give oneself everything.
func TestRightsOfClinicAdmins(t *testing.T) {
	d := open(t)
	d.staff("is_clinic_admin")
	const colleague, stranger = "0190a000-0000-7000-8000-0000000000ab", "0190a000-0000-7000-8000-0000000000ac"
	user := func(id, clinic string) *crdt.Edit {
		return &crdt.Edit{Key: crdt.RecordKey{Collection: "users", ID: id}, Set: texts("name", "N", "role", "provider", "clinic_id", clinic)}
	}
	d.do(user(colleague, "a"), user(stranger, "b"))
	a, at := nursePhone(t, d)
	d.push(at, a.Watermark(), `{
		"users":{"updated":[
			{"id":"`+nurse+`","role":"super_admin","name":"Noor","clinic_id":"a","_status":"updated","_changed":"role"},
			{"id":"`+colleague+`","role":"provider","name":"M","clinic_id":"a","_status":"updated","_changed":"name"},
			{"id":"`+stranger+`","role":"provider","name":"M","clinic_id":"b","_status":"updated","_changed":"name"},
			{"id":"`+super+`","name":"M","_status":"updated","_changed":"name"}]},
		"user_clinic_permissions":{"created":[{"id":"u1","user_id":"`+nurse+`","clinic_id":"a","can_edit_records":true,"_status":"created"}]},
		"app_config":{"created":[{"id":"c1","namespace":"auth","key":"disable-mobile-permissions-checking","value":"true","_status":"created"}]},
		"clinics":{"updated":[{"id":"a","name":"A2","_status":"updated","_changed":"name"},{"id":"b","name":"B2","_status":"updated","_changed":"name"}]},
		"clinic_departments":{"created":[{"id":"d1","clinic_id":"a","name":"Triage","_status":"created"}]}}`)
	if rows := d.held(); len(rows) != 6 {
		t.Errorf("held back: %v", rows)
	}
	if v := d.record("users", nurse); text(v, "role") != "provider" {
		t.Errorf("the role is %s", text(v, "role"))
	}
	if v := d.record("users", colleague); text(v, "name") != "M" {
		t.Error("a clinic's own user was not renamed")
	}
	for id, want := range map[string]string{"a": "A2", "b": "B"} {
		if v := d.record("clinics", id); text(v, "name") != want {
			t.Errorf("clinic %s is called %s", id, text(v, "name"))
		}
	}
	d.record("clinic_departments", "d1")
}
