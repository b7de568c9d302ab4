package main

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"musafir/node/api"
	"musafir/node/clinic"
	"musafir/node/clinic/apptest"
)

// Of many rows the newest are shown, and all are counted.
func TestHeldOfPhone(t *testing.T) {
	x := &heldOfPhone{}
	for i := range 100 {
		x.add(clinic.HeldRow{Table: "visits", Row: fmt.Sprint(i), AtMs: int64(i * 37 % 100)})
	}
	p := &api.Phone{}
	x.show(p)
	if p.HeldCount != 100 || len(p.Held) != api.HeldShown {
		t.Fatalf("%d of %d rows are shown", len(p.Held), p.HeldCount)
	}
	for i, h := range p.Held {
		if want := fmt.Sprint((99 - i) * 73 % 100); h.ID != want { // 37 times 73 is 1 of 100
			t.Errorf("in place %d is %s, want %s", i, h.ID, want)
		}
	}
	none := &api.Phone{}
	(*heldOfPhone)(nil).show(none)
	if none.HeldCount != 0 || none.Held != nil {
		t.Errorf("nothing is held back: %+v", none)
	}
}

// A row that its user may not write is listed until somebody gives it up.
func TestPhoneDrop(t *testing.T) {
	x := newClinicTeam(t, 1)
	d := x.daemons[0]
	x.addUser("noor@example.org", "Noor", "registrar", "river goat", "Camp clinic")
	a := x.stranger(1)
	a.pair(x, 0)
	a.login("noor@example.org", "river goat")
	a.sync()
	for i := range api.HeldShown + 2 {
		a.phone.Create("patient_vitals", apptest.Columns{"patient_id": fmt.Sprint("p", i)})
	}
	a.sync()
	all := d.phones()
	if p := all.Phones[0]; p.HeldCount != api.HeldShown+2 || len(p.Held) != api.HeldShown {
		t.Fatalf("%d rows are held back, %d shown", p.HeldCount, len(p.Held))
	}
	if got := string(d.run("phone", "list")); !strings.Contains(got, "... and 2 rows more: musafir phone held\n") {
		t.Errorf("listed:\n%s", got)
	}
	list := string(d.run("phone", "held"))
	rows := regexp.MustCompile(`(?m)^([0-9a-f]{32})  .* Noor +patient_vitals/\S+ +Noor may not add patient_vitals`).FindAllStringSubmatch(list, -1)
	if len(rows) != api.HeldShown+2 {
		t.Fatalf("%d rows are listed:\n%s", len(rows), list)
	}
	status := func(want string) {
		t.Helper()
		if got := string(d.run("status")); !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	status("; 1 synced today, 1 ever, of 1 that logged in; 22 rows are held back (musafir phone held)\n")
	id := rows[0][1]
	refused := program(t, d.dir, "phone", "drop", id)
	if out, err := refused.CombinedOutput(); err == nil || !strings.Contains(string(out), "no terminal to ask at: say --yes") {
		t.Errorf("dropped without being asked: %v %s", err, out)
	}
	d.run("phone", "drop", id, "--yes")
	if got := string(d.run("phone", "held")); strings.Contains(got, id) || strings.Count(got, "\n") != api.HeldShown+2 {
		t.Errorf("after one was dropped:\n%s", got)
	}
	if got := d.phones().Phones[0].HeldCount; got != api.HeldShown+1 {
		t.Errorf("%d rows are held back", got)
	}
	status("; 21 rows are held back")
	x.nurse(2, 0)
	status("; 1 synced today, 1 ever, of 2 that logged in;")
	x.nurse(3, 0).sync()
	status("; 2 synced today, 2 ever, of 3 that logged in;")
	d.end()
	status("not served here; 2 synced today, 2 ever, of 3 that logged in; 21 rows")
}
