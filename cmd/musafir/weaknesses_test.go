package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"testing"
	"time"

	"musafir/node/clinic/apptest"
)

// What Hikma's own servers and hub do to their users, by the numbers under which it is on
// record; here it must not happen. These take the real program; others are in package clinic.

// upAt starts a device whose clock is wrong by so much.
func (x *team) upAt(i int, ahead time.Duration) {
	x.t.(*testing.T).Setenv("MUSAFIR_CLOCK_AHEAD", ahead.String())
	x.up(i)
	x.t.(*testing.T).Setenv("MUSAFIR_CLOCK_AHEAD", "")
}

const years = 10 * 8760 * time.Hour

// An olderApp talks to a hub like an app whose database has no drugs yet, and does not know
// who recorded an event.
type olderApp struct{ *apptest.Remote }

func withoutNews(changes map[string]map[string][]map[string]any) {
	delete(changes, "drug_catalogue")
	for _, rows := range changes["events"] {
		for _, r := range rows {
			delete(r, "recorded_by_user_id")
		}
	}
}

func (o olderApp) Pull(since int64) ([]byte, error) {
	b, err := o.Remote.Pull(since)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Changes   map[string]map[string][]map[string]any `json:"changes"`
		Timestamp int64                                  `json:"timestamp"`
	}
	if err := json.Unmarshal(b, &answer); err != nil {
		return nil, err
	}
	withoutNews(answer.Changes)
	return json.Marshal(answer)
}

func (o olderApp) Push(since int64, b []byte) error {
	var changes map[string]map[string][]map[string]any
	if err := json.Unmarshal(b, &changes); err != nil {
		return err
	}
	withoutNews(changes)
	b, err := json.Marshal(changes)
	if err != nil {
		return err
	}
	return o.Remote.Push(since, b)
}

// TestW8UpgradedApp: an app whose database does not have all columns yet empties none of
// them, and once it is a newer one it gets what it lacks: whatever is older than its watermark
// too.
func TestW8UpgradedApp(t *testing.T) {
	x := newClinicTeam(t, 1)
	a, b := x.nurse(1, 0), x.nurse(2, 0)
	a.sync()
	check(t, b.phone.Sync(olderApp{b.at}))
	drug := a.phone.Create("drug_catalogue", apptest.Columns{"generic_name": "Amoxicillin"})
	patient := a.RegisterPatient()
	event := a.Event(patient, a.Visit(patient))
	a.sync()
	check(t, b.phone.Sync(olderApp{b.at}))
	if b.phone.Row("drug_catalogue", drug) != nil || b.phone.Row("events", event).Text("recorded_by_user_id") != "" {
		t.Fatal("the older app has what it cannot have")
	}
	b.phone.Edit("events", event, apptest.Columns{"event_type": "Doctor"})
	check(t, b.phone.Sync(olderApp{b.at}))
	b.phone.Edit("events", event, apptest.Columns{"event_type": "Pharmacy"})
	b.sync() // it is a newer one now, with nothing in the new column
	a.sync()
	if r := a.phone.Row("events", event); r.Text("recorded_by_user_id") != a.UserID || r.Text("event_type") != "Pharmacy" {
		t.Errorf("the event is %v", r)
	}
	// Its user has it download everything since a day that is long ago.
	check(t, b.phone.ForceDownload(b.at, time.Now().Add(-years).UnixMilli()))
	if r := b.phone.Row("drug_catalogue", drug); r.Text("generic_name") != "Amoxicillin" {
		t.Errorf("the drug is %v", r)
	}
	b.sync()
	if got, want := b.phone.Dump(), a.phone.Dump(); got != want {
		t.Errorf("the phones differ:\n%s\n\n%s", got, want)
	}
}

