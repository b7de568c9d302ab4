package api_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"musafir/node/clinic"
)

const (
	triage   = `{"id":"d1","name":"Triage","seen_at":null,"status":"pending"}`
	pharmacy = `{"id":"d2","name":"Pharmacy","seen_at":null,"status":"pending"}`
	both     = "[" + triage + "," + pharmacy + "]"
)

func done(element string) string { return strings.Replace(element, "pending", "done", 1) }

// row is the fields of an appointment.
func row(departments, more string) string {
	b, err := json.Marshal(departments)
	if err != nil {
		panic(err)
	}
	return `{"departments":` + string(b) + more + `}`
}

// departments is the text that the column holds.
func (r *record) departments() string {
	var fields struct{ Departments json.RawMessage }
	if err := json.Unmarshal(r.Fields, &fields); err != nil {
		return err.Error()
	}
	var text string
	if err := json.Unmarshal(fields.Departments, &text); err != nil {
		return "no text: " + string(fields.Departments)
	}
	return text
}

func (a *answer) departments(want string) record {
	a.t.Helper()
	r := a.record()
	if got := r.departments(); got != want {
		a.t.Errorf("%s: departments %s, want %s", a.what, got, want)
	}
	return r
}

// Every way of writing a document reads as the same bytes in every way of reading.
func TestDocumentsReadAsWritten(t *testing.T) {
	texts := []string{
		both, "[]", "{}", "", "x", "null", `[1,2]`, `[{"id":"d1"},{"id":"d1"}]`, `{"a":1,"b":[true,{"id":"x"}]}`, `[ {"id":"d1"}]`, `[{"id": "d1"}]`,
		`[{"fieldId":"f","value":"العربية \"x\" \\ \u0000"}]`, `[{"id":7,"n":1e400}]`, `{"#":1}`, `[{"id":"#"}]`, `[{"id":"a/b~c"},{"id":" "}]`, `[{"id":""}]`,
		`[{"id":"` + strings.Repeat("k", 600) + `"}]`, "[" + pharmacy + "," + triage + "]", "[" + done(triage) + "]",
	}
	s := newSite(t)
	made := s.do("POST", "/v1/records/appointments", `{"id":"made","fields":`+row(both, "")+`}`).want(201).departments(both)
	for i, text := range texts {
		fields := row(text, `,"updated_at":`+fmt.Sprint(i))
		s.do("POST", "/v1/records/appointments", fmt.Sprintf(`{"id":"post%d","fields":%s}`, i, fields)).want(201).departments(text)
		s.do("PUT", "/v1/records/appointments/put", `{"fields":`+fields+`}`).departments(text)
		s.do("PATCH", "/v1/records/appointments/patch", fields).departments(text)
		s.do("PATCH", "/v1/records/appointments/made", fields, match(made)) // as it was read first: beside all others
		s.do("POST", "/v1/transactions", `{"changes":[{"collection":"appointments","id":"set","set":`+fields+`}]}`).want(200)
		s.do("GET", "/v1/records/appointments/set", "").departments(text)
		s.do("POST", "/v1/transactions", `{"changes":[{"collection":"appointments","id":"replace","replace":`+fields+`}]}`).want(200)
		s.do("GET", "/v1/records/appointments/replace", "").departments(text)
		into[report](s.do("POST", "/v1/import", `{"collection":"appointments","id":"import","fields":`+fields+`}`, ndjson).want(200))
		s.do("GET", "/v1/records/appointments/import", "").departments(text)
		for _, id := range []string{"put", "patch", "set", "replace", "import"} {
			if r := s.get("appointments/" + id); len(r.Conflicts) != 0 {
				t.Fatalf("%s: conflicts with nobody %+v", id, r.Conflicts)
			}
			if r := s.get("appointments/" + id + "?at=" + nowish()); r.departments() != text {
				t.Errorf("%s now is %s, want %s", id, r.departments(), text)
			}
		}
		where := into[listed](s.do("GET", "/v1/records/appointments?where=updated_at="+fmt.Sprint(i)+"&limit=100", "").want(200))
		for _, r := range where.Records {
			if r.ID != "made" && r.departments() != text {
				t.Errorf("listed %s as %s, want %s", r.ID, r.departments(), text)
			}
		}
	}
	sameEverywhere(t, s)
}

