package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

func (s *site) changes(query string, headers ...string) (rows []record) {
	s.t.Helper()
	a := s.do("GET", "/v1/changes"+query, "", headers...).want(200)
	for line := range strings.Lines(string(a.body)) {
		s.fits("ChangeRow", []byte(line))
		var r record
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			s.t.Fatal(err)
		}
		rows = append(rows, r)
	}
	return rows
}

func TestChanges(t *testing.T) {
	s := newSite(t)
	if rows := s.changes(""); len(rows) != 0 {
		t.Errorf("changes %+v", rows)
	}
	s.put("c/a", `{"n":1}`)
	s.put("d/b", `{"n":1}`)
	s.put("c/a", `{"n":2}`)
	s.do("DELETE", "/v1/records/d/b", "").want(204)
	rows := s.changes("")
	if len(rows) != 2 || rows[0].ID != "a" || string(rows[0].Fields) != `{"n":2}` || !rows[1].Deleted {
		t.Fatalf("changes %+v", rows)
	}
	if rows[0].Version == "" || rows[0].Position >= rows[1].Position || !strings.HasSuffix(rows[0].Cursor, fmt.Sprint(".", rows[0].Position)) {
		t.Errorf("changes %+v", rows)
	}
	if got := s.changes("?since=" + rows[0].Cursor); len(got) != 1 || got[0].ID != "b" {
		t.Errorf("since the first: %+v", got)
	}
	if got := s.changes(fmt.Sprintf("?since=%d", rows[1].Position)); len(got) != 0 {
		t.Errorf("since the last: %+v", got)
	}
	if got := s.changes("?collection=d"); len(got) != 1 || got[0].ID != "b" {
		t.Errorf("of one collection: %+v", got)
	}
	if got := s.changes("", "Last-Event-ID: "+rows[0].Cursor); len(got) != 1 {
		t.Errorf("since the last event: %+v", got)
	}
}

func TestChangesInManyPages(t *testing.T) {
	s := newSite(t)
	s.do("POST", "/v1/import", lines(1000, "a"), ndjson).want(200)
	rows := s.changes("")
	for i, r := range rows {
		if r.ID != fmt.Sprintf("%05d", i) {
			t.Fatalf("row %d is %s", i, r.ID)
		}
	}
	if len(rows) != 1000 {
		t.Errorf("%d rows", len(rows))
	}
}

func TestCursorOfAnotherFeed(t *testing.T) {
	s := newSite(t)
	r := s.put("c/a", `{"n":1}`)
	foreign := strings.Repeat("0", 32)
	s.do("GET", "/v1/changes?since="+foreign+".1", "").problem(410, "another device")
	s.do("GET", "/v1/changes", "", "Last-Event-ID: "+foreign+".1", "Accept: text/event-stream").problem(410, "another device")
	s.do("GET", "/v1/changes?since=99", "").problem(410, "not come as far")
	for _, bad := range []string{"x", "-1", "1.1", "." + r.Version, foreign + ".x"} {
		if a := s.do("GET", "/v1/changes?since="+bad, ""); a.status != 400 && a.status != 410 {
			t.Errorf("since %s: %d", bad, a.status)
		}
	}
}

func TestChangesAsEvents(t *testing.T) {
	s := newSite(t)
	s.put("c/a", `{"n":1}`)
	a := s.do("GET", "/v1/changes", "", "Accept: text/event-stream").want(200)
	if got := a.header.Get("Content-Type"); got != "text/event-stream" {
		t.Errorf("Content-Type %s", got)
	}
	row := s.changes("")[0]
	want := "id: " + row.Cursor + "\nevent: change\ndata: {\"cursor\":"
	if text := string(a.body); !strings.HasPrefix(text, want) || !strings.HasSuffix(text, "}\n\n") {
		t.Errorf("events %q", text)
	}
}

// A follower reads lines of an answer that goes on.
type follower struct {
	t    *testing.T
	in   *bufio.Scanner
	quit context.CancelFunc
}

func (s *site) follow(query string, headers ...string) *follower {
	t := s.t.(*testing.T)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	resp, err := s.server.Client().Do(s.request("GET", "/v1/changes?follow=1"+query, "", headers...).WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("follow: %s", resp.Status)
	}
	return &follower{t: t, in: bufio.NewScanner(resp.Body), quit: cancel}
}

func (f *follower) line() string {
	f.t.Helper()
	if !f.in.Scan() {
		f.t.Fatalf("the feed ended: %v", f.in.Err())
	}
	return f.in.Text()
}

func (f *follower) row() (r record) {
	f.t.Helper()
	if err := json.Unmarshal([]byte(f.line()), &r); err != nil {
		f.t.Fatal(err)
	}
	return r
}

func TestFollow(t *testing.T) {
	s := newSite(t)
	s.put("c/a", `{"n":1}`)
	all, some := s.follow(""), s.follow("&collection=d")
	events := s.follow("", "Accept: text/event-stream")
	if r := all.row(); r.ID != "a" {
		t.Errorf("row %+v", r)
	}
	for range 4 {
		events.line()
	}
	for i := range 3 {
		s.put("c/b", fmt.Sprintf(`{"n":%d}`, i))
		if r := all.row(); r.ID != "b" || string(r.Fields) != fmt.Sprintf(`{"n":%d}`, i) {
			t.Errorf("row %+v", r)
		}
	}
	s.put("d/c", `{"n":1}`)
	if r := some.row(); r.ID != "c" {
		t.Errorf("row %+v", r)
	}
	if id, event, data := events.line(), events.line(), events.line(); !strings.HasPrefix(id, "id: ") || event != "event: change" || !strings.HasPrefix(data, "data: {") {
		t.Errorf("event %q %q %q", id, event, data)
	}
	all.quit()
	close(s.stop)
	if some.in.Scan() || some.in.Err() != nil {
		t.Errorf("after the device stopped: %q, %v", some.in.Text(), some.in.Err())
	}
}

func TestFollowersAreLimited(t *testing.T) {
	s := newSite(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	client := &http.Client{Transport: &http.Transport{}}
	for range 256 {
		resp, err := client.Do(s.request("GET", "/v1/changes?follow=true", "").WithContext(ctx))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("follow: %s", resp.Status)
		}
	}
	s.do("GET", "/v1/changes?follow=true", "").problem(503, "256")
	s.do("GET", "/v1/changes", "").want(200)
}
