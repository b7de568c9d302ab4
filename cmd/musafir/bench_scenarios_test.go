package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
)

// benchSmall runs a bench with small numbers and gives what it prints.
func benchSmall(t *testing.T, plan benchPlan, asJSON bool) string {
	t.Helper()
	t.Setenv(runAsProgram, "1")
	plan.dir = t.TempDir()
	plan.checks, plan.writes = 2, 5
	var out bytes.Buffer
	a := &app{out: &out, errs: io.Discard, json: asJSON}
	if err := plan.check(); err != nil {
		t.Fatal(err)
	}
	if err := a.bench(t.Context(), plan); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(plan.dir)
	if err != nil || len(left) > 0 {
		t.Errorf("the bench left %v (%v)", left, err)
	}
	return out.String()
}

// Every scenario measures, and says so.
func TestBench(t *testing.T) {
	var doc struct {
		Machine   machineDoc
		Scenarios []map[string]any
	}
	mustUnmarshal(t, []byte(benchSmall(t, benchPlan{records: 1000, perEntry: 64}, true)), &doc)
	if len(doc.Scenarios) != len(scenarios) {
		t.Fatalf("%d scenarios in the document, expected %d", len(doc.Scenarios), len(scenarios))
	}
	for i, s := range doc.Scenarios {
		if s["name"] != scenarios[i].name {
			t.Errorf("scenario %d is %v, expected %s", i, s["name"], scenarios[i].name)
		}
		for key, value := range s {
			if n, ok := value.(float64); ok && n <= 0 {
				t.Errorf("%s: %s is %v", scenarios[i].name, key, n)
			}
		}
	}
	if doc.Machine.CPUs == 0 {
		t.Error("the machine is not described")
	}
}

func TestBenchTable(t *testing.T) {
	out := benchSmall(t, benchPlan{records: 20, perEntry: 1, only: "full-sync"}, false)
	if !strings.Contains(out, "records/s") || !strings.Contains(out, "CPUs") || strings.Contains(out, "round trips") {
		t.Errorf("the table is\n%s", out)
	}
}

func TestBenchRefusesWrongPlans(t *testing.T) {
	for _, p := range []benchPlan{
		{records: 0, perEntry: 1}, {records: 1, perEntry: 0}, {records: 1, perEntry: 1025}, {records: 1, perEntry: 1, only: "nothing"},
	} {
		if p.check() == nil {
			t.Errorf("%+v was taken", p)
		}
	}
}

// Records of later rounds are new ones of the same shape, and refer to each other.
func TestBenchRecords(t *testing.T) {
	records, err := newBenchRecords()
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for i := range 3 * len(records) {
		r := records.record(i)
		first := records.record(i % len(records))
		if ids[r.Collection+"/"+r.ID] {
			t.Fatalf("record %d stands there twice: %s", i, r.ID)
		}
		ids[r.Collection+"/"+r.ID] = true
		if r.Collection != first.Collection || len(r.line) != len(first.line) || !json.Valid(r.Fields) {
			t.Errorf("record %d has another shape: %s", i, r.line)
		}
	}
	for i := len(records); i < 2*len(records); i++ {
		var refers struct {
			Patient string `json:"patient_id"`
		}
		mustUnmarshal(t, records.record(i).Fields, &refers)
		if refers.Patient != "" && !ids["patients/"+refers.Patient] {
			t.Errorf("record %d is of a patient whom there is not: %s", i, refers.Patient)
		}
	}
}

// The relay passes on what it is given, and counts it.
func TestRelay(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") })}
	go func() { _ = server.Serve(l) }()
	defer server.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	r, err := newRelay("/ip4/127.0.0.1/tcp/" + port + "/p2p/x")
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	for range 2 {
		resp, err := http.Get("http://" + r.listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if err := drain(resp); err != nil {
			t.Error(err)
		}
	}
	if seen := r.traffic(); seen.began.IsZero() || seen.there == 0 || seen.back == 0 || seen.roundTrips != 2 {
		t.Errorf("the relay saw %+v", seen)
	}
	r.cut()
	if resp, err := http.Get("http://" + r.listener.Addr().String()); err == nil {
		_ = drain(resp)
		t.Error("a relay that is cut passes something on")
	}
	r.mend()
	resp, err := http.Get("http://" + r.listener.Addr().String())
	if err != nil {
		t.Fatalf("after the relay was mended: %v", err)
	}
	_ = drain(resp)
	if r.reset(); r.traffic() != (traffic{}) {
		t.Error("the relay remembers what was reset")
	}
	if _, err := newRelay("/ip4/127.0.0.1/udp/1/quic-v1/p2p/x"); err == nil {
		t.Error("a relay was made to what is no TCP address")
	}
}
