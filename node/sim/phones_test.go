package sim_test

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"musafir/node/sim"
)

// roam runs a world with phones twice, which must go the same way.
func roam(t *testing.T, seed uint64, phones, syncs int) sim.Stats {
	t.Helper()
	cfg := sim.Config{Seed: seed}
	if *traceFlag {
		cfg.Trace = os.Stdout
	}
	w := sim.Roam(cfg, phones, syncs)
	if err := w.Err(); err != nil {
		t.Fatalf("seed %d, %d phones, %d syncs: %v\n%s", seed, phones, syncs, err, strings.Join(w.Last(), ""))
	}
	if *traceFlag {
		return w.Stats
	}
	again := sim.Roam(sim.Config{Seed: seed, Blind: true}, phones, syncs)
	if w.TraceSum() != again.TraceSum() {
		t.Fatalf("seed %d, %d phones, %d syncs: two runs went different ways", seed, phones, syncs)
	}
	return w.Stats
}

func TestPhones(t *testing.T) {
	if *seedFlag != 0 {
		stats := roam(t, *seedFlag, *phonesFlag, *syncsFlag)
		t.Log(stats.String())
		return
	}
	sum := sim.New(sim.Config{}).Stats
	var mu sync.Mutex
	for i := range *roamsFlag {
		seed := *roamFlag + uint64(i)
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			stats := roam(t, seed, *phonesFlag, *syncsFlag)
			mu.Lock()
			defer mu.Unlock()
			sum.Add(stats)
		})
	}
	t.Cleanup(func() { t.Log(sum.String()) })
}
