package clinic_test

import (
	"fmt"
	"strings"
	"testing"

	"musafir/crdt"
	"musafir/node/clinic"
)

func TestUserCheck(t *testing.T) {
	good := clinic.User{Email: "amina@example.org", Name: "Amina", Role: "provider", Hash: hash}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	for want, change := range map[string]func(*clinic.User){
		"no e-mail address":   func(u *clinic.User) { u.Email = "amina" },
		"is no e-mail":        func(u *clinic.User) { u.Email = "a b@c" },
		"e-mail address, ":    func(u *clinic.User) { u.Email = strings.Repeat("a", 250) + "@b.org" },
		"needs a name":        func(u *clinic.User) { u.Name = "" },
		"control character":   func(u *clinic.User) { u.Name = "A\x1b" },
		"one of registrar, ":  func(u *clinic.User) { u.Role = "" },
		"there is no role":    func(u *clinic.User) { u.Role = "Admin" },
		"is none of bcrypt":   func(u *clinic.User) { u.Hash = strings.Replace(hash, "$2a", "$2x", 1) },
		"has the cost 31":     func(u *clinic.User) { u.Hash = strings.Replace(hash, "$10$", "$31$", 1) },
		"have 60 characters":  func(u *clinic.User) { u.Hash += "x" },
		"begin with $2a$, $2": func(u *clinic.User) { u.Hash = "camel river" },
	} {
		u := good
		change(&u)
		if err := u.Check(); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "camel") {
			t.Errorf("%+v: %v, want %q", u, err, want)
		}
	}
}

func TestUserPassword(t *testing.T) {
	for password, want := range map[string]string{
		"12345678": "", strings.Repeat("a", 72): "", "كلمة السر": "", "": "empty", "x": "at least 8", "1234567": "at least 8", "كلمة": "at least 8", strings.Repeat("a", 73): "73 bytes", strings.Repeat("ب", 37): "74 bytes", "camel\nriver": "line break",
	} {
		err := clinic.CheckPassword(password)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", password, err, want)
		}
	}
}

// Where one disables a user while another says that the user may log in, apart, the user
// is disabled until somebody decides. A password that was replaced does not come back.
func TestUserApart(t *testing.T) {
	yes, no := true, false
	key := clinic.PasswordWant("u", "", "", nil).Key
	older, other, newer := hash, strings.Replace(hash, "$2a", "$2b", 1), strings.Replace(hash, "$2a", "$2y", 1)
	w := newWorld(t)
	w.write(&crdt.Edit{Key: key, Set: clinic.PasswordWant("u", "", older, &yes).Set, Seen: &crdt.Seen{}})
	w.write(&crdt.Edit{Key: key, Set: clinic.PasswordWant("u", "", other, &no).Set, Seen: &crdt.Seen{}})
	if got, disabled := clinic.Admission(w.records[key]); got != other || !disabled {
		t.Errorf("apart: %s, disabled %v", got, disabled)
	}
	w.write(clinic.PasswordEdit(w.records[key], clinic.PasswordWant("u", "", "", &no)))
	w.write(clinic.PasswordEdit(w.records[key], clinic.PasswordWant("u", "", newer, nil)))
	if got, disabled := clinic.Admission(w.records[key]); got != newer || disabled {
		t.Errorf("decided: %s, disabled %v", got, disabled)
	}
	if c := w.records[key].View().Conflicts; len(c) > 0 {
		t.Errorf("a conflict at %s is left", c[0].Path)
	}
	if got, disabled := clinic.Admission(nil); got != "" || disabled {
		t.Errorf("nobody: %q, %v", got, disabled)
	}
}

// What stands where a password's hash belongs, and is none that a device can compare with,
// lets nobody in.
func TestAdmissionOfNoHash(t *testing.T) {
	key := clinic.PasswordWant("u", "", "", nil).Key
	for _, x := range []string{strings.Replace(hash, "$10$", "$31$", 1), strings.Replace(hash, "$10$", "$16$", 1), hash + "x", "camel river", ""} {
		w := newWorld(t)
		w.write(&crdt.Edit{Key: key, Set: []crdt.Field{{Key: "hash", Value: crdt.Text(x)}, {Key: "disabled", Value: crdt.True}}})
		if got, disabled := clinic.Admission(w.records[key]); got != "" || !disabled {
			t.Errorf("%q: %q, disabled %v", x, got, disabled)
		}
	}
}

func TestClinicTransactions(t *testing.T) {
	var edits []*crdt.Edit
	key := func(i int) crdt.RecordKey { return crdt.RecordKey{Collection: "clinics", ID: fmt.Sprint(i)} }
	for i := range 3000 {
		edits = append(edits, &crdt.Edit{Key: key(i)})
	}
	for i := range 20 {
		edits = append(edits, &crdt.Edit{Key: key(3000 + i), Set: []crdt.Field{{Key: "fields", Value: crdt.Text(strings.Repeat("x", 56<<10))}}})
	}
	batches := clinic.Transactions(edits)
	n := 0
	for _, b := range batches {
		size := 0
		there := map[crdt.RecordKey]bool{}
		for _, e := range b {
			n++
			if there[e.Key] {
				t.Errorf("%s stands twice in a transaction", e.Key)
			}
			there[e.Key] = true
			for _, f := range e.Set {
				size += len(f.Value)
			}
		}
		if len(b) == 0 || len(b) > crdt.MaxChanges || size > 224<<10 {
			t.Errorf("a transaction of %d changes and %d bytes", len(b), size)
		}
	}
	if n != len(edits) || len(batches) > 11 {
		t.Errorf("%d edits in %d transactions", n, len(batches))
	}
	if twice := clinic.Transactions([]*crdt.Edit{{Key: key(1)}, {Key: key(1)}}); len(twice) != 2 {
		t.Errorf("a record twice makes %d transactions", len(twice))
	}
	if len(clinic.Transactions(nil)) != 0 {
		t.Error("nothing to write makes a transaction")
	}
}

func TestClinicDifference(t *testing.T) {
	for _, c := range []struct{ column, from, to, want string }{
		{"form_fields", `[{"id":"1","name":"A"},{"id":"2","name":"B"}]`, `[{"id":"1","name":"A2"},{"id":"3","name":"C"}]`, `new "C"; changed "A2"; gone "B"`},
		{"form_fields", `[{"id":"1"},{"id":"2"}]`, `[{"id":"2"},{"id":"1"}]`, "in another order"},
		{"form_fields", "[]", `[{"id":"1","name":"A"}]`, `new "A"`},
		{"translations", "[]", `[{"fieldId":"1","name":{"ar":"أ","en":"A"}}]`, `new "A"`},
		{"clinic_ids", "[]", `["a"]`, "another list"},
		{"name", "a", "b", ""},
	} {
		got, ok := clinic.Difference("event_forms", c.column, c.from, c.to)
		if got != c.want || ok != (c.want != "") {
			t.Errorf("%s from %s to %s: %q, %v", c.column, c.from, c.to, got, ok)
		}
	}
	if _, ok := clinic.Difference("nothing", "x", "", ""); ok {
		t.Error("a table that there is not has documents")
	}
}
