package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand"
	"net/http"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"
)

// crashRounds is how often the daemon is killed; $MUSAFIR_CRASH_ROUNDS for more.
func crashRounds() int {
	if n, err := strconv.Atoi(os.Getenv("MUSAFIR_CRASH_ROUNDS")); err == nil {
		return n
	}
	return 12
}

// An acknowledgement is what a writer was told is durable.
type acknowledged struct {
	mu sync.Mutex
	n  map[string]int // record id -> greatest acknowledged value
}

func (a *acknowledged) add(id string, n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.n[id] = max(a.n[id], n)
}

// TestKill kills the real daemon at random points while eight people write and a
// file is imported. What was acknowledged must be there after each start, and the
// view on disk must be what the entries amount to.
func TestKill(t *testing.T) {
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewSource(seed))
	dir := initDevice(t)
	acked := &acknowledged{n: map[string]int{}}
	for round := range crashRounds() {
		d := start(t, dir)
		checkAcknowledged(t, d, acked)
		if round%4 == 0 {
			d.verify()
		}
		ctx, cancel := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		for w := range 8 {
			wg.Go(func() { writeUntilKilled(ctx, d, w, round, acked) })
		}
		wg.Go(func() { importUntilKilled(ctx, d, round, acked) })
		<-time.After(time.Duration(rnd.Intn(150)) * time.Millisecond)
		d.kill()
		cancel()
		wg.Wait()
	}
	d := start(t, dir)
	checkAcknowledged(t, d, acked)
	d.verify()
	t.Logf("%d rounds, %d records acknowledged", crashRounds(), len(acked.n))
	d.end()
}

func writeUntilKilled(ctx context.Context, d *daemon, writer, round int, acked *acknowledged) {
	for n := round * 1_000_000; ; n++ {
		id := fmt.Sprintf("w%d-%d", writer, n%20)
		_, err := d.call(ctx, http.MethodPatch, recordPath("counts", id), map[string]int{"n": n})
		if err != nil {
			return
		}
		acked.add(id, n)
	}
}

func importUntilKilled(ctx context.Context, d *daemon, round int, acked *acknowledged) {
	for part := 0; ; part++ {
		var lines bytes.Buffer
		for i := range 300 {
			fmt.Fprintf(&lines, `{"collection":"imports","id":"i%d-%d-%d","fields":{"n":1,"text":"some more bytes to write"}}`+"\n", round, part, i)
		}
		resp, err := d.send(ctx, http.MethodPost, "/v1/import", &lines, nil)
		if err != nil {
			return
		}
		var doc importDoc
		err = json.NewDecoder(resp.Body).Decode(&doc)
		resp.Body.Close()
		if err != nil || doc.Imported != 300 {
			return
		}
		for i := range 300 {
			acked.add(fmt.Sprintf("i%d-%d-%d", round, part, i), 1)
		}
	}
}

func checkAcknowledged(t *testing.T, d *daemon, acked *acknowledged) {
	t.Helper()
	resp, err := d.send(context.Background(), http.MethodGet, "/v1/export", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	there := map[string]int{}
	for dec := json.NewDecoder(resp.Body); dec.More(); {
		var line struct {
			ID     string
			Fields struct{ N int }
		}
		if err := dec.Decode(&line); err != nil {
			t.Fatal(err)
		}
		there[line.ID] = line.Fields.N
	}
	for id, n := range acked.n {
		if got, ok := there[id]; !ok || got < n {
			t.Errorf("record %s: %d was acknowledged, there is %d", id, n, got)
		}
	}
}

func mustUnmarshal(t testing.TB, doc json.RawMessage, v any) {
	t.Helper()
	if err := json.Unmarshal(doc, v); err != nil {
		t.Fatal(err)
	}
}
