package main

import (
	"net/netip"
	"testing"
)

func TestPhoneURL(t *testing.T) {
	addrs := func(texts ...string) (list []netip.Addr) {
		for _, text := range texts {
			list = append(list, netip.MustParseAddr(text))
		}
		return list
	}
	lan := addrs("fd77::5", "10.77.0.5", "172.17.0.1")
	for _, tt := range []struct {
		address string
		own     []netip.Addr
		want    string
	}{
		{"0.0.0.0:4001", lan, "http://10.77.0.5:4001"},
		{":4001", lan, "http://10.77.0.5:4001"},
		{"[::]:4001", lan, "http://10.77.0.5:4001"},
		{"[::]:4001", addrs("fd77::5"), "http://[fd77::5]:4001"},
		{"0.0.0.0:4001", addrs("fd77::5"), "http://127.0.0.1:4001"},
		{"0.0.0.0:4001", nil, "http://127.0.0.1:4001"},
		{"10.42.0.1:80", lan, "http://10.42.0.1:80"},
		{"clinic.lan:4001", lan, "http://clinic.lan:4001"},
		{"[fd77::9]:4001", lan, "http://[fd77::9]:4001"},
		{"localhost:4001", lan, "http://localhost:4001"},
	} {
		a, err := parsePhoneAddress(tt.address)
		if err != nil {
			t.Errorf("%s: %v", tt.address, err)
		} else if got := a.url(tt.own); got != tt.want {
			t.Errorf("%s with %v is dialled as %s, want %s", tt.address, tt.own, got, tt.want)
		}
	}
	for _, wrong := range []string{"", "10.0.0.1", "4001", "10.0.0.1:", "10.0.0.1:http", "10.0.0.1:65536", "[fe80::1%eth0]:4001", "fd77::5:4001"} {
		if a, err := parsePhoneAddress(wrong); err == nil {
			t.Errorf("%q is taken for %s", wrong, a)
		}
	}
	for url, want := range map[string]bool{"http://127.0.0.1:4001": true, "http://localhost:1": true, "http://[::1]:4001": true, "http://10.0.0.1:4001": false} {
		if got := isNearOnly(url); got != want {
			t.Errorf("%s: on this machine only is %v", url, got)
		}
	}
}
