package store_test

import (
	"fmt"
	"runtime/debug"
	"testing"

	"musafir/crdt"
	"musafir/store"
)

// BenchmarkLater is what it costs to find which of 100,000 imported records somebody
// lacks who has nothing, 64 records to an entry and one, and somebody who lacks the
// last 1000 entries.
func BenchmarkLater(b *testing.B) {
	const records = 100_000
	for _, perEntry := range []int{64, 1} {
		d, device, err := deviceIn(b.TempDir())
		if err != nil {
			b.Fatal(err)
		}
		mail := fillMailbag(b, device.Author, records, perEntry)
		appendAll(b, d, mail)
		old := mail.letters[len(mail.letters)-1001]
		marks := map[string][]crdt.Mark{
			"all":  nil,
			"1000": {crdt.MarkOf(device.Log, crdt.Head{Seq: old.at.Seq, ID: old.id})},
		}
		for _, name := range []string{"all", "1000"} {
			b.Run(fmt.Sprintf("records=%d/later=%s", perEntry, name), func(b *testing.B) {
				debug.SetMemoryLimit(128 << 20)
				debug.FreeOSMemory()
				b.ReportAllocs()
				for b.Loop() {
					n := later(b, d.Store, marks[name])
					b.ReportMetric(float64(n), "records")
				}
				b.ReportMetric(float64(anonMB()), "MB-anon")
			})
		}
		if err := d.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func later(b *testing.B, s *store.Store, marks []crdt.Mark) (n int) {
	b.Helper()
	m, err := s.Moment()
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close()
	past, err := m.Past(marks)
	if err == nil {
		err = past.Later(func(crdt.RecordKey) (bool, error) { n++; return true, nil })
	}
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// BenchmarkMoment is a look at what is held, as each request takes one: the marks, and
// what is later than some that were taken before.
func BenchmarkMoment(b *testing.B) {
	for _, logs := range []int{10, 200} {
		b.Run(fmt.Sprintf("logs=%d", logs), func(b *testing.B) {
			d, device, err := deviceIn(b.TempDir())
			if err != nil {
				b.Fatal(err)
			}
			defer d.Close()
			for i := range logs {
				a, err := device.Join(byte(2 + i))
				if err != nil {
					b.Fatal(err)
				}
				device.Take(b, a.Births...)
			}
			var before []crdt.Mark
			for b.Loop() {
				m, err := d.Moment()
				if err != nil {
					b.Fatal(err)
				}
				past, err := m.Past(before)
				if err != nil {
					b.Fatal(err)
				}
				before = m.Marks()
				past.LaterCount()
				m.Close()
			}
		})
	}
}
