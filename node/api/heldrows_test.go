package api_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"musafir/crdt"
	"musafir/node/clinic"
)

type heldRow struct{ ID, Phone, User, Name, Table, Row, Why, Time string }

type heldPage struct {
	Rows []heldRow
	Next string
}

// holdBack holds a row back, as a push does.
func (s *site) holdBack(id, user, row string, atMs int64) {
	s.t.Helper()
	e := &crdt.Edit{Key: crdt.RecordKey{Collection: clinic.HeldRows, ID: id}, Max: []crdt.Field{{Key: "at", Value: crdt.Int(atMs)}}}
	for name, text := range map[string]string{"client": "phone-1", "user": user, "table": "visits", "row": row, "why": `it has no "patient"`, "kind": "unfit"} {
		e.Set = append(e.Set, crdt.Field{Key: name, Value: crdt.Text(text)})
	}
	if _, err := s.device.Write(context.Background(), crdt.Transaction{Edits: []*crdt.Edit{e}}); err != nil {
		s.t.Fatal(err)
	}
}

func TestHeldRows(t *testing.T) {
	s := newSite(t)
	if got := string(s.do("GET", "/v1/phones/held", "").want(200).body); got != `{"rows":[],"next":""}`+"\n" {
		t.Errorf("nothing is held back: %s", got)
	}
	s.put("users/u", `{"name":"Amina K."}`)
	for i := range 5 {
		s.holdBack(fmt.Sprint("h", i), map[bool]string{true: "u", false: "gone"}[i == 0], fmt.Sprint("v", i), 1_790_000_000_000+int64(i))
	}
	first := heldRow{"h0", "phone-1", "u", "Amina K.", "visits", "v0", `it has no "patient"`, "2026-09-21T14:13:20.000Z"}
	page := into[heldPage](s.do("GET", "/v1/phones/held", ""))
	if len(page.Rows) != 5 || page.Next != "" || page.Rows[0] != first || page.Rows[4].Name != "" || page.Rows[4].Row != "v4" {
		t.Errorf("%+v", page)
	}
	var seen []string
	for cursor := ""; ; {
		page := into[heldPage](s.do("GET", "/v1/phones/held?limit=2&cursor="+cursor, ""))
		if len(page.Rows) > 2 {
			t.Errorf("a page of 2 rows has %+v", page.Rows)
		}
		for _, r := range page.Rows {
			seen = append(seen, r.ID)
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	if got := strings.Join(seen, " "); got != "h0 h1 h2 h3 h4" {
		t.Errorf("page by page: %s", got)
	}
	if got := into[heldRow](s.do("GET", "/v1/phones/held/h0", "")); got != first {
		t.Errorf("%+v", got)
	}
	for _, query := range []string{"limit=0", "cursor=x", "where=a=b"} {
		s.do("GET", "/v1/phones/held?"+query, "").want(400)
	}
}

func TestDropHeldRow(t *testing.T) {
	s := newSite(t)
	s.holdBack("h0", "u", "v0", 1)
	s.holdBack("h1", "u", "v1", 1)
	s.do("DELETE", "/v1/phones/held/h0", "", "Musafir-Author: Noor").want(204)
	if page := into[heldPage](s.do("GET", "/v1/phones/held", "")); len(page.Rows) != 1 || page.Rows[0].ID != "h1" {
		t.Errorf("%+v", page)
	}
	for _, id := range []string{"h0", "nobody"} {
		s.do("GET", "/v1/phones/held/"+id, "").problem(404, "No row is held back under the id "+id)
		s.do("DELETE", "/v1/phones/held/"+id, "").problem(404, "No row is held back under the id "+id)
	}
	s.do("DELETE", "/v1/phones/held/"+strings.Repeat("x", 1000), "").want(400)
	// The history keeps it, with who gave it up.
	touches, err := s.device.Touches(crdt.RecordKey{Collection: clinic.HeldRows, ID: "h0"})
	if err != nil || len(touches) != 2 || !slices.ContainsFunc(touches, func(t *crdt.Touch) bool { return t.Author == "Noor" }) {
		t.Errorf("%d touches, %v", len(touches), err)
	}
}
