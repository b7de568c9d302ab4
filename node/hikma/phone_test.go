package hikma

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"musafir/crdt"
	"musafir/node/clinic"
)

func TestRestart(t *testing.T) {
	s := newSite(t)
	a := s.in(phone1)
	s.start()
	a.url = s.server.URL
	status, text := a.pull()
	a.wants("pull in a session from before", status, text, 409)
	a.shake()
	status, text = a.pull()
	a.wants("pull with a token from before", status, text, 200)
}

// Whoever shakes hands under a phone's id ends nothing.
func TestHandshakesOfOthers(t *testing.T) {
	s := newSite(t)
	a := s.in(phone1)
	for range 2 * keysPerClient {
		s.app(phone1).shake()
	}
	status, text := a.pull()
	a.wants("pull after others shook hands", status, text, 200)
	a.shake()
	for range keysPerClient - 1 {
		s.app(phone1).shake()
	}
	status, text = a.pull()
	a.wants("pull right after them", status, text, 200)
}

func TestSessionsAreFew(t *testing.T) {
	s := newSessions()
	for range 3 * keysPerClient {
		shown := &session{}
		s.begin("one", shown)
		s.trust("one", shown)
		s.begin("two", &session{})
	}
	if one, two := len(s.of("one")), len(s.of("two")); one != 1 || two != keysPerClient {
		t.Errorf("a client has %d sessions, a stranger %d", one, two)
	}
	for i := range 2 * clientsMax {
		s.begin(fmt.Sprint(i), &session{})
	}
	if n := s.strangers.Len(); n != clientsMax {
		t.Errorf("%d clients are kept in mind", n)
	}
	if len(s.of("one")) != 1 {
		t.Error("strangers crowded out a phone that showed who it is")
	}
}

const changesNone = `{"command":"sync_push","data":{"changes":{},"lastPulledAt":%d},"token":%q}`

// Who listened and sends again what a phone sent changes nothing.
func TestReplay(t *testing.T) {
	s := newSite(t)
	a := s.in(phone1)
	first := a.seal("command", fmt.Sprintf(changesNone, 1, a.token))
	query := a.seal("query", fmt.Sprintf(`{"query":"sync_pull","token":%q}`, a.token))
	unsent := a.seal("command", fmt.Sprintf(changesNone, 2, a.token))
	post := func(what, path, body string, want int) {
		t.Helper()
		status, b := a.post(path, body)
		a.wants(what, status, string(b), want)
	}
	post("a push", "/rpc/command", first, 200)
	post("the same again", "/rpc/command", first, 409)
	post("a pull", "/rpc/query", query, 200)
	post("the same again", "/rpc/query", query, 409)
	a.shake()
	if status, text := a.pull(); status != 200 {
		t.Fatalf("a pull in a new session: %d %s", status, text)
	}
	post("a push of the session before, after the session", "/rpc/command", first, 409)
	post("one that was kept from coming", "/rpc/command", unsent, 409)
	status, text := a.pull()
	a.wants("a pull after all that", status, text, 200)
	if len(s.sync.pushes) != 1 || len(s.sync.pulls) != 3 {
		t.Errorf("the clinic was told %d pushes and %d pulls", len(s.sync.pushes), len(s.sync.pulls))
	}
}

// A session whose nonces are too many to remember ends, and the phone begins another.
func TestSessionEnds(t *testing.T) {
	s := newSite(t)
	a := s.in(phone1)
	first := a.seal("query", fmt.Sprintf(`{"query":"sync_pull","token":%q}`, a.token))
	a.post("/rpc/query", first)
	for i := range noncesMax - 2 {
		if status, text := a.pull(); status != 200 {
			t.Fatalf("pull %d: %d %s", i, status, text)
		}
	}
	for range 2 {
		status, text := a.pull()
		a.wants("one more", status, text, 409)
	}
	if status, b := a.post("/rpc/query", first); status != 409 {
		t.Errorf("the first again: %d %s", status, b)
	}
	status, text := a.shake().pull()
	a.wants("in a new session", status, text, 200)
}

// What a phone asks is done one after the other, and what waited in a session that ended
// meanwhile is not done.
func TestTurns(t *testing.T) {
	s := newSite(t)
	a, b := s.in(phone1), s.in(phone2)
	old := *a
	a.shake()
	begun, release := make(chan bool), make(chan bool)
	s.sync.pull = func(w io.Writer) error {
		begun <- true
		<-release
		_, err := io.WriteString(w, pulled)
		return err
	}
	var all errgroup.Group
	ask := func(x app, want int) {
		all.Go(func() error {
			if status, text := x.pull(); status != want {
				return fmt.Errorf("%d %s, want %d", status, text, want)
			}
			return nil
		})
	}
	ask(old, 200) // nobody knows yet that there is a newer one
	<-begun
	ask(*a, 200)
	for s.hikma.turns.waiting(phone1) < 2 {
		runtime.Gosched()
	}
	ask(old, 409)
	for s.hikma.turns.waiting(phone1) < turnsWanted {
		runtime.Gosched()
	}
	status, text := a.pull()
	a.wants("one too many", status, text, 503)
	ask(*b, 200) // another phone waits for none of them
	<-begun
	release <- true
	release <- true
	<-begun
	release <- true
	if err := all.Wait(); err != nil {
		t.Error(err)
	}
	if n := len(s.hikma.turns.of); n != 0 {
		t.Errorf("%d phones have a turn of which none asks", n)
	}
	leave, err := s.hikma.turns.take(t.Context(), phone1)
	if err != nil {
		t.Fatal(err)
	}
	defer leave()
	s.hikma.turns.wait = time.Millisecond
	status, text = a.pull()
	a.wants("one that waited in vain", status, text, 503)
}

