package main

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"musafir/node/api"
	"musafir/node/clinic/apptest"
)

// phones is what the API says, through the command line.
func (d *daemon) phones() (p api.Phones) {
	d.t.Helper()
	mustUnmarshal(d.t, d.run("phone", "list", "--json"), &p)
	return p
}

// run gives what a command prints on the standard output.
func (d *daemon) run(args ...string) []byte {
	d.t.Helper()
	cmd := program(d.t, d.dir, args...)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		d.t.Fatalf("%q: %v\n%s", args, err, errs.String())
	}
	return out
}

// waits tells whether a phone was told to wait until somebody approves it.
func waits(err error) bool {
	return errors.Is(err, apptest.ErrNetwork) && strings.Contains(err.Error(), "403")
}

// From a camp with nothing in it to a phone that is let in, waits, or is shut out.
func TestPhoneIsLetIn(t *testing.T) {
	dir := initDevice(t)
	d := launch(t, dir, "up", "--http", "127.0.0.1:0", "--listen", freeListen, "--phones", "127.0.0.1:0")
	file := filepath.Join(t.TempDir(), "clinic.yaml")
	password := filepath.Join(t.TempDir(), "password")
	check(t, os.WriteFile(file, d.run("apply", "--example"), 0o600))
	check(t, os.WriteFile(password, []byte("camel river\n"), 0o600))
	d.run("apply", file, "--yes")
	d.run("user", "add", "--email", "amina@example.org", "--name", "Amina", "--role", "provider", "--password-file", password)

	qr := d.phones().QR
	pair := func(client string) *apptest.Remote {
		t.Helper()
		remote, err := apptest.Pair(qr, client, nil)
		check(t, err)
		return remote
	}
	const mail, word = "amina@example.org", "camel river"
	first, second := pair(clientID(1)), pair(clientID(2))
	if err := first.Login(mail, "tent"); !errors.Is(err, apptest.ErrAuth) || len(d.phones().Phones) != 0 {
		t.Errorf("a wrong password: %v, %+v", err, d.phones())
	}
	check(t, first.Login(mail, word))
	all := d.phones()
	if len(all.Phones) != 1 || all.Phones[0].ID != first.ClientID || all.Phones[0].Name != "Amina" || all.Phones[0].Email != mail ||
		all.Phones[0].LastSync != "" || all.Phones[0].Revoked || all.Phones[0].Held == nil {
		t.Errorf("%+v", all)
	}

	d.run("phone", "--require-approval")
	d.run("phone", "approve", first.ClientID)
	if err := second.Login(mail, word); !waits(err) {
		t.Errorf("a phone that nobody approved: %v", err)
	}
	if got := string(d.run("phone", "list")); strings.Count(got, "waits for approval") != 1 || strings.Count(got, "let in") != 1 {
		t.Errorf("who waits:\n%s", got)
	}
	if got := string(d.run("phone", "approve", second.ClientID)); got != "Amina <amina@example.org>: let in\n" {
		t.Errorf("approved: %q", got)
	}
	check(t, second.Login(mail, word))

	if got := string(d.run("phone", "revoke", first.ClientID)); got != "Amina <amina@example.org>: shut out\n" {
		t.Errorf("revoked: %q", got)
	}
	if err := first.Login(mail, word); !errors.Is(err, apptest.ErrAuth) {
		t.Errorf("a phone that was shut out logs in: %v", err)
	}

	// The same when the device is down.
	d.end()
	if all := d.phones(); all.URL != "" || len(all.Phones) != 2 || !all.Phones[0].Revoked || all.Phones[1].Revoked || !all.RequireApproval {
		t.Errorf("down: %+v", all)
	}
	d.run("phone", "approve", first.ClientID)
	if all := d.phones(); all.Phones[0].Revoked || !all.Phones[0].Approved {
		t.Errorf("approved while down: %+v", all)
	}
	if doc := string(d.run("export")); strings.Contains(doc, "_phones") {
		t.Errorf("the export has phones in it: %s", doc)
	}
}

// TestPhoneStanding: whoever is shut out at one device is at all of them, with the token that was
// good before, and comes in again without it being asked for anew; a new password ends the old
// token. What was entered meanwhile is not lost.
func TestPhoneStanding(t *testing.T) {
	notUnderRace(t)
	x := newClinicTeam(t, 2)
	id := x.addUser("noor@example.org", "Noor", "super_admin", "river goat")
	a, b := x.stranger(1), x.nurse(2, 1)
	a.pair(x, 0)
	a.login("noor@example.org", "river goat")
	a.sync()
	b.sync()
	out := func(what string) {
		t.Helper()
		x.settle()
		for device := range x.daemons {
			a.move(x, device)
			if err := a.phone.Sync(a.at); !errors.Is(err, apptest.ErrAuth) {
				t.Errorf("%s: a sync at device %d: %v", what, device, err)
			}
			if err := a.at.Push(0, []byte(`{"patients":{"created":[{"id":"x"}]}}`)); !errors.Is(err, apptest.ErrAuth) {
				t.Errorf("%s: a push at device %d: %v", what, device, err)
			}
			token := a.at.Token
			if err := a.at.Login("noor@example.org", "river goat"); !errors.Is(err, apptest.ErrAuth) {
				t.Errorf("%s: a login at device %d: %v", what, device, err)
			}
			a.at.Token = token
		}
		b.sync() // others go on
	}
	in := func(what string) {
		t.Helper()
		x.settle()
		for device := range x.daemons {
			a.move(x, device)
			if err := a.phone.Sync(a.at); err != nil || a.phone.Pending() > 0 {
				t.Errorf("%s: a sync at device %d: %v", what, device, err)
			}
		}
	}
	path := "/v1/users/" + id + "/"
	do := func(device int, path string, doc any) {
		t.Helper()
		_, err := x.daemons[device].call(t.Context(), http.MethodPost, path, doc)
		check(t, err)
	}

	a.RegisterPatient()
	x.daemons[1].run("phone", "revoke", a.phone.ClientID)
	out("revoked")
	x.daemons[0].run("phone", "approve", a.phone.ClientID)
	in("approved again")

	a.RegisterPatient()
	do(0, path+"disable", nil)
	out("disabled")
	do(1, path+"enable", nil)
	in("enabled")

	a.RegisterPatient()
	do(1, path+"password", map[string]string{"password": "tent camel"})
	out("another password")
	if err := a.at.Login("noor@example.org", "tent camel"); err != nil {
		t.Errorf("with the new password: %v", err)
	}
	in("the new password")

	do(1, "/v1/phones/approval", map[string]bool{"required": true})
	x.settle()
	for _, p := range []*nurse{a, b} {
		if err := p.phone.Sync(p.at); err != nil { // both had been let in before
			t.Errorf("approval is required of phone %s: %v", p.phone.ClientID, err)
		}
	}
	c := x.stranger(3)
	c.pair(x, 0)
	if err := c.at.Login(nurseMail, nurseWord); !waits(err) {
		t.Errorf("a login of a phone that nobody approved: %v", err)
	}
	x.settle() // the other device hears of it
	x.daemons[1].run("phone", "approve", c.phone.ClientID)
	x.settle()
	c.login(nurseMail, nurseWord)
	b.sync()
	c.sync()
	sameOnAll(t, b, c)
	if got := len(c.phone.Visible("patients")); got != 3 {
		t.Errorf("%d patients, want 3", got)
	}
}
