package api_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
)

type transacted struct {
	Entry   *string
	Records []record
}

func TestTransaction(t *testing.T) {
	s := newSite(t)
	s.put("stock/paracetamol", `{"name":"Paracetamol"}`)
	s.put("stock/old", `{"n":1}`)
	a := s.do("POST", "/v1/transactions", `{"changes":[
		{"collection":"visits","id":"v1","replace":{"patient":"p1"}},
		{"collection":"stock","id":"paracetamol","increment":{"count":-2},"set":{"where/shelf":"B"},"max":{"updated_at":5},"add_to_set":{"for":["p1",2]}},
		{"collection":"stock","id":"old","delete":true}]}`, "Musafir-Author: Amina").want(200)
	tx := into[transacted](a)
	if tx.Entry == nil || len(*tx.Entry) != 64 || len(tx.Records) != 3 {
		t.Fatalf("answer %s", a.body)
	}
	if tx.Records[0].ID != "v1" || tx.Records[1].ID != "paracetamol" || !tx.Records[2].Deleted {
		t.Errorf("records %+v", tx.Records)
	}
	s.do("GET", "/v1/records/stock/paracetamol", "").
		fields(`{"count":-2,"for":[2,"p1"],"name":"Paracetamol","updated_at":5,"where":{"shelf":"B"}}`)
	h := into[history](s.do("GET", "/v1/records/visits/v1/history", ""))
	if h.Entries[0].Entry != *tx.Entry || h.Entries[0].Author != "Amina" {
		t.Errorf("history %+v", h)
	}

	same := into[transacted](s.do("POST", "/v1/transactions", `{"changes":[{"collection":"visits","id":"v1","set":{"patient":"p1"}}]}`))
	if same.Entry != nil {
		t.Errorf("what changed nothing made entry %s", *same.Entry)
	}
}

func TestTransactionIsAllOrNothing(t *testing.T) {
	s := newSite(t)
	s.do("POST", "/v1/transactions", `{"changes":[{"collection":"c","id":"count","increment":{"n":1}}]}`).want(200)
	s.do("POST", "/v1/transactions", `{"changes":[{"collection":"c","id":"a","set":{"n":1}},{"collection":"c","id":"count","set":{"n":5}}]}`).
		problem(422, "counter")
	s.do("GET", "/v1/records/c/a", "").problem(404, "c/a")
}

func TestRepeatedRequests(t *testing.T) {
	s := newSite(t)
	key := "Idempotency-Key: visit-17"
	first := s.do("POST", "/v1/records/visits", `{"fields":{"n":1}}`, key).want(201)
	if first.header.Get("Idempotency-Replayed") != "" {
		t.Error("the first request is called a repetition")
	}
	id := first.record().ID
	s.put("visits/"+id, `{"n":2}`)
	again := s.do("POST", "/v1/records/visits", `{"fields":{"n":1}}`, key).want(201)
	if r := again.fields(`{"n":2}`); r.ID != id || again.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("repeated: record %s, first %s, header %v", r.ID, id, again.header)
	}
	s.do("POST", "/v1/records/visits", `{"fields":{"n":3}}`, key).problem(422, "another request")
	if other := s.do("POST", "/v1/records/others", `{"fields":{"n":1}}`, key).want(201).record(); other.ID == id {
		t.Error("a key counts for another path")
	}

	named := `{"id":"v1","fields":{"n":1}}`
	s.do("POST", "/v1/records/visits", named, "Idempotency-Key: 2").want(201)
	s.do("POST", "/v1/records/visits", named, "Idempotency-Key: 2").want(201)
	s.do("POST", "/v1/records/visits", named, "Idempotency-Key: 3").problem(409, "already")

	tx := `{"changes":[{"collection":"stock","id":"p","increment":{"n":-2}}]}`
	s.do("POST", "/v1/transactions", tx, key).want(200)
	replayed := s.do("POST", "/v1/transactions", tx, key).want(200)
	if replayed.header.Get("Idempotency-Replayed") != "true" || string(into[transacted](replayed).Records[0].Fields) != `{"n":-2}` {
		t.Errorf("repeated transaction: %s", replayed.body)
	}
	s.do("POST", "/v1/transactions", strings.Replace(tx, "-2", "-3", 1), key).problem(422, "another request")
	s.do("GET", "/v1/records/stock/p", "").fields(`{"n":-2}`)
}

func TestRepeatedAtOnce(t *testing.T) {
	s := newSite(t)
	ids := make([]string, 8)
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			ids[i] = s.do("POST", "/v1/records/visits", `{"fields":{"n":1}}`, "Idempotency-Key: k").record().ID
		})
	}
	wg.Wait()
	for _, id := range ids {
		if id != ids[0] || id == "" {
			t.Fatalf("records %v", ids)
		}
	}
	if p := into[page](s.do("GET", "/v1/records/visits", "")); len(p.Records) != 1 {
		t.Errorf("%d records", len(p.Records))
	}
}

func TestCreatedAtOnceNothingIsLost(t *testing.T) {
	s := newSite(t)
	var wg sync.WaitGroup
	made := make([]bool, 8)
	for i := range made {
		wg.Go(func() {
			a := s.do("POST", "/v1/records/c", fmt.Sprintf(`{"id":"a","fields":{"n":%d}}`, i))
			made[i] = a.status == 201
			if !made[i] {
				a.problem(409, "already")
			}
		})
	}
	wg.Wait()
	r := s.get("c/a")
	var fields struct{ N int }
	if err := json.Unmarshal(r.Fields, &fields); err != nil {
		t.Fatal(err)
	}
	kept := map[float64]bool{float64(fields.N): true}
	for _, x := range r.Conflicts["n"] {
		kept[x.Value.(float64)] = true
	}
	for i, ok := range made {
		if ok != kept[float64(i)] {
			t.Errorf("writer %d was told %t, the record keeps %v", i, ok, kept)
		}
	}
}
