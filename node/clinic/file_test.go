package clinic_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"musafir/crdt"
	"musafir/node/clinic"
)

const (
	now  = 1767225600000
	hash = "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"
)

var camp = crdt.CampID{1, 2, 3}

// A world is the records of a camp, as plain objects.
type world struct {
	t       testing.TB
	records map[crdt.RecordKey]*crdt.Record
	entries uint64
}

func newWorld(t testing.TB) *world {
	return &world{t: t, records: map[crdt.RecordKey]*crdt.Record{}}
}

func (w *world) record(key crdt.RecordKey) (*crdt.Record, error) { return w.records[key], nil }

// write does an edit as a device does it.
func (w *world) write(e *crdt.Edit) {
	w.t.Helper()
	r := w.records[e.Key]
	if r == nil {
		r = &crdt.Record{Key: e.Key}
		w.records[e.Key] = r
	}
	rc, err := crdt.Compose(r, e, func() ([]*crdt.Touch, error) { return r.Living(), nil })
	if err != nil {
		w.t.Fatal(err)
	}
	if rc == nil {
		w.t.Fatalf("the edit of %s changes nothing", e.Key)
	}
	w.entries++
	id := crdt.EntryID{byte(w.entries), byte(w.entries >> 8)}
	r.Apply(&crdt.Touch{Ref: crdt.Ref{Seq: w.entries}, Log: crdt.LogID{1}, Entry: id, Time: crdt.TimeAt(now + int64(w.entries)), Merged: true, Change: rc}, nil)
}

func (w *world) known() clinic.Known {
	k := clinic.Known{Camp: camp}
	for table, list := range map[string]*[]clinic.Named{"clinics": &k.Clinics, "users": &k.Users, "registration_forms": &k.Forms} {
		for _, r := range w.records {
			if name, ok := clinic.NameOf(r); ok && r.Key.Collection == table {
				*list = append(*list, clinic.Named{ID: r.Key.ID, Name: name})
			}
		}
		slices.SortFunc(*list, func(a, b clinic.Named) int { return strings.Compare(a.ID, b.ID) })
	}
	return k
}

// apply applies a file at a time and gives what changed.
func (w *world) apply(text string, at int64) []clinic.Change {
	w.t.Helper()
	f, err := clinic.ReadFile(text, w.known())
	if err != nil {
		w.t.Fatal(err)
	}
	changes, edits, err := clinic.Plan(f.Wants, w.record, at)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range edits {
		w.write(e)
	}
	return changes
}

func (w *world) fields(table, name string) map[string]crdt.Value {
	w.t.Helper()
	for key, r := range w.records {
		fields := map[string]crdt.Value{}
		clinic.Shown(r.Key.Collection, r.View().Fields).Fields(func(k string, v crdt.Value) { fields[k] = v })
		if key.Collection == table && slices.Contains([]string{fields["name"].Text(), fields["email"].Text(), fields["key"].Text(), fields["generic_name"].Text(), fields["batch_number"].Text()}, name) {
			return fields
		}
	}
	w.t.Fatalf("there is no %q in %s", name, table)
	return nil
}

// whole fails unless every row has all columns of its table, of the right kind, and no
// others.
func (w *world) whole() {
	w.t.Helper()
	for key, r := range w.records {
		table := clinic.TableOf(key.Collection)
		if table == nil {
			if key.Collection != clinic.Passwords {
				w.t.Errorf("%s is of no table of the app", key)
			}
			continue
		}
		have := map[string]crdt.Value{}
		clinic.Shown(r.Key.Collection, r.View().Fields).Fields(func(k string, v crdt.Value) { have[k] = v })
		for _, c := range table.Columns {
			if v := have[c.Name]; !fits(c, v) {
				w.t.Errorf("%s: the column %s (%c) holds %v", key, c.Name, c.Kind, v)
			}
			delete(have, c.Name)
		}
		for name := range have {
			w.t.Errorf("%s: there is no column %s", key, name)
		}
	}
}

