package transport_test

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"

	"musafir/node/transport"

	ma "github.com/multiformats/go-multiaddr"
)

func TestPortInUse(t *testing.T) {
	a := newHost(t, transport.Config{Listen: []string{tcp0, quic0}})
	for _, addr := range a.Addrs() {
		taken, _, _ := strings.Cut(addr, "/p2p/")
		h, err := transport.New(transport.Config{Key: newKey(t), Listen: []string{taken}})
		if err == nil {
			h.Close()
			t.Fatalf("two hosts listen on %s", taken)
		}
		if !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), taken) {
			t.Errorf("a port in use gives %v", err)
		}
	}
}

// TestOneOfTwoFails shows that one bound address is not enough, and that it is free
// again afterwards.
func TestOneOfTwoFails(t *testing.T) {
	taken, _, _ := strings.Cut(newHost(t, transport.Config{Listen: []string{tcp0}}).Addrs()[0], "/p2p/")
	free := closedPort(t)
	_, err := transport.New(transport.Config{Key: newKey(t), Listen: []string{free, taken}})
	if !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), taken) || strings.Contains(err.Error(), free) {
		t.Fatalf("the second address in use gives %v", err)
	}
	newHost(t, transport.Config{Listen: []string{free}})
}

func TestListenRefuses(t *testing.T) {
	for _, addr := range []string{
		"", "7668", "127.0.0.1:7668", "/ip4/127.0.0.1", "/dns/localhost/tcp/0", "/ip4/127.0.0.1/udp/0",
		"/ip4/127.0.0.1/tcp/0/ws", "/ip4/127.0.0.1/tcp/0/p2p/12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA",
		"/ip4/192.0.2.1/tcp/0", // of no interface
	} {
		h, err := transport.New(transport.Config{Key: newKey(t), Listen: []string{addr}})
		if err == nil {
			h.Close()
			t.Errorf("a host listens on %q", addr)
		} else if !strings.Contains(err.Error(), addr) {
			t.Errorf("%q does not name %q", err, addr)
		}
	}
}

// TestAddrs listens on everything: the ports are real, each address leads here, and
// loopback comes last.
func TestAddrs(t *testing.T) {
	h := newHost(t, transport.Config{Listen: []string{"/ip4/0.0.0.0/tcp/0", "/ip4/0.0.0.0/udp/0/quic-v1"}})
	h.Handle(echo, serveEcho)
	addrs := h.Addrs()
	if len(addrs) < 2 {
		t.Fatalf("addresses %q", addrs)
	}
	for i, addr := range addrs {
		parsed, err := transport.ParseAddr(addr)
		check(t, err)
		if parsed.ID != h.ID() || strings.Contains(addr, "/0.0.0.0/") || strings.Contains(addr, "/0/") {
			t.Errorf("address %s", addr)
		}
		if loopback := strings.HasPrefix(addr, "/ip4/127."); loopback != (i >= len(addrs)-2) {
			t.Errorf("loopback stands not last: %q", addrs)
		}
		check(t, exchange(open(t, newHost(t, transport.Config{}), h, []string{addr}), "x"))
	}
}

func TestExpand(t *testing.T) {
	var listeners []ma.Multiaddr
	for _, l := range []string{
		"/ip6/::/tcp/1", "/ip4/0.0.0.0/udp/2/quic-v1", "/ip4/0.0.0.0/tcp/1", "/ip4/10.0.0.1/tcp/1", "/ip4/127.0.0.1/tcp/9",
	} {
		listeners = append(listeners, ma.StringCast(l))
	}
	var ips []netip.Addr
	for _, ip := range []string{"127.0.0.1", "::1", "192.168.1.5", "10.0.0.1", "fd00::1"} {
		ips = append(ips, netip.MustParseAddr(ip))
	}
	want := []string{
		"/ip4/192.168.1.5/tcp/1", "/ip4/10.0.0.1/tcp/1", "/ip6/fd00::1/tcp/1",
		"/ip4/192.168.1.5/udp/2/quic-v1", "/ip4/10.0.0.1/udp/2/quic-v1",
		"/ip4/127.0.0.1/tcp/1", "/ip4/127.0.0.1/tcp/9", "/ip6/::1/tcp/1",
		"/ip4/127.0.0.1/udp/2/quic-v1",
	}
	var got []string
	for _, place := range transport.Expand(listeners, ips) {
		got = append(got, place.String())
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestUsableIPs(t *testing.T) {
	var addrs []net.Addr
	for _, cidr := range []string{"192.168.1.5/24", "fe80::1/64", "fd00::1/64", "169.254.3.4/16", "127.0.0.1/8"} {
		ip, network, err := net.ParseCIDR(cidr)
		check(t, err)
		addrs = append(addrs, &net.IPNet{IP: ip, Mask: network.Mask})
	}
	var got []string
	for _, ip := range transport.UsableIPs(addrs) {
		got = append(got, ip.String())
	}
	if want := "192.168.1.5 fd00::1 169.254.3.4 127.0.0.1"; strings.Join(got, " ") != want {
		t.Errorf("usable are %q, want %q", got, want)
	}
}
