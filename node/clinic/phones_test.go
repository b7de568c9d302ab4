package clinic_test

import (
	"slices"
	"testing"

	"musafir/crdt"
	"musafir/node/clinic"
	"musafir/node/clinic/apptest"
)

const super = "0190a000-0000-7000-8000-000000000001"

// open makes a desk with a user who may do everything.
func open(t *testing.T) *desk {
	d := newDesk(t)
	d.do(&crdt.Edit{Key: crdt.RecordKey{Collection: "users", ID: super}, Set: []crdt.Field{
		{Key: "name", Value: crdt.Text("Amina")}, {Key: "role", Value: crdt.Text("super_admin")}, {Key: "email", Value: crdt.Text("amina@example.org")},
	}})
	return d
}

func sync(t *testing.T, p *apptest.Phone, l *line) {
	t.Helper()
	p.Now = l.nowMs
	if err := p.Sync(l); err != nil {
		t.Fatal(err)
	}
}

func phone(seed uint64, d *desk) (*apptest.Phone, *line) {
	p := apptest.New([]string{"", "6b0f0c0e-2a55-4a3e-9f0a-5f5f6f6a7b01", "6b0f0c0e-2a55-4a3e-9f0a-5f5f6f6a7b02"}[seed], seed)
	p.Now = d.nowMs
	return p, d.line(p, super)
}

func agree(t *testing.T, a, b *apptest.Phone) {
	t.Helper()
	if x, y := a.Dump(), b.Dump(); x != y {
		t.Errorf("the phones differ:\n%s\n\n%s", x, y)
	}
	if a.Lossy+b.Lossy > 0 {
		t.Errorf("values were lost: %v %v", a.Losses, b.Losses)
	}
}

func TestPhonesMeet(t *testing.T) {
	d := open(t)
	a, at := phone(1, d)
	b, bt := phone(2, d)
	id := a.Create("patients", apptest.Columns{"given_name": "রহিমা", "surname": "Begum", "sex": "female", "date_of_birth": "1994-02-01"})
	sync(t, a, at)
	sync(t, b, bt)
	agree(t, a, b)
	if bt.got["patients/"+id] != clinic.Created {
		t.Errorf("the patient came as %v", bt.got)
	}
	// What a phone made does not come back to it.
	sync(t, a, at)
	if _, echoed := at.got["patients/"+id]; echoed {
		t.Error("the phone's own patient came back")
	}
	// Nothing new: the same watermark, and nothing is written.
	sync(t, a, at)
	w, writes := a.Watermark(), d.writes
	sync(t, a, at)
	if a.Watermark() != w || d.writes != writes || len(at.got) > 0 {
		t.Errorf("a sync with nothing new: watermark %d then %d, %d writes, rows %v", w, a.Watermark(), d.writes-writes, at.got)
	}
	// Both edit other columns apart.
	a.Edit("patients", id, apptest.Columns{"phone": "017"})
	b.Edit("patients", id, apptest.Columns{"camp": "4"})
	sync(t, a, at)
	sync(t, b, bt)
	sync(t, a, at)
	sync(t, b, bt)
	agree(t, a, b)
	if r := a.Row("patients", id); r.Text("phone") != "017" || r.Text("camp") != "4" {
		t.Errorf("an edit is gone: %v", r)
	}
	if c := d.record("patients", id).Conflicts; len(c) > 0 {
		t.Errorf("conflicts: %v", c)
	}
	// Both edit one column apart: both values are kept, and both phones show the same.
	a.Edit("patients", id, apptest.Columns{"hometown": "A"})
	b.Edit("patients", id, apptest.Columns{"hometown": "B"})
	sync(t, a, at)
	sync(t, b, bt)
	sync(t, a, at)
	sync(t, b, bt)
	sync(t, a, at)
	agree(t, a, b)
	if c := d.record("patients", id).Conflicts; len(c) != 1 || c[0].Path != "hometown" {
		t.Errorf("conflicts: %v", c)
	}
}

