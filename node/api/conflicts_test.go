package api_test

import (
	"fmt"
	"testing"
)

type conflicts struct {
	Conflicts []struct {
		Collection, ID, Field string
		Value                 any
		Siblings              []sibling
	}
	Next string
}

func TestStaleVersionMakesSiblings(t *testing.T) {
	s := newSite(t)
	read := s.put("patients/p1", `{"name":"Rahima","phone":"0170"}`)
	s.do("PATCH", "/v1/records/patients/p1", `{"phone":"0171"}`, match(read), "Musafir-Author: Amina").want(200)
	r := s.do("PATCH", "/v1/records/patients/p1", `{"phone":"0172"}`, match(read), "Musafir-Author: Noor").want(200).
		fields(`{"name":"Rahima","phone":"0172"}`)
	phone := r.Conflicts["phone"]
	if len(r.Conflicts) != 1 || len(phone) != 1 || phone[0].Value != "0171" || phone[0].Author != "Amina" || phone[0].Device == "" {
		t.Fatalf("conflicts %+v", r.Conflicts)
	}
	c := into[conflicts](s.do("GET", "/v1/conflicts", ""))
	if len(c.Conflicts) != 1 || c.Next != "" || c.Conflicts[0].Field != "phone" || c.Conflicts[0].Value != "0172" {
		t.Fatalf("conflicts %+v", c)
	}

	s.do("POST", "/v1/records/patients/p1/resolve", `{"field":"phone","entry":"`+phone[0].Entry[:32]+`"}`).want(200)
	r = s.do("GET", "/v1/records/patients/p1", "").fields(`{"name":"Rahima","phone":"0171"}`)
	if len(r.Conflicts) != 0 {
		t.Errorf("conflicts %+v after it was resolved", r.Conflicts)
	}
	if c := s.do("GET", "/v1/conflicts", "").want(200); string(c.body) != `{"conflicts":[],"next":""}`+"\n" {
		t.Errorf("conflicts %s", c.body)
	}
}

func TestResolveWithAValue(t *testing.T) {
	s := newSite(t)
	read := s.put("c/a", `{"n":1}`)
	s.put("c/a", `{"n":2}`, match(read))
	s.put("c/a", `{"n":3}`, match(read))
	s.do("POST", "/v1/records/c/a/resolve", `{"field":"n","value":5}`).want(200)
	if r := s.do("GET", "/v1/records/c/a", "").fields(`{"n":5}`); len(r.Conflicts) != 0 {
		t.Errorf("conflicts %+v", r.Conflicts)
	}
	s.do("POST", "/v1/records/c/a/resolve", `{"field":"m","value":5}`).problem(404, "no such conflict")
	s.do("POST", "/v1/records/c/a/resolve", `{"field":"n","entry":"00000000000000000000000000000000"}`).problem(404, "no such conflict")
	s.do("POST", "/v1/records/c/b/resolve", `{"field":"n","value":5}`).problem(404, "no such record")
}

func TestIfMatchWithTheSiblingsSettlesThem(t *testing.T) {
	s := newSite(t)
	read := s.put("c/a", `{"n":1}`)
	s.put("c/a", `{"n":2}`, match(read))
	both := s.put("c/a", `{"n":3}`, match(read))
	if len(both.Conflicts["n"]) != 1 {
		t.Fatalf("conflicts %+v", both.Conflicts)
	}
	if r := s.put("c/a", `{"n":4}`); len(r.Conflicts["n"]) != 1 {
		t.Errorf("a write that saw no sibling removed one: %+v", r.Conflicts)
	} else if r := s.put("c/a", `{"n":5}`, "If-Match: "+r.Version); len(r.Conflicts) != 0 {
		t.Errorf("a write that saw all left %+v", r.Conflicts)
	}
}

func TestRemovalBesideAnEdit(t *testing.T) {
	s := newSite(t)
	read := s.put("c/a", `{"n":1,"m":1}`)
	s.do("PATCH", "/v1/records/c/a", `{"n":2}`, match(read)).want(200)
	r := s.do("PATCH", "/v1/records/c/a", `{"n":null}`, match(read)).want(200).fields(`{"m":1,"n":2}`)
	if x := r.Conflicts["n"]; len(x) != 1 || x[0].Value != nil || !x[0].Removed {
		t.Errorf("conflicts %+v", r.Conflicts)
	}
}

func TestDeletionMeetsEdit(t *testing.T) {
	s := newSite(t)
	read := s.put("c/a", `{"n":1}`)
	s.do("PATCH", "/v1/records/c/a", `{"n":2}`, "Musafir-Author: Amina").want(200)
	s.do("DELETE", "/v1/records/c/a", "", match(read), "Musafir-Author: Noor").want(204)
	r := s.do("GET", "/v1/records/c/a", "").fields(`{"n":2}`)
	if x := r.Conflicts[""]; r.Deleted || len(x) != 1 || x[0].Value != "deleted" || x[0].Author != "Noor" {
		t.Fatalf("record %+v", r)
	}
	c := into[conflicts](s.do("GET", "/v1/conflicts", ""))
	if len(c.Conflicts) != 1 || c.Conflicts[0].Value != "alive" {
		t.Errorf("conflicts %+v", c)
	}
	r = s.do("POST", "/v1/records/c/a/resolve", `{"field":"","value":"deleted"}`).want(200).record()
	if !r.Deleted || len(r.Conflicts) != 0 {
		t.Errorf("record %+v", r)
	}
	s.do("POST", "/v1/records/c/a/resolve", `{"field":"","value":"dead"}`).problem(404, "alive")
}

func TestSeenInATransaction(t *testing.T) {
	s := newSite(t)
	first := s.put("c/a", `{"n":1}`)
	entry := into[history](s.do("GET", "/v1/records/c/a/history", "")).Entries[0].Entry
	s.put("c/a", `{"n":2}`)
	for i, seen := range []string{`"` + first.Version + `"`, `["` + entry + `"]`, `["` + entry[:40] + `","` + entry + `"]`} {
		s.do("POST", "/v1/transactions", fmt.Sprintf(`{"changes":[{"collection":"c","id":"a","delete":true,"seen":%s}]}`, seen)).want(200)
		r := s.get("c/a")
		if r.Deleted || len(r.Conflicts[""]) != i+1 {
			t.Errorf("seen %s: deleted %t, conflicts %+v", seen, r.Deleted, r.Conflicts)
		}
	}
}

func TestConflictPages(t *testing.T) {
	s := newSite(t)
	for i := range 5 {
		path := fmt.Sprintf("c%d/a", i)
		read := s.put(path, `{"n":1,"m":1}`)
		s.put(path, `{"n":2,"m":2}`, match(read))
		s.put(path, `{"n":3,"m":3}`, match(read))
	}
	var seen []string
	for cursor := ""; ; {
		c := into[conflicts](s.do("GET", "/v1/conflicts?limit=2&cursor="+cursor, ""))
		for _, x := range c.Conflicts {
			seen = append(seen, x.Collection+"/"+x.Field)
		}
		if cursor = c.Next; cursor == "" {
			break
		}
	}
	if got := fmt.Sprint(seen); got != "[c0/m c0/n c1/m c1/n c2/m c2/n c3/m c3/n c4/m c4/n]" {
		t.Errorf("conflicts %s", got)
	}
}
