package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestRecordComesBackAsWritten(t *testing.T) {
	s := newSite(t)
	fields := `{"a":1,"b":1.0,"c":9007199254740993,"d":-9223372036854775808,"e":1e300,"f":{},"g":[],"h":null,"i":{"j":[{"k":"ক"}]},"l":"\u0001","m~/":true}`
	want := `{"a":1,"b":1.0,"c":9007199254740993,"d":-9223372036854775808,"e":1e+300,"f":{},"g":[],"h":null,"i":{"j":[{"k":"ক"}]},"l":"\u0001","m~/":true}`
	a := s.do("PUT", "/v1/records/patients/p1", `{"fields":`+fields+`}`).want(201)
	r := a.fields(want)
	if r.Collection != "patients" || r.ID != "p1" || r.Deleted || r.Copies != 1 || len(r.Conflicts) != 0 {
		t.Errorf("record %+v", r)
	}
	if since := time.Since(r.Updated); since < 0 || since > time.Minute {
		t.Errorf("updated %s ago", since)
	}
	if a.header.Get("ETag") != `"`+r.Version+`"` {
		t.Errorf("ETag %s, version %s", a.header.Get("ETag"), r.Version)
	}
	if got := a.header.Get("Location"); got != "/v1/records/patients/p1" {
		t.Errorf("Location %s", got)
	}
	again := s.do("PUT", "/v1/records/patients/p1", `{"fields":`+want+`}`).want(200).fields(want)
	if again.Version != r.Version {
		t.Error("what changed nothing changed the version")
	}
	if !strings.Contains(string(a.body), `"conflicts":{}`) {
		t.Error("no conflicts must be {}")
	}
}

func TestFieldsNestAsDeepAsInAnImport(t *testing.T) {
	s := newSite(t)
	deep := strings.Repeat(`{"a":`, 31) + "[]" + strings.Repeat("}", 31)
	s.do("PUT", "/v1/records/c/put", `{"fields":`+deep+`}`).want(201).fields(deep)
	s.do("POST", "/v1/records/c", `{"id":"post","fields":`+deep+`}`).want(201).fields(deep)
	s.do("PATCH", "/v1/records/c/patch", deep).want(201).fields(deep)
	inside := strings.TrimSuffix(strings.TrimPrefix(deep, `{"a":`), "}")
	s.do("POST", "/v1/transactions", `{"changes":[{"collection":"c","id":"tx","set":{"a":`+inside+`}}]}`).want(200)
	s.do("GET", "/v1/records/c/tx", "").fields(deep)
	s.do("PUT", "/v1/records/c/put", `{"fields":{"b":`+deep+`}}`).problem(413, "levels")
}

func TestPatch(t *testing.T) {
	s := newSite(t)
	s.put("patients/p1", `{"name":"Rahima","phone":"0","camp":4,"address":{"city":"Cox","block":"B"}}`)
	a := s.do("PATCH", "/v1/records/patients/p1", `{"phone":"1","camp":null,"address":{"block":null}}`, "Content-Type: application/merge-patch+json")
	a.want(200).fields(`{"address":{"city":"Cox"},"name":"Rahima","phone":"1"}`)
	s.do("PATCH", "/v1/records/patients/new", `{"a":1,"b":null}`).want(201).fields(`{"a":1}`)
}

func TestCreate(t *testing.T) {
	s := newSite(t)
	a := s.do("POST", "/v1/records/visits", `{"fields":{"n":1}}`).want(201)
	r := a.fields(`{"n":1}`)
	if len(r.ID) != 36 || r.ID[14] != '7' {
		t.Errorf("id %s is no UUIDv7", r.ID)
	}
	if got := a.header.Get("Location"); got != "/v1/records/visits/"+r.ID {
		t.Errorf("Location %s", got)
	}
	s.do("POST", "/v1/records/visits", `{"fields":{},"id":"v1"}`).want(201).fields(`{}`)
	s.do("POST", "/v1/records/visits", `{"fields":{"n":2},"id":"v1"}`).problem(409, "use PUT")
	s.do("DELETE", "/v1/records/visits/v1", "").want(204)
	s.do("POST", "/v1/records/visits", `{"fields":{"n":2},"id":"v1"}`).problem(409, "visits/v1")
}

