package main

import (
	"errors"
	"slices"
	"testing"
	"time"

	"musafir/node/clinic/apptest"
)

// TestRoamToWhereNobodyKnows: a phone comes to a device that never heard of what stands behind
// its watermark, because the one that knows is off. The device asks in vain, for two seconds,
// then takes what the phone has, and gives it only what it cannot have: the watermark stays.
// When the other one is back all agree.
func TestRoamToWhereNobodyKnows(t *testing.T) {
	x := newClinicTeam(t, 2)
	a, b, c := x.nurse(1, 0), x.nurse(2, 1), x.nurse(3, 0)
	a.sync()
	old := a.Patients(2)
	a.sync()
	x.settle()
	b.sync()
	c.sync()
	x.daemons[1].end()

	morning := c.RegisterPatient() // on the first device and nowhere else
	c.sync()
	a.sync()
	a.phone.Edit("patients", old[0], apptest.Columns{"phone": "noon"})
	a.sync()
	a.sync()
	w := a.phone.Watermark()
	x.daemons[0].kill()
	x.up(1)

	b.move(x, 1)
	onlyHere := b.RegisterPatient()
	b.phone.Edit("patients", old[1], apptest.Columns{"camp": "b"})
	b.sync()
	a.phone.Edit("patients", old[1], apptest.Columns{"hometown": "a"})
	a.phone.Edit("patients", old[0], apptest.Columns{"camp": "evening"})
	evening := a.RegisterPatient()
	a.move(x, 1)
	begin := time.Now()
	rows := a.gets()
	if took := time.Since(begin); took < 2*time.Second {
		t.Errorf("after %s nobody was asked what stands behind the watermark", took)
	}
	if a.phone.Watermark() != w {
		t.Errorf("the watermark went from %d to %d", w, a.phone.Watermark())
	}
	if !rows["patients/"+onlyHere] || len(rows) != 2 { // and what goes with the patient
		t.Errorf("what came is %v", rows)
	}
	if a.phone.Pending() > 0 {
		t.Error("the push was not taken")
	}
	b.sync()
	if r := b.phone.Row("patients", old[1]); r.Text("camp") != "b" || r.Text("hometown") != "a" || b.phone.Row("patients", evening) == nil {
		t.Errorf("what the phone pushed did not come to another: %v", r)
	}

	x.up(0)
	x.settle()
	c.move(x, 0)
	for _, p := range []*nurse{a, b, c} {
		check(t, p.phone.SyncTwice(p.at))
	}
	x.settle()
	for _, p := range []*nurse{a, b, c} {
		p.sync()
		p.getsOnly()
	}
	sameOnAll(t, a, b, c)
	if a.phone.Watermark() <= w || a.phone.Row("patients", morning) == nil {
		t.Errorf("the watermark is %d", a.phone.Watermark())
	}
	if r := c.phone.Row("patients", old[0]); r.Text("phone") != "noon" || r.Text("camp") != "evening" {
		t.Errorf("an edit is gone: %v", r)
	}
	if n := x.conflicts(0, 1); n > 0 {
		t.Errorf("%d conflicts", n)
	}
}

// TestHalfFailedPushElsewhere: a device takes a phone's push and is killed before the phone hears
// that. The phone pushes the same at another device, which has heard of the first push or has
// not: nothing is there twice, and the phone is in no conflict with itself.
func TestHalfFailedPushElsewhere(t *testing.T) {
	for what, heard := range map[string]bool{"heard": true, "not heard": false} {
		t.Run(what, func(t *testing.T) {
			x := newClinicTeam(t, 2)
			a, b := x.nurse(1, 0), x.nurse(2, 1)
			a.sync()
			old := a.Patients(2)
			a.sync()
			a.sync()
			x.settle()
			b.sync()
			if !heard {
				x.daemons[1].end()
			}
			a.phone.Edit("patients", old[0], apptest.Columns{"phone": "1"})
			a.phone.SoftDelete("patients", old[1])
			fresh := a.Patients(2)
			if err := a.phone.SyncWith(a.at, apptest.Faults{FailPushAfterArrival: true}); !errors.Is(err, apptest.ErrFault) {
				t.Fatal(err)
			}
			if heard {
				x.settle()
			}
			x.daemons[0].kill()
			if !heard {
				x.up(1)
				b.move(x, 1)
			}
			entries := x.daemons[1].status().Counts.Entries
			a.move(x, 1)
			a.sync()
			if a.phone.Pending() > 0 {
				t.Error("the repeated push was not taken")
			}
			if more := x.daemons[1].status().Counts.Entries - entries; heard && more > 3 { // who synced, and a cursor
				t.Errorf("the push that was there already made %d entries more", more)
			}
			b.sync()
			x.up(0)
			x.settle()
			for range 2 {
				a.sync()
				b.sync()
			}
			sameOnAll(t, a, b)
			if n := x.conflicts(0, 1); n > 0 {
				t.Errorf("%d conflicts of a phone with itself", n)
			}
			var ids []string
			for _, r := range b.phone.Visible("patients") {
				ids = append(ids, r.Text("id"))
			}
			if want := append(slices.Clone(fresh), old[0]); !sameIDs(ids, want) || b.phone.Row("patients", old[0]).Text("phone") != "1" {
				t.Errorf("the patients are %q, want %q", ids, want)
			}
			x.daemons[0].verify()
			x.daemons[1].verify()
		})
	}
}

func sameIDs(a, b []string) bool {
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}
