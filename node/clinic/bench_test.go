package clinic_test

import (
	"fmt"
	"testing"

	"musafir/crdt"
	"musafir/node/clinic"
)

// BenchmarkFirstPull is what a phone gets that has nothing: 20,000 vitals.
func BenchmarkFirstPull(b *testing.B) {
	const rows = 20_000
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