// TestW9ManyBehindOneAddress: fifty phones behind one address sign in and sync at the same
// time, while one of their users does not know the password. Passwords may have a colon.
func TestW9ManyBehindOneAddress(t *testing.T) {
	const phones = 50
	x := newClinicTeam(t, 1)
	x.addUser("noor@example.org", "Noor", "super_admin", "camel:river: goat")
	users := [][2]string{{nurseMail, nurseWord}, {"noor@example.org", "camel:river: goat"}}
	qr := x.daemons[0].phones().QR
	var all []*nurse
	var wg sync.WaitGroup
	begin := time.Now()
	for n := range phones {
		a := x.stranger(n + 1)
		all = append(all, a)
		wg.Go(func() {
			remote, err := apptest.Pair(qr, a.phone.ClientID, nil)
			if err == nil {
				a.at, err = remote, remote.Login(users[n%2][0], users[n%2][1])
			}
			if err == nil {
				a.RegisterPatient()
				err = a.phone.SyncTwice(a.at)
			}
			if err != nil {
				t.Errorf("phone %d: %v", n, err)
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	if took := time.Since(begin); took > 30*time.Second*raceFactor {
		t.Errorf("fifty phones took %s", took)
	}
	forgetful := x.stranger(phones + 1)
	forgetful.pair(x, 0)
	for i := range 12 {
		if err := forgetful.at.Login(nurseMail, fmt.Sprint("a guess ", i)); err == nil {
			t.Fatal("a wrong password was taken")
		}
	}
	for n, a := range all[:2] {
		a.at.Token = ""
		check(t, a.at.Login(users[n][0], users[n][1]))
	}
	groups := make([][]*nurse, 2) // each user has permissions of her own
	for n, a := range all {
		a.sync()
		groups[n%2] = append(groups[n%2], a)
		if got := len(a.phone.Visible("patients")); got != phones {
			t.Errorf("phone %d shows %d patients, want %d", n, got, phones)
		}
	}
	for _, g := range groups {
		sameOnAll(t, g...)
	}
}

// TestW10OnlyTheUsersClinics: a phone gets the rows of its user's clinics, and of no row that
// came was anything hidden in what it got. TestW16: no hash of a password is in any answer.
func TestW10OnlyTheUsersClinics(t *testing.T) {
	x := newClinicTeam(t, 1)
	const beach = "0190a000-0000-7000-8000-0000000000bb"
	x.daemons[0].patch("clinics", beach, map[string]any{"name": "Beach"})
	x.addUser("noor@example.org", "Noor", "provider", "river goat", "Camp clinic")
	a := x.nurse(1, 0)
	a.sync()
	here, there := a.Patients(3), []string(nil)
	camp := a.ClinicID
	a.ClinicID = beach
	there = append(there, a.Register("Hidden", "Behind the dunes", "1990-01-01", "male"))
	visit := a.Visit(there[0])
	there = append(there, visit, a.Event(there[0], visit), a.Vitals(there[0], visit), a.Problem(there[0], visit), a.Appointment(there[0], visit))
	a.sync()

	var told bytes.Buffer
	b := x.stranger(2)
	b.pair(x, 0)
	b.at.Opened = func(text []byte) { told.Write(text) }
	b.login("noor@example.org", "river goat")
	b.sync()
	if b.ClinicID != camp || len(b.phone.Visible("patients")) != len(here) || len(b.phone.Visible("clinics")) != 2 {
		t.Errorf("in the clinic %s the phone shows %d patients, %d clinics", b.ClinicID, len(b.phone.Visible("patients")), len(b.phone.Visible("clinics")))
	}
	for _, id := range here {
		if b.phone.Row("patients", id) == nil {
			t.Errorf("patient %s is missing", id)
		}
	}
	b.RegisterPatient()
	b.sync()
	b.getsOnly()
	check(t, b.phone.ForceDownload(b.at, 0))
	for _, path := range []string{"/api/login", "/api/auth/sign-in"} {
		told.WriteString(postJSON(t, b.at.URL+path, map[string]any{"email": "noor@example.org", "password": "river goat"}))
	}
	for _, hidden := range append(there, "dunes", "hashed_password", "$2a$", "$2b$", "$2y$", "_passwords", `"hash"`, `"password"`) {
		if strings.Contains(told.String(), hidden) {
			t.Errorf("the phone was told of %s", hidden)
		}
	}
	if !strings.Contains(told.String(), here[0]) {
		t.Error("this test does not see what the phone was told")
	}
	a.sync()
	if got := len(a.phone.Visible("patients")); got != len(here)+2 {
		t.Errorf("the phone of all clinics shows %d patients", got)
	}
}

// postJSON is what is answered, whatever the status.
func postJSON(t *testing.T, url string, doc any) string {
	t.Helper()
	b, err := json.Marshal(doc)
	check(t, err)
	resp, err := http.Post(url, "application/json", bytes.NewReader(b))
	check(t, err)
	defer resp.Body.Close()
	b, err = io.ReadAll(resp.Body)
	check(t, err)
	return string(b)
}

// TestW16NothingWithoutAToken: nobody reads or writes anything without the token of that
// phone, and no key, token, password or name gets into what the program says of itself.
func TestW16NothingWithoutAToken(t *testing.T) {
	x := newClinicTeam(t, 1)
	a, b := x.nurse(1, 0), x.nurse(2, 0)
	a.sync()
	a.Register("Rahima", "Kept to herself", "1990-01-01", "female")
	a.sync()
	b.Register("Nobody", "Ever", "1990-01-01", "female")
	right := b.at.Token
	for what, token := range map[string]string{"none": "", "of another phone": a.at.Token, "cut": right[:len(right)-1], "altered": "A" + right[1:], "a password": nurseWord} {
		if token == right {
			token = "B" + right[1:]
		}
		b.at.Token = token
		if _, err := b.at.Pull(0); !errors.Is(err, apptest.ErrAuth) {
			t.Errorf("pull with a token that is %s: %v", what, err)
		}
		if err := b.at.Push(0, []byte(`{"patients":{"created":[{"id":"x","surname":"Ever"}]}}`)); !errors.Is(err, apptest.ErrAuth) {
			t.Errorf("push with a token that is %s: %v", what, err)
		}
	}
	for _, path := range []string{"/api/v2/sync", "/api/v2/sync?last_pulled_at=0", "/sync?lastPulledAt=0", "/v1/records/patients", "/rpc/query", "/rpc/command"} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			req, err := http.NewRequest(method, b.at.URL+path, strings.NewReader(`{}`))
			check(t, err)
			req.SetBasicAuth(nurseMail, nurseWord)
			resp, err := http.DefaultClient.Do(req)
			check(t, err)
			resp.Body.Close()
			if resp.StatusCode < 400 {
				t.Errorf("%s %s: %s", method, path, resp.Status)
			}
		}
	}
	if b.at.Token = right; strings.Contains(string(x.daemons[0].export()), "Ever") {
		t.Error("what was pushed without a token is there")
	}
	b.sync()
	x.daemons[0].end()
	for what, text := range map[string]string{"token": right, "password": nurseWord, "name": "Kept to herself", "id": a.phone.Visible("patients")[0].Text("id"), "hash": "$2a$"} {
		if strings.Contains(x.daemons[0].errs.String(), text) {
			t.Errorf("the program said a %s", what)
		}
	}
}

// TestW14WhatComesLateReachesPhones: rows that come to a device from another one after a phone
// synced reach it, whatever times they carry: there the clocks are years behind.
func TestW14WhatComesLateReachesPhones(t *testing.T) {
	x := newClinicTeam(t, 2)
	a, b := x.nurse(1, 0), x.nurse(2, 1)
	a.sync()
	kept, changed, gone := a.RegisterPatient(), a.RegisterPatient(), a.RegisterPatient()
	a.sync()
	x.settle()
	b.sync()
	x.daemons[0].end()
	x.daemons[1].end()

	// One device is alone, as is the other one later: neither has heard of what is new there.
	x.upAt(1, -years)
	b.move(x, 1)
	b.phone.Now -= years.Milliseconds()
	b.phone.Edit("patients", changed, apptest.Columns{"camp": "9"})
	b.phone.SoftDelete("patients", gone)
	added := b.RegisterPatient()
	b.sync()
	x.daemons[1].end()
	x.up(0)
	a.move(x, 0)
	a.RegisterPatient()
	a.sync()
	a.sync()
	w := a.phone.Watermark()

	x.upAt(1, -years)
	x.settle()
	rows := a.gets()
	for _, id := range []string{changed, gone, added} {
		if _, came := rows["patients/"+id]; !came {
			t.Errorf("patient %s did not come: %v", id, rows)
		}
	}
	if _, again := rows["patients/"+kept]; again || a.phone.Watermark() <= w {
		t.Errorf("what did not change came again, or the watermark went from %d to %d", w, a.phone.Watermark())
	}
	if r := a.phone.Row("patients", changed); r.Text("camp") != "9" || a.phone.Row("patients", gone)["is_deleted"] != true {
		t.Errorf("the patients are %v, %v", r, a.phone.Row("patients", gone))
	}
	b.move(x, 1)
	b.sync()
	sameOnAll(t, a, b)
	if n := x.conflicts(0, 1); n > 0 {
		t.Errorf("%d conflicts", n)
	}
}

// TestW15EditsMergeByColumn: what was edited here and not yet synced is not overwritten by what
// comes from elsewhere, nor the reverse.
func TestW15EditsMergeByColumn(t *testing.T) {
	x := newClinicTeam(t, 2)
	a, b := x.nurse(1, 0), x.nurse(2, 1)
	a.sync()
	id := a.RegisterPatient()
	a.sync()
	x.settle()
	b.sync()
	x.daemons[0].end()
	b.phone.Edit("patients", id, apptest.Columns{"camp": "there"})
	b.sync()
	x.daemons[1].patch("patients", id, map[string]any{"hometown": "there"})
	x.daemons[1].end()
	x.up(0)
	a.move(x, 0)
	a.phone.Edit("patients", id, apptest.Columns{"phone": "here"})
	x.daemons[0].patch("patients", id, map[string]any{"surname": "here"})
	a.sync()
	a.phone.Edit("patients", id, apptest.Columns{"citizenship": "not synced yet"})
	x.up(1)
	x.settle()
	b.move(x, 1)
	a.sync()
	x.settle()
	b.sync()
	sameOnAll(t, a, b)
	r := b.phone.Row("patients", id)
	for column, want := range map[string]string{"camp": "there", "hometown": "there", "phone": "here", "surname": "here", "citizenship": "not synced yet"} {
		if r.Text(column) != want {
			t.Errorf("%s is %q, want %q", column, r.Text(column), want)
		}
	}
	if n := x.conflicts(0, 1); n > 0 {
		t.Errorf("%d conflicts", n)
	}
}

// TestW18ClocksAndTokens: a token lasts, on every device and through restarts; and however
// wrong a device's clock becomes between two syncs, the watermark goes up and nothing is lost.
func TestW18ClocksAndTokens(t *testing.T) {
	x := newClinicTeam(t, 2)
	a, b := x.nurse(1, 0), x.nurse(2, 0)
	a.sync()
	b.sync()
	w := a.phone.Watermark()
	for _, ahead := range []time.Duration{90 * 24 * time.Hour, -years, years, 0} {
		x.daemons[0].end()
		x.upAt(0, ahead)
		a.move(x, 0)
		b.move(x, 0)
		fromB := b.RegisterPatient()
		b.sync()
		a.RegisterPatient()
		if rows := a.gets(); !rows["patients/"+fromB] {
			t.Errorf("with a clock that is %s ahead the other phone's patient did not come: %v", ahead, rows)
		}
		if a.phone.Watermark() <= w {
			t.Errorf("with a clock that is %s ahead the watermark went from %d to %d", ahead, w, a.phone.Watermark())
		}
		w = a.phone.Watermark()
		b.sync()
		sameOnAll(t, a, b)
	}
	x.settle()
	a.move(x, 1)
	b.move(x, 1)
	a.RegisterPatient()
	a.sync()
	b.sync()
	sameOnAll(t, a, b)
	if got := len(b.phone.Visible("patients")); got != 9 || a.phone.Watermark() < w {
		t.Errorf("%d patients, want 9; the watermark went from %d to %d", got, w, a.phone.Watermark())
	}
}

// A slowReader takes the first bytes of an answer one by one, and lets something happen before
// it takes the rest.
type slowReader struct {
	io.ReadCloser
	left      int // bytes one by one
	meanwhile func()
}

func (r *slowReader) Read(p []byte) (int, error) {
	if r.left == 0 {
		return r.ReadCloser.Read(p)
	}
	if r.left--; r.left == 0 {
		r.meanwhile()
	}
	return r.ReadCloser.Read(p[:min(1, len(p))])
}

// A tripper does requests in its own way.
type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestW18WrittenMeanwhile: what is written while an answer is on its way to a phone comes with
// the next one, and only then.
func TestW18WrittenMeanwhile(t *testing.T) {
	const rows, rowBytes = 120, 60_000 // more than what waits in the sockets
	x := newClinicTeam(t, 1)
	a, b := x.nurse(1, 0), x.nurse(2, 0)
	b.sync()
	var lines bytes.Buffer
	for i := range rows {
		fmt.Fprintf(&lines, `{"collection":"patients","id":"0190a000-0000-7000-8000-%012d","fields":{"surname":%q}}`+"\n", i, strings.Repeat("x", rowBytes))
	}
	resp, err := x.daemons[0].send(context.Background(), http.MethodPost, "/v1/import", &lines, nil)
	check(t, err)
	check(t, resp.Body.Close())

	meanwhile := ""
	slow := *a.at
	slow.Client = &http.Client{Transport: tripper(func(r *http.Request) (*http.Response, error) {
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err == nil && r.URL.Path == "/rpc/query" {
			resp.Body = &slowReader{ReadCloser: resp.Body, left: 100, meanwhile: func() {
				meanwhile = b.RegisterPatient()
				b.phone.Edit("patients", b.phone.Visible("patients")[0].Text("id"), apptest.Columns{"camp": "meanwhile"})
				b.sync()
			}}
		}
		return resp, err
	})}
	if b.sync(); len(b.phone.Visible("patients")) != rows {
		t.Fatalf("%d patients", len(b.phone.Visible("patients")))
	}
	edited := b.phone.Visible("patients")[0].Text("id")
	check(t, a.phone.Sync(&slow))
	if a.phone.Row("patients", meanwhile) != nil || a.phone.Row("patients", edited).Text("camp") != "" {
		t.Fatal("the answer was not on its way yet: this test shows nothing")
	}
	attribute := b.phone.Visible("patient_additional_attributes")[0].Text("id")
	a.getsOnly("patients/"+meanwhile, "patients/"+edited, "patient_additional_attributes/"+attribute)
	b.sync()
	sameOnAll(t, a, b)
}

// TestW19AnyDeviceMayBeLost: a device is killed; its phones go on at another one, with the
// tokens that they have, and get exactly what they lack. When it is back all agree.
func TestW19AnyDeviceMayBeLost(t *testing.T) {
	x := newClinicTeam(t, 2)
	a, b := x.nurse(1, 0), x.nurse(2, 1)
	a.sync()
	morning := a.Patients(3)
	a.sync()
	a.sync()
	x.settle()
	x.daemons[0].kill()

	b.sync()
	evening := b.RegisterPatient()
	b.phone.Edit("patients", morning[0], apptest.Columns{"camp": "b"})
	b.sync()
	attribute := ""
	for _, r := range b.phone.Visible("patient_additional_attributes") {
		if r.Text("patient_id") == evening {
			attribute = r.Text("id")
		}
	}
	a.phone.Edit("patients", morning[0], apptest.Columns{"hometown": "a"})
	a.move(x, 1)
	begin := time.Now()
	a.getsOnly("patients/"+evening, "patients/"+morning[0], "patient_additional_attributes/"+attribute)
	if took := time.Since(begin); took > 2*time.Second*raceFactor {
		t.Errorf("it took %s although the device knew what the phone had", took)
	}
	a.getsOnly()
	b.sync()
	sameOnAll(t, a, b)

	x.up(0)
	x.settle()
	for _, p := range []*nurse{a, b} {
		p.move(x, 0)
		p.getsOnly()
	}
	sameOnAll(t, a, b)
	if n := x.conflicts(0, 1); n > 0 {
		t.Errorf("%d conflicts", n)
	}
	x.daemons[0].verify()
}

// TestW21AcknowledgedSurvives: once a phone was told that its rows arrived they survive that the
// device is killed at that moment. Killed before, it has them or not; the phone pushes them
// again, and nothing is there twice.
func TestW21AcknowledgedSurvives(t *testing.T) {
	x := newClinicTeam(t, 1)
	a := x.nurse(1, 0)
	a.sync()
	var patients []string
	killing := *a.at
	killing.Client = &http.Client{Transport: tripper(func(r *http.Request) (*http.Response, error) {
		if r.URL.Path == "/rpc/command" {
			r = r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{
				WroteRequest: func(httptrace.WroteRequestInfo) { _ = x.daemons[0].cmd.Process.Kill() },
			}))
		}
		return http.DefaultTransport.RoundTrip(r)
	})}
	failed := 0
	for round := range 6 {
		patients = append(patients, a.Patients(3)...)
		a.phone.Edit("patients", patients[0], apptest.Columns{"phone": fmt.Sprint(round)})
		if round%2 == 0 {
			a.sync()
		} else if killing.URL = a.at.URL; a.phone.Sync(&killing) != nil {
			failed++
		}
		x.daemons[0].kill()
		x.up(0)
		a.move(x, 0)
		acknowledged := a.phone.Pending() == 0
		shown := map[string]bool{}
		for line := range bytes.Lines(x.daemons[0].export()) {
			var r struct{ Collection, ID string }
			mustUnmarshal(t, line, &r)
			shown[r.Collection+"/"+r.ID] = true
		}
		for _, table := range []string{"patients", "visits", "events", "patient_vitals", "prescriptions", "prescription_items", "dispensing_records", "appointments"} {
			for _, r := range a.phone.Rows(table) {
				if r.Status() == apptest.Synced && !shown[table+"/"+r.Text("id")] {
					t.Errorf("round %d: row %s of %s was acknowledged and is gone", round, r.Text("id"), table)
				}
			}
		}
		if acknowledged && x.daemons[0].get("patients", patients[0]).Fields["phone"] != fmt.Sprint(round) {
			t.Errorf("round %d: an edit was acknowledged and is gone", round)
		}
	}
	if failed == 0 {
		t.Error("the device was never killed before it answered: this test shows little")
	}
	a.sync()
	b := x.nurse(2, 0)
	b.sync()
	sameOnAll(t, a, b)
	if got := len(b.phone.Visible("patients")); got != len(patients) {
		t.Errorf("%d patients, want %d", got, len(patients))
	}
	if n := x.conflicts(0); n > 0 {
		t.Errorf("%d conflicts of a phone with itself", n)
	}
	x.daemons[0].verify()
}