func (t *turns) waiting(client string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	if x := t.of[client]; x != nil {
		return x.wanted
	}
	return 0
}

func TestTokenIsOfItsPhone(t *testing.T) {
	s := newSite(t)
	a, b := s.in(phone1), s.app(phone2).shake()
	b.token = a.token
	status, text := b.pull()
	b.wants("pull with the token of another phone", status, text, 401)
	for name, token := range map[string]any{"none": nil, "empty": "", "nonsense": "nonsense", "longer": a.token.(string) + "A", "cut": a.token.(string)[1:]} {
		x := *a
		x.token = token
		status, text := x.pull()
		x.wants("pull with a token that is "+name, status, text, 401)
	}
}

// A token is good on all devices of the camp, whatever they have heard of the password.
func TestTokenOnOtherDevice(t *testing.T) {
	s := newSite(t)
	token := s.in(phone1).token
	other := newSite(t)
	b := other.app(phone1).shake()
	b.token = token
	// Here the password is another one, of which nothing says that it came later.
	status, text := b.pull()
	b.wants("pull where the password has not come", status, text, 200)
	if status, text := other.in(phone1).pull(); status != 200 {
		t.Errorf("with a token of its own: %d %s", status, text)
	}
	third := newEmptySite(t)
	c := third.app(phone1).shake()
	c.token = token
	status, text = c.pull()
	c.wants("pull where the user has not come", status, text, 503)
	third.set("users", aminaID, "name", "Amina K.", "email", amina)
	status, text = c.pull()
	c.wants("pull where no password has come", status, text, 200)
	third.hikma.tokenKey = derive(make([]byte, 32), "", tokenKeyInfo)
	status, text = c.pull()
	c.wants("pull in another camp", status, text, 401)
}

func TestPasswordChange(t *testing.T) {
	s := newSite(t)
	a := s.in(phone1)
	// Two passwords that were set apart are both the user's, until somebody decides.
	s.apart(clinic.Passwords, aminaID, "hash", hashed(t, "another"))
	status, text := a.pull()
	a.wants("pull with one of two passwords", status, text, 200)
	r, err := s.device.Record(passwordKey(aminaID))
	if err != nil {
		t.Fatal(err)
	}
	s.write(clinic.PasswordEdit(r, clinic.PasswordWant(aminaID, amina, hashed(t, "a new one"), nil)))
	status, text = a.pull()
	a.wants("pull with a password that was replaced", status, text, 401)
	status, text = a.logIn(amina, secret)
	a.wants("login with it", status, text, 401)
	status, text = a.logIn(amina, "a new one")
	a.wants("login with the new one", status, text, 200)
	status, text = a.pull()
	a.wants("pull with the new one", status, text, 200)
}

func TestDisabled(t *testing.T) {
	s := newSite(t)
	a := s.in(phone1)
	s.set(clinic.Passwords, aminaID, "disabled", true)
	status, text := a.pull()
	a.wants("pull of a disabled user", status, text, 401)
	status, text = a.logIn(amina, secret)
	a.wants("login of a disabled user", status, text, 401)
	s.set(clinic.Passwords, aminaID, "disabled", false)
	status, text = a.pull()
	a.wants("pull of a user who was enabled again", status, text, 200)
	s.set("users", aminaID, "is_deleted", true)
	status, text = a.pull()
	a.wants("pull of a deleted user", status, text, 401)
	status, text = a.logIn(amina, secret)
	a.wants("login of a deleted user", status, text, 401)
}

func TestRevoke(t *testing.T) {
	s := newSite(t)
	a, b := s.in(phone1), s.in(phone2)
	if err := s.hikma.Revoke(t.Context(), phone1); err != nil {
		t.Fatal(err)
	}
	status, text := a.pull()
	a.wants("pull of a revoked phone", status, text, 401)
	status, text = a.command("sync_push", map[string]any{"changes": map[string]any{}})
	a.wants("push of a revoked phone", status, text, 401)
	status, text = a.logIn(amina, secret)
	a.wants("login with a revoked phone", status, text, 401)
	status, text = b.pull()
	b.wants("pull of another phone", status, text, 200)
	for _, client := range []string{"nobody", "", "a b", "../x"} {
		if err := s.hikma.Approve(t.Context(), client); !errors.Is(err, ErrNoPhone) {
			t.Errorf("approving %q: %v", client, err)
		}
		if err := s.hikma.Revoke(t.Context(), client); !errors.Is(err, ErrNoPhone) {
			t.Errorf("revoking %q: %v", client, err)
		}
	}
	// Apart, somebody approved it: it stays revoked until somebody decides.
	s.apart(PhonesCollection, phone1, stateField, approvedState)
	status, text = a.pull()
	a.wants("pull of a phone that was revoked and approved", status, text, 401)
	if err := s.hikma.Approve(t.Context(), phone1); err != nil {
		t.Fatal(err)
	}
	status, text = a.pull()
	a.wants("pull of a phone that was approved again", status, text, 200)
	s.apart(PhonesCollection, phone1, stateField, revokedState)
	status, text = a.pull()
	a.wants("pull of a phone that was revoked apart", status, text, 401)
}

