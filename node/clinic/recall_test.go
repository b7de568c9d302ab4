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

// What a phone made before it was emptied, and got again, it knows of: what others change of it comes
// with its next sync, whatever it pushed of it since.
func TestEmptiedPhoneEditsWhatItMade(t *testing.T) {
	d := open(t)
	a, at := phone(1, d)
	id := a.Create("patients", apptest.Columns{"given_name": "R", "camp": "1"})
	sync(t, a, at)
	sync(t, a, at)
	a.Reset()
	sync(t, a, at)
	a.Edit("patients", id, apptest.Columns{"camp": "2"})
	sync(t, a, at)
	d.set("patients", id, "camp", "3")
	sync(t, a, at)
	if got := a.Row("patients", id).Text("camp"); got != "3" {
		t.Errorf("the phone shows %q", got)
	}
}

// What a phone pushed before it was emptied comes back to it, though the device that filled it
// again had not heard of that, and its clock is behind.
func TestEmptiedPhoneGetsWhatItPushedBefore(t *testing.T) {
	const hourMs = 3600_000
	x := goElsewhere(t)
	x.d.set("patients", "p", "camp", "1")
	x.fromNow()
	x.d.nowMs += hourMs
	x.d.set("patients", "q", "camp", "1")
	sync(t, x.a, x.at)
	x.a.Edit("patients", "p", apptest.Columns{"camp": "2"})
	for i := range 40 {
		x.d.set("patients", "q", "camp", patientID(i)) // so that cursors of then are left behind
		sync(t, x.a, x.at)
	}
	x.a.Reset()
	x.d.nowMs -= hourMs
	x.there()
	if got := x.row("patients", "p").Text("camp"); got != "2" {
		t.Errorf("the phone shows %q", got)
	}
}

// hide lets a phone hide the patient p, and something be deleted elsewhere; it hears of that.
func hide(t *testing.T, a *apptest.Phone, at *line, deleted crdt.RecordKey) {
	t.Helper()
	a.DeletePatient("p")
	at.do(&crdt.Edit{Key: deleted, Delete: true})
	sync(t, a, at)
	sync(t, a, at)
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
	hide(t, a, at, key("patients", "p"))
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

// Who is in one clinic and makes up a watermark learns of no row of another one.
func TestMadeUpWatermarkTellsNothing(t *testing.T) {
	d, a, at := openFor(t, "a", "b")
	d.set("patients", "hidden", "primary_clinic_id", "b", "given_name", "Hidden")
	d.set("patient_vitals", "v", "patient_id", "hidden")
	if err := a.ForceDownload(at, 12345); err != nil {
		t.Fatal(err)
	}
	for row := range at.got {
		if row == "patients/hidden" || row == "patient_vitals/v" {
			t.Errorf("%s came", row)
		}
	}
}

// What comes into sight again by what links it comes to a phone that hides it as a row that it has.
func TestHiddenRowComesBackByALink(t *testing.T) {
	d, a, at := openFor(t, "a", "b")
	d.set("patients", "p", "primary_clinic_id", "b")
	d.set("visits", "v", "patient_id", "p", "clinic_id", "a")
	sync(t, a, at)
	sync(t, a, at)
	hide(t, a, at, key("visits", "v"))
	d.do(&crdt.Edit{Key: key("visits", "v"), Undelete: true})
	sync(t, a, at)
	if at.got["patients/p"] != clinic.Updated {
		t.Errorf("it came as %v", at.got)
	}
}

// A phone that hides a row syncs on after it was told to download all.
func TestHiddenRowComesBackAfterADownload(t *testing.T) {
	for _, since := range []int64{1000, 1_780_000_000_000} {
		d := open(t)
		a, at := phone(1, d)
		d.set("patients", "p", "given_name", "R")
		sync(t, a, at)
		sync(t, a, at)
		hide(t, a, at, key("patients", "p"))
		if err := a.ForceDownload(at, since); err != nil {
			t.Fatal(err)
		}
		sync(t, a, at)
		d.do(&crdt.Edit{Key: key("patients", "p"), Undelete: true})
		sync(t, a, at)
	}
}

// An emptied phone that is told to download all gets all.
func TestEmptiedPhoneDownloads(t *testing.T) {
	d := open(t)
	a, at := phone(1, d)
	d.set("patients", "p", "given_name", "R")
	sync(t, a, at)
	sync(t, a, at)
	a.Reset()
	if err := a.ForceDownload(at, 1000); err != nil {
		t.Fatal(err)
	}
	wantIDs(t, a, []string{"patients"}, "p")
}

// A patient goes out of sight with the visit that the phone itself gave to another one.
func TestPhoneMovesALink(t *testing.T) {
	d, a, at := openFor(t, "a", "b")
	d.set("patients", "p", "primary_clinic_id", "b")
	d.set("patients", "q", "primary_clinic_id", "b")
	d.set("events", "e", "patient_id", "p", "event_type", "x")
	d.set("visits", "v", "patient_id", "p", "clinic_id", "a")
	sync(t, a, at)
	wantIDs(t, a, []string{"patients", "events"}, "p", "e")
	a.Edit("visits", "v", apptest.Columns{"patient_id": "q"})
	for range 3 {
		sync(t, a, at)
	}
	wantIDs(t, a, []string{"patients", "events"}, "q")
}

// Whatever a device of the camp says of watermarks, phones get ones that they can hold.
func TestHugeWatermark(t *testing.T) {
	for _, w := range []int64{9223372036854775000, 9007199254740993, 0, -5} {
		d := open(t)
		a, at := phone(1, d)
		sync(t, a, at)
		d.do(&crdt.Edit{Key: key(clinic.Cursors, a.ClientID), Set: []crdt.Field{{Key: "7", Value: cursorBody(w, 0, 0)}}})
		d.set("patients", "p", "given_name", "R")
		sync(t, a, at)
		if w := a.Watermark(); w < d.nowMs || w > d.nowMs+1<<20 {
			t.Errorf("the phone got %d", w)
		}
	}
}

// However many rows come into sight of a phone that synced often, the pull takes a moment.
func TestManyRowsComeIntoSight(t *testing.T) {
	const rows, syncs = 3000, 200
	d, a, at := openFor(t, "a", "b")
	for i := range rows {
		d.set("patients", patientID(i), "primary_clinic_id", "b")
	}
	for i := range syncs {
		d.set("patients", "mine", "primary_clinic_id", "a", "surname", patientID(i))
		sync(t, a, at)
	}
	d.permit(clerk, "b")
	m := countingLook{look: d.look(), asked: new(int)}
	defer m.Close()
	answer, err := clinic.Pull{Look: m, Client: a.ClientID, User: clerk, Presented: a.Watermark(), NowMs: d.nowMs}.Answer()
	if err != nil {
		t.Fatal(err)
	}
	sent := 0
	if err := answer.Each(func(string, clinic.Form, []byte) error { sent++; return nil }); err != nil {
		t.Fatal(err)
	}
	if sent < rows || *m.asked > 20*rows {
		t.Errorf("for %d rows it was asked %d times what somebody held", sent, *m.asked)
	}
}

// A countingLook counts how often one asks whether somebody held an entry.
type countingLook struct {
	look
	asked *int
}

func (l countingLook) Past(marks []crdt.Mark) (clinic.Past, error) {
	p, err := l.look.Past(marks)
	return countingPast{p, l.asked}, err
}

type countingPast struct {
	clinic.Past
	asked *int
}

func (p countingPast) Holds(at crdt.Ref) bool {
	*p.asked++
	return p.Past.Holds(at)
}