func fits(c clinic.Column, v crdt.Value) bool {
	want := map[clinic.Kind]crdt.Kind{clinic.Text: crdt.KindText, clinic.JSON: crdt.KindText, clinic.Number: crdt.KindInt, clinic.Bool: crdt.KindBool}
	return v.Kind() == want[c.Kind] || c.Optional && v.Kind() == crdt.KindNull
}

func fullFile(t testing.TB) string {
	t.Helper()
	b, err := os.ReadFile("testdata/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestClinicExample(t *testing.T) {
	w := newWorld(t)
	changes := w.apply(clinic.Example, now)
	w.whole()
	counts := map[string]int{}
	for _, c := range changes {
		if !c.New || c.Name == "" {
			t.Errorf("%s: %+v", c.Key, c)
		}
		counts[c.Key.Collection]++
	}
	want := map[string]int{"clinics": 1, "registration_forms": 1, "event_forms": 3, "app_config": 1}
	if fmt.Sprint(counts) != fmt.Sprint(want) {
		t.Errorf("the example makes %v, want %v", counts, want)
	}
	form := w.fields("event_forms", "Triage")
	for _, part := range []string{`"fieldId":"__form_name__","name":{"ar":"الفرز","en":"Triage"}`, `"red":{"ar":"أحمر","en":"Red"}`} {
		if !strings.Contains(form["translations"].Text(), part) {
			t.Errorf("no %s in %s", part, form["translations"].Text())
		}
	}
	if got := form["form_fields"].Text(); !strings.Contains(got, `"fieldType":"options","inputType":"radio","required":false,"multi":false,"options":[{"value":"red","label":"Red"}`) {
		t.Errorf("fields %s", got)
	}
	registration := w.fields("registration_forms", "Patient registration")["fields"].Text()
	for _, column := range []string{"given_name", "surname", "date_of_birth", "sex", "phone", "citizenship", "camp", "government_id", "external_patient_id", "primary_clinic_id"} {
		if strings.Count(registration, `"column":"`+column+`"`) != 1 {
			t.Errorf("the column %s does not stand once in %s", column, registration)
		}
	}
	if c := w.fields("app_config", "operation_mode"); c["value"].Text() != "offline" || c["namespace"].Text() != "system" {
		t.Errorf("the app's mode is %v", c)
	}
}

func TestClinicFileTwice(t *testing.T) {
	for name, text := range map[string]string{"example": clinic.Example, "full": fullFile(t), "with CRLF": strings.ReplaceAll(fullFile(t), "\n", "\r\n")} {
		w := newWorld(t)
		if len(w.apply(text, now)) == 0 {
			t.Errorf("%s: nothing changed at first", name)
		}
		w.whole()
		if again := w.apply(text, now+5); len(again) != 0 {
			t.Errorf("%s: the second time changed %+v", name, again)
		}
	}
}

func TestClinicFileFull(t *testing.T) {
	w := newWorld(t)
	w.apply(fullFile(t), now)
	w.whole()
	amina := w.fields("users", "amina@example.org")
	if amina["role"].Text() != "provider" || !strings.HasPrefix(amina["clinic_id"].Text(), "0190a1b2") {
		t.Errorf("Amina is %v", amina)
	}
	stock := w.fields("clinic_inventory", "B-17")
	if stock["quantity_available"].Int() != 500 || stock["batch_expiry_date"].Int() != 1806451200000 {
		t.Errorf("stock %v", stock)
	}
	if v := w.fields("app_config", "operation_mode")["value"].Text(); v != "offline" {
		t.Errorf("the app's mode is %s", v)
	}
	if c := w.fields("app_config", "days"); c["data_type"].Text() != "number" || c["value"].Text() != "30" {
		t.Errorf("a setting %v", c)
	}
	if c := w.fields("app_config", "languages"); c["data_type"].Text() != "array" || c["value"].Text() != `["en","ar"]` {
		t.Errorf("a setting %v", c)
	}
	may := map[string]string{}
	for key, r := range w.records {
		if key.Collection == "user_clinic_permissions" {
			clinic.Shown(r.Key.Collection, r.View().Fields).Fields(func(k string, v crdt.Value) {
				if v.Bool() {
					may[k] += "x"
				}
			})
		}
	}
	want := map[string]string{"can_register_patients": "xxx", "can_view_history": "xxx", "can_edit_records": "xx", "can_download_patient_reports": "xx", "can_prescribe_medications": "xx"}
	if fmt.Sprint(may) != fmt.Sprint(want) { // a provider in two clinics, a registrar in one who may see history
		t.Errorf("permissions %v, want %v", may, want)
	}
}

// What was written elsewhere, and what the file does not say, stays.
func TestClinicFileKeepsTheRest(t *testing.T) {
	w := newWorld(t)
	w.apply(fullFile(t), now)
	var stock, clinicKey crdt.RecordKey
	for key := range w.records {
		switch key.Collection {
		case "clinic_inventory":
			stock = key
		case "clinics":
			if !strings.HasPrefix(key.ID, "0190a1b2") {
				clinicKey = key
			}
		}
	}
	w.write(&crdt.Edit{Key: stock, Set: []crdt.Field{{Key: "quantity_available", Value: crdt.Int(423)}}})
	w.write(&crdt.Edit{Key: clinicKey, Set: []crdt.Field{{Key: "is_archived", Value: crdt.True}}})
	if changes := w.apply(fullFile(t), now+5); len(changes) != 0 {
		t.Errorf("what was dispensed, or archived, changed back: %+v", changes)
	}
	created := w.fields("clinics", "Camp clinic")["created_at"].Int()
	w.write(&crdt.Edit{Key: clinicKey, Set: []crdt.Field{{Key: "name", Value: crdt.Text("x")}}})
	w.write(&crdt.Edit{Key: stock, Delete: true})
	changes := w.apply(fullFile(t), now+1000)
	if len(changes) != 2 || changes[0].New || changes[0].Fields[0].Field != "name" || changes[0].Fields[0].From.Text() != "x" || changes[1].Fields[0].Field != "deleted" {
		t.Errorf("%+v", changes)
	}
	c := w.fields("clinics", "Camp clinic")
	if c["created_at"].Int() != created || c["updated_at"].Int() != now+1000 {
		t.Errorf("made at %d and then %d, changed at %d", created, c["created_at"].Int(), c["updated_at"].Int())
	}
	if len(w.apply("clinics: []", now+2000)) != 0 {
		t.Error("what is absent from a file was changed")
	}
}

// What came from elsewhere under other ids is not made a second time.
func TestClinicFileAdopts(t *testing.T) {
	known := clinic.Known{Camp: camp, Clinics: []clinic.Named{{"0190a1b2-0000-7000-8000-000000000009", "Camp clinic"}},
		Users: []clinic.Named{{"0190a1b2-0000-7000-8000-000000000008", "amina@example.org"}}, Forms: []clinic.Named{{"0190a1b2-0000-7000-8000-000000000007", "x"}}}
	f, err := clinic.ReadFile(fullFile(t), known)
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for _, w := range f.Wants {
		ids[w.Key.String()] = true
	}
	for _, want := range []string{"clinics/" + known.Clinics[0].ID, "users/" + known.Users[0].ID, "registration_forms/" + known.Forms[0].ID} {
		if !ids[want] {
			t.Errorf("no %s among %v", want, ids)
		}
	}
}

// Two devices that apply a file apart make the same records; another camp makes others.
func TestClinicFileApart(t *testing.T) {
	a, b := newWorld(t), newWorld(t)
	a.apply(fullFile(t), now)
	b.apply(fullFile(t), now+86400000)
	for key, r := range a.records {
		if b.records[key] == nil {
			t.Errorf("only one has %s", key)
			continue
		}
		for _, touch := range b.records[key].Living() {
			other := *touch
			other.Ref.Branch, other.Log, other.Entry[9] = 1, crdt.LogID{2}, 1
			r.Apply(&other, nil)
		}
		if c := r.View().Conflicts; len(c) > 0 {
			t.Errorf("%s: conflict at %q", key, c[0].Path)
		}
	}
	if len(a.records) != len(b.records) {
		t.Errorf("%d and %d records", len(a.records), len(b.records))
	}
	other, err := clinic.ReadFile(fullFile(t), clinic.Known{Camp: crdt.CampID{9}})
	if err != nil {
		t.Fatal(err)
	}
	same := 0
	for _, w := range other.Wants {
		if a.records[w.Key] != nil {
			same++
		}
	}
	if same != 1 { // the clinic whose id the file gives
		t.Errorf("%d records of another camp have the same ids", same)
	}
}

func TestClinicFileErrors(t *testing.T) {
	long := ""
	for i := range 10 {
		long += fmt.Sprintf("{name: A%d, content: %s},", i, strings.Repeat("x", 8000))
	}
	for text, want := range map[string][]string{
		"":                               {"line 1: there is nothing in the file"},
		"# x\n":                          {"line 1: there is nothing in the file"},
		"- x":                            {"line 1: the file belongs here", "there is a list"},
		"clinic:\n- name: a":             {`line 1: the file has no "clinic" (did you mean "clinics"?)`},
		"clinics:\n- nmae: a":            {`line 2: a clinic has no "nmae" (did you mean "name"?)`, `line 2: a clinic needs "name"`},
		"clinics:\n- name: a\n- name: a": {"line 3: a stands on line 2 already"},
		"clinics:\n- name: a\n  id: X":   {`line 3: "X" is no id that the app takes`},
		"clinics:\n- name: [a]":          {`"name" is a text; there is a list`},
		"clinics: a":                     {`line 1: "clinics" is a list`},
		"clinics:\n\t- name: a":          {"line 2: "},
		"clinics:\n- name: \"a":          {"line 2: "},
		"a: 1\na: 2":                     {"line 2: "},
		"clinics: &x\n- name: a":         {"line 1: anchors"},
		"clinics: !!x y":                 {"line 1: tags"},
		"a: 1\n---\nb: 2":                {"line 3: a second document"},
		strings.Repeat("[", 100):         {"line 1: this is nested too deeply"},
		strings.Repeat("- ", 100) + "a":  {"line 1: this is nested too deeply"},
		"clinics:\n- name: a\n  is_archived: maybe":                                                                 {`line 3: "is_archived" is true or false`},
		"clinics:\n- name: a\nusers:\n- {email: x, name: X, role: provider}":                                        {`line 4: "x" is no e-mail address`},
		"clinics:\n- name: a\nusers:\n- {email: a@b, name: X, role: doctor}":                                        {`line 4: there is no role "doctor"; there is registrar`},
		"clinics:\n- name: a\nusers:\n- {email: a@b, name: X, role: admin}\n- {email: A@B, name: Y, role: admin}":   {"line 5: the user A@B stands on line 4 already"},
		"users:\n- {email: a@b, name: X, role: admin}":                                                              {"line 2: there is no clinic for the user"},
		"clinics:\n- name: aaaa\nusers:\n- {email: a@b, name: X, role: admin, clinics: [aaab]}":                     {`line 4: there is no clinic "aaab" (did you mean "aaaa"?)`},
		"clinics:\n- name: a\nusers:\n- email: a@b\n  name: X\n  role: admin\n  password: secret7":                  {"line 7: no password belongs into a file"},
		"clinics:\n- name: a\nusers:\n- email: a@b\n  name: X\n  role: admin\n  password_hash: secret7":             {"line 7: the password's hash is none of bcrypt"},
		"clinics:\n- name: a\nusers:\n- {email: a@b, name: X, role: admin, permissions: {can_view_historie: true}}": {`did you mean "can_view_history"?`},
		"registration_form:\n  name: a\n  fields:\n  - column: givenname":                                           {`line 4: patients have no column "givenname" (did you mean "given_name"?)`},
		"registration_form:\n  name: a\n  fields:\n  - {key: a, label: A, type: select}":                            {`line 4: a field of the type "select" needs "options"`},
		"event_forms:\n- name: a\n  fields:\n  - {name: A, type: nubmer}":                                           {`line 4: there is no type "nubmer" (did you mean "number"?)`},
		"event_forms:\n- name: a\n  fields:\n  - name: {ar: A}":                                                     {`line 4: "name" has no text in the language "en"`},
		"event_forms:\n- name: a\n  fields:\n  - name: {en: A, english: B}":                                         {`line 4: "name" has no "english"`},
		"event_forms:\n- name: a\n  fields:\n  - name: A\n  - name: A":                                              {`line 5: the field "A" stands in the form already`},
		"clinics:\n- name: a\ndrugs:\n- {generic_name: p, form: f, route: r, dosage_quantity: 5, dosage_units: mg, stock: [{clinic: a, batch: b, expires: soon, quantity: -1}]}": {
			`line 4: "expires" is a day such as 2027-03-31`, `line 4: "quantity" is a whole number`},
		"clinics:\n- name: \xff": {"line 2: this is not UTF-8"},
		"a: \x00\nb: \xff":       {"line 2: this is not UTF-8"},
		"event_forms:\n- name: a\n  fields:\n  - {name: A, content: " + strings.Repeat("x", 9000) + "}": {`line 4: "content" has 9000 bytes, the limit is 8192`},
		"event_forms:\n- name: a\n  fields: [" + long + "]":                                             {"line 2: a has 8", "make two of it"},
		"settings: 7": {"line 1: \"settings\" are written as namespaces"},
	} {
		f, err := clinic.ReadFile(text, clinic.Known{Camp: camp})
		var errs clinic.FileErrors
		if !errors.As(err, &errs) || len(f.Wants) > 0 {
			t.Errorf("%q: %v, %d records", text, err, len(f.Wants))
			continue
		}
		for _, part := range want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%q: %q, want %q in it", text, err, part)
			}
		}
		if strings.Contains(err.Error(), "secret7") {
			t.Errorf("%q: what may be a password is repeated: %v", text, err)
		}
	}
}

