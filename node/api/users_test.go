package api_test

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"musafir/crdt"
	"musafir/node/clinic"
)

type userDoc struct {
	ID, Email, Name, Role string
	Clinics               []struct{ ID, Name string }
	Disabled, Password    bool
}

const (
	amina   = `{"email":" Amina@Example.org ","name":"Amina K.","role":"provider","password":"camel river"}`
	oneSite = "clinics:\n- name: Camp clinic\n- name: Mobile clinic\n"
)

func (s *site) apply(text, query string) *answer {
	s.t.Helper()
	return s.do("POST", "/v1/apply"+query, text, "Content-Type: application/yaml")
}

// admission is what lets a user in, as it is stored.
func (s *site) admission(id string) (hash string, disabled bool) {
	s.t.Helper()
	r, err := s.device.Record(crdt.RecordKey{Collection: "_passwords", ID: id})
	if err != nil {
		s.t.Fatal(err)
	}
	return clinic.Admission(r)
}

func TestUsers(t *testing.T) {
	s := newSite(t)
	if got := string(s.do("GET", "/v1/users", "").want(200).body); strings.TrimSpace(got) != `{"users":[]}` {
		t.Errorf("no users: %s", got)
	}
	s.do("POST", "/v1/users", amina).problem(409, "There is no clinic yet")
	s.apply(oneSite, "").want(200)
	a := s.do("POST", "/v1/users", amina, "Musafir-Author: Noor").want(201)
	u := into[userDoc](a)
	if u.Email != "amina@example.org" || u.Name != "Amina K." || u.Role != "provider" || !u.Password || u.Disabled || len(u.Clinics) != 2 || u.Clinics[0].Name != "Camp clinic" {
		t.Errorf("%+v", u)
	}
	s.do("POST", "/v1/users", strings.Replace(amina, "Amina@", "AMINA@", 1)).problem(409, "There is a user with the address amina@example.org already")
	hash, _ := s.admission(u.ID)
	if bcrypt.CompareHashAndPassword([]byte(hash), []byte("camel river")) != nil {
		t.Errorf("the hash %q is not that of the password", hash)
	}
	row := s.get("users/" + u.ID)
	if !strings.Contains(string(row.Fields), `"clinic_id":"`) || strings.Contains(string(row.Fields), "$2a$") {
		t.Errorf("the row is %s", row.Fields)
	}
	if h := s.do("GET", "/v1/records/users/"+u.ID+"/history", "").want(200); !strings.Contains(string(h.body), `"author":"Noor"`) {
		t.Errorf("history %s", h.body)
	}

	u = into[userDoc](s.do("POST", "/v1/users/"+u.ID+"/disable", "").want(200))
	if _, disabled := s.admission(u.ID); !u.Disabled || !u.Password || !disabled {
		t.Errorf("disabled: %+v, %v", u, disabled)
	}
	u = into[userDoc](s.do("POST", "/v1/users/"+u.ID+"/password", `{"password":"tent seven"}`).want(200))
	if again, _ := s.admission(u.ID); !u.Disabled || bcrypt.CompareHashAndPassword([]byte(again), []byte("tent seven")) != nil {
		t.Errorf("a new password: %+v", u)
	}
	u = into[userDoc](s.do("POST", "/v1/users/"+u.ID+"/enable", "").want(200))
	if u.Disabled {
		t.Errorf("enabled: %+v", u)
	}

	// One in one clinic, without a password; the list is in order.
	b := into[userDoc](s.do("POST", "/v1/users", `{"email":"ali@example.org","name":"Ali","role":"registrar","clinics":["Mobile clinic"]}`).want(201))
	if b.Password || len(b.Clinics) != 1 || b.Clinics[0].Name != "Mobile clinic" {
		t.Errorf("%+v", b)
	}
	all := into[struct{ Users []userDoc }](s.do("GET", "/v1/users", "").want(200))
	if len(all.Users) != 2 || all.Users[0].ID != b.ID || all.Users[1].ID != u.ID {
		t.Errorf("%+v", all)
	}

	// Nothing that anybody gets has a hash in it.
	newest, _ := s.admission(u.ID)
	for _, path := range []string{"/v1/users", "/v1/export", "/v1/changes", "/v1/conflicts", "/v1/records/users", "/v1/status", "/metrics"} {
		if a := s.do("GET", path, "").want(200); strings.Contains(string(a.body), "$2a$") || strings.Contains(string(a.body), newest) {
			t.Errorf("%s shows a hash: %s", path, a.body)
		}
	}
	if strings.Contains(s.log.String(), "$2a$") || strings.Contains(s.log.String(), "tent seven") || strings.Contains(s.log.String(), "amina") {
		t.Errorf("the log says %s", s.log)
	}
	s.do("GET", "/v1/records/_passwords/"+u.ID, "").problem(403, "musafir's own")
}

