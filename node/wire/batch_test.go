package wire_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"pgregory.net/rapid"

	"musafir/crdt"
	"musafir/node/wire"
)

// noise is bytes that do not compress, always the same.
func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

// allocated is how many bytes f allocates, as far as can be known.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func oneRun(entries ...[]byte) *wire.Batch {
	return &wire.Batch{Runs: []wire.Run{{Log: crdt.LogID{1}, Seq: 1, Prev: [8]byte{2}, Entries: entries}}}
}

// clinicEntries are n entries of size bytes that compress about as records do: a
// fifth is hashes and salts, the rest names of fields and words that come again.
func clinicEntries(n, size int) (entries [][]byte) {
	words := [...]string{"Rahima", "Khatun", "female", "camp 4, block C", "fever", "paracetamol", "2026-01-01", "referred", "malaria", "negative"}
	random := noise(n * size / 5)
	dice := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		e := append([]byte{1, 0x85}, random[i*size/5:(i+1)*size/5]...)
		for j := 0; len(e) < size; j++ {
			e = fmt.Appendf(e, "field_%02d%s%x", j%12, words[dice.IntN(len(words))], dice.Uint32()>>16)
		}
		entries = append(entries, e[:size])
	}
	return entries
}

func TestCompressionIsWorthIt(t *testing.T) {
	for _, x := range []struct {
		why    string
		batch  *wire.Batch
		zipped bool
	}{
		{"one byte too short", oneRun(make([]byte, wire.MinZipBytes-1-48)), false},
		{"just long enough", oneRun(make([]byte, wire.MinZipBytes-48)), true},
		{"noise", oneRun(noise(4 << 10)), false},
		{"a tenth of it repeats", oneRun(noise(9<<10), noise(1<<10)), false},
		{"half of it repeats", oneRun(noise(9<<10), noise(9<<10)), true},
		{"records", oneRun(clinicEntries(64, 600)...), true},
	} {
		b := mustAppend(t, nil, x.batch)
		_, body, _ := open(b)
		if zipped := body[0]&2 != 0; zipped != x.zipped {
			t.Errorf("%s: payload of %d bytes, compressed %v", x.why, x.batch.PayloadBytes(), zipped)
		}
		if len(body) > 1+x.batch.PayloadBytes() || x.zipped && len(body)-1 > x.batch.PayloadBytes()*7/8 {
			t.Errorf("%s: payload of %d bytes became %d", x.why, x.batch.PayloadBytes(), len(body)-1)
		}
		f, err := readAll(b)
		if err != nil || !bytes.Equal(toJSON(t, f), toJSON(t, x.batch)) {
			t.Errorf("%s: it came back otherwise, %v", x.why, err)
		}
	}
}

// The entries of a batch lie in its body, and cannot run into each other.
func TestEntriesAlias(t *testing.T) {
	_, body, _ := open(mustAppend(t, nil, oneRun([]byte("first"), []byte("second"))))
	f, err := wire.Parse(wire.KindBatch, body)
	if err != nil {
		t.Fatal(err)
	}
	entries := f.(*wire.Batch).Runs[0].Entries
	_ = append(entries[0], "overwritten"...)
	if string(entries[1]) != "second" {
		t.Errorf("appending to an entry changed the next one to %q", entries[1])
	}
	copy(body[bytes.Index(body, []byte("first")):], "other")
	if string(entries[0]) != "other" {
		t.Errorf("the entry is %q, a copy", entries[0])
	}
}

// Reading costs as many allocations for many entries as for few.
func TestBatchAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector empties pools")
	}
	cost := func(entries int) float64 {
		_, body, _ := open(mustAppend(t, nil, oneRun(clinicEntries(entries, 300)...)))
		return testing.AllocsPerRun(100, func() {
			if _, err := wire.Parse(wire.KindBatch, body); err != nil {
				t.Fatal(err)
			}
		})
	}
	if few, many := cost(4), cost(800); few != many || many > 6 {
		t.Errorf("4 entries take %v allocations, 800 take %v", few, many)
	}
}

// bombs are compressed payloads that say or give more than a payload may have.
func bombs(t testing.TB) map[string][]byte {
	zeros := make([]byte, 64<<20)
	w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	honest := w.EncodeAll(zeros, nil)
	fits := w.EncodeAll(zeros[:wire.MaxPayloadBytes], nil)
	var silent bytes.Buffer
	w.Reset(&silent)
	if _, err := w.Write(zeros); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	// Single segment, content size in two bytes: 1,000. Then what honest has.
	var h zstd.Header
	if err := h.Decode(honest); err != nil {
		t.Fatal(err)
	}
	lying := append([]byte{0x28, 0xb5, 0x2f, 0xfd, 0x64, 0xe8, 0x02}, honest[h.HeaderSize:]...)
	window := append([]byte{0x28, 0xb5, 0x2f, 0xfd, 0x80, 0xf8, 0xe8, 0x03, 0x00, 0x00}, honest[h.HeaderSize:]...)
	return map[string][]byte{
		"64 MiB as it says":                            honest,
		"64 MiB and says nothing":                      silent.Bytes(),
		"64 MiB and says 1,000 bytes":                  lying,
		"a window of 2 TiB":                            window,
		"two frames that fit alone":                    slices.Concat(fits, fits),
		"64 MiB after a frame that fits":               slices.Concat(fits, silent.Bytes()),
		"64 MiB after a thousand empty frames":         append(bytes.Repeat(w.EncodeAll(nil, nil), 1000), silent.Bytes()...),
		"64 MiB after a frame that is to be skipped":   append([]byte{0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0}, silent.Bytes()...),
		"64 MiB behind a small one and a skipped one":  slices.Concat(w.EncodeAll(zeros[:100], nil), []byte{0x51, 0x2a, 0x4d, 0x18, 0, 0, 0, 0}, honest),
		"nothing but the largest payload there may be": fits,
	}
}

