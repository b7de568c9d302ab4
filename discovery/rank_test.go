package discovery

import (
	"net"
	"slices"
	"testing"
)

func TestAdvertised(t *testing.T) {
	links := []link{
		newLink("lo", net.FlagUp|net.FlagLoopback|net.FlagRunning, "127.0.0.1/8", "::1/128"),
		newLink("docker0", up, "172.17.0.1/16"),
		newLink("tailscale0", net.FlagUp|net.FlagPointToPoint|net.FlagMulticast|net.FlagRunning, "100.99.1.1/32", "fd7a::1/128"),
		newLink("eth1", net.FlagUp|net.FlagBroadcast|net.FlagMulticast, "10.9.0.1/24"), // no cable
		newLink("eth2", net.FlagBroadcast|net.FlagMulticast, "10.8.0.1/24"),            // turned off
		newLink("eth0", up, "169.254.7.7/16", "2001:db8::5/64", "fd77::5/64", "fe80::5/64", "10.77.0.5/24"),
		newLink("wlan0", up, "192.168.43.7/24", "10.77.0.5/24"),
	}
	want := ips("10.77.0.5", "192.168.43.7", "fd77::5", "2001:db8::5", "169.254.7.7", "10.9.0.1")
	if got := advertised(links); !slices.Equal(got, want) {
		t.Errorf("advertised %v", got)
	}
	all := append(ips(), append(want, ips("172.17.0.1", "fd7a::1", "100.99.1.1")...)...)
	if got := reachable(links); !slices.Equal(got, all) {
		t.Errorf("reachable %v", got)
	}
	want = append(want[:0:0], ips("10.9.0.1", "172.17.0.1", "fd7a::1", "100.99.1.1")...)
	if got := advertised(links[:5]); !slices.Equal(got, want) {
		t.Errorf("advertised %v", got)
	}
}

func TestRanked(t *testing.T) {
	links := []link{
		newLink("lo", net.FlagUp|net.FlagLoopback|net.FlagRunning, "127.0.0.1/8"),
		newLink("docker0", up, "172.17.0.1/16"),
		newLink("eth0", up, "10.77.0.1/24", "fd77::1/64", "169.254.1.1/16"),
		newLink("wlan0", up, "192.168.43.7/24"),
		newLink("old", net.FlagMulticast, "10.55.0.1/24"),
	}
	heard := ips("172.17.0.1", "2001:db8::1", "10.66.0.1", "10.55.0.2", "fd99::1", "192.168.43.1", "169.254.3.3", "fd77::2", "10.77.0.2", "10.66.0.1", "10.77.0.3")
	for on, want := range map[string][]string{
		"eth0":    {"10.77.0.2", "10.77.0.3", "fd77::2", "169.254.3.3", "192.168.43.1", "10.66.0.1", "10.55.0.2", "fd99::1", "2001:db8::1", "172.17.0.1"},
		"wlan0":   {"192.168.43.1", "10.77.0.2", "10.77.0.3", "fd77::2", "169.254.3.3", "10.66.0.1", "10.55.0.2", "fd99::1", "2001:db8::1", "172.17.0.1"},
		"docker0": {"192.168.43.1", "10.77.0.2", "10.77.0.3", "fd77::2", "169.254.3.3", "172.17.0.1", "10.66.0.1", "10.55.0.2", "fd99::1", "2001:db8::1"},
	} {
		if got := ranked(heard, links, on); !slices.Equal(got, ips(want...)) {
			t.Errorf("heard on %s: %v", on, got)
		}
	}
	if got := ranked(nil, links, "eth0"); len(got) != 0 {
		t.Errorf("made up %v", got)
	}
}
