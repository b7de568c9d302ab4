package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"musafir/node/api"
)

func TestTicket(t *testing.T) {
	const a, b = "/ip4/10.0.0.1/tcp/7668/p2p/12D3KooWGVvn1jXbRXZ827DvGqYwmQHQeTvnQmjX1hzSL3PCbGJq", "/ip6/fd00::1/tcp/7668"
	const code = "7C20-MN01-S7NX-QMBA"
	for text, peers := range map[string][]string{
		code: nil, "7c20mn01s7nxqmba": nil, "musafir:" + code: nil, " MUSAFIR:" + code + "\n": nil, "musafir:" + code + "?": nil,
		"musafir:" + code + "?peer=" + a + "&peer=" + b: {a, b}, code + "?peer=clinic-pi": {"clinic-pi"},
		"musafir:" + code + "?new=1&peer=" + b: {b},
	} {
		got, err := parseTicket(text)
		if err != nil || string(got.code) != code || !slices.Equal(got.peers, peers) {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
		if again, err := parseTicket(got.String()); err != nil || !slices.Equal(again.peers, peers) {
			t.Errorf("%q becomes %q: %v", text, got.String(), err)
		}
	}
	for _, text := range []string{"", "musafir:", "musafir:" + code + "0", code + "?peer=10.0.0.1:x", code + "?peer=%zz"} {
		if got, err := parseTicket(text); err == nil {
			t.Errorf("%q is taken for %+v", text, got)
		}
	}
}

func TestNearest(t *testing.T) {
	far := []string{"/ip4/10.0.0.1/tcp/1/p2p/x", "/ip4/10.0.0.2/tcp/1/p2p/x", "/ip6/fd00::1/tcp/1/p2p/x", "/ip6/fd00::2/tcp/1/p2p/x"}
	quic, near := "/ip4/10.0.0.1/udp/1/quic-v1/p2p/x", "/ip4/127.0.0.1/tcp/1/p2p/x"
	for _, tt := range []struct{ addrs, want []string }{
		{nil, nil}, {[]string{near}, []string{near}}, {[]string{quic}, []string{quic}}, {[]string{quic, near}, []string{near}},
		{append([]string{quic, near}, far...), far[:3]},
	} {
		if got := nearest(tt.addrs); !slices.Equal(got, tt.want) {
			t.Errorf("of %q %q, want %q", tt.addrs, got, tt.want)
		}
	}
}

func TestPrintInvite(t *testing.T) {
	var out bytes.Buffer
	a := &app{out: &out}
	i := api.Invite{Code: "7C20-MN01-S7NX-QMBA", Expires: "2026-11-23T04:25:17.592Z", QR: "musafir:7C20-MN01-S7NX-QMBA?peer=/ip4/10.0.0.1/tcp/7668/p2p/x"}
	i.QR = strings.TrimSuffix(i.QR, "/p2p/x")
	a.printInvite(&out, i, "member")
	if got := out.String(); !strings.Contains(got, "musafir join 7C20-MN01-S7NX-QMBA\n") || !strings.Contains(got, "add: --peer 10.0.0.1\n") || strings.Contains(got, "█") {
		t.Errorf("%s", got)
	}
	out.Reset()
	if printQR(&out, i.QR); !strings.Contains(out.String(), "█") || !strings.HasSuffix(out.String(), i.QR+"\n") {
		t.Errorf("%s", out.String())
	}
	for _, line := range strings.Split(out.String(), "\n") {
		if n := len([]rune(line)); n > 80 {
			t.Errorf("a line of %d does not fit a terminal", n)
		}
	}
}
