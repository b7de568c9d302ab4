package clinic_test

import (
	"testing"

	"musafir/crdt"
	"musafir/node/clinic"
	"musafir/node/clinic/apptest"
)

// What was deleted leaves a phone that comes to a device which never heard of it.
func TestStrangerHearsOfDeletions(t *testing.T) {
	one, other := open(t), open(t)
	for _, d := range []*desk{one, other} {
		d.set("patients", "p", "given_name", "R")
		d.set("patients", "q", "given_name", "S")
	}
	other.do(&crdt.Edit{Key: key("patients", "p"), Delete: true})
	a, at := phone(1, one)
	sync(t, a, at)
	wantIDs(t, a, []string{"patients"}, "p", "q")
	sync(t, a, other.line(a, super))
	wantIDs(t, a, []string{"patients"}, "q")
}

// What comes back comes to a phone that was emptied, though it pushed something of it before.
func TestEmptiedPhoneGetsWhatComesBack(t *testing.T) {
	d := open(t)
	a, at := phone(1, d)
	d.set("patients", "p", "given_name", "R")
	sync(t, a, at)
	sync(t, a, at)
	a.Edit("patients", "p", apptest.Columns{"camp": "2"})
	sync(t, a, at)
	sync(t, a, at)
	d.do(&crdt.Edit{Key: key("patients", "p"), Delete: true})
	a.Reset()
	for range 3 {
		sync(t, a, at)
	}
	wantIDs(t, a, []string{"patients"})
	d.do(&crdt.Edit{Key: key("patients", "p"), Undelete: true})
	sync(t, a, at)
	wantIDs(t, a, []string{"patients"}, "p")
}

// A phone that hides a row goes on syncing: the row comes back from a deletion as one that it has,
// and a forced upload does not bring all as if it were new.
func TestHiddenRowComesBack(t *testing.T) {
	d := open(t)
	a, at := phone(1, d)
	d.set("patients", "p", "given_name", "R")
	sync(t, a, at)
	for i := range 30 { // long ago
		d.set("patients", "q", "camp", patientID(i))
		sync(t, a, at)
	}
	a.DeletePatient("p")
	d.do(&crdt.Edit{Key: key("patients", "p"), Delete: true})
	sync(t, a, at)
	sync(t, a, at)
	d.do(&crdt.Edit{Key: key("patients", "p"), Undelete: true})
	sync(t, a, at)
	if at.got["patients/p"] != clinic.Updated {
		t.Errorf("it came as %v", at.got)
	}
	a.Now = d.nowMs
	if err := a.ForceUpload(at, 1000); err != nil {
		t.Fatal(err)
	}
	d.set("patients", "q", "camp", "last")
	sync(t, a, at)
	if got := a.Row("patients", "q").Text("camp"); got != "last" {
		t.Errorf("after a forced upload it has %q", got)
	}
}

// What was dispensed and deleted, and comes back by an edit of a phone that had not heard of
// that, comes off the stock that the phone shows.
func TestStockOfWhatComesBack(t *testing.T) {
	d := open(t)
	a, at := phone(1, d)
	b, bt := phone(2, d)
	d.do(&crdt.Edit{Key: key("clinic_inventory", "s"), Set: []crdt.Field{field("clinic_id", "c"), field("drug_id", "d"), field("batch_id", "b"),
		{Key: "quantity_available", Value: crdt.Int(100)}}})
	d.do(&crdt.Edit{Key: key("dispensing_records", "x"), Set: []crdt.Field{field("clinic_id", "c"), field("drug_id", "d"), field("batch_id", "b"),
		{Key: "quantity_dispensed", Value: crdt.Int(7)}}})
	for range 2 {
		sync(t, a, at)
		sync(t, b, bt)
	}
	b.SoftDelete("dispensing_records", "x")
	sync(t, b, bt)
	a.Edit("dispensing_records", "x", apptest.Columns{"dosage_instructions": "with water"})
	for range 2 {
		sync(t, a, at)
	}
	sync(t, b, bt)
	agree(t, a, b)
	if got := a.Row("clinic_inventory", "s").Number("quantity_available"); got != 93 {
		t.Errorf("the phone shows %v", got)
	}
}
