//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"musafir/node/clinic/apptest"
)

// TestPullIsStreamed: what a phone gets that has nothing is more than the device takes
// memory for, most of which is for its caches: of the next phone nothing is seen.
func TestPullIsStreamed(t *testing.T) {
	notUnderRace(t)
	t.Setenv("MUSAFIR_PROFILE", "tablet")
	const (
		rows        = 5000
		noteBytes   = 16 << 10
		firstMiBMax = 60
		nextMiBMax  = 16
	)
	x := newClinicTeam(t, 1)
	a := x.nurse(1, 0)
	patient := a.RegisterPatient()
	visit := a.Visit(patient)
	a.sync()
	note := strings.Repeat("ঔষধ খাওয়ার পরে. ", noteBytes/len("ঔষধ খাওয়ার পরে. "))
	var lines bytes.Buffer
	for range rows {
		fmt.Fprintf(&lines, `{"collection":"events","id":%q,"fields":{"patient_id":%q,"visit_id":%q,"form_id":%q,"event_type":"Triage","form_data":%s}}`+"\n",
			a.phone.NewID(), patient, visit, a.FormID, apptest.Stringify(apptest.Stringify([]apptest.Field{{FieldID: a.FieldIDs[0], Name: "Plan", FieldType: "free-text", InputType: "text", Value: note}})))
	}
	x.daemons[0].importLines(&lines)
	x.again(0)
	for n, most := range []float64{firstMiBMax, nextMiBMax} {
		b := x.taker(2+n, 0)
		var got pulledAs
		m := x.daemons[0].memoryWhile(func() { got = b.pull() })
		t.Logf("phone %d: %.1f MiB of JSON in %v; memory before, at most and after that: %.1f, %.1f, %.1f MiB", 2+n, float64(got.text)/mebibyte, got.took, m.before, m.peak, m.after)
		if float64(got.text)/mebibyte < firstMiBMax {
			t.Errorf("the answer has only %d bytes", got.text)
		}
		if m.peak-m.before > most {
			t.Errorf("phone %d: the device took %.1f MiB more, want at most %.1f", 2+n, m.peak-m.before, most)
		}
	}
}

// TestNothingNewIsNotWritten: a phone that has everything costs the device's disk nothing,
// whatever other phones leave there.
func TestNothingNewIsNotWritten(t *testing.T) {
	notUnderRace(t)
	x := newClinicTeam(t, 1)
	a, b := x.taker(1, 0), x.taker(2, 0)
	a.Patients(2)
	a.sync()
	b.pull()
	b.pull()
	for range 20 {
		a.leave()
	}
	entries := x.daemons[0].status().Counts.Entries
	for range 10 {
		before := b.watermark
		if got := b.pull(); b.watermark != before || got.text > len(`{"changes":{},"timestamp":1767312000123}`) {
			t.Fatalf("nothing is new, and the phone got %d bytes", got.text)
		}
	}
	if n := x.daemons[0].status().Counts.Entries - entries; n > 0 {
		t.Errorf("nothing is new, and %d entries were written", n)
	}
}

// TestStationsAtOnce: a clinic's stations sync at the same time, each of whose phones edits
// what it sent before while others get it. All have everything in the end.
func TestStationsAtOnce(t *testing.T) {
	notUnderRace(t)
	const phones, rounds = 12, 2 * stationCount
	x := newClinicTeam(t, 1)
	x.fill(0)
	var all []*nurse
	for n := range phones {
		all = append(all, x.nurse(n+1, 0))
	}
	x.rush(all, rounds)
	nothingLost(t, all)
	if n := len(all[0].phone.Visible("dispensing_records")); n != phones*rounds/stationCount {
		t.Errorf("%d rows of what was dispensed, want %d", n, phones*rounds/stationCount)
	}
}

// importLines takes lines in.
func (d *daemon) importLines(lines io.Reader) {
	d.t.Helper()
	resp, err := d.send(context.Background(), http.MethodPost, "/v1/import", lines, nil)
	check(d.t, err)
	_, err = io.Copy(io.Discard, resp.Body)
	check(d.t, err)
	check(d.t, resp.Body.Close())
}
