package main

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// secrets stand in requests, and must not stand in the log of a daemon that tells all
// it tells.
var secrets = []string{
	"collection-of-somebody", "id-of-somebody", "field-of-somebody", "value-of-somebody", "other-of-somebody", "author-of-somebody",
	"query-of-somebody", "parameter-of-somebody", "key-of-somebody", "cursor-of-somebody", "path-of-somebody", "host-of-somebody",
	"agent-of-somebody", "token-of-somebody", "origin-of-somebody", "app-of-somebody",
}

func TestLogHoldsNoContents(t *testing.T) {
	dir := initDevice(t)
	origin := "https://origin-of-somebody.example"
	out, err := program(t, dir, "token", "add", "app-of-somebody", "--origin", origin).Output()
	check(t, err)
	token := strings.TrimSpace(string(out))
	d := launch(t, dir, "up", "--verbose", "--http", "127.0.0.1:0", "--listen", freeListen)
	record := "/v1/records/collection-of-somebody/id-of-somebody"
	for _, r := range []struct {
		method, path, body, header string
		status                     int
	}{
		{"PUT", record, `{"fields":{"field-of-somebody":"value-of-somebody"}}`, "Musafir-Author: author-of-somebody", 201},
		{"GET", record, "", "User-Agent: agent-of-somebody", 200},
		{"GET", record + "?parameter-of-somebody=1", "", "", 400},
		{"PUT", record, `{"fields":{"field-of-somebody":value-of-somebody}}`, "", 400},
		{"PATCH", record, `{"field-of-somebody":"other-of-somebody"}`, `If-Match: "key-of-somebody"`, 400},
		{"POST", record + "/resolve", `{"field":"field-of-somebody","value":"other-of-somebody"}`, "", 200},
		{"GET", "/v1/records/collection-of-somebody?where=field-of-somebody%3Dquery-of-somebody", "", "", 200},
		{"GET", "/v1/changes", "", "Last-Event-ID: cursor-of-somebody", 400},
		{"POST", "/v1/records/collection-of-somebody", `{"fields":{}}`, "Idempotency-Key: key-of-somebody", 201},
		{"POST", "/v1/import", `{"collection":"collection-of-somebody","id":"id-of-somebody","fields":{"field-of-somebody":` + "\n", "", 200},
		{"GET", "/v1/export", "", "", 200},
		{"GET", "/v1/path-of-somebody", "", "", 404},
		{"GET", record, "", "Host: host-of-somebody", 403},
		{"GET", record, "", "Authorization: Bearer token-of-somebody", 401},
		{"GET", record, "", "Origin: " + origin, 403},
		{"GET", record, "", "Origin: https://origin-of-somebody.evil", 403},
		{"OPTIONS", record, "", "Origin: " + origin, 403},
		{"POST", "/v1/invites", "", "", 201},
	} {
		if got := d.ask(r.method, r.path, r.body, r.header); got != r.status {
			t.Errorf("%s %s, %s: %d, want %d", r.method, r.path, r.header, got, r.status)
		}
	}
	d.end()
	log := d.errs.String()
	for _, secret := range append(secrets, token, d.token) {
		if strings.Contains(log, secret) {
			t.Errorf("%q is in the log:\n%s", secret, log)
		}
	}
	if got := strings.Count(log, "msg=request"); got < 18 {
		t.Errorf("the log tells of %d requests:\n%s", got, log)
	}
}

// ask makes a request with one header more and gives the status.
func (d *daemon) ask(method, path, body, header string) int {
	d.t.Helper()
	req, err := http.NewRequest(method, d.base+path, strings.NewReader(body))
	check(d.t, err)
	req.Header.Set("Authorization", "Bearer "+d.token)
	if name, value, _ := strings.Cut(header, ": "); name == "Host" {
		req.Host = value
	} else if name != "" {
		req.Header.Set(name, value)
	}
	resp, err := d.http.Do(req)
	check(d.t, err)
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	check(d.t, err)
	return resp.StatusCode
}
