package api_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
)

const ndjson = "Content-Type: application/x-ndjson"

type report struct {
	Lines, Imported, Unchanged, Failed int
	Errors                             []struct {
		Line  int
		Error string
	}
}

func (r *report) counts() string {
	return fmt.Sprint(r.Lines, r.Imported, r.Unchanged, r.Failed)
}

func zipped(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		panic(err)
	}
	if err := z.Close(); err != nil {
		panic(err)
	}
	return b.String()
}

func lines(n int, collection string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"collection":%q,"id":"%05d","fields":{"address":{"city":"Cox","n":%d},"n":%d}}`+"\n", collection, i, i, i)
	}
	return b.String()
}

func TestImportAndExport(t *testing.T) {
	s := newSite(t)
	all := lines(1000, "a") + lines(10, "b")
	r := into[report](s.do("POST", "/v1/import", zipped(all), "Content-Type: application/gzip", "Musafir-Author: clerk"))
	if r.counts() != "1010 1010 0 0" || r.Errors == nil {
		t.Errorf("report %+v", r)
	}
	entries, records, _, _ := s.device.Counts()
	if records != 1010 || entries > 2+1010/64+20 {
		t.Errorf("%d records in %d entries", records, entries)
	}
	for _, headers := range [][]string{nil, {"Accept-Encoding: gzip"}, {"Accept-Encoding: br, gzip;q=0"}} {
		a := s.do("GET", "/v1/export", "", headers...).want(200)
		body := a.body
		if a.header.Get("Content-Encoding") == "gzip" {
			body = unzip(t, body)
		}
		if string(body) != all {
			t.Errorf("the export (%v) is not what was imported: %d bytes", headers, len(body))
		}
	}
	if a := s.do("GET", "/v1/export?collection=b", "").want(200); string(a.body) != lines(10, "b") {
		t.Errorf("the export of one collection is %s", a.body)
	}
	if a := s.do("GET", "/v1/export?collection=none", "").want(200); len(a.body) != 0 {
		t.Errorf("the export of nothing is %s", a.body)
	}
	for line := range strings.Lines(lines(1, "a")) {
		s.fits("Line", []byte(line))
	}
	again := into[report](s.do("POST", "/v1/import", all, ndjson))
	if again.counts() != "1010 0 1010 0" {
		t.Errorf("imported again: %+v", again)
	}
	if after, _, _, _ := s.device.Counts(); after != entries {
		t.Errorf("imported again: %d entries more", after-entries)
	}
	h := into[history](s.do("GET", "/v1/records/a/00000/history", ""))
	if h.Entries[0].Author != "clerk" {
		t.Errorf("history %+v", h)
	}
}

func unzip(t *testing.T, b []byte) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if _, err := out.ReadFrom(z); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestImportKeepsWhatALineDoesNotMention(t *testing.T) {
	s := newSite(t)
	s.put("c/a", `{"keep":1,"o":{"keep":1,"set":1},"e":{"keep":1},"x":"text","y":{"z":1}}`)
	s.do("POST", "/v1/import", `{"collection":"c","id":"a","fields":{"o":{"set":2,"null":null,"new":{"d":{}}},"e":{},"x":{"now":{}},"y":[1],"k/~":1}}`, ndjson).want(200)
	s.do("GET", "/v1/records/c/a", "").
		fields(`{"e":{"keep":1},"k/~":1,"keep":1,"o":{"keep":1,"new":{"d":{}},"null":null,"set":2},"x":{"now":{}},"y":[1]}`)
	s.do("DELETE", "/v1/records/c/a", "").want(204)
	s.do("POST", "/v1/import", `{"collection":"c","id":"a","fields":{"keep":2}}`, ndjson).want(200)
	if r := s.get("c/a"); r.Deleted {
		t.Error("an imported record is deleted")
	}
}

// badLines has 8 lines that are not blank: 2 good ones, 6 bad ones.
const badLines = `{"collection":"c","id":"1","fields":{"n":1}}
not json

