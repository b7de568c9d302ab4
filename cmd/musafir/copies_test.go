package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestCopiesAlone: a data directory is copied, and both copies run, with no third
// device in reach. To the network they are one device, which has no connection with
// itself; they find out, and are two.
func TestCopiesAlone(t *testing.T) {
	x := newTeam(t, 1)
	x.daemons[0].patch("patients", "before", map[string]any{"n": 1})
	key := x.daemons[0].status().Device.ID
	x.daemons[0].end()
	twin := x.add(filepath.Join(t.TempDir(), "data"))
	check(t, os.CopyFS(x.dirs[twin], os.DirFS(x.dirs[0])))
	x.up(0)
	x.daemons[0].patch("patients", "one", map[string]any{"n": 1})
	x.up(twin)
	awaitNewKeys(t, x, key, 0, twin)
	x.daemons[twin].patch("patients", "other", map[string]any{"n": 2})
	x.settle()
	checkEverywhere(t, x, map[string]float64{"before": 1, "one": 1, "other": 2})
	checkTold(t, x, key, 0, twin)
}
