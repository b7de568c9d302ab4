package wire_test

import (
	"testing"

	"musafir/crdt"
	"musafir/node/wire"
)

// The batches of the benchmarks: what a bulk sync sends, and one write.
func benchBatches() map[string]*wire.Batch {
	seals := []wire.SealAt{{Log: crdt.LogID{1}, Seq: 64, Seal: crdt.Seal(noise(64))}}
	bulk, one, plain := oneRun(clinicEntries(64, 600)...), oneRun(clinicEntries(1, 600)...), oneRun(noise(64*600))
	small := oneRun(clinicEntries(1, 400)...)
	for _, b := range []*wire.Batch{bulk, one, plain, small} {
		b.End, b.Seals = true, seals
	}
	return map[string]*wire.Batch{"64x600": bulk, "1x600": one, "1x400": small, "noise": plain}
}

var benchNames = []string{"64x600", "noise", "1x600", "1x400"}

func BenchmarkAppendBatch(b *testing.B) {
	for _, name := range benchNames {
		f := benchBatches()[name]
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(f.PayloadBytes()))
			b.ReportAllocs()
			var buf []byte
			for b.Loop() {
				var err error
				if buf, err = wire.Append(buf[:0], f); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(f.PayloadBytes())/float64(len(buf)), "ratio")
		})
	}
}

func BenchmarkParseBatch(b *testing.B) {
	for _, name := range benchNames {
		f := benchBatches()[name]
		_, body, _ := open(mustAppend(b, nil, f))
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(f.PayloadBytes()))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := wire.Parse(wire.KindBatch, body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkFrontier(b *testing.B) {
	f := &wire.Frontier{Heads: someHeads(1000, 1<<34, false)}
	frame := mustAppend(b, nil, f)
	_, body, _ := open(frame)
	b.Run("append", func(b *testing.B) {
		b.SetBytes(int64(len(frame)))
		b.ReportAllocs()
		var buf []byte
		for b.Loop() {
			buf, _ = wire.Append(buf[:0], f)
		}
	})
	b.Run("parse", func(b *testing.B) {
		b.SetBytes(int64(len(frame)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := wire.Parse(wire.KindFrontier, body); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkHello(b *testing.B) {
	f := &wire.Hello{Version: 1, Time: 1767225660000, Program: "musafir 1.0"}
	_, body, _ := open(mustAppend(b, nil, f))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := wire.Parse(wire.KindHello, body); err != nil {
			b.Fatal(err)
		}
	}
}
