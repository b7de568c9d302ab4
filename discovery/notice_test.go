package discovery

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"testing"

	"musafir/crdt"
)

func TestNoticeRoundTrip(t *testing.T) {
	for _, n := range []Notice{
		someNotice(),
		{Device: deviceNamed("a"), TCP: 1},
		{Device: deviceNamed("b"), UDP: 65535, Addrs: ips("192.168.43.1", "169.254.1.1", "8.8.8.8", "2001:db8::1", "fd00::2", "100.64.0.1")},
	} {
		b, err := n.encode()
		check(t, err)
		if len(b) != plainSize {
			t.Errorf("%d bytes", len(b))
		}
		again, err := decode(b)
		check(t, err)
		if !reflect.DeepEqual(again, n) {
			t.Errorf("%+v became %+v", n, again)
		}
	}
}

// TestNoticeLeavesOut checks that what others could not dial is not written.
func TestNoticeLeavesOut(t *testing.T) {
	n := someNotice()
	n.Addrs = ips("127.0.0.1", "::1", "fe80::1", "0.0.0.0", "::", "224.0.0.251", "ff02::fb", "255.255.255.255",
		"10.0.0.1", "::ffff:10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6", "10.0.0.7")
	b, err := n.encode()
	check(t, err)
	again, err := decode(b)
	check(t, err)
	if want := ips("10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6"); !slices.Equal(again.Addrs, want) {
		t.Errorf("addresses %v", again.Addrs)
	}
}

func TestNoticeRefused(t *testing.T) {
	for name, n := range map[string]Notice{
		"no port":   {Device: deviceNamed("a")},
		"no device": {TCP: 1},
		"a phone":   {Device: crdt.DeviceID("Qm"), TCP: 1},
	} {
		if b, err := n.encode(); err == nil {
			t.Errorf("%s: encoded as %x", name, b)
		}
	}
	good, err := someNotice().encode()
	check(t, err)
	change := func(at int, with ...byte) []byte {
		b := bytes.Clone(good)
		copy(b[at:], with)
		return b
	}
	third := addrsAt + 2*addrSize
	for name, tt := range map[string]struct {
		b    []byte
		want error
	}{
		"empty":            {nil, errSize},
		"short":            {good[:plainSize-1], errSize},
		"long":             {append(bytes.Clone(good), 0), errSize},
		"no port":          {change(tcpAt, 0, 0, 0, 0), errNoPort},
		"loopback":         {change(third, ips("::1")[0].AsSlice()...), errAddress},
		"link-local":       {change(third, ips("fe80::1")[0].AsSlice()...), errAddress},
		"IPv4 loopback":    {change(third, ips("::ffff:127.0.0.1")[0].AsSlice()...), errAddress},
		"behind a gap":     {change(third+addrSize, ips("fd00::3")[0].AsSlice()...), errAddress},
		"rest is not zero": {change(plainSize-1, 1), errAddress},
	} {
		if n, err := decode(tt.b); !errors.Is(err, tt.want) {
			t.Errorf("%s: %+v, %v", name, n, err)
		}
	}
}

func TestMultiaddrsWithoutPort(t *testing.T) {
	n := someNotice()
	n.TCP = 0
	if got := n.Multiaddrs(); !slices.Equal(got, []string{"/ip4/10.0.0.1/udp/7669/quic-v1", "/ip6/fd00::1/udp/7669/quic-v1"}) {
		t.Errorf("QUIC only: %v", got)
	}
	n.TCP, n.UDP = 1, 0
	if got := n.Multiaddrs(); !slices.Equal(got, []string{"/ip4/10.0.0.1/tcp/1", "/ip6/fd00::1/tcp/1"}) {
		t.Errorf("TCP only: %v", got)
	}
}

func TestKind(t *testing.T) {
	for text, want := range map[string]kind{
		"10.1.2.3": private4, "172.16.0.1": private4, "172.31.255.1": private4, "192.168.43.1": private4, "::ffff:10.1.2.3": private4,
		"172.32.0.1": global, "100.64.0.1": global, "9.9.9.9": global, "2001:db8::1": global,
		"fd00::1": local6, "fc00::1": local6, "169.254.9.9": linkLocal4,
		"127.0.0.1": undialable, "::1": undialable, "fe80::1": undialable, "0.0.0.0": undialable, "::": undialable, "0.1.2.3": undialable,
		"224.0.0.251": undialable, "240.0.0.1": undialable, "255.255.255.255": undialable, "ff02::fb": undialable,
		"fd00::1%eth0": undialable, "::1.2.3.4": undialable, "fec0::1": undialable, "64:ff9b::1": undialable,
	} {
		if got := kindOf(ips(text)[0]); got != want {
			t.Errorf("%s is of kind %d, not %d", text, got, want)
		}
	}
}
