package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"musafir/node/clinic"
	"musafir/node/clinic/apptest"
)

const (
	nurseMail = "amina@example.org"
	nurseWord = "four words make one"
)

// newClinicTeam is a camp of n devices with the example's clinic and a user, at which phones
// sync.
func newClinicTeam(t testing.TB, n int, flags ...string) *team {
	x := &team{t: t, flags: append([]string{"--phones", "127.0.0.1:0"}, flags...)}
	x.add(initDevice(t))
	x.up(0)
	for i := 1; i < n; i++ {
		x.join(fmt.Sprintf("device %d", i))
	}
	x.makeClinic()
	x.settle()
	return x
}

// makeClinic applies the example and adds a user who may do everything.
func (x *team) makeClinic() {
	x.t.Helper()
	ctx := context.Background()
	resp, err := x.daemons[0].send(ctx, http.MethodPost, "/v1/apply", strings.NewReader(clinic.Example), http.Header{"Content-Type": {"application/yaml"}})
	check(x.t, err)
	check(x.t, resp.Body.Close())
	x.addUser(nurseMail, "Amina K.", "super_admin", nurseWord)
}

// addUser makes a user who works in all clinics, or in some.
func (x *team) addUser(mail, name, role, word string, clinics ...string) (id string) {
	x.t.Helper()
	doc, err := x.daemons[0].call(context.Background(), http.MethodPost, "/v1/users",
		map[string]any{"email": mail, "name": name, "role": role, "password": word, "clinics": append([]string{}, clinics...)})
	check(x.t, err)
	var u userDoc
	mustUnmarshal(x.t, doc, &u)
	return u.ID
}

// A nurse is somebody with a phone.
type nurse struct {
	t     testing.TB
	phone *apptest.Phone
	*apptest.Day
	at *apptest.Remote
}

func clientID(n int) string { return fmt.Sprintf("6b0f0c0e-2a55-4a3e-9f0a-%012d", n) }

// nurse gives somebody a new phone, paired with a device and logged in.
func (x *team) nurse(n, device int) *nurse {
	x.t.Helper()
	a := x.stranger(n)
	a.pair(x, device)
	a.login(nurseMail, nurseWord)
	return a
}

// stranger gives somebody a new phone.
func (x *team) stranger(n int) *nurse {
	p := apptest.New(clientID(n), uint64(n))
	p.Now = time.Now().UnixMilli()
	a := &nurse{t: x.t, phone: p, Day: apptest.NewDay(p)}
	a.StepMs = 1
	return a
}

// pair scans a device's code.
func (a *nurse) pair(x *team, device int) {
	a.t.Helper()
	remote, err := apptest.Pair(x.daemons[device].phones().QR, a.phone.ClientID, nil)
	check(a.t, err)
	a.at = remote
}

func (a *nurse) login(mail, word string) {
	a.t.Helper()
	check(a.t, a.at.Login(mail, word))
	a.Day.UserID, a.Day.UserName, a.Day.ClinicID = a.at.Provider.UserID, a.at.Provider.Name, a.at.Provider.ClinicID
}

// move goes on at another device with what the phone has.
func (a *nurse) move(x *team, device int) {
	moved := *a.at
	moved.URL = x.daemons[device].phones().URL
	a.at = &moved
}

func (a *nurse) sync() {
	a.t.Helper()
	check(a.t, a.phone.Sync(a.at))
}

// gets is what a sync brings the phone: ids by table, and whether they come as created.
func (a *nurse) gets() (rows map[string]bool) {
	a.t.Helper()
	var last []byte
	at := *a.at
	at.Opened = func(text []byte) {
		if bytes.Contains(text, []byte(`"timestamp":`)) {
			last = bytes.Clone(text)
		}
	}
	check(a.t, a.phone.Sync(&at))
	var answer struct {
		Changes map[string]struct {
			Created, Updated []struct{ ID string }
			Deleted          []json.RawMessage
		}
	}
	mustUnmarshal(a.t, last, &answer)
	rows = map[string]bool{}
	for table, c := range answer.Changes {
		for _, r := range c.Created {
			rows[table+"/"+r.ID] = true
		}
		for _, r := range c.Updated {
			rows[table+"/"+r.ID] = false
		}
		if len(c.Deleted) > 0 {
			a.t.Errorf("%s: told to bury %s", table, c.Deleted)
		}
	}
	return rows
}

// getsOnly wants a sync to bring these rows and no others.
func (a *nurse) getsOnly(rows ...string) {
	a.t.Helper()
	if got := slices.Sorted(maps.Keys(a.gets())); !slices.Equal(got, slices.Sorted(slices.Values(rows))) {
		a.t.Errorf("phone %s got %q, want %q", a.phone.ClientID, got, rows)
	}
}

