package clinic_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"musafir/crdt"
	"musafir/node/clinic"
)

const rows = 20_000

// manyVitals makes a desk with that many rows.
func manyVitals(b *testing.B) *desk {
	d := open(b)
	for from := 0; from < rows; from += 500 {
		var edits []*crdt.Edit
		for i := from; i < from+500; i++ {
			edits = append(edits, &crdt.Edit{Key: crdt.RecordKey{Collection: "patient_vitals", ID: fmt.Sprintf("0190a000-0000-7000-8000-%012d", i)}, Set: []crdt.Field{
				{Key: "patient_id", Value: crdt.Text("0190a000-0000-7000-8000-000000000001")}, {Key: "weight_kg", Value: crdt.Float(61.5)},
				{Key: "systolic_bp", Value: crdt.Int(120)}, {Key: "diastolic_bp", Value: crdt.Int(80)}, {Key: "metadata", Value: crdt.Text("{}")},
				{Key: "created_at", Value: crdt.Int(1_780_000_000_000)}, {Key: "updated_at", Value: crdt.Int(1_780_000_000_000)},
			}})
		}
		for _, batch := range clinic.Transactions(edits) {
			d.do(batch...)
		}
	}
	return d
}

// BenchmarkFirstPull is what a phone gets that has nothing.
func BenchmarkFirstPull(b *testing.B) {
	d := manyVitals(b)
	b.ReportAllocs()
	for b.Loop() {
		m := d.look()
		a, err := clinic.Pull{Look: m, Client: "phone", User: super, NowMs: d.nowMs}.Answer()
		if err != nil {
			b.Fatal(err)
		}
		n, size := 0, 0
		err = a.Each(func(_ string, _ clinic.Form, row []byte) error { n, size = n+1, size+len(row); return nil })
		if err != nil || n < rows {
			b.Fatal(n, err)
		}
		m.Close()
		b.ReportMetric(float64(size)/float64(n), "bytes/row")
		b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(n), "us/row")
	}
}

// BenchmarkPullAfterJoin is of a phone that has all: it is looked at, and nothing is sent.
func BenchmarkPullAfterJoin(b *testing.B) {
	l := &line{desk: manyVitals(b), client: "phone", user: super}
	pull := func(presented int64) int64 {
		out, err := l.Pull(presented)
		if err != nil {
			b.Fatal(err)
		}
		var answer struct{ Timestamp int64 }
		if err := json.Unmarshal(out, &answer); err != nil {
			b.Fatal(err)
		}
		return answer.Timestamp
	}
	w := pull(0)
	b.ReportAllocs()
	for b.Loop() {
		l.control[0]++
		if w = pull(w); len(l.got) > 0 {
			b.Fatal("a join sent rows")
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/rows, "us/row")
}

// BenchmarkPullOfOneClinic is of a user who sees one clinic of two, after ten patients were
// entered in the other with all that is of them.
func BenchmarkPullOfOneClinic(b *testing.B) {
	d := open(b)
	d.permit(clerk, "a")
	enter := func(n int, of string) {
		var edits []*crdt.Edit
		add := func(table string, i int, columns ...string) {
			e := &crdt.Edit{Key: crdt.RecordKey{Collection: table, ID: fmt.Sprintf("%s-%d-%d", table, n, i)}}
			for i := 0; i < len(columns); i += 2 {
				e.Set = append(e.Set, crdt.Field{Key: columns[i], Value: crdt.Text(columns[i+1])})
			}
			edits = append(edits, e)
		}
		patient, visit := fmt.Sprintf("patients-%d-0", n), fmt.Sprintf("visits-%d-0", n)
		add("patients", 0, "primary_clinic_id", of)
		add("visits", 0, "patient_id", patient, "clinic_id", of)
		for i := range 8 {
			add("events", i, "patient_id", patient, "visit_id", visit)
		}
		d.do(edits...)
	}
	for _, id := range []string{"a", "b"} {
		d.do(&crdt.Edit{Key: crdt.RecordKey{Collection: "clinics", ID: id}, Set: []crdt.Field{{Key: "name", Value: crdt.Text(id)}}})
	}
	patients := 0
	for ; patients < rows/10; patients++ {
		enter(patients, []string{"a", "b"}[patients%2])
	}
	for _, name := range []string{"tally", "no-tally"} {
		b.Run(name, func(b *testing.B) {
			tally := clinic.ChartTally()
			l := &line{desk: d, client: "phone " + name, user: clerk}
			pull := func(presented int64) int64 {
				m := d.look()
				defer m.Close()
				p := clinic.Pull{Look: m, Client: l.client, User: clerk, Presented: presented, NowMs: d.nowMs}
				var err error
				if name == "tally" {
					p.Charts, err = tally.At(m)
				}
				if err != nil {
					b.Fatal(err)
				}
				a, err := p.Answer()
				if err != nil {
					b.Fatal(err)
				}
				if err := a.Each(func(string, clinic.Form, []byte) error { return nil }); err != nil {
					b.Fatal(err)
				}
				d.do(a.Issue...)
				return a.Watermark
			}
			w := pull(0)
			for b.Loop() {
				b.StopTimer()
				for range 10 {
					enter(patients, "b")
					patients++
				}
				b.StartTimer()
				w = pull(w)
			}
		})
	}
}
