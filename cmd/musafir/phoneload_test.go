//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"musafir/node/clinic"
)

// rowsPerPatient is how many rows somebody who passes through the clinic leaves.
const rowsPerPatient = 11

// fill is a clinic with a past: about so many rows, which one phone entered and sent day
// by day. Something is in stock, so that what was dispensed counts.
func (x *team) fill(rows int) *nurse {
	x.t.Helper()
	a := x.nurse(1000, 0)
	a.sync()
	_, err := x.daemons[0].call(context.Background(), http.MethodPut, recordPath("clinic_inventory", a.phone.NewID()), map[string]any{"fields": map[string]any{
		"clinic_id": a.ClinicID, "drug_id": a.DrugIDs[0], "batch_id": a.BatchID, "quantity_available": 100_000}})
	check(x.t, err)
	for left := rows / rowsPerPatient; left > 0; left -= patientsPerDay {
		a.Patients(min(left, patientsPerDay))
		a.sync()
	}
	return a
}

const patientsPerDay = 150

// again starts a device anew: what it took in before has no part in the memory that it
// takes from now on.
func (x *team) again(i int) {
	x.t.Helper()
	x.daemons[i].end()
	x.up(i)
}

// A taker is a phone that takes what it is sent, and keeps nothing but how much it was and
// the watermark.
type taker struct {
	*nurse
	watermark int64
	meter     *meter
}

func (x *team) taker(n, device int) *taker {
	a := &taker{nurse: x.nurse(n, device), meter: &meter{next: &http.Transport{}}}
	x.t.Cleanup(a.meter.next.CloseIdleConnections)
	a.at.Client = &http.Client{Transport: a.meter}
	return a
}

// A pull is one that was answered.
type pulledAs struct {
	took         time.Duration // until the last byte
	first        time.Duration // until the first
	sealed, text int           // bytes
}

// pull is a handshake and a pull; time runs for the latter.
func (a *taker) pull() (p pulledAs) {
	a.t.Helper()
	check(a.t, a.at.Handshake())
	text, err := a.at.Pull(a.watermark)
	check(a.t, err)
	const key = `"timestamp":`
	_, number, ok := strings.Cut(string(text[bytes.LastIndex(text, []byte(key)):]), key)
	a.watermark, err = strconv.ParseInt(strings.TrimSuffix(number, "}"), 10, 64)
	if !ok || err != nil {
		a.t.Fatalf("the answer ends with %q", number)
	}
	p = a.meter.last
	p.text = len(text)
	return p
}

// leave asks for everything and goes once it comes: a cursor of it stays.
func (a *taker) leave() {
	a.t.Helper()
	check(a.t, a.at.Handshake())
	a.meter.cut = true
	if _, err := a.at.Pull(0); err == nil {
		a.t.Fatal("a pull that was broken off arrived")
	}
	a.meter.cut = false
}

// A meter is a way to a hub that tells how long an answer took to come, and how large it
// was.
type meter struct {
	next *http.Transport
	last pulledAs
	cut  bool // answers end after their first bytes
}

func (m *meter) RoundTrip(r *http.Request) (*http.Response, error) {
	began := time.Now()
	resp, err := m.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	m.last = pulledAs{first: time.Since(began)}
	resp.Body = &metered{ReadCloser: resp.Body, m: m, began: began}
	return resp, nil
}

type metered struct {
	io.ReadCloser
	m     *meter
	began time.Time
}

func (b *metered) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.m.last.sealed += n
	b.m.last.took = time.Since(b.began)
	if b.m.cut {
		return n, io.ErrUnexpectedEOF
	}
	return n, err
}

// A memory is what a process had for itself (RssAnon) while something was done, in MiB.
type memory struct{ before, peak, after float64 }

const (
	lookEach = 2 * time.Millisecond
	mebibyte = 1 << 20
)

// memoryWhile looks at a daemon's memory all the while.
func (d *daemon) memoryWhile(do func()) (m memory) {
	now := func() float64 { return residentBytes(d.cmd.Process.Pid) / mebibyte }
	m.before = now()
	m.peak = m.before
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		look := time.NewTicker(lookEach)
		defer look.Stop()
		for {
			select {
			case <-look.C:
				m.peak = max(m.peak, now())
			case <-done:
				return
			}
		}
	}()
	do()
	close(done)
	<-ended
	m.after = now()
	return m
}

