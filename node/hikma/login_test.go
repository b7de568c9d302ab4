package hikma

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"musafir/crdt"
	"musafir/node/clinic"
)

// Who guesses is stopped, and nobody else.
func TestWrongPasswords(t *testing.T) {
	s := newSite(t)
	const buthayna = "018f2c00-0000-7000-8000-00000000000b"
	s.set("users", buthayna, "name", "Buthayna", "email", "b@example.org", "role", "admin")
	s.password(buthayna, "hers")
	known := s.in(phone1)
	for i := range wrongMax {
		x := s.app(fmt.Sprintf("stranger-%d", i)).shake()
		status, text := x.logIn(amina, "a guess")
		x.wants("a guess", status, text, 401)
	}
	x := s.app("stranger").shake()
	status, text := x.logIn(amina, secret)
	x.wants("one more phone, even with the right one", status, text, 429)
	status, _ = x.post("/api/login", document(t, map[string]string{"email": amina, "password": secret}))
	x.wants("the same without a phone", status, "", 429)
	status, text = x.logIn("b@example.org", "hers")
	x.wants("another person", status, text, 200)
	status, text = known.logIn(amina, secret)
	known.wants("the phone that she had logged in with", status, text, 200)
	for range wrongMax {
		status, text = known.logIn(amina, "a guess")
		known.wants("a guess there", status, text, 401)
	}
	status, text = known.logIn(amina, "a guess")
	known.wants("one guess more there", status, text, 429)
	status, text = known.pull()
	known.wants("a pull there", status, text, 200)
	s.wait(wrongEvery)
	status, text = known.logIn(amina, secret)
	known.wants("the right one some time later", status, text, 200)
}

// One phone cannot try all addresses.
func TestWrongAddresses(t *testing.T) {
	s := newSite(t)
	a := s.app(phone1).shake()
	for i := range wrongMax {
		status, text := a.logIn(fmt.Sprintf("nobody-%d@example.org", i), "a guess")
		a.wants("an address that there is not", status, text, 401)
	}
	status, text := a.logIn("more@example.org", "a guess")
	a.wants("one more", status, text, 429)
}

// Whether there is such a person does not show in what is answered.
func TestNobodyLooksLikeSomebody(t *testing.T) {
	s := newSite(t)
	disabled, unset := "disabled", "unset"
	for _, id := range []string{disabled, unset} {
		s.set("users", id, "name", id, "email", id+"@example.org")
	}
	s.password(disabled, secret)
	s.set(clinic.Passwords, disabled, "disabled", true)
	answers := map[string]bool{}
	for _, x := range [][2]string{{amina, "wrong"}, {"nobody@example.org", secret}, {"disabled@example.org", secret}, {"unset@example.org", ""},
		{"unset@example.org", secret}, {"no address", secret}, {amina, strings.Repeat("x", passwordBytesMax+1)}} {
		status, text := s.app(phone1).shake().logIn(x[0], x[1])
		answers[fmt.Sprint(status, text)] = true
	}
	if len(answers) != 1 {
		t.Errorf("the answers differ: %v", answers)
	}
}

// A hash that takes days to compare with keeps nobody busy.
func TestCostlyHash(t *testing.T) {
	s := newSite(t)
	s.set("users", "costly", "name", "B", "email", "b@example.org", "role", "provider")
	s.set(clinic.Passwords, "costly", "hash", strings.Replace(hashed(t, secret), "$04$", "$31$", 1))
	a := s.app(phone1).shake()
	status, text := a.logIn("b@example.org", secret)
	a.wants("login of whose hash it is", status, text, 401)
	status, text = a.logIn(amina, secret)
	a.wants("login of another", status, text, 200)
}

// Rows that came from elsewhere may share an address.
func TestSameAddress(t *testing.T) {
	s := newSite(t)
	s.set("users", "zzz", "name", "Amina K.", "email", " AMINA@example.org", "role", "nonsense")
	s.password("zzz", "the other one's")
	for password, want := range map[string]string{secret: aminaID, "the other one's": "zzz"} {
		_, text := s.app(phone1).shake().logIn(amina, password)
		if doc := object(t, []byte(text)); doc["user_id"] != want {
			t.Errorf("with %q: %s, want %s", password, text, want)
		}
	}
}

// A name that cannot be an author's, or is none, becomes one.
func TestNames(t *testing.T) {
	s := newSite(t)
	for name, want := range map[string]string{"": amina, " \t\u202e ": amina, "Dr. \u202eX": "Dr. X", strings.Repeat("ü", crdt.MaxAuthorBytes): strings.Repeat("ü", crdt.MaxAuthorBytes/2)} {
		s.set("users", aminaID, "name", name)
		a := s.app(phone1).shake()
		_, text := a.logIn(amina, secret)
		if doc := object(t, []byte(text)); doc["provider_name"] != want {
			t.Errorf("%q became %q", name, doc["provider_name"])
		}
	}
}