// conflicts is how many there are, on each device alike.
func (x *team) conflicts(which ...int) (n uint64) {
	x.t.Helper()
	for i, device := range which {
		m := x.daemons[device].status().Counts.Conflicts
		if i > 0 && m != n {
			x.t.Errorf("device %d has %d conflicts, another %d", device, m, n)
		}
		n = m
	}
	return n
}

func sameOnAll(t *testing.T, nurses ...*nurse) {
	t.Helper()
	for _, a := range nurses {
		if a.phone.Lossy > 0 || a.phone.Unknown > 0 {
			t.Errorf("phone %s lost %v, got %d unknown columns", a.phone.ClientID, a.phone.Losses, a.phone.Unknown)
		}
		if got, want := a.phone.Dump(), nurses[0].phone.Dump(); got != want {
			t.Errorf("phones %s and %s differ", a.phone.ClientID, nurses[0].phone.ClientID)
		}
	}
}

// TestClinicDay: fifty patients pass through a clinic on one phone at one device; another
// phone at another device has them all; both edit the same patients apart; all agree.
func TestClinicDay(t *testing.T) {
	x := newClinicTeam(t, 2)
	a, b := x.nurse(1, 0), x.nurse(2, 1)
	a.sync()
	b.sync()
	patients := a.Patients(50)
	a.sync()
	x.settle()
	b.sync()
	sameOnAll(t, a, b)
	if got := len(b.phone.Visible("patients")); got != 50 {
		t.Fatalf("phone 2 shows %d patients", got)
	}
	for _, table := range []string{"visits", "patient_vitals", "prescriptions", "appointments", "events"} {
		if len(b.phone.Visible(table)) < 50 {
			t.Errorf("phone 2 shows %d %s", len(b.phone.Visible(table)), table)
		}
	}
	for i, id := range patients[:20] {
		a.phone.Edit("patients", id, apptest.Columns{"phone": fmt.Sprint("a", i)})
		b.phone.Edit("patients", id, apptest.Columns{"hometown": fmt.Sprint("b", i)})
	}
	for i, id := range patients[20:30] {
		a.phone.Edit("patients", id, apptest.Columns{"camp": fmt.Sprint("a", i)})
		b.phone.Edit("patients", id, apptest.Columns{"camp": fmt.Sprint("b", i)})
	}
	a.sync()
	b.sync()
	x.settle()
	a.sync()
	b.sync()
	sameOnAll(t, a, b)
	for i, id := range patients[:20] {
		if r := a.phone.Row("patients", id); r.Text("phone") != fmt.Sprint("a", i) || r.Text("hometown") != fmt.Sprint("b", i) {
			t.Errorf("an edit of patient %d is gone", i)
		}
	}
	for _, d := range x.daemons {
		if n := d.status().Counts.Conflicts; n != 10 {
			t.Errorf("%d conflicts, want the 10 columns that both edited", n)
		}
	}
	// One phone goes to the other's device, and back: it gets what it lacks, and no more.
	a.move(x, 1)
	w := a.phone.Watermark()
	a.sync()
	if a.phone.Watermark() != w {
		t.Error("there was nothing new, and the watermark is another one")
	}
	b.Patients(3)
	b.sync()
	a.sync()
	sameOnAll(t, a, b)
	x.settle()
	a.move(x, 0)
	w = a.phone.Watermark()
	a.sync()
	if a.phone.Watermark() != w {
		t.Error("what the phone got at one device came again from the other")
	}
	sameOnAll(t, a, b)
}

// TestPhoneCopies: a push is answered once as many devices hold it as are wanted, and not
// before.
func TestPhoneCopies(t *testing.T) {
	notUnderRace(t) // it waits for as long as a push may
	x := newClinicTeam(t, 2, "--copies", "2")
	a := x.nurse(1, 0)
	a.sync()
	a.Patients(1)
	a.sync()
	if a.phone.Pending() > 0 {
		t.Error("two devices hold it, and the phone was not told so")
	}
	x.daemons[1].end()
	patient := a.RegisterPatient()
	if err := a.phone.Sync(a.at); err == nil || a.phone.Pending() == 0 {
		t.Error("one device alone holds it, and the phone was told that two do")
	}
	x.up(1)
	x.settle()
	a.sync()
	b := x.nurse(2, 1)
	b.sync()
	if !slices.ContainsFunc(b.phone.Visible("patients"), func(r apptest.Row) bool { return r.Text("id") == patient }) || a.phone.Pending() > 0 {
		t.Error("the repeated push did not arrive")
	}
	if n := x.daemons[0].status().Counts.Conflicts; n > 0 {
		t.Errorf("%d conflicts of a phone with itself", n)
	}
}
