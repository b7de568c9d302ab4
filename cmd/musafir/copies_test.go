package main

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
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

// TestLeadsBack: an address that leads back to the device itself, over whatever, is no
// copy of it.
func TestLeadsBack(t *testing.T) {
	x := newTeam(t, 1)
	key := x.daemons[0].status().Device.ID
	x.daemons[0].end()
	r, err := newRelay("/ip4/127.0.0.1/tcp/" + strings.Split(x.listen[0], ":")[1] + "/p2p/" + key)
	check(t, err)
	defer r.close()
	back := r.listener.Addr().String()
	x.daemons[0] = launch(t, x.dirs[0], "up", "--http", "127.0.0.1:0", "--listen", "/ip4/127.0.0.1/tcp/"+strings.Split(x.listen[0], ":")[1], "--peer", back)
	await(t, "the relay to be asked twice, who is there and which process", func() bool {
		_, err := x.daemons[0].call(context.Background(), http.MethodGet, "/v1/peers", nil)
		return err == nil && r.traffic().roundTrips > 3
	})
	x.daemons[0].patch("patients", "p", map[string]any{"n": 1})
	if now := x.daemons[0].status().Device.ID; now != key {
		t.Errorf("the device has another key: %s", x.daemons[0].errs.String())
	}
}
