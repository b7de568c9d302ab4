package sim_test

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"musafir/node/sim"
)

var (
	seedFlag   = flag.Uint64("seed", 0, "run this seed alone")
	seedsFlag  = flag.Int("seeds", 24, "how many seeds to run")
	fromFlag   = flag.Uint64("from", 1, "the first of them")
	stepsFlag  = flag.Int("steps", 250, "how many things happen in each")
	roamsFlag  = flag.Int("roams", 6, "how many seeds with phones to run")
	roamFlag   = flag.Uint64("roam", 2, "the first of them")
	phonesFlag = flag.Int("phones", 10, "how many phones there are in each")
	syncsFlag  = flag.Int("syncs", 20, "how often each syncs while things go wrong")
	traceFlag  = flag.Bool("trace", false, "print what happens")
)

// kept are the seeds that once failed, with their steps.
func kept(t *testing.T) (list [][2]uint64) {
	t.Helper()
	f, err := os.Open("testdata/seeds.txt")
	if err != nil {
		t.Fatalf("read the kept seeds: %v", err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 2 || fields[0] == "#" {
			continue
		}
		seed, err := strconv.ParseUint(fields[0], 10, 64)
		steps, err2 := strconv.ParseUint(fields[1], 10, 64)
		if err != nil || err2 != nil {
			t.Fatalf("read the kept seeds: %q", lines.Text())
		}
		list = append(list, [2]uint64{seed, steps})
	}
	return list
}

// run runs a seed twice, which must go the same way.
func run(t *testing.T, seed uint64, steps int) sim.Stats {
	t.Helper()
	cfg := sim.Config{Seed: seed}
	if *traceFlag {
		cfg.Trace = os.Stdout
	}
	w := sim.Random(cfg, steps)
	if err := w.Err(); err != nil {
		t.Fatalf("seed %d, steps %d: %v\n%s", seed, steps, err, strings.Join(w.Last(), ""))
	}
	if *traceFlag {
		return w.Stats
	}
	again := sim.Random(cfg, steps)
	if w.TraceSum() != again.TraceSum() {
		t.Fatalf("seed %d, steps %d: two runs went different ways", seed, steps)
	}
	return w.Stats
}

func TestSeeds(t *testing.T) {
	if *seedFlag != 0 {
		stats := run(t, *seedFlag, *stepsFlag)
		t.Log(stats.String())
		return
	}
	sum := sim.New(sim.Config{}).Stats
	var mu sync.Mutex
	both := func(t *testing.T, seed uint64, steps int) {
		t.Parallel()
		stats := run(t, seed, steps)
		mu.Lock()
		defer mu.Unlock()
		sum.Add(stats)
	}
	for _, k := range kept(t) {
		t.Run(fmt.Sprint("kept ", k[0]), func(t *testing.T) { both(t, k[0], int(k[1])) })
	}
	for i := range *seedsFlag {
		seed := *fromFlag + uint64(i)
		t.Run(fmt.Sprint(seed), func(t *testing.T) { both(t, seed, *stepsFlag) })
	}
	t.Cleanup(func() { t.Log(sum.String()) })
}
