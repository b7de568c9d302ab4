package api_test

import (
	"fmt"
	"strings"
	"testing"
)

func TestWrongUse(t *testing.T) {
	s := newSite(t)
	s.put("c/a", `{"text":"x","o":{"p":1}}`)
	s.do("POST", "/v1/transactions", `{"changes":[{"collection":"c","id":"count","increment":{"n":1},"add_to_set":{"tags":["x"]}}]}`).want(200)
	change := func(members string) string {
		return `{"changes":[{"collection":"c","id":"a",` + members + `}]}`
	}
	secret := "secret-9999"
	for _, tt := range []struct {
		name, method, path, body string
		headers                  []string
		status                   int
		detail                   string
	}{
		{"unknown path", "GET", "/v1/record", "", nil, 404, "nothing at this path"},
		{"a step up", "GET", "/v1/records/../status", "", nil, 404, "plain form"},
		{"a slash at the end", "GET", "/v1/status/", "", nil, 404, "plain form"},
		{"wrong method", "POST", "/v1/status", "{}", nil, 405, "GET"},
		{"unknown parameter", "GET", "/v1/records/c?limt=5", "", nil, 400, "limt"},
		{"parameter twice", "GET", "/v1/records/c?limit=5&limit=6", "", nil, 400, "more than once"},
		{"malformed query", "GET", "/v1/records/c?limit=%zz", "", nil, 400, "query"},
		{"limit of 0", "GET", "/v1/records/c?limit=0", "", nil, 400, "10000"},
		{"limit too large", "GET", "/v1/records/c?limit=10001", "", nil, 400, "10000"},
		{"limit no number", "GET", "/v1/conflicts?limit=x", "", nil, 400, "limit"},
		{"foreign cursor", "GET", "/v1/records/c?cursor=x", "", nil, 400, "cursor"},
		{"cursor of a list for conflicts", "GET", "/v1/conflicts?cursor=AWE", "", nil, 400, "cursor"},
		{"where without a value", "GET", "/v1/records/c?where=n", "", nil, 400, "FIELD=TEXT"},
		{"where without a field", "GET", "/v1/records/c?where=%3Dn", "", nil, 400, "FIELD=TEXT"},
		{"malformed collection", "GET", "/v1/records/c!", "", nil, 400, "collection name"},
		{"long collection", "GET", "/v1/records/" + strings.Repeat("c", 65), "", nil, 400, "64"},
		{"long id", "GET", "/v1/records/c/" + strings.Repeat("i", 257), "", nil, 400, "256"},
		{"id with a line break", "GET", "/v1/records/c/a%0Ab", "", nil, 400, "control character"},
		{"id with a C1 control", "PUT", "/v1/records/c/a%C2%9Fb", `{"fields":{}}`, nil, 400, "control character"},
		{"id that isolates text", "POST", "/v1/records/c", `{"id":"a\u2066b","fields":{}}`, nil, 400, "control character"},
		{"id that is not UTF-8", "GET", "/v1/records/c/%ff", "", nil, 400, "UTF-8"},
		{"list of an internal collection", "GET", "/v1/records/_users", "", nil, 403, "musafir's own"},
		{"record of an internal collection", "GET", "/v1/records/_users/a", "", nil, 403, "musafir's own"},
		{"export of an internal collection", "GET", "/v1/export?collection=_users", "", nil, 403, "musafir's own"},
		{"changes of an internal collection", "GET", "/v1/changes?collection=_users", "", nil, 403, "musafir's own"},
		{"write to an internal collection", "POST", "/v1/transactions", `{"changes":[{"collection":"_users","id":"a","set":{}}]}`, nil, 403, "musafir's own"},
		{"at nothing", "GET", "/v1/records/c/a?at=", "", nil, 400, "at"},
		{"at a date", "GET", "/v1/records/c/a?at=2026-01-01", "", nil, 400, "at"},
		{"follow what", "GET", "/v1/changes?follow=yes", "", nil, 400, "true or false"},
		{"atomic what", "POST", "/v1/import?atomic=yes", "{}", []string{ndjson}, 400, "true or false"},

		{"no body", "PUT", "/v1/records/c/a", "", []string{"Content-Type: application/json"}, 400, "no JSON"},
		{"a text", "PUT", "/v1/records/c/a", `{"fields":{}}`, []string{"Content-Type: text/plain"}, 415, "application/json"},
		{"a patch as put", "PUT", "/v1/records/c/a", `{"fields":{}}`, []string{"Content-Type: application/merge-patch+json"}, 415, "application/json"},
		{"a text as import", "POST", "/v1/import", "{}", []string{"Content-Type: text/plain"}, 415, "application/x-ndjson"},
		{"encoded import", "POST", "/v1/import", "{}", []string{ndjson, "Content-Encoding: br"}, 415, "gzip"},
		{"encoded document", "PUT", "/v1/records/c/a", `{"fields":{}}`, []string{"Content-Encoding: gzip"}, 415, "Content-Encoding"},
		{"too much", "PUT", "/v1/records/c/a", `{"fields":{"t":"` + strings.Repeat("x", 1<<20) + `"}}`, nil, 413, "1048576"},
		{"change too large", "PUT", "/v1/records/c/a", `{"fields":{"t":"` + strings.Repeat("x", 65<<10) + `"}}`, nil, 413, "65536"},
		{"transaction too large", "POST", "/v1/transactions", bigTransaction(), nil, 413, "262144"},
		{"too many changes", "POST", "/v1/transactions", `{"changes":[` + strings.Repeat(`{},`, 1024) + `{}]}`, nil, 413, "1024"},
		{"not JSON", "PUT", "/v1/records/c/a", `{"fields":{"n":"` + secret + `}}`, nil, 400, "byte"},
		{"JSON and more", "PUT", "/v1/records/c/a", `{"fields":{}}{}`, nil, 400, "follows"},
		{"a key twice", "PUT", "/v1/records/c/a", `{"fields":{"n":1,"n":` + `2}}`, nil, 400, "/fields"},
		{"a member twice", "PUT", "/v1/records/c/a", `{"fields":{},"fields":{}}`, nil, 400, "same key"},
		{"no object", "PUT", "/v1/records/c/a", `[]`, nil, 400, "an object belongs here"},
		{"no fields", "PUT", "/v1/records/c/a", `{}`, nil, 400, "no \"fields\""},
		{"fields are no object", "PUT", "/v1/records/c/a", `{"fields":"` + secret + `"}`, nil, 400, "/fields"},
		{"unknown member", "PUT", "/v1/records/c/a", `{"fields":{},"id":"a"}`, nil, 400, "/id"},
		{"integer too large", "PUT", "/v1/records/c/a", `{"fields":{"n":[1,9999999999999999999]}}`, nil, 400, "/fields/n/1"},
		{"float too large", "PATCH", "/v1/records/c/a", `{"n":1e999}`, nil, 400, "/n"},
		{"field without a name", "PUT", "/v1/records/c/a", `{"fields":{"":1}}`, nil, 422, "may not be empty"},
		{"patch is no object", "PATCH", "/v1/records/c/a", `[1]`, nil, 400, "an object belongs here"},
		{"id is no text", "POST", "/v1/records/c", `{"id":1,"fields":{}}`, nil, 400, "/id"},
		{"id is empty", "POST", "/v1/records/c", `{"id":"","fields":{}}`, nil, 400, "may not be empty"},
		{"create with more", "POST", "/v1/records/c", `{"fields":{},"version":"x"}`, nil, 400, "/version"},

		{"malformed version", "PUT", "/v1/records/c/a", `{"fields":{}}`, []string{"If-Match: \"x\""}, 400, "If-Match"},
		{"version with half a quote", "PUT", "/v1/records/c/a", `{"fields":{}}`, []string{"If-Match: \"AQ"}, 400, "If-Match"},
		{"weak version", "DELETE", "/v1/records/c/a", "", []string{`If-Match: W/"AQ"`}, 400, "If-Match"},
		{"any version", "PUT", "/v1/records/c/a", `{"fields":{}}`, []string{"If-Match: *"}, 400, "If-Match"},
		{"none of a version", "PUT", "/v1/records/c/a", `{"fields":{}}`, []string{`If-None-Match: "AQ"`}, 400, "only *"},
		{"both conditions", "PUT", "/v1/records/c/new", `{"fields":{}}`, []string{"If-None-Match: *", "If-Match: AQ"}, 400, "do not go together"},
		{"long author", "PUT", "/v1/records/c/a", `{"fields":{}}`, []string{"Musafir-Author: " + strings.Repeat("a", 129)}, 400, "128"},
		{"author that is not UTF-8", "PUT", "/v1/records/c/a", `{"fields":{}}`, []string{"Musafir-Author: %ff"}, 400, "Musafir-Author"},
		{"author of two lines", "DELETE", "/v1/records/c/a", "", []string{"Musafir-Author: a%0Ab"}, 400, "Musafir-Author"},
		{"author with a C1 control", "DELETE", "/v1/records/c/a", "", []string{"Musafir-Author: a%C2%85b"}, 400, "Musafir-Author"},
		{"author that turns text around", "DELETE", "/v1/records/c/a", "", []string{"Musafir-Author: a%E2%80%AEb"}, 400, "Musafir-Author"},
		{"half an escape in the author", "POST", "/v1/import", "{}", []string{ndjson, "Musafir-Author: %4"}, 400, "Musafir-Author"},
		{"long repeat key", "POST", "/v1/records/c", `{"fields":{}}`, []string{"Idempotency-Key: " + strings.Repeat("k", 256)}, 400, "255"},

		{"resolve nothing", "POST", "/v1/records/c/a/resolve", `{"field":"text"}`, nil, 400, "either"},
		{"resolve both ways", "POST", "/v1/records/c/a/resolve", `{"field":"text","entry":"` + strings.Repeat("0", 64) + `","value":1}`, nil, 400, "either"},
		{"resolve without a field", "POST", "/v1/records/c/a/resolve", `{"value":1}`, nil, 400, "either"},
		{"resolve a malformed field", "POST", "/v1/records/c/a/resolve", `{"field":"/text","value":1}`, nil, 400, "/field"},
		{"resolve with a short entry", "POST", "/v1/records/c/a/resolve", `{"field":"text","entry":"00"}`, nil, 400, "/entry"},
		{"resolve with more", "POST", "/v1/records/c/a/resolve", `{"field":"text","value":1,"who":1}`, nil, 400, "/who"},
		{"resolve a counter", "POST", "/v1/records/c/count/resolve", `{"field":"n","value":5}`, nil, 422, "counter"},

		{"transaction of nothing", "POST", "/v1/transactions", `{"changes":[]}`, nil, 400, "at least one"},
		{"transaction without changes", "POST", "/v1/transactions", `{}`, nil, 400, "at least one"},
		{"transaction with more", "POST", "/v1/transactions", `{"changes":[],"author":"x"}`, nil, 400, "/author"},
		{"changes are no array", "POST", "/v1/transactions", `{"changes":{}}`, nil, 400, "an array belongs here"},
		{"a change is no object", "POST", "/v1/transactions", `{"changes":["` + secret + `"]}`, nil, 400, "/changes/0"},
		{"a change of no record", "POST", "/v1/transactions", `{"changes":[{"set":{}}]}`, nil, 400, "/changes/0"},
		{"a change that does nothing", "POST", "/v1/transactions", `{"changes":[{"collection":"c","id":"a","delete":false}]}`, nil, 400, "does nothing"},
		{"a change with an unknown member", "POST", "/v1/transactions", change(`"sets":{}`), nil, 400, "/changes/0/sets"},
		{"a record twice", "POST", "/v1/transactions", `{"changes":[{"collection":"c","id":"a","set":{}},{"collection":"c","id":"a","set":{}}]}`, nil, 400, "twice"},
		{"set is no object", "POST", "/v1/transactions", change(`"set":[]`), nil, 400, "/set"},
		{"set at a malformed path", "POST", "/v1/transactions", change(`"set":{"/a":1}`), nil, 400, "/set/~1a"},
		{"remove is no array", "POST", "/v1/transactions", change(`"remove":"text"`), nil, 400, "/remove"},
		{"remove at a malformed path", "POST", "/v1/transactions", change(`"remove":["a~"]`), nil, 400, "/remove/0"},
		{"increment by a text", "POST", "/v1/transactions", change(`"increment":{"n":"` + secret + `"}`), nil, 422, "integer"},
		{"increment a text", "POST", "/v1/transactions", change(`"increment":{"text":1}`), nil, 422, "counter"},
		{"add no array", "POST", "/v1/transactions", change(`"add_to_set":{"tags":"x"}`), nil, 400, "/add_to_set/tags"},
		{"add to a text", "POST", "/v1/transactions", change(`"add_to_set":{"text":["x"]}`), nil, 422, "set"},
		{"drop at a malformed path", "POST", "/v1/transactions", change(`"remove_from_set":{"":["x"]}`), nil, 400, "/remove_from_set"},
		{"delete is no boolean", "POST", "/v1/transactions", change(`"delete":1`), nil, 400, "/delete"},
		{"delete and write", "POST", "/v1/transactions", change(`"delete":true,"set":{"n":1}`), nil, 422, "delete"},
		{"replace and set", "POST", "/v1/transactions", change(`"replace":{},"set":{"n":1}`), nil, 422, "replaced"},
		{"a path and one inside", "POST", "/v1/transactions", change(`"set":{"o":1,"o/p":2}`), nil, 422, "holds the other"},
		{"a path in two members", "POST", "/v1/transactions", change(`"set":{"text":"x"},"max":{"text":"y"}`), nil, 422, `"text" stands in set and in max`},
		{"a path set and one inside removed", "POST", "/v1/transactions", change(`"set":{"o":{"p":1}},"remove":["o/p"]`), nil, 422, "holds the other"},
		{"an element both ways", "POST", "/v1/transactions", change(`"add_to_set":{"new":["y","` + secret + `"]},"remove_from_set":{"new":["` + secret + `"]}`), nil, 422, "the same element"},
		{"increment too far", "POST", "/v1/transactions", `{"changes":[{"collection":"c","id":"count","increment":{"n":9223372036854775807}}]}`, nil, 422, "would pass the largest number a counter holds"},
		{"undelete what never was", "POST", "/v1/transactions", `{"changes":[{"collection":"c","id":"none","undelete":true}]}`, nil, 404, "no such record"},
		{"seen is malformed", "POST", "/v1/transactions", change(`"set":{},"seen":"x"`), nil, 400, "/seen"},
		{"seen is a number", "POST", "/v1/transactions", change(`"set":{},"seen":1`), nil, 400, "/seen"},
		{"seen a malformed entry", "POST", "/v1/transactions", change(`"set":{},"seen":["` + strings.Repeat("0", 65) + `"]`), nil, 400, "/seen/0"},
		{"seen too much", "POST", "/v1/transactions", change(`"set":{},"seen":[` + strings.Repeat(`"x",`, 512) + `"x"]`), nil, 413, "512"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := s.do(tt.method, tt.path, tt.body, tt.headers...)
			a.t = t
			a.problem(tt.status, tt.detail)
			if strings.Contains(string(a.body), secret) {
				t.Errorf("an error quotes a value: %s", a.body)
			}
			if tt.status == 405 && a.header.Get("Allow") != "GET" {
				t.Errorf("Allow %q", a.header.Get("Allow"))
			}
		})
	}
	s.do("GET", "/v1/records/c/a", "").fields(`{"o":{"p":1},"text":"x"}`)
	if strings.Contains(s.log.String(), "secret") {
		t.Error("a value is in the log")
	}
}

// bigTransaction is of changes that are not too large one by one.
func bigTransaction() string {
	var changes []string
	for i := range 5 {
		changes = append(changes, fmt.Sprintf(`{"collection":"c","id":"big%d","set":{"t":%q}}`, i, strings.Repeat("x", 60<<10)))
	}
	return `{"changes":[` + strings.Join(changes, ",") + `]}`
}
