package main

import (
	"slices"
	"strings"
	"testing"

	"musafir/node/api"
)

func TestPeerWords(t *testing.T) {
	heard := "2026-11-23T04:25:17.592Z"
	for _, tt := range []struct {
		peer api.Peer
		want string
	}{
		{api.Peer{ID: "x", Connected: true, Synced: true, Address: "/ip4/10.0.0.2/tcp/7668/p2p/x", ClockMs: 1999, Version: "1", LastHeard: heard}, "connected with 10.0.0.2; in sync"},
		{api.Peer{ID: "x", Connected: true, Behind: 1, Ahead: true, LastHeard: heard}, "connected; it lacks 1 entry of ours, and we some of its"},
		{api.Peer{ID: "x", Connected: true, Ahead: true, ClockMs: -90_000, LastHeard: heard}, "connected; we are behind; its clock is 1m30s behind ours"},
		{api.Peer{ID: "x", Connected: true, Synced: true, Unmerged: 2, Version: "2", LastHeard: heard}, "connected; in sync; it holds back 2 entries; it runs version 2"},
		{api.Peer{ID: "x", Connected: true}, "connected; comparing"},
		{api.Peer{ID: "x", Connected: true, Problem: "p", Lineage: api.Lineage{Former: []string{"12D3KooWaaaaaa", "12D3KooWbbbbbb"}, Renewed: "then", Twins: []string{"12D3KooWcccccc"}}},
			"connected; comparing; copied or restored: it has this id since then, before that ...bbbbbb; its data goes on as ...cccccc too; p"},
		{api.Peer{ID: "x", Behind: 9, Problem: "no answer"}, "not connected, no contact with it so far; no answer"},
		{api.Peer{Address: "10.0.0.9", Problem: "no answer"}, "nobody has answered there yet; no answer"},
	} {
		if got := strings.Join(peerWords(&tt.peer, "1"), "; "); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
	away := api.Peer{ID: "x", Behind: 9, LastHeard: heard}
	if got := strings.Join(peerWords(&away, "1"), "; "); !strings.HasPrefix(got, "not connected, last heard of 2026-11-23") || !strings.HasSuffix(got, "behind by 9 entries") {
		t.Error(got)
	}
}

func TestDeviceNames(t *testing.T) {
	doc := devicesDoc{Devices: []api.Device{
		{ID: "12D3KooWaaaaaa", Name: "desk"}, {ID: "12D3KooWbbbbbb", Name: "desk", Lineage: api.Lineage{Former: []string{"12D3KooWcccccc"}}}, {ID: "12D3KooWdddddd", Name: "tent\x1b"},
	}}
	names := doc.names()
	for id, want := range map[string]string{
		"12D3KooWaaaaaa": "desk (...aaaaaa)", "12D3KooWcccccc": "desk (...bbbbbb)", "12D3KooWdddddd": `tent\u001b`, "12D3KooWeeeeee": "...eeeeee",
	} {
		if got := names.of(id); got != want {
			t.Errorf("%s is %q, want %q", id, got, want)
		}
	}
}

// A former id of several copies is none of them alone.
func TestNamesOfCopies(t *testing.T) {
	before := api.Lineage{Former: []string{"12D3KooWcccccc"}}
	doc := devicesDoc{Devices: []api.Device{
		{ID: "12D3KooWaaaaaa", Name: "tent", Lineage: before}, {ID: "12D3KooWbbbbbb", Name: "tent", Lineage: before}, {ID: "12D3KooWdddddd", Name: "tent", Lineage: before},
	}}
	names := doc.names()
	for id, want := range map[string]string{"12D3KooWaaaaaa": "tent (...aaaaaa)", "12D3KooWdddddd": "tent (...dddddd)", "12D3KooWcccccc": "tent (...cccccc)"} {
		if got := names.of(id); got != want {
			t.Errorf("%s is %q, want %q", id, got, want)
		}
	}
}

func TestPeerNames(t *testing.T) {
	got := peerNames([]api.Peer{{ID: "12D3KooWaaaaaa", Name: "tent"}, {ID: "12D3KooWbbbbbb", Name: "tent"}, {ID: "12D3KooWcccccc", Name: "lab"}, {Address: "10.0.0.9"}, {Address: "10.0.0.8"}})
	if want := []string{"tent (...aaaaaa)", "tent (...bbbbbb)", "lab", "10.0.0.9", "10.0.0.8"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestConditions(t *testing.T) {
	s := statusDoc{Peers: []api.Peer{{Synced: true}, {Synced: false}}}
	s.Counts.Records = 3
	for text, want := range map[string]bool{"": true, "peers=2": true, "peers=3": false, "records=3": true, "records=4": false, "synced": false} {
		met, err := readCondition(text)
		if err != nil || met(&s) != want {
			t.Errorf("%q: %v", text, err)
		}
	}
	met, _ := readCondition("synced")
	s.Peers[1].Synced = true
	if !met(&s) || met(&statusDoc{}) {
		t.Error("synced is: in touch with somebody, and all of those in sync")
	}
	for _, text := range []string{"peers", "peers=x", "peers=-1", "sync", "records=", "synced=1"} {
		if _, err := readCondition(text); err == nil {
			t.Errorf("%q is a condition", text)
		}
	}
}
