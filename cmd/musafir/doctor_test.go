package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"musafir/crdt"
	"musafir/discovery"
	"musafir/node"
	"musafir/node/access"
	"musafir/node/api"
	"musafir/node/doctor"
	"musafir/node/replica"
	"musafir/store"
)

func TestFaultsOf(t *testing.T) {
	for text, want := range map[string][]doctor.Fault{
		"":                  nil,
		"answer: no way":    {{Doing: "answer", Why: "no way"}},
		"odd":               {{Doing: "odd"}},
		"ask by IPv6: x: y": {{Doing: "ask by IPv6", Why: "x: y"}},
		"answer: listen udp4: taken\nlisten udp6: taken\nask by IPv4: send: not permitted": {
			{Doing: "answer", Why: "listen udp4: taken; listen udp6: taken"}, {Doing: "ask by IPv4", Why: "send: not permitted"},
		},
	} {
		if got := faultsOf(text); !slices.Equal(got, want) {
			t.Errorf("%q: %+v", text, got)
		}
	}
}

func TestFailureOf(t *testing.T) {
	for err, want := range map[error]doctor.Kind{
		nil: doctor.None, syscall.ECONNREFUSED: doctor.Nobody, syscall.ENETUNREACH: doctor.NoWay,
		context.DeadlineExceeded: doctor.Silence, errors.New("odd"): doctor.Other,
	} {
		if err != nil {
			err = fmt.Errorf("reach device x: %w", err)
		}
		if got := failureOf(err); got.Kind != want || (got.Text == "") != (err == nil) {
			t.Errorf("%v: %+v", err, got)
		}
	}
}

// Why a session ended is told of the side that ended it, and no longer than it is true.
func TestTurnedAway(t *testing.T) {
	contact := time.UnixMilli(1_790_000_000_000)
	for _, tt := range []struct {
		refused string
		own     node.Seen
		want    string
		us      bool
	}{
		{"", node.Seen{}, "", false},
		{replica.EndedIt + "too old", node.Seen{}, "too old", true},
		{"a frame that has no place", node.Seen{}, "a frame that has no place", false},
		{"", node.Seen{Refused: "too old", RefusedAt: contact.Add(time.Second)}, "too old", false},
		{"", node.Seen{Refused: "too old", RefusedAt: contact.Add(-time.Second)}, "", false},
	} {
		k := known{turnedAway: map[crdt.DeviceID]node.Seen{"x": tt.own}}
		p := k.peer(node.Peer{PeerStatus: replica.PeerStatus{ID: "x", LastHeard: contact.UnixMilli(), Refused: tt.refused}})
		if p.Refused != tt.want || p.RefusedUs != tt.us || !p.LastContact.Equal(contact) {
			t.Errorf("%+v: %+v", tt, p)
		}
	}
}

func TestStrangersAndPlaces(t *testing.T) {
	k := known{members: access.New(crdt.CampID{}), turnedAway: map[crdt.DeviceID]node.Seen{}}
	var f doctor.Facts
	now := time.Now()
	k.see(&f, node.Seen{Device: "x", Refused: "the device is not admitted", RefusedAt: now})
	k.see(&f, node.Seen{Device: "y", At: now, On: "eth0", Addrs: []string{"/ip4/10.0.0.2/tcp/7001/p2p/y", "/ip4/10.0.0.2/udp/7002/quic-v1/p2p/y"}})
	k.know(&f, node.Peer{Addr: "10.0.0.9", Err: syscall.ECONNREFUSED})
	k.know(&f, node.Peer{PeerStatus: replica.PeerStatus{ID: "z", Connected: true}})
	if len(f.Strangers) != 1 || f.Strangers[0].ID != "x" || len(f.Places) != 1 || f.Places[0].Failure.Kind != doctor.Nobody || len(f.Peers) != 0 {
		t.Errorf("%+v", f)
	}
	if h := f.Heard; len(h) != 1 || !slices.Equal(h[0].Addrs, []netip.Addr{netip.MustParseAddr("10.0.0.2")}) || h[0].TCP != 7001 || h[0].UDP != 7002 || h[0].Name != "" {
		t.Errorf("%+v", h)
	}
}

func TestTroubleOf(t *testing.T) {
	for want, err := range map[string]error{
		"musafir join CODE": explainOpen("dir", store.ErrNoCamp),
		"end it":            explainOpen("dir", store.ErrInUse),
	} {
		if f := troubleOf(err); f.Level != doctor.Problem || !strings.HasPrefix(f.Text, "dir: ") || !strings.Contains(f.Remedy, want) {
			t.Errorf("%+v", f)
		}
	}
}

func TestPrintDoctor(t *testing.T) {
	f := doctor.Facts{Look: doctor.Shut, Trouble: doctor.Finding{Level: doctor.Problem, Text: "It is \x1b[2J shut.", Remedy: "Open it."}}
	d := diagnose(f, discovery.Report{Interfaces: []discovery.InterfaceReport{
		{Name: "lo", Loopback: true}, {Name: "docker0", Ranked: "vpn or container"},
		{Name: "eth0", Ranked: "lan", Up: true, Connected: true, Multicast: true, Addrs: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/8")}, Asked: 4, Others: 2},
	}})
	doc := doctorDoc{Interfaces: d.Interfaces, Findings: d.Findings, Heard: []api.Heard{
		{ID: "12D3KooWabcdef", Interface: "eth0", LastHeard: "2026-11-20T10:00:00.000Z"},
	}}
	var out strings.Builder
	printDoctor(&out, doc)
	for _, want := range []string{
		"eth0\t10.0.0.1/8\t4\t0 (others: 2)\tin use\n", "Not shown: 1 interface of VPNs and containers.\n",
		"device ...abcdef\tno address\teth0\t", "\tnot in this camp\n", "PROBLEM: It is \\u001b[2J shut.\n  To do: Open it.\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "lo\t") {
		t.Errorf("loopback is shown:\n%s", out.String())
	}
}