{"collection":"c","id":"2","fields":{"n":99999999999999999999}}
{"collection":"c!","id":"3","fields":{}}
{"collection":"c","id":"4"}
{"collection":"c","id":"count","fields":{"n":7}}
{"collection":"_users","id":"5","fields":{"n":7}}
{"collection":"c","id":"6","fields":{"n":1}}`

func TestImportTellsBadLinesByNumber(t *testing.T) {
	s := newSite(t)
	s.do("POST", "/v1/transactions", `{"changes":[{"collection":"c","id":"count","increment":{"n":1}}]}`).want(200)
	r := into[report](s.do("POST", "/v1/import", badLines, ndjson))
	if r.counts() != "8 2 0 6" {
		t.Errorf("report %+v", r)
	}
	var numbers []int
	for _, e := range r.Errors {
		numbers = append(numbers, e.Line)
		if strings.Contains(e.Error, "9999") {
			t.Errorf("an error quotes a value: %s", e.Error)
		}
	}
	if !slices.Equal(numbers, []int{2, 4, 5, 6, 7, 8}) {
		t.Errorf("bad lines %v", numbers)
	}
	s.do("GET", "/v1/records/c/6", "").fields(`{"n":1}`)

	many := into[report](s.do("POST", "/v1/import", strings.Repeat("{}\n", 250), ndjson))
	if many.Failed != 250 || len(many.Errors) != 100 {
		t.Errorf("%d failed, %d errors", many.Failed, len(many.Errors))
	}
}

func TestImportOfOneRecordManyTimes(t *testing.T) {
	s := newSite(t)
	var b strings.Builder
	for i := range 200 {
		fmt.Fprintf(&b, `{"collection":"c","id":"%d","fields":{"n":%d}}`+"\n", i%3, i)
	}
	r := into[report](s.do("POST", "/v1/import", b.String(), ndjson))
	if r.counts() != "200 200 0 0" {
		t.Errorf("report %+v", r)
	}
	for i, want := range []string{`{"n":198}`, `{"n":199}`, `{"n":197}`} {
		s.do("GET", fmt.Sprintf("/v1/records/c/%d", i), "").fields(want)
	}
}

func TestAtomicImport(t *testing.T) {
	s := newSite(t)
	s.do("POST", "/v1/transactions", `{"changes":[{"collection":"c","id":"count","increment":{"n":1}}]}`).want(200)
	before, _, _, _ := s.device.Counts()
	doc := s.do("POST", "/v1/import?atomic=true", badLines, ndjson).problem(422, "Nothing was written")
	if len(doc["errors"].([]any)) != 6 {
		t.Errorf("problem %v", doc)
	}
	s.do("POST", "/v1/import?atomic=true", lines(2, "a")+lines(1, "a"), ndjson).problem(422, "1 of 3 lines")
	if after, _, _, _ := s.device.Counts(); after != before {
		t.Fatalf("%d entries were written", after-before)
	}
	if r := into[report](s.do("POST", "/v1/import?atomic=1", lines(1000, "a"), ndjson)); r.counts() != "1000 1000 0 0" {
		t.Errorf("report %+v", r)
	}
	if after, _, _, _ := s.device.Counts(); after != before+1 {
		t.Errorf("%d entries, want 1", after-before)
	}
	if r := into[report](s.do("POST", "/v1/import?atomic=1", lines(3000, "a"), ndjson)); r.counts() != "3000 2000 1000 0" {
		t.Errorf("report %+v", r)
	}
	if r := into[report](s.do("POST", "/v1/import?atomic=1", lines(3000, "a"), ndjson)); r.counts() != "3000 0 3000 0" {
		t.Errorf("report %+v", r)
	}
}

func TestBrokenImportStreams(t *testing.T) {
	s := newSite(t)
	z := zipped(lines(3000, "z"))
	doc := s.do("POST", "/v1/import", z[:len(z)-20], "Content-Type: application/gzip").problem(400, "cut off")
	if doc["imported"] == nil || doc["imported"] != doc["lines"] {
		t.Errorf("problem %v", doc)
	}
	s.do("POST", "/v1/import?atomic=true", z[:len(z)-20], "Content-Type: application/gzip").problem(400, "cut off")
	s.do("POST", "/v1/import", "\xff\xfe{\x00", ndjson).problem(400, "UTF-16")
	if r := into[report](s.do("POST", "/v1/import", "\n\n", ndjson)); r.counts() != "0 0 0 0" {
		t.Errorf("report %+v", r)
	}
	long := `{"collection":"c","id":"1","fields":{"t":"` + strings.Repeat("x", 5<<20) + `"}}` + "\n"
	r := into[report](s.do("POST", "/v1/import", long+lines(1, "c"), ndjson))
	if r.counts() != "2 1 0 1" || !strings.Contains(r.Errors[0].Error, "limit is 4194304") {
		t.Errorf("report %+v", r)
	}
	r = into[report](s.do("POST", "/v1/import", `{"collection":"c","id":"1","fields":{"t":"`+strings.Repeat("x", 70<<10)+`"}}`, ndjson))
	if r.Failed != 1 || !strings.Contains(r.Errors[0].Error, "limit is 65536") {
		t.Errorf("report %+v", r)
	}
}
