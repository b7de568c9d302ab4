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

const super = "0190a000-0000-7000-8000-000000000001"

// open makes a desk with a user who may do everything.
func open(t testing.TB) *desk {
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
	a.Create("patients", apptest.Columns{"given_name": "S"})
	sync(t, a, at) // no watermark was given since
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

// TestPhoneCorrectsDispensing: who corrects how much was dispensed, or that anything was, and
// says nothing of the stock, gets what is left then.
func TestPhoneCorrectsDispensing(t *testing.T) {
	d := open(t)
	a, at := phone(1, d)
	b, bt := phone(2, d)
	stock := a.Create("clinic_inventory", apptest.Columns{"clinic_id": "c", "drug_id": "d", "batch_id": "b", "quantity_available": 100})
	sync(t, a, at)
	sync(t, b, bt)
	given := b.Create("dispensing_records", apptest.Columns{"clinic_id": "c", "drug_id": "d", "batch_id": "b", "quantity_dispensed": 3})
	b.Edit("clinic_inventory", stock, apptest.Columns{"quantity_available": 97})
	sync(t, b, bt)
	for _, want := range []float64{90, 100} {
		if want == 90 {
			b.Edit("dispensing_records", given, apptest.Columns{"quantity_dispensed": 10})
		} else {
			b.SoftDelete("dispensing_records", given)
		}
		sync(t, b, bt)
		sync(t, b, bt)
		sync(t, a, at)
		agree(t, a, b)
		if got := b.Row("clinic_inventory", stock).Number("quantity_available"); got != want {
			t.Errorf("%v are left, not %v", got, want)
		}
	}
}

// TestPhoneBetweenDevices: a device that does not know yet what a phone pushed elsewhere sends it
// an older row. The phone gets the newer one again where that is known.
func TestPhoneBetweenDevices(t *testing.T) {
	d := open(t)
	a, at := phone(1, d)
	b, bt := phone(2, d)
	id := a.Create("patients", apptest.Columns{"given_name": "R", "camp": "1"})
	sync(t, a, at)
	sync(t, a, at)
	sync(t, b, bt)
	before := d.look()
	defer before.Close()
	b.Edit("patients", id, apptest.Columns{"phone": "017"})
	sync(t, b, bt)
	other := d.look()
	defer other.Close()
	a.Edit("patients", id, apptest.Columns{"camp": "2"})
	at.behind = &before
	sync(t, a, at)
	sync(t, a, at)
	d.forgetOwed(a) // the one that took it saw nothing else
	at.behind = &other
	sync(t, a, at)
	if got := a.Row("patients", id).Text("camp"); got != "1" {
		t.Fatalf("the other device sent %q", got)
	}
	at.behind = nil
	sync(t, a, at)
	sync(t, b, bt)
	agree(t, a, b)
	if r := a.Row("patients", id); r.Text("camp") != "2" || r.Text("phone") != "017" {
		t.Errorf("an edit is gone: %v", r)
	}
}

// TestPhoneChildBeforeParent: what came before its patient is seen by all until it is known that
// the patient is of another clinic.
func TestPhoneChildBeforeParent(t *testing.T) {
	const nurse = "0190a000-0000-7000-8000-000000000002"
	d := open(t)
	for _, of := range []string{"one", "two"} {
		d.do(&crdt.Edit{Key: crdt.RecordKey{Collection: "clinics", ID: of}, Set: []crdt.Field{{Key: "name", Value: crdt.Text(of)}}})
	}
	d.permit(nurse, "one")
	b, bt := phone(2, d)
	bt.user = nurse
	d.do(&crdt.Edit{Key: crdt.RecordKey{Collection: "patient_vitals", ID: "v"}, Set: []crdt.Field{{Key: "patient_id", Value: crdt.Text("p")}}})
	sync(t, b, bt)
	if n := len(b.Visible("patient_vitals")); n != 1 {
		t.Fatalf("it got %d vitals", n)
	}
	d.do(&crdt.Edit{Key: crdt.RecordKey{Collection: "patients", ID: "p"}, Set: []crdt.Field{{Key: "primary_clinic_id", Value: crdt.Text("two")}}})
	sync(t, b, bt)
	if n := len(b.Visible("patient_vitals")); n != 0 {
		t.Errorf("it keeps %d vitals of another clinic's patient", n)
	}
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

// Rows that a phone got and never sent are not written again by a forced upload, and what it
// was not told of is not overwritten.
func TestForcedUpload(t *testing.T) {
	d := open(t)
	a, at := phone(1, d)
	b, bt := phone(2, d)
	id := a.Create("patients", apptest.Columns{"given_name": "R", "phone": "1"})
	sync(t, a, at)
	sync(t, b, bt)
	b.Edit("patients", id, apptest.Columns{"camp": "2"})
	sync(t, b, bt)
	sync(t, a, at)
	b.Edit("patients", id, apptest.Columns{"camp": "3"})
	sync(t, b, bt)
	before := d.record("patients", id)
	a.Now = d.nowMs
	if err := a.ForceUpload(at, 1000); err != nil {
		t.Fatal(err)
	}
	after := d.record("patients", id)
	if n := len(d.held()); n > 0 {
		t.Errorf("%d rows held back", n)
	}
	if after.Updated != before.Updated {
		t.Error("a forced upload of nothing new wrote the record")
	}
	if !after.Fields.Equal(before.Fields) || len(after.Conflicts) > 0 {
		t.Errorf("a forced upload of nothing new changed the record: %d conflicts", len(after.Conflicts))
	}
	// The watermark is the phone's own time now. It goes on as if it were the last that it
	// presented.
	b.Edit("patients", id, apptest.Columns{"hometown": "H"})
	sync(t, b, bt)
	sync(t, a, at)
	agree(t, a, b)
	if a.Row("patients", id).Text("camp") != "3" || a.Row("patients", id).Text("hometown") != "H" {
		t.Errorf("the phone lacks something: %v", a.Row("patients", id))
	}
}

func TestEmptiedPhoneGetsAll(t *testing.T) {
	d := open(t)
	a, at := phone(1, d)
	id := a.Create("patients", apptest.Columns{"given_name": "R"})
	sync(t, a, at)
	sync(t, a, at)
	sync(t, a, at)
	a.Reset()
	sync(t, a, at)
	if len(a.Visible("patients")) != 1 || at.got["patients/"+id] != clinic.Created {
		t.Errorf("an emptied phone got %v", at.got)
	}
}

// A phone whose watermark may be another device's gets only what it cannot have, keeps its
// watermark, and what it pushes is taken.
func TestUnknownWatermark(t *testing.T) {
	d := open(t)
	a, at := phone(1, d)
	a.Create("patients", apptest.Columns{"given_name": "R"})
	sync(t, a, at)
	sync(t, a, at)
	at.elsewhere = []uint16{77}
	const foreign = 1_790_000_000_000&^0xfff | 77
	made := a.Watermark()
	answer, err := at.Pull(foreign)
	if err != nil {
		t.Fatal(err)
	}
	if len(at.got) > 0 || !strings.Contains(string(answer), fmt.Sprint(foreign)) {
		t.Errorf("%v came, and %s", at.got, answer)
	}
	if err := at.Push(foreign, []byte(`{"patients":{"created":[{"id":"x","given_name":"X","_status":"created"}],"updated":[],"deleted":[]}}`)); err != nil {
		t.Fatal(err)
	}
	d.record("patients", "x")
	// One that nobody can have issued counts as the last that the phone presented.
	if _, err := at.Pull(made + 1); err != nil {
		t.Fatal(err)
	}
}

func TestOnlyTheUsersClinics(t *testing.T) {
	d := open(t)
	const user = "0190a000-0000-7000-8000-0000000000aa"
	grant := &crdt.Edit{Key: key("user_clinic_permissions", "p-a"), Set: []crdt.Field{field("user_id", user), field("clinic_id", "a"), {Key: "can_edit_records", Value: crdt.True}}}
	d.do(
		&crdt.Edit{Key: key("clinics", "a"), Set: []crdt.Field{field("name", "A")}},
		&crdt.Edit{Key: key("clinics", "b"), Set: []crdt.Field{field("name", "B")}},
		&crdt.Edit{Key: key("users", user), Set: []crdt.Field{field("name", "Noor"), field("role", "provider")}}, grant,
		&crdt.Edit{Key: key("user_clinic_permissions", "other"), Set: []crdt.Field{field("user_id", super), field("clinic_id", "b"), {Key: "can_edit_records", Value: crdt.True}}},
		&crdt.Edit{Key: key("patients", "pa"), Set: []crdt.Field{field("primary_clinic_id", "a")}},
		&crdt.Edit{Key: key("patients", "pb"), Set: []crdt.Field{field("primary_clinic_id", "b"), field("surname", "hidden")}},
		&crdt.Edit{Key: key("patients", "none"), Set: []crdt.Field{field("given_name", "x")}},
		&crdt.Edit{Key: key("visits", "vb"), Set: []crdt.Field{field("patient_id", "pb"), field("clinic_id", "b")}},
		&crdt.Edit{Key: key("events", "eb"), Set: []crdt.Field{field("patient_id", "pb"), field("visit_id", "vb")}},
		&crdt.Edit{Key: key("patient_vitals", "lb"), Set: []crdt.Field{field("patient_id", "pb")}},
		&crdt.Edit{Key: key("events", "orphan"), Set: []crdt.Field{field("patient_id", "nobody"), field("visit_id", "")}},
	)
	a, at := phone(1, d)
	at.user = user
	shown := func(want ...string) {
		t.Helper()
		var got []string
		for _, table := range []string{"patients", "visits", "events", "patient_vitals", "appointments"} {
			for _, r := range a.Visible(table) {
				got = append(got, r.Text("id"))
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("the phone shows %v, want %v", got, want)
		}
	}
	sync(t, a, at)
	shown("pa", "none", "orphan")
	if _, others := at.got["user_clinic_permissions/other"]; others {
		t.Error("another user's permissions came")
	}
	// An appointment in the clinic brings the patient, and what follows the patient.
	d.do(&crdt.Edit{Key: key("appointments", "ta"), Set: []crdt.Field{field("patient_id", "pb"), field("clinic_id", "a")}})
	sync(t, a, at)
	shown("pa", "none", "orphan", "pb", "lb", "ta")
	d.do(&crdt.Edit{Key: key("appointments", "ta"), Delete: true})
	sync(t, a, at)
	shown("pa", "none", "orphan")
	if r := a.Row("patients", "pb"); r.Text("surname") != "" {
		t.Error("the phone kept the name of a patient who is none of its user's")
	}
	// Another clinic, then none of the first.
	d.do(&crdt.Edit{Key: key("user_clinic_permissions", "p-b"), Set: []crdt.Field{field("user_id", user), field("clinic_id", "b"), {Key: "can_edit_records", Value: crdt.True}}})
	sync(t, a, at)
	shown("pa", "none", "orphan", "pb", "lb", "vb", "eb")
	d.do(&crdt.Edit{Key: grant.Key, Set: []crdt.Field{{Key: "can_edit_records", Value: crdt.False}}})
	sync(t, a, at)
	shown("none", "orphan", "pb", "lb", "vb", "eb")
	sync(t, a, at)
	if len(at.got) > 0 {
		t.Errorf("came again: %v", at.got)
	}
	if a.Lossy > 0 || a.Skipped > 0 {
		t.Errorf("%d values lost, %d rows skipped", a.Lossy, a.Skipped)
	}
}

// The app forgets what its user edits while a push is on the way. It comes with the row later,
// unnamed: it is not merged, but told.
func TestEditedWhileSyncing(t *testing.T) {
	d := open(t)
	a, at := phone(1, d)
	id := a.Create("patients", apptest.Columns{"given_name": "R", "phone": "1"})
	if err := a.Sync(&busy{at, func() { a.Edit("patients", id, apptest.Columns{"phone": "2"}) }}); err != nil {
		t.Fatal(err)
	}
	if n := len(d.held()); n > 0 {
		t.Fatalf("%d rows held back", n)
	}
	a.Edit("patients", id, apptest.Columns{"camp": "3"})
	sync(t, a, at)
	if v := d.record("patients", id); text(v, "camp") != "3" || text(v, "phone") != "1" {
		t.Errorf("the record is %v", v)
	}
	if rows := d.held(); len(rows) != 1 || rows[0].Row != id || !strings.Contains(rows[0].Why, "phone") {
		t.Errorf("held back: %+v", rows)
	}
	sync(t, a, at)
	if a.Row("patients", id).Text("phone") != "1" {
		t.Error("the phone shows what nobody else sees")
	}
}

// A busy line has its phone's user at work while a push is on the way.
type busy struct {
	*line
	edit func()
}

func (b *busy) Push(presented int64, changes []byte) error {
	b.edit()
	return b.line.Push(presented, changes)
}

// A phone that dispenses more from a row of which it shows no shelf, as of one out of its user's
// sight, gets what is left on the shelf of which it is.
func TestStockOfARowThatIsShownOtherwise(t *testing.T) {
	d := open(t)
	shelf := func() []crdt.Field { return texts("clinic_id", "c", "drug_id", "x", "batch_id", "b") }
	d.do(&crdt.Edit{Key: key("clinic_inventory", "i"), Set: append(shelf(), crdt.Field{Key: "quantity_available", Value: crdt.Int(100)})},
		&crdt.Edit{Key: key("dispensing_records", "r"), Set: append(shelf(), crdt.Field{Key: "quantity_dispensed", Value: crdt.Int(3)})})
	a, at := phone(1, d)
	sync(t, a, at)
	sync(t, a, at)
	d.push(at, a.Watermark(), `{"dispensing_records":{"updated":[{"id":"r","clinic_id":"","drug_id":"","batch_id":"","quantity_dispensed":5,"_status":"updated","_changed":"quantity_dispensed"}]}}`)
	sync(t, a, at)
	if r := a.Row("clinic_inventory", "i"); r["quantity_available"] != 95.0 {
		t.Errorf("it shows that %v are left", r["quantity_available"])
	}
}