func TestPutOnlyIfThereIsNone(t *testing.T) {
	s := newSite(t)
	s.do("PUT", "/v1/records/c/a", `{"fields":{"n":1}}`, "If-None-Match: *").want(201)
	s.do("PUT", "/v1/records/c/a", `{"fields":{"n":2}}`, "If-None-Match: *").problem(412, "c/a")
	s.do("GET", "/v1/records/c/a", "").fields(`{"n":1}`)
}

func TestDeleteAndUndelete(t *testing.T) {
	s := newSite(t)
	s.put("c/a", `{"n":1}`)
	s.do("DELETE", "/v1/records/c/a", "").want(204)
	s.do("DELETE", "/v1/records/c/a", "").want(204)
	if r := s.do("GET", "/v1/records/c/a", "").fields(`{"n":1}`); !r.Deleted {
		t.Error("it is not deleted")
	}
	if got := into[page](s.do("GET", "/v1/records/c", "")); len(got.Records) != 0 {
		t.Errorf("the list has %d records", len(got.Records))
	}
	if r := s.do("POST", "/v1/records/c/a/undelete", "").want(200).fields(`{"n":1}`); r.Deleted {
		t.Error("it is deleted")
	}
	s.do("DELETE", "/v1/records/c/a", "").want(204)
	if r := s.do("PATCH", "/v1/records/c/a", `{"m":2}`).want(200).fields(`{"m":2,"n":1}`); r.Deleted {
		t.Error("a write leaves it deleted")
	}
	for _, x := range [][2]string{{"GET", ""}, {"DELETE", ""}, {"POST", "/undelete"}, {"GET", "/history"}, {"GET", "?at=2026-01-01T00:00:00Z"}} {
		s.do(x[0], "/v1/records/c/never"+x[1], "").problem(404, "c/never")
	}
}

type page struct {
	Records []record
	Next    string
}

func TestList(t *testing.T) {
	s := newSite(t)
	if got := s.do("GET", "/v1/records/unknown", "").want(200); string(got.body) != `{"records":[],"next":""}`+"\n" {
		t.Errorf("an unknown collection lists as %s", got.body)
	}
	var lines strings.Builder
	for i := range 250 {
		fmt.Fprintf(&lines, `{"collection":"p","id":"%03d","fields":{"n":%d,"even":%t,"address":{"city":"c%d"},"x":1.5,"none":null,"name":"a=b"}}`+"\n", i, i, i%2 == 0, i%5)
	}
	s.do("POST", "/v1/import", lines.String(), "Content-Type: application/x-ndjson").want(200)
	var ids []string
	for cursor, pages := "", 0; ; pages++ {
		p := into[page](s.do("GET", "/v1/records/p?limit=100&cursor="+cursor, ""))
		for _, r := range p.Records {
			ids = append(ids, r.ID)
		}
		if cursor = p.Next; cursor == "" {
			if pages != 2 {
				t.Errorf("%d pages", pages+1)
			}
			break
		}
	}
	for i, id := range ids {
		if id != fmt.Sprintf("%03d", i) {
			t.Fatalf("record %d of the list is %s", i, id)
		}
	}
	if len(ids) != 250 {
		t.Errorf("%d records", len(ids))
	}
	if p := into[page](s.do("GET", "/v1/records/p", "")); len(p.Records) != 100 || p.Next == "" {
		t.Errorf("without a limit: %d records, next %q", len(p.Records), p.Next)
	}
	if p := into[page](s.do("GET", "/v1/records/p?limit=250", "")); len(p.Records) != 250 || p.Next != "" {
		t.Errorf("a full last page: %d records, next %q", len(p.Records), p.Next)
	}
	for where, want := range map[string]int{
		"n=7": 1, "even=true": 125, "address/city=c3": 50, "x=1.5": 250, "x=1.50": 0, "none=null": 250,
		"name=a=b": 250, "address={}": 0, "missing=": 0, "n/deeper=1": 0,
	} {
		p := into[page](s.do("GET", "/v1/records/p?limit=10000&where="+url.QueryEscape(where), ""))
		if len(p.Records) != want {
			t.Errorf("where %s: %d records, want %d", where, len(p.Records), want)
		}
	}
	p := into[page](s.do("GET", "/v1/records/p?where=even%3Dtrue&where=address/city%3Dc3&limit=10", ""))
	if len(p.Records) != 10 || p.Next == "" || p.Records[0].ID != "008" {
		t.Errorf("two conditions: %d records, next %q", len(p.Records), p.Next)
	}
}