func nowish() string { return "2100-01-01T00:00:00Z" }

type listed struct{ Records []record }

// sameEverywhere compares an export with the changes, and with itself once it was
// imported again, here and into an empty device.
func sameEverywhere(t *testing.T, s *site) {
	t.Helper()
	export := string(s.do("GET", "/v1/export", "").want(200).body)
	if strings.Contains(export, `"#"`+":") {
		t.Errorf("the export has what people need not see: %s", export)
	}
	inChanges := map[string]string{}
	for line := range strings.Lines(string(s.do("GET", "/v1/changes", "").want(200).body)) {
		var r record
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		inChanges[r.ID] = string(r.Fields)
	}
	n := 0
	for line := range strings.Lines(export) {
		var r record
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		if n++; inChanges[r.ID] != string(r.Fields) {
			t.Errorf("%s is exported as %s and changed to %s", r.ID, r.Fields, inChanges[r.ID])
		}
	}
	if r := into[report](s.do("POST", "/v1/import", export, ndjson)); r.counts() != fmt.Sprint(n, 0, n, 0) {
		t.Errorf("importing the own export: %+v", r)
	}
	other := newSite(t)
	for _, want := range []string{fmt.Sprint(n, n, 0, 0), fmt.Sprint(n, 0, n, 0)} {
		if r := into[report](other.do("POST", "/v1/import", export, ndjson)); r.counts() != want {
			t.Errorf("importing the export elsewhere: %+v, want %s", r, want)
		}
	}
	if got := string(other.do("GET", "/v1/export", "").want(200).body); got != export {
		t.Errorf("exported again:\n%s\nwant\n%s", got, export)
	}
}

// Two who had read the same change different elements, and nothing is in conflict.
func TestElementsMerge(t *testing.T) {
	for _, how := range []string{"PUT", "PATCH"} {
		s := newSite(t)
		write := func(departments, at string, headers ...string) *answer {
			fields := row(departments, `,"updated_at":`+at)
			if how == "PUT" {
				fields = `{"fields":` + fields + `}`
			}
			return s.do(how, "/v1/records/appointments/a", fields, headers...)
		}
		read := write(both, "5").record()
		write("["+done(triage)+","+pharmacy+"]", "9", match(read))
		r := write("["+triage+","+done(pharmacy)+"]", "7", match(read)).departments("[" + done(triage) + "," + done(pharmacy) + "]")
		if len(r.Conflicts) != 0 || !strings.Contains(string(r.Fields), `"updated_at":9`) {
			t.Errorf("%s: conflicts %+v, fields %s", how, r.Conflicts, r.Fields)
		}

		// One removes what the other changes: it stays, and who removed it is told.
		read = s.get("appointments/a")
		write("["+done(triage)+"]", "10", match(read)).departments("[" + done(triage) + "]")
		r = write("["+done(triage)+","+pharmacy+"]", "11", match(read)).departments("[" + done(triage) + "," + pharmacy + "]")
		if c := r.Conflicts["departments/d2"]; len(r.Conflicts) != 1 || len(c) != 1 || !c[0].Removed {
			t.Errorf("%s: conflicts %+v", how, r.Conflicts)
		}
		s.do("POST", "/v1/records/appointments/a/resolve", `{"field":"departments/d2","entry":"`+r.Conflicts["departments/d2"][0].Entry+`"}`).
			departments("[" + done(triage) + "]")

		// One empties the list while the other adds to it.
		read = s.get("appointments/a")
		write("[]", "12", match(read)).departments("[]")
		write("["+done(triage)+","+pharmacy+"]", "12", match(read)).departments("[" + pharmacy + "]")
	}
}

