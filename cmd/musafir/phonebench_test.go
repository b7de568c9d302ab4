//go:build linux

package main

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// What a camp has that phones sync with.
const (
	largeCamp = 100_000 // rows
	usualCamp = 20_000
)

// profiles are those of the program.
var profiles = []string{"desktop", "tablet"}

func millisOf(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// BenchmarkPull is one phone in a large camp: its first pull, one after ten patients were
// changed, and ones with nothing new, also after two hundred cursors of other phones were
// kept.
func BenchmarkPull(b *testing.B) {
	for _, profile := range profiles {
		b.Run(profile, func(b *testing.B) {
			b.Setenv("MUSAFIR_PROFILE", profile)
			x := newClinicTeam(b, 1)
			patients := x.fill(largeCamp).phone.Visible("patients")
			ids := make([]string, len(patients))
			for i, p := range patients {
				ids[i] = p.Text("id")
			}
			b.Run("first", func(b *testing.B) { benchFirstPull(b, x) })
			b.Run("nothing-new", func(b *testing.B) { benchNothingNew(b, x) })
			b.Run("nothing-new-after-one-cursor", func(b *testing.B) { benchCursorsSince(b, x, 1) })
			b.Run("nothing-new-after-200-cursors", func(b *testing.B) { benchCursorsSince(b, x, 200) })
			b.Run("ten-changed", func(b *testing.B) { benchTenChanged(b, x, ids) })
			b.Run("ten-entered", func(b *testing.B) { benchEntered(b, x) })
		})
	}
}

// nextPhone numbers the phones of a benchmark, so that each is a new one.
var nextPhone = 2000

func (x *team) newTaker() *taker {
	nextPhone++
	return x.taker(nextPhone, 0)
}

func benchFirstPull(b *testing.B, x *team) {
	var took, first []time.Duration
	var last pulledAs
	var most memory
	var more []float64
	for b.Loop() {
		b.StopTimer()
		x.again(0)
		a := x.newTaker()
		b.StartTimer()
		m := x.daemons[0].memoryWhile(func() { last = a.pull() })
		took, first = append(took, last.took), append(first, last.first)
		more = append(more, m.peak-m.before)
		if m.peak > most.peak {
			most = m
		}
	}
	b.ReportMetric(millisOf(middle(took)), "ms/last-byte")
	b.ReportMetric(millisOf(middle(first)), "ms/first-byte")
	slices.Sort(more)
	b.ReportMetric(more[len(more)/2], "MiB-more") // in some runs the database also tidies up
	b.ReportMetric(most.before, "MiB-before")
	b.ReportMetric(most.peak, "MiB-peak")
	b.ReportMetric(most.after, "MiB-after")
	b.ReportMetric(float64(last.sealed), "bytes-sealed")
	b.ReportMetric(float64(last.text), "bytes-JSON")
}

func benchNothingNew(b *testing.B, x *team) {
	a := x.newTaker()
	a.pull()
	a.pull() // with which the device learns that the phone has it
	written, entries := x.daemons[0].diskBytes(), x.daemons[0].status().Counts.Entries
	var took []time.Duration
	for b.Loop() {
		took = append(took, a.pull().took)
	}
	b.ReportMetric(millisOf(middle(took)), "ms/pull")
	b.ReportMetric((x.daemons[0].diskBytes()-written)/float64(len(took)), "disk-bytes/pull")
	if n := x.daemons[0].status().Counts.Entries; n != entries {
		b.Errorf("pulls with nothing new made %d entries", n-entries)
	}
}

// benchCursorsSince keeps cursors of other phones after that of the one that is measured.
// It gets nothing, and so presents the same watermark each time.
func benchCursorsSince(b *testing.B, x *team, cursors int) {
	a := x.newTaker()
	a.pull()
	a.pull()
	others := []*taker{x.newTaker(), x.newTaker(), x.newTaker(), x.newTaker()}
	for i := range cursors {
		others[i%len(others)].leave()
	}
	var took []time.Duration
	for b.Loop() {
		took = append(took, a.pull().took)
	}
	b.ReportMetric(millisOf(middle(took)), "ms/pull")
}

func benchTenChanged(b *testing.B, x *team, patients []string) {
	a := x.newTaker()
	a.pull()
	var took []time.Duration
	var last pulledAs
	for b.Loop() {
		b.StopTimer()
		from := 10 * len(took) % (len(patients) - 10)
		x.daemons[0].touchRows(patients[from:from+10], len(took))
		b.StartTimer()
		last = a.pull()
		took = append(took, last.took)
	}
	b.ReportMetric(millisOf(middle(took)), "ms/pull")
	b.ReportMetric(float64(last.sealed), "bytes-sealed")
	b.ReportMetric(float64(last.text), "bytes-JSON")
}

// benchEntered is a pull after another phone sent one patient's rows, of which one is of
// what was dispensed.
func benchEntered(b *testing.B, x *team) {
	a := x.newTaker()
	a.pull()
	nextPhone++
	other := x.nurse(nextPhone, 0)
	other.sync()
	var took, pushed []time.Duration
	var last pulledAs
	for b.Loop() {
		b.StopTimer()
		other.Patients(1)
		began := time.Now()
		other.sync()
		pushed = append(pushed, time.Since(began))
		b.StartTimer()
		last = a.pull()
		took = append(took, last.took)
	}
	b.ReportMetric(millisOf(middle(took)), "ms/pull")
	b.ReportMetric(millisOf(middle(pushed)), "ms/sync")
	b.ReportMetric(float64(last.sealed), "bytes-sealed")
}

const doctorMail = "noor@example.org"

// BenchmarkPhonesAtOnce is fifty phones that sync with one device at once, each a patient
// at a time; and what they have in the end.
func BenchmarkPhonesAtOnce(b *testing.B) {
	const phones, rounds = 50, 2 * stationCount
	for _, rows := range []int{0, usualCamp} {
		b.Run(fmt.Sprintf("%05d-rows", rows), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				x := newClinicTeam(b, 1)
				x.fill(rows)
				x.addUser(doctorMail, "Noor", "super_admin", nurseWord)
				var all []*nurse
				var of [2][]*nurse
				for i := range phones {
					nextPhone++
					a := x.stranger(nextPhone)
					a.pair(x, 0)
					a.login([]string{nurseMail, doctorMail}[i%2], nurseWord) // one user may not bring so many at once
					a.sync()
					all, of[i%2] = append(all, a), append(of[i%2], a)
				}
				b.StartTimer()
				r := x.rush(all, rounds)
				b.StopTimer()
				for _, a := range all {
					a.sync()
				}
				nothingLost(b, of[0]) // each user has rows of users and permissions of its own
				nothingLost(b, of[1])
				for _, table := range []string{"patients", "visits", "dispensing_records"} {
					if one, other := len(of[0][0].phone.Rows(table)), len(of[1][0].phone.Rows(table)); one != other {
						b.Errorf("one user has %d %s, the other %d", one, table, other)
					}
				}
				slices.Sort(r.took)
				b.ReportMetric(float64(len(r.took))/r.all.Seconds(), "syncs/s")
				b.ReportMetric(millisOf(r.cpu)/float64(len(r.took)), "CPU-ms/sync")
				b.ReportMetric(millisOf(middle(r.took)), "ms-p50")
				b.ReportMetric(millisOf(r.took[len(r.took)*99/100]), "ms-p99")
				x.daemons[0].end()
				b.StartTimer()
			}
		})
	}
}

// middle is the median.
func middle(took []time.Duration) time.Duration {
	return slices.Sorted(slices.Values(took))[len(took)/2]
}