func TestUsersWrong(t *testing.T) {
	s := newSite(t)
	s.apply(oneSite, "").want(200)
	id := into[userDoc](s.do("POST", "/v1/users", amina).want(201)).ID
	long := strings.Repeat("ب", 37)
	for body, want := range map[string]string{
		`{}`: "is no e-mail address",
		`{"email":"a@b","name":" ","role":"admin"}`:                           "needs a name",
		`{"email":"a@b","name":"A","role":"doctor"}`:                          `no role "doctor"; there is registrar`,
		`{"email":"a@b","name":"A","role":"admin","password":""}`:             "the password is empty",
		`{"email":"a@b","name":"A","role":"admin","password":"seven77"}`:      "it needs at least 8 characters",
		`{"email":"a@b","name":"A","role":"admin","password":"` + long + `"}`: "the password has 74 bytes",
		`{"email":"a@b","name":"A","role":"admin","password":7}`:              `"password" is a text`,
		`{"email":"a@b","name":"A","role":"admin","clinics":["Camp klinic"]}`: `no clinic "Camp klinic" (did you mean "Camp clinic"?)`,
		`{"email":"a@b","name":"A","role":"admin","hash":"x"}`:                "no such member",
		`[]`: "object",
	} {
		s.do("POST", "/v1/users", body).problem(400, want)
	}
	for body, want := range map[string]string{`{}`: `{"password": "..."}`, `{"password":""}`: "empty", `{"password":"a"}`: "at least 8 characters", `{"password":"` + long + `"}`: "74 bytes", `{"password":"a","b":1}`: `{"password": "..."}`} {
		s.do("POST", "/v1/users/"+id+"/password", body).problem(400, want)
	}
	for _, what := range []string{"password", "disable", "enable"} {
		s.do("POST", "/v1/users/nobody/"+what, `{"password":"tent seven"}`).problem(404, "no user with the id nobody")
	}
	if n := len(into[struct{ Users []userDoc }](s.do("GET", "/v1/users", "")).Users); n != 1 {
		t.Errorf("%d users", n)
	}
}

type appliedDoc struct {
	Changes []struct {
		Collection, ID, Name, Action string
		Fields                       []struct {
			Field    string
			From, To any
		}
	}
	Passwords []struct{ ID, Email string }
	Applied   bool
}

func TestApply(t *testing.T) {
	s := newSite(t)
	would := into[appliedDoc](s.apply(clinic.Example, "?dry=true").want(200))
	if would.Applied || len(would.Changes) != 6 {
		t.Errorf("%+v", would)
	}
	if n := into[page](s.do("GET", "/v1/records/clinics", "")); len(n.Records) != 0 {
		t.Errorf("telling what would change made %d clinics", len(n.Records))
	}
	did := into[appliedDoc](s.apply(clinic.Example, "?dry=false").want(200))
	if !did.Applied || fmt.Sprint(did.Changes) != fmt.Sprint(would.Changes) {
		t.Errorf("it did %+v, and would do %+v", did, would)
	}
	before := s.device.Frontier()
	again := into[appliedDoc](s.apply(clinic.Example, "").want(200))
	if len(again.Changes) != 0 || fmt.Sprint(s.device.Frontier()) != fmt.Sprint(before) {
		t.Errorf("the second time: %+v", again)
	}
	changed := into[appliedDoc](s.apply("clinics:\n- {name: River, key: Camp clinic}\n", "").want(200))
	if len(changed.Changes) != 1 || changed.Changes[0].Action != "change" || fmt.Sprint(changed.Changes[0].Fields) != "[{name Camp clinic River}]" {
		t.Errorf("%+v", changed)
	}
}

