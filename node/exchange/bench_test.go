package exchange_test

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"musafir/node/exchange"
)

// A visit's observation as clinics send it: 12 fields, about 600 bytes.
const typical = `{"collection":"patient_problems","id":"0bc2e5a5-cbca-435f-b907-e19d38fb5814","fields":{` +
	`"patient_id":"dbf9798e-4b52-4cd9-a9eb-ec36149c859a","visit_id":"1e3c2d52-cb4c-4f36-bb31-d3429a8d6dbf",` +
	`"problem_code_system":"snomed","problem_code":"428251008","problem_label":"History of appendectomy, told by the mother",` +
	`"clinical_status":"active","verification_status":"confirmed","onset_date":985910345000,"metadata":"{\"source\": \"paper\"}",` +
	`"is_deleted":false,"weight_kg":61.5,"notes":"لا توجد حساسية معروفة للأدوية","created_at":985910345000,"updated_at":985910345000}}` + "\n"

func BenchmarkParseLine(b *testing.B) {
	line := []byte(typical)
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := exchange.ParseLine(line); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendLine(b *testing.B) {
	l, err := exchange.ParseLine([]byte(typical))
	if err != nil {
		b.Fatal(err)
	}
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = exchange.AppendLine(buf[:0], l)
	}
	b.SetBytes(int64(len(buf)))
}

func BenchmarkReader(b *testing.B) {
	const lines = 1000
	plain := bytes.Repeat([]byte(typical), lines)
	for name, text := range map[string][]byte{"plain": plain, "gzip": zip(string(plain))} {
		b.Run(fmt.Sprintf("%s,lines=%d", name, lines), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if n := count(b, text); n != lines {
					b.Fatalf("%d lines", n)
				}
			}
		})
	}
}

func count(b *testing.B, text []byte) (n int) {
	r, err := exchange.NewReader(bytes.NewReader(text))
	if err != nil {
		b.Fatal(err)
	}
	for {
		if _, _, err := r.Next(); err == io.EOF {
			return n
		} else if err != nil {
			b.Fatal(err)
		}
		n++
	}
}
