package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func TestReachCheck(t *testing.T) {
	for _, good := range []reach{
		{}, {listen: defaultListen}, {listen: []string{"/ip6/::1/udp/0/quic-v1"}, dial: []string{"clinic-pi", "10.0.0.1:80", "[fd00::1]"}},
	} {
		if err := good.check(); err != nil {
			t.Errorf("%+v: %v", good, err)
		}
	}
	for _, listen := range []string{
		"", "7668", "0.0.0.0:7668", "/ip4/0.0.0.0", "/ip4/0.0.0.0/tcp", "/ip4/0.0.0.0/tcp/70000", "/ip4/0.0.0.0/tcp/-1", "/ip4/::/tcp/1",
		"/ip6/10.0.0.1/tcp/1", "/ip4/0.0.0.0/udp/1", "/ip4/0.0.0.0/tcp/1/quic-v1", "/dns/x/tcp/1", "x/ip4/0.0.0.0/tcp/1",
		"/ip4/0.0.0.0/tcp/1/p2p/12D3KooWGVvn1jXbRXZ827DvGqYwmQHQeTvnQmjX1hzSL3PCbGJq",
	} {
		if err := (reach{listen: []string{listen}}).check(); err == nil || !isUsage(err) {
			t.Errorf("--listen %q: %v", listen, err)
		}
	}
	for _, dial := range []string{"", "0.0.0.0", "10.0.0.1:0", "/ip4/10.0.0.1", "fe80::1"} {
		if err := (reach{dial: []string{dial}}).check(); err == nil || !isUsage(err) {
			t.Errorf("--peer %q: %v", dial, err)
		}
	}
}

// An address that is nobody's here is left out, one that is taken is not.
func TestPossible(t *testing.T) {
	nobodys := []string{"/ip4/192.0.2.1/tcp/7668", "/ip4/192.0.2.1/udp/7668/quic-v1"}
	mine := []string{"/ip4/127.0.0.1/tcp/1", "/ip4/127.0.0.1/udp/1/quic-v1"}
	if got := possible(append(nobodys, mine...)); !slices.Equal(got, mine) {
		t.Errorf("%q", got)
	}
}

func TestExplainPlaces(t *testing.T) {
	listen := []string{"/ip4/0.0.0.0/tcp/7668", "/ip6/::/udp/7668/quic-v1", "/ip4/192.0.2.1/tcp/7668"}
	for _, tt := range []struct {
		at     int
		err    error
		want   string
		usages bool
	}{
		{0, syscall.EADDRINUSE, "0.0.0.0:7668, where other devices would reach this one, is in use by another program (--listen /ip4/0.0.0.0/tcp/7668)\n/ip4/0.0.0.0/tcp/0 takes", false},
		{1, syscall.EADDRINUSE, "[::]:7668, where other devices would reach this one, is in use by another program (--listen /ip6/::/udp/7668/quic-v1)\n/ip6/::/udp/0/quic-v1 takes", false},
		{2, syscall.EADDRNOTAVAIL, "this machine does not have the address 192.0.2.1 (--listen /ip4/192.0.2.1/tcp/7668)\nor all of them", true},
		{0, errors.New("odd"), "listen on /ip4/0.0.0.0/tcp/7668: odd\n", false},
	} {
		err := explainPlaces(listen, fmt.Errorf("listen on %s: %w", listen[tt.at], tt.err))
		text, remedy, _ := strings.Cut(tt.want, "\n")
		var h hint
		if err.Error() != text || remedy != "" && (!errors.As(err, &h) || !strings.Contains(h.remedy, remedy)) || isUsage(err) != tt.usages {
			t.Errorf("%v (%q)", err, h.remedy)
		}
	}
}

func TestReachedAt(t *testing.T) {
	for want, addrs := range map[string][]string{
		"": nil,
		"192.168.1.5:7668, [fd00::1]:7668": {
			"/ip4/192.168.1.5/tcp/7668/p2p/x", "/ip6/fd00::1/tcp/7668/p2p/x", "/ip4/192.168.1.5/udp/7668/quic-v1/p2p/x", "/ip4/127.0.0.1/tcp/7668/p2p/x",
		},
		"127.0.0.1:7668, on this machine only": {"/ip4/127.0.0.1/tcp/7668/p2p/x", "/ip6/::1/tcp/7668/p2p/x"},
	} {
		if got := reachedAt(addrs); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