// TestPhoneGetsListsWhole: of each table all rows that are created come before those that are
// updated, so that each list stands once in an answer.
func TestPhoneGetsListsWhole(t *testing.T) {
	d := open(t)
	a, at := phone(1, d)
	b, bt := phone(2, d)
	first := a.Create("patients", apptest.Columns{"given_name": "R"})
	sync(t, a, at)
	sync(t, b, bt)
	a.Edit("patients", first, apptest.Columns{"camp": "4"})
	a.Create("patients", apptest.Columns{"given_name": "S"}) // its id is greater
	sync(t, a, at)
	m := bt.look()
	defer m.Close()
	answer, err := clinic.Pull{Look: m, Client: bt.client, User: super, Presented: b.Watermark(), NowMs: d.nowMs, Issuer: 5}.Answer()
	if err != nil {
		t.Fatal(err)
	}
	var forms []clinic.Form
	err = answer.Each(func(_ string, form clinic.Form, _ []byte) error {
		forms = append(forms, form)
		return nil
	})
	if want := []clinic.Form{clinic.Created, clinic.Updated}; err != nil || !slices.Equal(forms, want) {
		t.Errorf("rows came as %v, %v", forms, err)
	}
}

// TestPhoneEmptied: a phone that its user emptied gets everything again, what a device wrote and
// what the phone itself did.
func TestPhoneEmptied(t *testing.T) {
	d := open(t)
	a, at := phone(1, d)
	b, bt := phone(2, d)
	d.do(&crdt.Edit{Key: crdt.RecordKey{Collection: "clinics", ID: "c"}, Set: []crdt.Field{{Key: "name", Value: crdt.Text("Camp 4")}}})
	a.Create("patients", apptest.Columns{"given_name": "R"})
	for range 3 {
		sync(t, a, at)
	}
	a.Reset()
	sync(t, a, at)
	sync(t, b, bt)
	agree(t, a, b)
	if n := len(a.Visible("clinics")); n != 1 {
		t.Errorf("it got %d clinics", n)
	}
}

// permit lets a user do everything in a clinic.
func (d *desk) permit(user, of string) {
	e := &crdt.Edit{Key: crdt.RecordKey{Collection: "user_clinic_permissions", ID: user + "-" + of}}
	e.Set = []crdt.Field{{Key: "user_id", Value: crdt.Text(user)}, {Key: "clinic_id", Value: crdt.Text(of)}}
	for _, c := range clinic.TableOf("user_clinic_permissions").Columns {
		if c.Kind == clinic.Bool {
			e.Set = append(e.Set, crdt.Field{Key: c.Name, Value: crdt.True})
		}
	}
	d.do(e)
}

// TestPhoneOfOneClinic: a phone gets visits that it never had, of its user's clinic only, and
// the patients whom they bring there.
func TestPhoneOfOneClinic(t *testing.T) {
	const nurse = "0190a000-0000-7000-8000-000000000002"
	d := open(t)
	for _, of := range []string{"one", "two"} {
		d.do(&crdt.Edit{Key: crdt.RecordKey{Collection: "clinics", ID: of}, Set: []crdt.Field{{Key: "name", Value: crdt.Text(of)}}})
	}
	d.permit(nurse, "one")
	a, at := phone(1, d)
	b, bt := phone(2, d)
	bt.user = nurse
	sync(t, a, at)
	sync(t, b, bt)
	patient := a.Create("patients", apptest.Columns{"given_name": "R", "primary_clinic_id": "two"})
	a.Create("visits", apptest.Columns{"patient_id": patient, "clinic_id": "two"})
	sync(t, a, at)
	sync(t, b, bt)
	if n := len(b.Visible("patients")) + len(b.Visible("visits")); n != 0 {
		t.Errorf("it got %d rows of the other clinic", n)
	}
	a.Create("visits", apptest.Columns{"patient_id": patient, "clinic_id": "one"})
	sync(t, a, at)
	sync(t, b, bt)
	if p, v := len(b.Visible("patients")), len(b.Visible("visits")); p != 1 || v != 1 {
		t.Errorf("it got %d patients and %d visits", p, v)
	}
}

