package transport_test

import (
	"strings"
	"testing"

	"musafir/crdt"
	"musafir/node/transport"
)

const someone = "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA"

var goodAddrs = []struct {
	text string
	id   crdt.DeviceID
	addr string // "" for none
}{
	{"192.168.1.20", "", "/ip4/192.168.1.20/tcp/7668"},
	{"192.168.1.20:80", "", "/ip4/192.168.1.20/tcp/80"},
	{"169.254.3.4", "", "/ip4/169.254.3.4/tcp/7668"},
	{"::1", "", "/ip6/::1/tcp/7668"},
	{"[::1]", "", "/ip6/::1/tcp/7668"},
	{"[::1]:7668", "", "/ip6/::1/tcp/7668"},
	{"[FD00::0:5]:1", "", "/ip6/fd00::5/tcp/1"},
	{"::ffff:10.0.0.1", "", "/ip4/10.0.0.1/tcp/7668"},
	{"localhost", "", "/dns/localhost/tcp/7668"},
	{"tent-2.local:9000", "", "/dns/tent-2.local/tcp/9000"},
	{"clinic_pc.", "", "/dns/clinic_pc./tcp/7668"},
	{"/ip4/192.168.1.20/tcp/7668", "", "/ip4/192.168.1.20/tcp/7668"},
	{"/ip4/192.168.1.20/tcp/7668/p2p/" + someone, someone, "/ip4/192.168.1.20/tcp/7668"},
	{"/ip6/fd00::1/udp/7668/quic-v1/p2p/" + someone, someone, "/ip6/fd00::1/udp/7668/quic-v1"},
	{"/ip4/192.168.1.20/udp/1/quic-v1", "", "/ip4/192.168.1.20/udp/1/quic-v1"},
	{"/dns/tent.lan/tcp/7668", "", "/dns/tent.lan/tcp/7668"},
	{"/dns4/tent.lan/tcp/7668", "", "/dns4/tent.lan/tcp/7668"},
	{"/dns6/tent.lan/udp/7668/quic-v1", "", "/dns6/tent.lan/udp/7668/quic-v1"},
	{"/p2p/" + someone, someone, ""},
}

func TestParseAddr(t *testing.T) {
	for _, tt := range goodAddrs {
		got, err := transport.ParseAddr(tt.text)
		if err != nil || got.ID != tt.id || strings.Join(got.Addrs, " ") != tt.addr {
			t.Errorf("ParseAddr(%q) = %+v, %v", tt.text, got, err)
		}
	}
}

var badAddrs = []struct{ text, want string }{
	{"", "the host is missing"},
	{":7668", "the host is missing"},
	{"tent:", "the port is not a number from 1 to 65535"},
	{"tent:0", "the port is not"},
	{"tent:65536", "the port is not"},
	{"tent:-1", "the port is not"},
	{"tent:http", "the port is not"},
	{"[::1", "bracket"},
	{"[::1]7668", "the port is not"},
	{"[tent]:1", "brackets are for IPv6"},
	{"1:2:3", "no host name"},
	{"300.1.1.1", "no IP address"},
	{"192.168.1", "no IP address"},
	{"0.0.0.0", "all addresses"},
	{"[::]:7668", "all addresses"},
	{"224.0.0.251", "many devices"},
	{"255.255.255.255", "many devices"},
	{"fe80::1", "link-local"},
	{"fe80::1%eth0", "link-local"},
	{"a b", "no host name"},
	{"-tent", "no host name"},
	{"tent..lan", "no host name"},
	{"http://tent", "the port is not"},
	{"tent/x", "no host name"},
	{strings.Repeat("a", 64), "no host name"},
	{someone, "id of a device"},
	{"/", ""},
	{"/ip4", ""},
	{"/ip4/192.168.1.20", "only TCP and QUIC"},
	{"/ip4/192.168.1.20/tcp/0", "port 0"},
	{"/ip4/0.0.0.0/tcp/1", "all addresses"},
	{"/ip4/192.168.1.20/udp/7668", "only TCP and QUIC"},
	{"/ip4/192.168.1.20/udp/7668/quic", "only TCP and QUIC"},
	{"/ip4/192.168.1.20/tcp/7668/ws", "only TCP and QUIC"},
	{"/ip6zone/eth0/ip6/fe80::1/tcp/7668", "only TCP and QUIC"},
	{"/ip6/fe80::1/tcp/7668", "link-local"},
	{"/dns/a b/tcp/1", "no host name"},
	{"/dnsaddr/tent.lan/tcp/7668", "only TCP and QUIC"},
	{"/unix/tmp", "only TCP and QUIC"},
	{"/ip4/192.168.1.20/tcp/1/p2p/QmcgpsyWgH8Y8ajJz1Cu72KnS5uo2Aa2LpzU7kinSupNKC", "not that of a device"},
	{"/ip4/192.168.1.20/tcp/1/p2p/" + someone + "/p2p-circuit/p2p/" + someone, "only TCP and QUIC"},
	{"/ip4/192.168.1.20/tcp/1/p2p/none", ""},
}

func TestParseAddrErrors(t *testing.T) {
	for _, tt := range badAddrs {
		got, err := transport.ParseAddr(tt.text)
		if err == nil {
			t.Errorf("ParseAddr(%q) = %+v", tt.text, got)
			continue
		}
		for _, want := range []string{tt.text, tt.want, "HOST:PORT"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("ParseAddr(%q): %q does not say %q", tt.text, err, want)
			}
		}
	}
}

// FuzzParseAddr: whatever is accepted, is accepted again as it was written back.
func FuzzParseAddr(f *testing.F) {
	for _, tt := range goodAddrs {
		f.Add(tt.text)
	}
	for _, tt := range badAddrs {
		f.Add(tt.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := transport.ParseAddr(text)
		if err != nil {
			return
		}
		if got.ID == "" && len(got.Addrs) == 0 {
			t.Fatalf("ParseAddr(%q) is nowhere and nobody", text)
		}
		for _, addr := range got.Addrs {
			if again, err := transport.ParseAddr(addr); err != nil || len(again.Addrs) != 1 || again.Addrs[0] != addr {
				t.Errorf("ParseAddr(%q) gave %q, which gives %+v, %v", text, addr, again, err)
			}
		}
	})
}