// A bomb costs no more than the largest payload.
func TestZipBomb(t *testing.T) {
	warm := mustAppend(t, nil, oneRun(make([]byte, wire.MaxPayloadBytes-1000-65000)))
	if _, err := readAll(warm); err != nil { // the decoder is there
		t.Fatal(err)
	}
	for why, bomb := range bombs(t) {
		if len(bomb) > wire.MaxFrameBytes {
			t.Fatalf("%s: the bomb does not fit in a frame", why)
		}
		var err error
		used := allocated(func() { _, err = wire.Parse(wire.KindBatch, append([]byte{2}, bomb...)) })
		if err == nil || used > 1<<20 {
			t.Errorf("%s: %d bytes compressed, %d allocated, %v", why, len(bomb), used, err)
		}
		t.Logf("%s: %d bytes compressed, %d allocated: %v", why, len(bomb), used, err)
		checkRefusal(t, err)
	}
}

// Counts that are not true cost no more than the frame.
func TestHostileCounts(t *testing.T) {
	for why, payload := range map[string][]byte{
		"logs":    {0xff, 0x1f},
		"runs":    {0x00, 0x80, 0x40, 0x80, 0x40},
		"entries": {0x00, 0x01, 0x80, 0x40},
	} {
		var err error
		used := uint64(math.MaxUint64)
		for range 20 { // the runtime allocates beside it now and then
			used = min(used, allocated(func() { _, err = wire.Parse(wire.KindBatch, append([]byte{0}, payload...)) }))
		}
		if !errors.Is(err, wire.ErrMalformed) || used > 4<<10 {
			t.Errorf("%s: %d bytes allocated, %v", why, used, err)
		}
	}
}

// The shared encoders and decoders start no goroutine and do not mix up frames.
func TestBatchConcurrently(t *testing.T) {
	var wg sync.WaitGroup
	before := runtime.NumGoroutine()
	for i := range 8 {
		wg.Go(func() {
			for j := range 50 {
				want := oneRun(clinicEntries(1+(i*j)%40, 100+i)...)
				b, err := wire.Append(nil, want)
				if err != nil {
					t.Error(err)
					return
				}
				f, err := readAll(b)
				if err != nil || !slices.EqualFunc(f.(*wire.Batch).Runs[0].Entries, want.Runs[0].Entries, bytes.Equal) {
					t.Errorf("it came back otherwise, %v", err)
				}
			}
		})
	}
	wg.Wait()
	// One that is done may still be on its way out.
	for wait := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(wait) {
			t.Fatalf("%d goroutines before, %d after", before, runtime.NumGoroutine())
		}
	}
}

// Any batch within the limits comes back, and is as large as it says.
func TestLawBatch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawBatch(t)
		b, err := wire.Append(nil, want)
		if err != nil {
			t.Fatal(err)
		}
		f, err := readAll(b)
		if err != nil || fmt.Sprint(f) != fmt.Sprint(want) {
			t.Fatalf("%v came back as %v, %v", want, f, err)
		}
		if n := len(wire.Payload(want)); n != want.PayloadBytes() || len(b) > n+5 {
			t.Fatalf("payload of %d bytes counts %d, and the frame has %d", n, want.PayloadBytes(), len(b))
		}
	})
}

func drawBatch(t *rapid.T) *wire.Batch {
	logs := make([]crdt.LogID, rapid.IntRange(1, 300).Draw(t, "logs"))
	for i := range logs {
		logs[i] = crdt.LogID{byte(i * 31), byte(i >> 8), 31: byte(i)}
	}
	f := &wire.Batch{End: rapid.Bool().Draw(t, "end")}
	for range rapid.IntRange(1, 20).Draw(t, "runs") {
		r := wire.Run{Log: rapid.SampledFrom(logs).Draw(t, "log"), Seq: rapid.Uint64Max(math.MaxUint64-10).Draw(t, "seq")}
		if r.Seq > 0 {
			r.Prev = [8]byte{rapid.Byte().Draw(t, "prev")}
		}
		r.Entries = rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 1, 200), 1, 5).Draw(t, "entries")
		f.Runs = append(f.Runs, r)
	}
	for range rapid.IntRange(0, 5).Draw(t, "seals") {
		if f.End {
			s := wire.SealAt{Log: rapid.SampledFrom(logs).Draw(t, "log"), Seq: rapid.Uint64().Draw(t, "seq")}
			f.Seals = append(f.Seals, s)
		}
	}
	return f
}

func TestEntryBytes(t *testing.T) {
	f := oneRun([]byte("1"), []byte("22"))
	f.Runs = append(f.Runs, f.Runs[0])
	if n := f.EntryBytes(); n != 6 {
		t.Error(n)
	}
}