// TestPhoneTookInHalf: a phone that took in an answer, and failed to push then, presents the
// watermark of before. What became of the rows since reaches it.
func TestPhoneTookInHalf(t *testing.T) {
	d := open(t)
	a, at := phone(1, d)
	b, bt := phone(2, d)
	edited := a.Create("patients", apptest.Columns{"given_name": "R", "camp": "4"})
	sync(t, a, at)
	sync(t, b, bt)
	deleted := a.Create("patients", apptest.Columns{"given_name": "S"})
	a.Edit("patients", edited, apptest.Columns{"camp": "5"})
	sync(t, a, at)
	b.Create("patients", apptest.Columns{"given_name": "T"})
	if err := b.SyncWith(bt, apptest.Faults{FailPushBeforeArrival: true}); err == nil {
		t.Fatal("the fault did not happen")
	}
	a.SoftDelete("patients", deleted)
	a.Edit("patients", edited, apptest.Columns{"camp": "4"}) // as it was before
	for range 2 {
		sync(t, a, at)
		sync(t, b, bt)
	}
	sync(t, a, at)
	agree(t, a, b)
}

func TestPhoneHalfFailedPush(t *testing.T) {
	d := open(t)
	a, at := phone(1, d)
	b, bt := phone(2, d)
	sync(t, b, bt)
	sync(t, a, at)
	id := a.Create("patients", apptest.Columns{"given_name": "R", "phone": "1"})
	if err := a.SyncWith(at, apptest.Faults{FailPushAfterArrival: true}); err == nil {
		t.Fatal("the fault did not happen")
	}
	// The phone does not know that it arrived. It goes on editing; so does another one.
	a.Edit("patients", id, apptest.Columns{"phone": "2"})
	sync(t, b, bt)
	b.Edit("patients", id, apptest.Columns{"camp": "7"})
	sync(t, b, bt)
	sync(t, a, at)
	if r := a.Row("patients", id); r.Text("phone") != "2" {
		t.Errorf("the edit after the push that failed is lost: %v", r)
	}
	sync(t, a, at)
	sync(t, b, bt)
	agree(t, a, b)
	if r := a.Row("patients", id); r.Text("phone") != "2" || r.Text("camp") != "7" {
		t.Errorf("an edit is gone: %v", r)
	}
	if c := d.record("patients", id).Conflicts; len(c) > 0 {
		t.Errorf("conflicts: %v", c)
	}
}

func TestPhoneDeletes(t *testing.T) {
	d := open(t)
	a, at := phone(1, d)
	b, bt := phone(2, d)
	id := a.Create("patients", apptest.Columns{"given_name": "R"})
	sync(t, a, at)
	sync(t, b, bt)
	a.SoftDelete("patients", id)
	sync(t, a, at)
	if !d.record("patients", id).Deleted {
		t.Error("the record is not deleted")
	}
	sync(t, b, bt)
	if rows := b.Visible("patients"); len(rows) != 0 {
		t.Errorf("the deleted patient is still shown: %v", rows)
	}
	d.do(&crdt.Edit{Key: crdt.RecordKey{Collection: "patients", ID: id}, Undelete: true})
	sync(t, a, at)
	sync(t, b, bt)
	agree(t, a, b)
	if rows := b.Visible("patients"); len(rows) != 1 {
		t.Errorf("the patient did not come back: %v", rows)
	}
	// One deletes, the other edits, apart: the edit keeps it there.
	a.SoftDelete("patients", id)
	b.Edit("patients", id, apptest.Columns{"camp": "9"})
	sync(t, a, at)
	sync(t, b, bt)
	sync(t, a, at)
	sync(t, b, bt)
	agree(t, a, b)
	if rows := a.Visible("patients"); len(rows) != 1 || rows[0].Text("camp") != "9" {
		t.Errorf("a deletion took an edit with it: %v", rows)
	}
}
