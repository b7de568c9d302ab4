package discovery

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func TestSameLink(t *testing.T) {
	a := newLink("eth0", up, "10.0.0.1/24", "fd00::1/64")
	other := func(f func(*link)) link {
		b := a
		b.addrs = slices.Clone(a.addrs)
		f(&b)
		return b
	}
	for name, tt := range map[string]struct {
		b    link
		same bool
	}{
		"nothing":    {other(func(*link) {}), true},
		"order":      {other(func(b *link) { slices.Reverse(b.addrs) }), true},
		"index":      {other(func(b *link) { b.index++ }), false},
		"name":       {other(func(b *link) { b.name = "eth1" }), false},
		"no cable":   {other(func(b *link) { b.flags &^= net.FlagRunning }), false},
		"one more":   {other(func(b *link) { b.addrs = append(b.addrs, netip.MustParsePrefix("10.0.0.2/24")) }), false},
		"one less":   {other(func(b *link) { b.addrs = b.addrs[1:] }), false},
		"another":    {other(func(b *link) { b.addrs[0] = netip.MustParsePrefix("10.0.0.2/24") }), false},
		"the subnet": {other(func(b *link) { b.addrs[0] = netip.MustParsePrefix("10.0.0.1/16") }), false},
	} {
		if sameLink(a, tt.b) != tt.same || sameLink(tt.b, a) != tt.same {
			t.Errorf("after a change of %s: same is not %t", name, tt.same)
		}
	}
}

func TestUnusable(t *testing.T) {
	failed := newLink("eth0", up)
	failed.err = net.ErrClosed
	for _, tt := range []struct {
		link link
		want string
	}{
		{newLink("eth0", up, "10.0.0.1/24"), ""},
		{newLink("eth0", up, "fe80::1/64"), ""},
		{newLink("eth0", up&^net.FlagRunning, "10.0.0.1/24"), ""},
		{newLink("wg0", net.FlagUp|net.FlagPointToPoint|net.FlagMulticast, "10.0.0.1/24"), ""},
		{newLink("lo", up|net.FlagLoopback, "127.0.0.1/8"), "this device only"},
		{newLink("eth0", up&^net.FlagUp, "10.0.0.1/24"), "turned off"},
		{newLink("eth0", up&^net.FlagMulticast, "10.0.0.1/24"), "multicast"},
		{newLink("eth0", up), "no address"},
		{failed, "closed"},
	} {
		if got := tt.link.unusable(); (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%+v: %q, not %q", tt.link, got, tt.want)
		}
	}
}

func TestVirtual(t *testing.T) {
	for _, name := range []string{"docker0", "br-0123456789ab", "veth12ab", "virbr0", "tun0", "tap1", "wg0", "utun3", "tailscale0", "ztabc"} {
		if !newLink(name, up).virtual() {
			t.Errorf("%s is taken for a LAN", name)
		}
	}
	for _, name := range []string{"eth0", "enp3s0", "wlan0", "wlp2s0", "en0", "br0", "bridge100", "usb0", "rndis0", "ap0", "swlan0", "Wi-Fi", "Ethernet 2", "bond0"} {
		if newLink(name, up).virtual() {
			t.Errorf("%s is taken for virtual", name)
		}
	}
	if !newLink("x", up|net.FlagPointToPoint).virtual() {
		t.Error("a link to one other is taken for a LAN")
	}
}

func TestShown(t *testing.T) {
	for _, tt := range []struct {
		link link
		want string
	}{
		{newLink("a", up, "fe80::1/64", "fd00::1/64", "10.0.0.1/24", "10.0.0.2/24"), "10.0.0.1"},
		{newLink("a", up, "fe80::1/64", "fd00::1/64"), "fd00::1"},
		{newLink("a", up, "fe80::1/64"), "fe80::1"},
	} {
		if got := tt.link.shown(); got != ips(tt.want)[0] {
			t.Errorf("%v shows %s", tt.link.addrs, got)
		}
	}
}

func TestPrefixesOf(t *testing.T) {
	v4 := &net.IPNet{IP: net.IPv4(10, 0, 0, 1), Mask: net.CIDRMask(24, 32)}
	long := &net.IPNet{IP: net.IPv4(10, 0, 0, 2), Mask: net.CIDRMask(112, 128)}
	v6 := &net.IPNet{IP: net.ParseIP("fd00::1"), Mask: net.CIDRMask(64, 128)}
	odd := &net.IPNet{IP: net.IP{1, 2}, Mask: net.CIDRMask(8, 32)}
	holes := &net.IPNet{IP: net.IPv4(10, 0, 0, 3), Mask: net.IPMask{255, 0, 255, 0}}
	got := fmt.Sprint(prefixesOf([]net.Addr{v4, long, v6, odd, holes, &net.IPAddr{IP: net.IPv4(1, 1, 1, 1)}}))
	if got != "[10.0.0.1/24 10.0.0.2/16 fd00::1/64]" {
		t.Error(got)
	}
}

// TestSystemLinks looks at this machine, which has at least a loopback.
func TestSystemLinks(t *testing.T) {
	links, err := systemLinks()
	if err != nil {
		t.Skipf("list interfaces: %v", err)
	}
	for _, l := range links {
		if l.index <= 0 || l.name == "" || l.err != nil {
			t.Errorf("%+v", l)
		}
	}
}
