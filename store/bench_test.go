package store_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"

	"musafir/crdt"
	"musafir/store"
	"musafir/store/storetest"
)

var benchWords = strings.SplitAfter("pain fever cough since yesterday left right knee chest mild severe with after before pregnancy follow-up "+
	"refer clinic hospital paracetamol amoxicillin 500 mg twice daily for five days advised to return if worse no known allergy ", " ")

// visit is a record of the shape of a clinic's: a dozen fields, 600 bytes.
func visit(rng *rand.Rand, i int) *crdt.Edit {
	id := func() crdt.Value { return crdt.Text(fmt.Sprintf("%016x-%016x", rng.Uint64()&0xffff, rng.Uint64())) }
	text := func(n int) crdt.Value {
		var b strings.Builder
		for b.Len() < n {
			b.WriteString(benchWords[rng.IntN(len(benchWords))])
		}
		return crdt.Text(b.String()[:n])
	}
	return &crdt.Edit{
		Key: crdt.RecordKey{Collection: "visits", ID: fmt.Sprintf("%016x-%04x-%012x", rng.Uint64(), i&0xffff, rng.Uint64()&(1<<48-1))},
		Set: []crdt.Field{
			{Key: "patient_id", Value: id()}, {Key: "clinic_id", Value: text(33)}, {Key: "provider", Value: text(24)},
			{Key: "check_in", Value: crdt.Text("2026-03-01T09:30:00Z")}, {Key: "kind", Value: text(12)}, {Key: "code", Value: crdt.Int(rng.Int64N(1e9))},
			{Key: "reason", Value: text(60)}, {Key: "diagnosis", Value: text(80)}, {Key: "weight_kg", Value: crdt.Float(float64(rng.IntN(900)) / 8)},
			{Key: "pregnant", Value: crdt.False}, {Key: "notes", Value: text(180)}, {Key: "plan", Value: text(60)},
		},
	}
}

// A letter is an entry as it came from another device.
type letter struct {
	at  crdt.Place
	id  crdt.EntryID
	raw []byte
}

// A mailbag is what another device wrote, in a file: in memory it would take what
// the store may use.
type mailbag struct {
	file    *os.File
	letters []letter // without raw
	ends    []int64
}

func fillMailbag(b *testing.B, a *storetest.Author, records, perEntry int) *mailbag {
	b.Helper()
	f, err := os.Create(filepath.Join(b.TempDir(), "mailbag"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { f.Close() })
	rng := rand.New(rand.NewPCG(1, 1))
	m := &mailbag{file: f}
	end := int64(0)
	for i := 0; i < records; i += perEntry {
		it := received(b, a, rng, i, min(perEntry, records-i))
		n, err := f.Write(it.Entry.Encoded())
		if err != nil {
			b.Fatal(err)
		}
		end += int64(n)
		m.letters = append(m.letters, letter{at: it.At, id: it.ID})
		m.ends = append(m.ends, end)
	}
	return m
}

func (m *mailbag) letter(b *testing.B, i int) letter {
	start := int64(0)
	if i > 0 {
		start = m.ends[i-1]
	}
	l := m.letters[i]
	l.raw = make([]byte, m.ends[i]-start)
	if _, err := m.file.ReadAt(l.raw, start); err != nil {
		b.Fatal(err)
	}
	return l
}

// received is an entry that another device wrote.
func received(b *testing.B, a *storetest.Author, rng *rand.Rand, from, records int) storetest.Item {
	b.Helper()
	var changes []crdt.Change
	for i := range records {
		e := visit(rng, from+i)
		rc, err := crdt.Compose(&crdt.Record{Key: e.Key}, e, nil)
		if err != nil {
			b.Fatal(err)
		}
		c, err := a.Encode(rc)
		if err != nil {
			b.Fatal(err)
		}
		changes = append(changes, c)
	}
	it, err := a.Write(crdt.Time(from+1), nil, changes...)
	if err != nil {
		b.Fatal(err)
	}
	return it
}

// BenchmarkAppend stores what was received, synced, 64 records to an entry and
// one, in batches of a MiB under the memory limit of a tablet. Parsing the
// entries counts, making and hashing them does not.
func BenchmarkAppend(b *testing.B) {
	for _, perEntry := range []int{64, 1} {
		b.Run(fmt.Sprintf("records=%d", perEntry), func(b *testing.B) {
			d, device, err := deviceIn(b.TempDir())
			if err != nil {
				b.Fatal(err)
			}
			defer d.Close()
			mail := fillMailbag(b, device.Author, b.N, perEntry)
			debug.SetMemoryLimit(128 << 20)
			debug.FreeOSMemory()
			b.ReportAllocs()
			b.ResetTimer()
			peak := appendAll(b, d, mail)
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
			b.ReportMetric(float64(peak), "MB-anon")
		})
	}
}

func appendAll(b *testing.B, d *store.Dir, mail *mailbag) (peakMB int) {
	b.Helper()
	for i := 0; i < len(mail.letters); {
		batch := d.Begin()
		for i < len(mail.letters) && !batch.Full() {
			l := mail.letter(b, i)
			e, err := crdt.ParseEntry(l.raw)
			if err == nil {
				err = batch.Append(l.at, l.id, e)
			}
			if err != nil {
				b.Fatal(err)
			}
			i++
		}
		if err := batch.Commit(); err != nil {
			b.Fatal(err)
		}
		peakMB = max(peakMB, anonMB())
	}
	return peakMB
}

// anonMB is the memory of the process, files it has mapped apart.
func anonMB() int {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(b), "RssAnon:")
	kb := 0
	fmt.Sscan(after, &kb)
	return kb >> 10
}