// diskBytes is how much a process has written to disk, by the system's account.
func (d *daemon) diskBytes() (n float64) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", d.cmd.Process.Pid))
	if err != nil {
		return unknown
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "write_bytes: "); ok {
			n, _ = strconv.ParseFloat(strings.TrimSpace(rest), 64)
		}
	}
	return n
}

// A rush is phones that sync with one device at the same time.
type rush struct {
	took []time.Duration // of each sync: handshake, pull, push
	all  time.Duration
	cpu  time.Duration // of the device's process
}

// rush has each phone enter a few rows and sync, round after round: of one patient after
// the other what is entered at the registration, at triage, by the doctor and in the
// pharmacy. Nobody waits for anybody.
func (x *team) rush(phones []*nurse, rounds int) (r rush) {
	x.t.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	began, worked := time.Now(), x.daemons[0].cpu()
	for _, a := range phones {
		wg.Go(func() {
			s := stations{nurse: a}
			for range rounds {
				s.next()
				start := time.Now()
				if err := a.phone.Sync(a.at); err != nil {
					x.t.Errorf("phone %s: %v", a.phone.ClientID, err)
					return
				}
				mu.Lock()
				r.took = append(r.took, time.Since(start))
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	r.all, r.cpu = time.Since(began), x.daemons[0].cpu()-worked
	return r
}

// stations are those of a clinic, through which one patient after the other passes.
type stations struct {
	*nurse
	at             int
	patient, visit string
	items          []string
}

const stationCount = 4

func (s *stations) next() {
	switch s.at % stationCount {
	case 0:
		s.patient = s.RegisterPatient()
	case 1:
		s.visit = s.Visit(s.patient)
		s.Event(s.patient, s.visit)
		s.Vitals(s.patient, s.visit)
	case 2:
		s.Problem(s.patient, s.visit)
		_, s.items = s.Prescribe(s.patient, s.visit)
	case 3:
		s.Dispense(s.items[0], 5)
	}
	s.at++
}

// cpu is how long a process has worked.
func (d *daemon) cpu() time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", d.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	const user, system, tick = 11, 12, 10 * time.Millisecond
	n := 0
	for _, i := range []int{user, system} {
		ticks, _ := strconv.Atoi(fields[i])
		n += ticks
	}
	return time.Duration(n) * tick
}

// nothingLost syncs once more, and wants each phone to hold what any phone holds, with
// nothing left to send.
func nothingLost(t testing.TB, phones []*nurse) {
	t.Helper()
	entered := map[string]map[string]bool{} // ids by table, of what the phones held before
	for _, table := range clinic.Tables {
		entered[table.Name] = map[string]bool{}
		for _, a := range phones {
			for _, r := range a.phone.Rows(table.Name) {
				entered[table.Name][r.Text("id")] = true
			}
		}
	}
	for _, a := range phones {
		a.sync()
		for table, ids := range entered {
			if n := len(a.phone.Rows(table)); n != len(ids) {
				t.Errorf("phone %s holds %d %s of %d", a.phone.ClientID, n, table, len(ids))
			}
			for id := range ids {
				if a.phone.Row(table, id) == nil {
					t.Fatalf("phone %s lost a row of %s", a.phone.ClientID, table)
				}
			}
		}
		if a.phone.Pending() > 0 || a.phone.Lossy > 0 || a.phone.Unknown > 0 {
			t.Errorf("phone %s has %d rows pending, lost %v, got %d unknown columns", a.phone.ClientID, a.phone.Pending(), a.phone.Losses, a.phone.Unknown)
		}
	}
	if first, last := phones[0], phones[len(phones)-1]; first.phone.Dump() != last.phone.Dump() {
		t.Errorf("phones %s and %s differ", first.phone.ClientID, last.phone.ClientID)
	}
}

// touchRows writes a field of some patients, as somebody does who uses no phone.
func (d *daemon) touchRows(patients []string, n int) {
	d.t.Helper()
	var lines bytes.Buffer
	for _, id := range patients {
		line, err := json.Marshal(map[string]any{"collection": "patients", "id": id, "fields": map[string]any{"hometown": fmt.Sprint("town ", n)}})
		check(d.t, err)
		lines.Write(append(line, '\n'))
	}
	d.importLines(&lines)
}