func TestTooManyPhones(t *testing.T) {
	s := newSite(t)
	for batch := range phonesMax / crdt.MaxChanges {
		tx := crdt.Transaction{}
		for i := range crdt.MaxChanges {
			tx.Edits = append(tx.Edits, &crdt.Edit{Key: phoneKey(fmt.Sprintf("%d-%d", batch, i)), Set: []crdt.Field{{Key: firstField, Value: crdt.Int(1)}}})
		}
		if _, err := s.device.Write(t.Context(), tx); err != nil {
			t.Fatal(err)
		}
	}
	for i := range phonesMax%crdt.MaxChanges - 1 {
		s.set(PhonesCollection, fmt.Sprint("rest-", i), firstField, 1)
	}
	s.in(phone1)
	a := s.app(phone2).shake()
	status, text := a.logIn(amina, secret)
	a.wants("one phone too many", status, text, 503)
	s.in(phone1)
	if err := s.hikma.Revoke(t.Context(), "0-0"); err != nil {
		t.Fatal(err)
	}
	status, text = a.logIn(amina, secret)
	a.wants("one after another was revoked", status, text, 200)
}

// One user has so many phones, and others theirs.
func TestTooManyPhonesOfOne(t *testing.T) {
	s := newSite(t)
	const buthayna = "018f2c00-0000-7000-8000-00000000000b"
	s.set("users", buthayna, "name", "Buthayna", "email", "b@example.org", "role", "admin")
	s.password(buthayna, secret)
	client := func(i int) string { return fmt.Sprint("phone-", i) }
	for i := range userPhonesMax {
		s.write(&crdt.Edit{Key: phoneKey(client(i)), Max: []crdt.Field{{Key: crdt.JoinPath(loginsField, aminaID), Value: crdt.Int(1)}}})
	}
	a := s.app(phone1).shake()
	status, text := a.logIn(amina, secret)
	a.wants("one phone too many", status, text, 403)
	if !strings.Contains(text, "musafir phone revoke") {
		t.Errorf("it does not say what to do: %s", text)
	}
	s.in(client(0))
	status, text = s.app(phone2).shake().logIn("b@example.org", secret)
	a.wants("a phone of another user", status, text, 200)
	if err := s.hikma.Revoke(t.Context(), client(1)); err != nil {
		t.Fatal(err)
	}
	status, text = a.logIn(amina, secret)
	a.wants("one after another was revoked", status, text, 200)
}

// New phones of one user come one after the other.
func TestNewPhonesAtOnce(t *testing.T) {
	s := newSite(t)
	for i := range newPhonesMax {
		s.in(fmt.Sprint("phone-", i))
	}
	a := s.app(phone1).shake()
	status, text := a.logIn(amina, secret)
	a.wants("one new phone more", status, text, 429)
	s.in("phone-0")
	s.wait(newPhonesEvery)
	status, text = a.logIn(amina, secret)
	a.wants("a minute later", status, text, 200)
}

// Whoever invents addresses makes nobody's wrong passwords be forgotten.
func TestInventedAddresses(t *testing.T) {
	g := newGuesses()
	wrong := func(x guess) error {
		return g.try(t.Context(), x, time.Now, func() error { return errWrong })
	}
	somebody := guess{address: amina, exists: true}
	for range wrongMax {
		if err := wrong(somebody); !errors.Is(err, errWrong) {
			t.Fatal(err)
		}
	}
	for i := range 2 * wrongKept {
		if err := wrong(guess{address: fmt.Sprint(i)}); !errors.Is(err, errWrong) {
			t.Fatal(err)
		}
	}
	if err := wrong(somebody); !errors.Is(err, errTooMany) {
		t.Error(err)
	}
	if n := g.nobodies.of.Len(); n > wrongKept {
		t.Errorf("%d addresses are kept in mind", n)
	}
}

// Strangers wait for one another, and whoever was here before for none of them.
func TestStrangersWait(t *testing.T) {
	g := newGuesses()
	held, release := make(chan struct{}), make(chan struct{})
	var all errgroup.Group
	try := func(x guess) error { return g.try(t.Context(), x, time.Now, func() error { return nil }) }
	all.Go(func() error {
		return g.try(t.Context(), guess{}, time.Now, func() error { close(held); <-release; return nil })
	})
	<-held
	for range strangersMax {
		all.Go(func() error { return try(guess{}) })
	}
	for g.waiting.Load() < strangersMax {
		runtime.Gosched()
	}
	if err := try(guess{}); !errors.Is(err, errBusy) {
		t.Errorf("one stranger too many: %v", err)
	}
	if err := try(guess{known: true}); err != nil {
		t.Errorf("somebody who was here before: %v", err)
	}
	close(release)
	if err := all.Wait(); err != nil {
		t.Error(err)
	}
}