func TestApplyUsers(t *testing.T) {
	s := newSite(t)
	hash, err := bcrypt.GenerateFromPassword([]byte("camel river"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	file := oneSite + "users:\n- {email: amina@example.org, name: Amina, role: provider, password_hash: " + string(hash) + "}\n" +
		"- {email: noor@example.org, name: Noor, role: registrar, clinics: [Camp clinic], password: ask, disabled: true}\n"
	a := s.apply(file, "").want(200)
	did := into[appliedDoc](a)
	if strings.Contains(string(a.body), "$2a$") || len(did.Passwords) != 1 || did.Passwords[0].Email != "noor@example.org" {
		t.Errorf("%s", a.body)
	}
	users := into[struct{ Users []userDoc }](s.do("GET", "/v1/users", "")).Users
	if len(users) != 2 || !users[0].Password || users[0].Disabled || len(users[0].Clinics) != 2 || users[1].Password || !users[1].Disabled || len(users[1].Clinics) != 1 {
		t.Errorf("%+v", users)
	}
	if got, _ := s.admission(users[0].ID); got != string(hash) {
		t.Error("the hash is not kept as it is given")
	}
	s.do("POST", "/v1/users/"+users[1].ID+"/password", `{"password":"ten tents"}`).want(200)
	if again := into[appliedDoc](s.apply(file, "").want(200)); len(again.Changes)+len(again.Passwords) != 0 {
		t.Errorf("the second time: %+v", again)
	}
	other := strings.Replace(file, string(hash), "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy", 1)
	a = s.apply(other, "").want(200)
	if did := into[appliedDoc](a); len(did.Changes) != 1 || fmt.Sprint(did.Changes[0].Fields) != "[{password set replaced}]" || strings.Contains(string(a.body), "$2") {
		t.Errorf("%s", a.body)
	}
}

func TestApplyWrong(t *testing.T) {
	s := newSite(t)
	doc := s.apply("clinics:\n- nam: a\n- name: b\nusers:\n- {email: x}\n", "").problem(422, "nothing was written")
	if errs, _ := doc["errors"].([]any); len(errs) < 4 || !strings.Contains(fmt.Sprint(errs[0]), "did you mean") {
		t.Errorf("%v", doc)
	}
	if n := into[page](s.do("GET", "/v1/records/clinics", "")); len(n.Records) != 0 {
		t.Errorf("a wrong file made %d clinics", len(n.Records))
	}
	s.apply("a: 1", "?dry=perhaps").problem(400, "true or false")
	s.apply(strings.Repeat("#", 1<<20+1), "").problem(413, "too large")
	s.do("POST", "/v1/apply", "{}", "Content-Type: text/plain").problem(415, "application/yaml")
}

// More than an entry has room for becomes several.
func TestApplyLarge(t *testing.T) {
	s := newSite(t)
	var file strings.Builder
	file.WriteString("clinics:\n- name: A\n  departments:\n")
	for i := range 2500 {
		fmt.Fprintf(&file, "  - {name: Department %d}\n", i)
	}
	if did := into[appliedDoc](s.apply(file.String(), "").want(200)); len(did.Changes) != 2502 {
		t.Errorf("%d changes", len(did.Changes))
	}
	entries, records, _, _ := s.device.Counts()
	if records != 2502 || entries > 20 {
		t.Errorf("%d records in %d entries", records, entries)
	}
}