// What a conflict ends with may be said as the value that is meant.
func TestResolvedByValue(t *testing.T) {
	for _, c := range []struct{ field, value, want string }{
		{"additional_data", `{"diet":"both"}`, `{"diet":"both"}`},
		{"additional_data", `"{\"diet\":1}"`, `{"diet":1}`},
		{"additional_data/diet", `"both"`, `{"diet":"both","note":"n"}`},
		{"additional_data/diet", `13`, `{"diet":13,"note":"n"}`},
		{"additional_data/diet", `"\"diet\":{\"a\":[]}"`, `{"diet":{"a":[]},"note":"n"}`},
	} {
		s := newSite(t)
		text := func(diet string) string { return `{"additional_data":` + quoted(`{"diet":`+diet+`,"note":"n"}`) + `}` }
		read := s.put("patients/p", text(`"x"`))
		s.do("PATCH", "/v1/records/patients/p", text(`"y"`), match(read))
		s.do("PATCH", "/v1/records/patients/p", text(`"z"`), match(read))
		r := s.do("POST", "/v1/records/patients/p/resolve", `{"field":"`+c.field+`","value":`+c.value+`}`).record()
		if want := `"additional_data":` + quoted(c.want); !strings.Contains(string(r.Fields), want) || len(r.Conflicts) > 0 {
			t.Errorf("%s by %s: %s, conflicts %v", c.field, c.value, r.Fields, r.Conflicts)
		}
		patched := s.do("PATCH", "/v1/records/patients/p", text(`"w"`)).record()
		if !strings.Contains(string(patched.Fields), `diet\":\"w`) {
			t.Errorf("then patched: %s", patched.Fields)
		}
	}
}

// Both change one element: it is in conflict, not its document.
func TestConflictInAnElement(t *testing.T) {
	s := newSite(t)
	read := s.put("appointments/a", row(both, ""))
	seen := strings.Replace(triage, "null", `"now"`, 1)
	s.do("PATCH", "/v1/records/appointments/a", row("["+seen+","+pharmacy+"]", ""), match(read))
	r := s.do("PATCH", "/v1/records/appointments/a", row("["+done(triage)+","+pharmacy+"]", ""), match(read)).departments("[" + done(triage) + "," + pharmacy + "]")
	c := r.Conflicts["departments/d1"]
	if len(r.Conflicts) != 1 || len(c) != 1 || c[0].Value != seen {
		t.Fatalf("conflicts %+v", r.Conflicts)
	}
	all := into[conflicts](s.do("GET", "/v1/conflicts", "")).Conflicts
	if len(all) != 1 || all[0].Field != "departments/d1" || all[0].Value != done(triage) || all[0].Siblings[0].Value != seen {
		t.Errorf("conflicts %+v", all)
	}
	for _, bad := range []string{`"x"`, `7`, quoted(pharmacy), `"[]"`, `{"id":"d2"}`} {
		s.do("POST", "/v1/records/appointments/a/resolve", `{"field":"departments/d1","value":`+bad+`}`).problem(422, "departments holds a document")
	}
	merged := strings.Replace(seen, "pending", "done", 1)
	r = s.do("POST", "/v1/records/appointments/a/resolve", `{"field":"departments/d1","value":`+quoted(merged)+`}`).departments("[" + merged + "," + pharmacy + "]")
	if len(r.Conflicts) != 0 {
		t.Errorf("conflicts %+v after it was resolved", r.Conflicts)
	}
	h := into[history](s.do("GET", "/v1/records/appointments/a/history", "").want(200))
	var told []string
	for _, e := range h.Entries {
		for _, x := range e.Changes {
			told = append(told, fmt.Sprint(x.Op, " ", x.Field, " ", x.Value))
		}
	}
	want := []string{
		"order departments [d1 d2]", "set departments/d1 " + triage, "set departments/d2 " + pharmacy,
		"set departments/d1 " + seen, "set departments/d1 " + done(triage), "set departments/d1 " + merged,
	}
	if strings.Join(told, "\n") != strings.Join(want, "\n") {
		t.Errorf("history:\n%s\nwant:\n%s", strings.Join(told, "\n"), strings.Join(want, "\n"))
	}
	if got := s.get("appointments/a?at=" + h.Entries[0].Entry); got.departments() != both {
		t.Errorf("at first it was %s", got.departments())
	}
}