func TestListEndsAPageByItsBytes(t *testing.T) {
	s := newSite(t)
	text := strings.Repeat("x", 60<<10)
	var lines strings.Builder
	for i := range 200 {
		fmt.Fprintf(&lines, `{"collection":"p","id":"%03d","fields":{"t":%q}}`+"\n", i, text)
	}
	s.do("POST", "/v1/import", lines.String(), "Content-Type: application/x-ndjson").want(200)
	first := into[page](s.do("GET", "/v1/records/p?limit=1000", ""))
	second := into[page](s.do("GET", "/v1/records/p?limit=1000&cursor="+first.Next, ""))
	if len(first.Records) == 200 || len(first.Records)+len(second.Records) != 200 || second.Next != "" {
		t.Errorf("pages of %d and %d records, next %q", len(first.Records), len(second.Records), second.Next)
	}
}

func TestIDsOfAllKinds(t *testing.T) {
	s := newSite(t)
	for _, id := range []string{"a/b", "a b", "রহিমা", "%41", "a%2Fb", "?#", "x;y", "+", "~", ".", "..", strings.Repeat("i", 256)} {
		body, _ := json.Marshal(map[string]any{"id": id, "fields": map[string]any{"n": 1}})
		a := s.do("POST", "/v1/records/c", string(body)).want(201)
		if r := s.do("GET", a.header.Get("Location"), "").record(); r.ID != id {
			t.Errorf("id %q came back as %q", id, r.ID)
		}
	}
}

func TestAuthor(t *testing.T) {
	s := newSite(t)
	s.put("c/a", `{"n":1}`, "Musafir-Author: "+url.PathEscape("আমিনা Begum"))
	h := into[history](s.do("GET", "/v1/records/c/a/history", ""))
	if h.Entries[0].Author != "আমিনা Begum" {
		t.Errorf("author %q", h.Entries[0].Author)
	}
}

// Any text that may be an id can stand in a path.
func TestEveryIDIsReached(t *testing.T) {
	s := newSite(t)
	s.server.Client().CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	escape := func(id string) string { return strings.ReplaceAll(url.PathEscape(id), ".", "%2E") }
	small := strings.NewReplacer("%2E", "%2e", "%2F", "%2f")
	ids := []string{"/", "//", ".", "..", "a/b", "a//b", "a/../b", "%", "%2f", "%2F", "ü", " ", "+", "?", "#", "history", "{id}", "a\u200e\u200db"}
	for i, id := range ids {
		path := "/v1/records/p/" + escape(id)
		fields := fmt.Sprintf(`{"n":%d}`, i)
		a := s.do("PUT", path, `{"fields":`+fields+`}`).want(201)
		if r := a.fields(fields); r.ID != id {
			t.Errorf("%q was written as %q", id, r.ID)
		}
		if r := s.do("GET", a.header.Get("Location"), "").want(200).fields(fields); r.ID != id {
			t.Errorf("%q is at %q", r.ID, a.header.Get("Location"))
		}
		s.do("GET", small.Replace(path), "").want(200).fields(fields)
		s.do("PATCH", path, `{"m":1}`).want(200)
		if h := into[history](s.do("GET", path+"/history", "").want(200)); len(h.Entries) != 2 {
			t.Errorf("%q: history %+v", id, h)
		}
		s.do("DELETE", path, "").want(204)
		if !s.do("GET", path, "").record().Deleted {
			t.Errorf("%q is not deleted", id)
		}
		s.do("POST", path+"/undelete", "").want(200)
	}
	if got := into[page](s.do("GET", "/v1/records/p", "")); len(got.Records) != len(ids) {
		t.Errorf("%d records, want %d", len(got.Records), len(ids))
	}
	if log := s.log.String(); strings.Contains(log, "%2") || strings.Contains(log, "route=/v1/records/p") {
		t.Errorf("an id is in the log:\n%s", log)
	}
}

func TestPathsThatThereAreNot(t *testing.T) {
	s := newSite(t)
	for _, path := range []string{"/", "/v1", "/v1%2Fstatus", "/v1/records", "/v1/records/c/a/b", "/v1/records/c/a/history/b", "/healthz/a"} {
		s.do("GET", path, "").problem(404, "nothing at this path")
	}
	for _, path := range []string{"/v1/records/p/..", "/v1/records/p/.", "/v1/records/p//", "/v1/records//a"} {
		s.do("GET", path, "").problem(404, "plain form")
	}
}