// A revocation that came from elsewhere holds before the phone was seen here.
func TestRevokedElsewhere(t *testing.T) {
	s := newSite(t)
	s.set(PhonesCollection, phone1, stateField, revokedState)
	a := s.app(phone1).shake()
	status, text := a.logIn(amina, secret)
	a.wants("login", status, text, 401)
	token := newSite(t).in(phone1).token
	a.token = token
	status, text = a.pull()
	a.wants("pull with a token of another device", status, text, 401)
}

func TestApproval(t *testing.T) {
	s := newSite(t)
	a := s.in(phone1)
	if err := s.hikma.SetRequireApproval(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	status, text := a.pull()
	a.wants("pull of a phone that had been let in", status, text, 200)
	b := s.app(phone2).shake()
	status, text = b.logIn(amina, "wrong")
	b.wants("login with a wrong password", status, text, 401)
	if phones, err := s.hikma.Phones(); err != nil || len(phones) != 1 {
		t.Fatal("a phone without a right password is listed", phones, err)
	}
	status, text = b.logIn(amina, secret)
	b.wants("login with a phone that nobody approved", status, text, 403)
	if phones, err := s.hikma.Phones(); err != nil || len(phones) != 2 || !phones[0].Approved || phones[1].Approved || phones[1].User != aminaID {
		t.Fatal("a phone that waits is not listed", phones, err)
	}
	if err := s.hikma.Approve(t.Context(), phone2); err != nil {
		t.Fatal(err)
	}
	status, text = b.logIn(amina, secret)
	b.wants("login with an approved phone", status, text, 200)
	s.apart(settingsCollection, settingsID, approvalField, false)
	if required, err := s.hikma.RequireApproval(); !required || err != nil {
		t.Error("where devices disagree, approval is not required", err)
	}
	if err := s.hikma.SetRequireApproval(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if required, err := s.hikma.RequireApproval(); required || err != nil {
		t.Error("approval is still required", err)
	}
}

// Times are written now and then, and conflict with nothing.
func TestPhoneTimes(t *testing.T) {
	s := newSite(t)
	a := s.in(phone1)
	written := func() int {
		touches, err := s.device.Touches(phoneKey(phone1))
		if err != nil {
			t.Fatal(err)
		}
		return len(touches)
	}
	a.pull()
	n := written()
	s.wait(time.Minute)
	a.pull()
	a.logIn(amina, secret)
	if written() != n {
		t.Error("each sync is written")
	}
	phones, err := s.hikma.Phones()
	if err != nil || s.now().Sub(phones[0].LastSync) > 30*time.Second {
		t.Errorf("the last sync is not known: %+v %v", phones, err)
	}
	s.wait(noteEvery)
	a.pull()
	a.logIn(amina, secret)
	if written() != n+2 {
		t.Errorf("after %s: %d entries more", noteEvery, written()-n)
	}
	if err := s.hikma.NoteClock(t.Context(), phone1, 2*time.Hour); err != nil {
		t.Fatal(err)
	}
	if phones, err = s.hikma.Phones(); err != nil || phones[0].ClockAhead != 2*time.Hour {
		t.Errorf("the clock is not noted: %+v %v", phones, err)
	}
	n = written()
	if err := s.hikma.NoteClock(t.Context(), phone1, 2*time.Hour+clockSlack/2); err != nil || written() != n {
		t.Error("a clock that goes as before was written again", err)
	}
}

// A remark that cannot be kept fails no push.
func TestClockOfNoPhone(t *testing.T) {
	s := newSite(t)
	if err := s.hikma.NoteClock(t.Context(), phone1, time.Hour); err != nil {
		t.Error("of a phone whose login has not come:", err)
	}
	s.in(phone1)
	s.hikma.cfg.Backend = fullBackend{s.device}
	if err := s.hikma.NoteClock(t.Context(), phone1, time.Hour); err != nil {
		t.Error("where nothing can be written:", err)
	}
	if log := s.log.String(); strings.Count(log, "level=WARN") != 1 || !strings.Contains(log, errFull.Error()) || strings.Contains(log, phone1) {
		t.Errorf("the log is %s", log)
	}
}

// A fullBackend is a device that can write no more.
type fullBackend struct{ *device }

var errFull = errors.New("the disk is full")

func (fullBackend) Write(context.Context, crdt.Transaction) (crdt.Receipt, error) {
	return crdt.Receipt{}, errFull
}