func quoted(text string) string {
	b, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// A single element can be written, by its path, as what it is.
func TestElementByItsPath(t *testing.T) {
	s := newSite(t)
	s.put("appointments/a", row(both, `,"metadata":{"mine":1},"reason":"x"`))
	change := func(what string) *answer {
		return s.do("POST", "/v1/transactions", `{"changes":[{"collection":"appointments","id":"a",`+what+`}]}`)
	}
	change(`"set":{"departments/d1":` + quoted(done(triage)) + `}`).want(200)
	s.do("GET", "/v1/records/appointments/a", "").departments("[" + done(triage) + "," + pharmacy + "]")
	change(`"remove":["departments/d1"]`).want(200)
	s.do("GET", "/v1/records/appointments/a", "").departments("[" + pharmacy + "]")
	s.do("PATCH", "/v1/records/appointments/a", `{"departments":{"d2":null,"d1":`+quoted(triage)+`}}`).departments("[" + triage + "]")
	for _, bad := range []string{
		`"set":{"departments/d1":7}`, `"set":{"departments/d1":"x"}`, `"set":{"departments/d3":` + quoted(triage) + `}`, `"set":{"departments/d1/x":1}`,
		`"set":{"departments/#":"x"}`, `"remove":["departments/#"]`, `"increment":{"departments/n":1}`, `"add_to_set":{"departments/s":["x"]}`, `"max":{"departments/d1":7}`,
	} {
		change(bad).problem(422, "departments holds a document")
	}
	s.do("PATCH", "/v1/records/appointments/a", `{"departments":{"d1":{"status":"done"}}}`).problem(422, "departments holds a document")
	change(`"set":{"departments":"[]"},"remove":["departments/d1"]`).problem(422, "one holds the other")
	change(`"set":{"metadata/mine":2,"shoe/size":3}`).want(200)
	s.do("GET", "/v1/records/appointments/a", "").departments("[" + triage + "]")
	if r := s.get("appointments/a"); !strings.Contains(string(r.Fields), `"metadata":{"mine":2}`) {
		t.Errorf("an object that is no document: %s", r.Fields)
	}
	change(`"remove":["departments"]`).want(200)
	s.do("GET", "/v1/records/appointments/a", "").fields(`{"metadata":{"mine":2},"reason":"x","shoe":{"size":3}}`)
}

// A later time wins over an earlier one, whoever writes it how.
func TestTimesOnlyGrow(t *testing.T) {
	s := newSite(t)
	read := s.put("patients/p", `{"given_name":"Rahima","last_modified":1.5,"updated_at":5}`)
	s.do("PATCH", "/v1/records/patients/p", `{"updated_at":9}`, match(read)).want(200)
	r := s.do("PATCH", "/v1/records/patients/p", `{"updated_at":7}`, match(read)).fields(`{"given_name":"Rahima","last_modified":1.5,"updated_at":9}`)
	s.put("patients/p", `{"given_name":"Noor"}`, match(read))
	r = s.do("PUT", "/v1/records/patients/p", `{"fields":{"given_name":"Noor","updated_at":12}}`, match(read)).
		fields(`{"given_name":"Noor","last_modified":1.5,"updated_at":12}`)
	into[report](s.do("POST", "/v1/import", `{"collection":"patients","id":"p","fields":{"updated_at":11}}`, ndjson))
	if r = s.get("patients/p"); len(r.Conflicts) != 0 {
		t.Errorf("conflicts %+v", r.Conflicts)
	}
	s.do("PATCH", "/v1/records/patients/p", `{"updated_at":null}`).fields(`{"given_name":"Noor","last_modified":1.5}`)
	s.put("c/p", `{"updated_at":5}`)
	s.do("PATCH", "/v1/records/c/p", `{"updated_at":4}`).fields(`{"updated_at":4}`) // no row of the app
}

// is_deleted: true deletes, false makes it live, and neither loses a field.
func TestIsDeleted(t *testing.T) {
	s := newSite(t)
	s.put("patients/p", `{"given_name":"Rahima","is_deleted":false}`)
	entries := func() uint64 { n, _, _, _ := s.device.Counts(); return n }
	deleted := func(a *answer, fields string) {
		t.Helper()
		if r := a.fields(fields); !r.Deleted || len(r.Conflicts) != 0 {
			t.Errorf("%s: %+v", a.what, r)
		}
	}
	deleted(s.do("PATCH", "/v1/records/patients/p", `{"is_deleted":true}`), `{"given_name":"Rahima","is_deleted":true}`)
	if got := s.do("GET", "/v1/export", "").want(200); len(got.body) != 0 {
		t.Errorf("exported %s", got.body)
	}
	before := entries()
	deleted(s.do("PATCH", "/v1/records/patients/p", `{"is_deleted":true}`), `{"given_name":"Rahima","is_deleted":true}`)
	deleted(s.do("PUT", "/v1/records/patients/p", `{"fields":{"given_name":"Rahima","is_deleted":true}}`), `{"given_name":"Rahima","is_deleted":true}`)
	if entries() != before {
		t.Error("what is deleted was deleted again")
	}
	if r := s.do("PATCH", "/v1/records/patients/p", `{"is_deleted":false}`).fields(`{"given_name":"Rahima","is_deleted":false}`); r.Deleted {
		t.Error("it is still deleted")
	}
	deleted(s.do("PUT", "/v1/records/patients/p", `{"fields":{"given_name":"Noor","is_deleted":true}}`), `{"given_name":"Noor","is_deleted":true}`)
	deleted(s.do("POST", "/v1/records/patients", `{"id":"q","fields":{"given_name":"Amina","is_deleted":true}}`).want(201), `{"given_name":"Amina","is_deleted":true}`)
	s.do("POST", "/v1/records/patients/q/undelete", "").fields(`{"given_name":"Amina"}`)
	s.do("PATCH", "/v1/records/patients/q", `{"is_deleted":null}`).fields(`{"given_name":"Amina"}`)

	// Whoever deletes what another changes meanwhile is told.
	read := s.get("patients/q")
	s.do("PATCH", "/v1/records/patients/q", `{"given_name":"Amina K"}`, match(read))
	r := s.do("PATCH", "/v1/records/patients/q", `{"is_deleted":true,"surname":"K"}`, match(read)).fields(`{"given_name":"Amina K","surname":"K"}`)
	if c := r.Conflicts[""]; r.Deleted || len(c) != 1 || c[0].Value != "deleted" {
		t.Errorf("%+v", r)
	}

	// No table of permissions has the column, and no collection of somebody else.
	s.put("user_clinic_permissions/x", `{"is_deleted":true}`)
	s.put("c/x", `{"is_deleted":true}`)
	for _, path := range []string{"user_clinic_permissions/x", "c/x"} {
		if r := s.do("GET", "/v1/records/"+path, "").fields(`{"is_deleted":true}`); r.Deleted {
			t.Errorf("%s is deleted", path)
		}
	}
}

func TestIsDeletedInATransaction(t *testing.T) {
	s := newSite(t)
	s.put("patients/p", `{"given_name":"Rahima"}`)
	change := func(what string) *answer {
		return s.do("POST", "/v1/transactions", `{"changes":[{"collection":"patients","id":"p",`+what+`},{"collection":"c","id":"x","set":{"n":1}}]}`)
	}
	change(`"set":{"is_deleted":true,"surname":"K"}`).problem(422, "goes with no other change")
	change(`"replace":{"is_deleted":true}`).problem(422, "goes with no other change")
	change(`"set":{"is_deleted":true}`).want(200)
	if r := s.get("patients/p"); !r.Deleted {
		t.Error("it is not deleted")
	}
	change(`"set":{"is_deleted":false}`).want(200)
	if r := s.do("GET", "/v1/records/patients/p", "").fields(`{"given_name":"Rahima","is_deleted":false}`); r.Deleted {
		t.Error("it is still deleted")
	}
}

// A deleted row is imported with its fields, once, wherever it stands among others.
func TestImportOfDeletedRows(t *testing.T) {
	for _, how := range []string{"", "?atomic=true"} {
		s := newSite(t)
		s.put("patients/there", `{"given_name":"Rahima"}`)
		var b strings.Builder
		for i := range 100 {
			fmt.Fprintf(&b, `{"collection":"patients","id":"%03d","fields":{"given_name":"N","is_deleted":%v,"updated_at":7}}`+"\n", i, i%3 == 0)
		}
		b.WriteString(`{"collection":"patients","id":"there","fields":{"is_deleted":true}}` + "\n")
		if r := into[report](s.do("POST", "/v1/import"+how, b.String(), ndjson)); r.counts() != "101 101 0 0" {
			t.Errorf("%s: %+v", how, r)
		}
		if r := into[report](s.do("POST", "/v1/import"+how, b.String(), ndjson)); r.counts() != "101 0 101 0" {
			t.Errorf("%s again: %+v", how, r)
		}
		s.do("GET", "/v1/records/patients/000", "").fields(`{"given_name":"N","is_deleted":true,"updated_at":7}`)
		if list := into[listed](s.do("GET", "/v1/records/patients?limit=1000", "")); len(list.Records) != 66 {
			t.Errorf("%s: %d rows live", how, len(list.Records))
		}
	}
	s := newSite(t)
	r := into[report](s.do("POST", "/v1/import", strings.Repeat(`{"collection":"patients","id":"p","fields":{"is_deleted":true}}`+"\n"+
		`{"collection":"patients","id":"p","fields":{"is_deleted":false}}`+"\n", 3)+`{"collection":"patients","id":"","fields":{"is_deleted":true}}`+"\n", ndjson))
	if r.counts() != "7 6 0 1" {
		t.Errorf("in turns: %+v", r)
	}
	s.do("GET", "/v1/records/patients/p", "").fields(`{"is_deleted":false}`)

	// The first of many, so that its fields are written long before the last.
	said := `{"collection":"patients","id":"p","fields":{"n":1,"is_deleted":%v}}` + "\n"
	r = into[report](s.do("POST", "/v1/import", fmt.Sprintf(said, true)+lines(6000, "c")+fmt.Sprintf(said, false), ndjson))
	if r.counts() != "6002 6002 0 0" {
		t.Errorf("the first and the last: %+v", r)
	}
	if p := s.do("GET", "/v1/records/patients/p", "").fields(`{"is_deleted":false,"n":1}`); p.Deleted {
		t.Error("what is said first counts")
	}
}

// A form that was changed elsewhere is changed by a file in what the file changes.
func TestAppliedFormMerges(t *testing.T) {
	s := newSite(t)
	s.apply(clinic.Example, "").want(200)
	forms := into[listed](s.do("GET", "/v1/records/registration_forms", ""))
	if len(forms.Records) != 1 {
		t.Fatalf("%d forms", len(forms.Records))
	}
	var fields struct{ Fields string }
	if err := json.Unmarshal(forms.Records[0].Fields, &fields); err != nil {
		t.Fatal(err)
	}
	h := into[history](s.do("GET", "/v1/records/registration_forms/"+forms.Records[0].ID+"/history", ""))
	apart := 0
	for _, x := range h.Entries[0].Changes {
		if strings.HasPrefix(x.Field, "fields/") {
			apart++
		}
	}
	if apart < 3 || !strings.HasPrefix(fields.Fields, "[{") {
		t.Errorf("the form has %d elements of its own: %s", apart, fields.Fields)
	}
	if again := into[appliedDoc](s.apply(clinic.Example, "").want(200)); len(again.Changes) != 0 {
		t.Errorf("applied again: %+v", again)
	}
	sameEverywhereOf(t, s, "registration_forms")
}

func sameEverywhereOf(t *testing.T, s *site, collection string) {
	t.Helper()
	export := string(s.do("GET", "/v1/export?collection="+collection, "").want(200).body)
	if r := into[report](s.do("POST", "/v1/import", export, ndjson)); r.Imported != 0 || r.Lines == 0 {
		t.Errorf("importing the own export: %+v", r)
	}
}
