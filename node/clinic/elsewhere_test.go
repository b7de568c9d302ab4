package clinic_test

import (
	"testing"

	"musafir/crdt"
	"musafir/node/clinic/apptest"
)

// An elsewhere is a phone that syncs at a device, and then at one that has not heard of that.
type elsewhere struct {
	t      *testing.T
	d      *desk
	a, b   *apptest.Phone // a goes there, b stays
	at, bt *line
	before look // what the other device has heard of
}

func goElsewhere(t *testing.T) *elsewhere {
	t.Helper()
	x := &elsewhere{t: t, d: open(t)}
	x.a, x.at = phone(1, x.d)
	x.b, x.bt = phone(2, x.d)
	return x
}

// fromNow lets the other device hear of nothing that comes.
func (x *elsewhere) fromNow() {
	sync(x.t, x.a, x.at)
	sync(x.t, x.a, x.at)
	sync(x.t, x.b, x.bt)
	x.before = x.d.look()
	x.t.Cleanup(func() { x.before.Close() })
}

// there lets the phone sync at the other device.
func (x *elsewhere) there() {
	x.t.Helper()
	x.at.behind = &x.before
	if err := x.a.SyncWith(x.at, apptest.Faults{}); err != nil {
		x.t.Fatal(err)
	}
	x.at.behind = nil
}

// row is what both show of a row once all is heard of.
func (x *elsewhere) row(table, id string) apptest.Row {
	x.t.Helper()
	for range 2 {
		sync(x.t, x.a, x.at)
		sync(x.t, x.b, x.bt)
	}
	agree(x.t, x.a, x.b)
	return x.b.Row(table, id)
}

func data(keysAndValues ...string) apptest.Columns {
	m := map[string]string{}
	for i := 0; i < len(keysAndValues); i += 2 {
		m[keysAndValues[i]] = keysAndValues[i+1]
	}
	return apptest.Columns{"additional_data": m}
}

// Who takes back what he changed, at a device that has not heard of the change, has said so.
func TestEditedBackElsewhere(t *testing.T) {
	for _, c := range []struct {
		column      string
		first, back apptest.Columns
		want        string
	}{
		{"camp", apptest.Columns{"camp": "2"}, apptest.Columns{"camp": "1"}, "1"},
		{"additional_data", data("tent", "5"), data("tent", "4"), `{"tent":"4"}`},
		{"additional_data", data("tent", "4", "row", "7"), data("tent", "4"), `{"tent":"4","row":"7"}`}, // of that it says nothing
	} {
		x := goElsewhere(t)
		id := x.a.Create("patients", apptest.Columns{"given_name": "R", "camp": "1", "additional_data": map[string]string{"tent": "4"}})
		x.fromNow()
		x.a.Edit("patients", id, c.first)
		sync(t, x.a, x.at)
		x.a.Edit("patients", id, c.back)
		x.there()
		if r := x.row("patients", id); r.Text(c.column) != c.want {
			t.Errorf("%s is %v", c.column, r[c.column])
		}
	}
}

// A row that one device never heard of comes to it without an element that another one has: what is
// merged of both is shown alike.
func TestElementTakenOutElsewhere(t *testing.T) {
	x := goElsewhere(t)
	x.fromNow()
	id := x.a.Create("patients", data("tent", "4", "row", "7"))
	sync(t, x.a, x.at)
	x.a.Edit("patients", id, data("tent", "4"))
	x.there()
	x.row("patients", id)
}

// A phone that took in, in a sync that failed, that a row is deleted, and pushes another column of
// it where nobody heard of that, has a row that is deleted.
func TestDeletedByHalf(t *testing.T) {
	x := goElsewhere(t)
	id := x.a.Create("patients", apptest.Columns{"given_name": "R", "camp": "1"})
	x.fromNow()
	x.d.do(&crdt.Edit{Key: key("patients", id), Delete: true})
	x.a.Create("patients", apptest.Columns{"given_name": "S"})
	if err := x.a.SyncWith(x.at, apptest.Faults{FailPushBeforeArrival: true}); err == nil {
		t.Fatal("the fault did not happen")
	}
	if x.a.Row("patients", id)["is_deleted"] != true {
		t.Fatal("it did not hear of the deletion")
	}
	x.a.Edit("patients", id, apptest.Columns{"camp": "2"})
	x.there()
	x.d.forgetOwed(x.a) // as a device does that got past it
	if r := x.row("patients", id); r["is_deleted"] != false || r.Text("camp") != "2" {
		t.Errorf("who deleted it had not seen the edit, and it is %v", r)
	}
}

// What is held back by a device that never heard of the record is shown elsewhere as it was: so the
// phone gets it there.
func TestHeldWhereTheRecordIsNotKnown(t *testing.T) {
	d := open(t)
	d.staff("can_view_history")
	a, at := nursePhone(t, d)
	b, bt := phone(2, d)
	x := &elsewhere{t: t, d: d, a: a, b: b, at: at, bt: bt}
	x.fromNow()
	d.allow("can_register_patients")
	d.do(&crdt.Edit{Key: key("patients", "p"), Set: texts("given_name", "R", "primary_clinic_id", "a", "phone", "1")})
	sync(t, a, at)
	a.Edit("patients", "p", apptest.Columns{"phone": "2"})
	third := d.look()
	defer third.Close()
	at.behind = &x.before
	if err := a.SyncWith(at, apptest.Faults{CrashBeforeWatermark: true}); err == nil || len(d.held()) != 1 {
		t.Fatalf("%v, held back: %v", err, d.held())
	}
	at.behind = &third // where nobody has heard of that
	sync(t, a, at)
	at.behind = nil
	sync(t, a, at)
	if r := a.Row("patients", "p"); r.Text("phone") != "1" {
		t.Errorf("it shows %v, which is held back", r)
	}
	at.mend()
	sync(t, a, at)
	if r := a.Row("patients", "p"); r.Text("phone") != "2" || len(d.held()) > 0 {
		t.Errorf("it is merged as %v, held back: %v", r, d.held())
	}
}