// The parser would take minutes for what fits into a request.
func TestClinicFileManyKeys(t *testing.T) {
	for text, most := range map[string]int{"%s: 1\n": 1, "{%s: 1}": 1} {
		for _, n := range []int{4096, 4097} {
			keys := make([]string, n)
			for i := range keys {
				keys[i] = fmt.Sprint("k", i)
			}
			_, err := clinic.ReadFile(fmt.Sprintf(text, strings.Join(keys, map[bool]string{true: ": 1, ", false: ": 1\n"}[text[0] == '{'])), clinic.Known{Camp: camp})
			var errs clinic.FileErrors
			if !errors.As(err, &errs) || (len(errs) == most) != (n > 4096) || strings.Contains(err.Error(), "more than 4096 keys") != (n > 4096) {
				t.Errorf("%d keys in %q: %d errors", n, text, len(errs))
			}
		}
	}
}

func TestClinicFileManyErrors(t *testing.T) {
	_, err := clinic.ReadFile("clinics:\n- nam: a\n- name: b\n  x: 1\nusers:\n- role: x\n", clinic.Known{Camp: camp})
	var errs clinic.FileErrors
	if !errors.As(err, &errs) || len(errs) < 5 || !slices.IsSortedFunc(errs, func(a, b clinic.LineError) int { return a.Line - b.Line }) {
		t.Errorf("%v", err)
	}
}

func FuzzClinicFile(f *testing.F) {
	seeds := []string{clinic.Example, fullFile(f), "", "a: 1", "- - - a", "clinics: [{name: a}]", "a: |\n  b\n", "? a", "\"\\x", "a: &b c", "{a: [", "users:\n- {email: a@b}"}
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		file, err := clinic.ReadFile(text, clinic.Known{Camp: camp})
		if err != nil {
			var errs clinic.FileErrors
			if !errors.As(err, &errs) || len(errs) == 0 {
				t.Fatalf("the error %v names no line", err)
			}
			return
		}
		w := newWorld(t)
		_, edits, err := clinic.Plan(file.Wants, w.record, now)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range edits[:min(len(edits), 100)] {
			w.write(e)
		}
		w.whole()
	})
}
