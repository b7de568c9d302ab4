package discovery_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"musafir/crdt"
	"musafir/discovery"
	"musafir/discovery/lantest"

	"github.com/hashicorp/mdns"
)

func TestMeetWithoutRoutes(t *testing.T) {
	t.Parallel()
	devices, _ := members(t, 3, false, "10.77.0.%d/24", "fd77::%d/64")
	meet(t, devices...)
}

func TestMeetByIPv4(t *testing.T) {
	t.Parallel()
	devices, _ := members(t, 3, true, "10.77.0.%d/24")
	meet(t, devices...)
}

func TestMeetByIPv6(t *testing.T) {
	t.Parallel()
	devices, _ := members(t, 3, false, "fd77::%d/64")
	meet(t, devices...)
}

func TestTwentyMeet(t *testing.T) {
	t.Parallel()
	devices, _ := members(t, 20, false, "10.77.0.%d/24", "fd77::%d/64")
	meet(t, devices...)
}

// TestNotice looks at what arrives of a notice.
func TestNotice(t *testing.T) {
	t.Parallel()
	devices, _ := members(t, 2, false, "10.77.0.%d/24", "fd77::%d/64")
	a, b := devices[0], devices[1]
	h := a.hears(b, time.Time{})
	want := []string{
		"/ip4/10.77.0.2/tcp/7001", "/ip6/fd77::2/tcp/7001",
		"/ip4/10.77.0.2/udp/7002/quic-v1", "/ip6/fd77::2/udp/7002/quic-v1",
	}
	if got := h.Multiaddrs(); !slices.Equal(got, want) {
		t.Errorf("places to dial %v", got)
	}
	if h.Interface != "eth0" || !bytes.Equal(h.Key, keyOf("camp")) || h.Digest != [8]byte{} {
		t.Errorf("heard %+v", h)
	}
	b.say("change")
	a.say("ask") // several times: an answer is given again for a second
	a.hearsAs("hear the new digest", b, time.Time{}, func(h discovery.Heard) bool { return h.Digest == [8]byte{1} })
}

// TestTwoLinks has one device in two networks, which do not know each other.
func TestTwoLinks(t *testing.T) {
	t.Parallel()
	lan := lantest.New(t)
	one, two := lan.Switch(), lan.Switch()
	left, middle, right := lan.Host("left"), lan.Host("middle"), lan.Host("right")
	left.Plug(one, "eth0", "10.77.0.1/24")
	middle.Plug(one, "eth0", "10.77.0.2/24")
	middle.Plug(two, "eth1", "10.88.0.2/24")
	right.Plug(two, "eth0", "10.88.0.1/24")
	l, m, r := start(t, left, camp("left")), start(t, middle, camp("middle")), start(t, right, camp("right"))
	for _, tt := range []struct {
		by, of *device
		on     string
		first  string // of the addresses
	}{
		{m, l, "eth0", "10.77.0.1"}, {m, r, "eth1", "10.88.0.1"},
		{l, m, "eth0", "10.77.0.2"}, {r, m, "eth0", "10.88.0.2"},
	} {
		h := tt.by.hears(tt.of, time.Time{})
		if h.Interface != tt.on || h.Addrs[0] != netip.MustParseAddr(tt.first) {
			t.Errorf("%s heard %s on %s with %v", tt.by.name, tt.of.name, h.Interface, h.Addrs)
		}
	}
	if l.heard(r) || r.heard(l) {
		t.Error("devices without a common network heard each other")
	}
}

// pair is two eager devices that have met.
func pair(t *testing.T) (stays, goes *device, link *lantest.Link, host *lantest.Host, sw *lantest.Switch) {
	t.Helper()
	lan := lantest.New(t)
	sw = lan.Switch()
	other := lan.Host("stays")
	host = lan.Host("goes")
	other.Plug(sw, "eth0", "10.77.0.1/24", "fd77::1/64")
	link = host.Plug(sw, "eth0", "10.77.0.2/24", "fd77::2/64")
	p, q := camp("stays"), camp("goes")
	p.Eager, q.Eager = true, true
	stays, goes = start(t, other, p), start(t, host, q)
	meet(t, stays, goes)
	return stays, goes, link, host, sw
}

// returns waits until both hear each other after something happened.
func returns(t *testing.T, stays, goes *device, since time.Time) {
	t.Helper()
	g, s := goes.hears(stays, since), stays.hears(goes, since)
	t.Logf("who was gone heard the other after %s, and was heard after %s",
		g.At.Sub(since).Round(time.Millisecond), s.At.Sub(since).Round(time.Millisecond))
}

func TestDownAndUp(t *testing.T) {
	t.Parallel()
	stays, goes, link, _, _ := pair(t)
	link.Down()
	goes.reports("is turned off", "eth0", func(i discovery.InterfaceReport) bool { return !i.Up && i.Unusable != "" })
	link.Up()
	returns(t, stays, goes, time.Now())
}

func TestRemovedAndBack(t *testing.T) {
	t.Parallel()
	stays, goes, link, host, sw := pair(t)
	link.Remove()
	host.Plug(sw, "eth0", "10.77.0.2/24", "fd77::2/64")
	returns(t, stays, goes, time.Now())
}

func TestAddressChanged(t *testing.T) {
	t.Parallel()
	stays, goes, link, _, _ := pair(t)
	link.SetAddrs("10.77.0.22/24")
	since := time.Now()
	h := stays.hearsAs("hear the new address", goes, since, func(h discovery.Heard) bool {
		return h.Addrs[0] == netip.MustParseAddr("10.77.0.22")
	})
	if len(h.Addrs) != 1 {
		t.Errorf("addresses %v", h.Addrs)
	}
	t.Logf("the new address was heard after %s", h.At.Sub(since).Round(time.Millisecond))
	returns(t, stays, goes, since)
}

// TestUnplugged cuts the cable where the device does not notice.
func TestUnplugged(t *testing.T) {
	t.Parallel()
	stays, goes, link, _, _ := pair(t)
	link.Unplug()
	link.Replug()
	since := time.Now()
	goes.say("ask")
	goes.hears(stays, since)
}

func TestStartedDown(t *testing.T) {
	t.Parallel()
	_, hosts, links := plugged(t, 2, false, "10.77.0.%d/24", "fd77::%d/64")
	a, b, link := hosts[0], hosts[1], links[1]
	link.Down()
	p := camp("a")
	p.Eager = true
	stays, goes := start(t, a, p), start(t, b, camp("b"))
	goes.began()
	if i := goes.on("eth0"); i.Up || i.Unusable == "" {
		t.Errorf("report of what is turned off: %+v", i)
	}
	link.Up()
	returns(t, stays, goes, time.Now())
}

// TestNoNetwork runs where there is only loopback.
func TestNoNetwork(t *testing.T) {
	t.Parallel()
	d := start(t, lantest.New(t).Host("alone"), camp("alone"))
	d.began()
	r := d.report()
	if len(r.Interfaces) != 1 || !r.Interfaces[0].Loopback || r.Interfaces[0].Unusable == "" || r.Interfaces[0].Asked > 0 || r.Err != "" {
		t.Errorf("report %+v", r)
	}
}

func TestStranger(t *testing.T) {
	t.Parallel()
	_, hosts, _ := plugged(t, 2, false, "10.77.0.%d/24")
	a, b := hosts[0], hosts[1]
	member := start(t, a, camp("member"))
	stranger := start(t, b, persona{Name: "stranger", Seal: []string{"other"}, Open: []string{"other"}})
	for _, d := range []*device{member, stranger} {
		i := d.reports("count a stranger", "eth0", func(i discovery.InterfaceReport) bool { return i.Strangers > 0 && i.Answered > 0 })
		if i.Opened != 0 || i.Heard != i.Strangers || i.LastHeard.IsZero() || i.Err != "" {
			t.Errorf("%s: %+v", d.name, i)
		}
	}
	if member.heard(stranger) || stranger.heard(member) {
		t.Error("a notice opened with the key of another camp")
	}
}

// TestAlone has nobody to talk to: its own questions come back, and count as nothing.
func TestAlone(t *testing.T) {
	t.Parallel()
	devices, _ := members(t, 1, false, "10.77.0.%d/24", "fd77::%d/64")
	i := devices[0].reports("ask", "eth0", func(i discovery.InterfaceReport) bool { return i.Asked >= 4 })
	if i.Answered+i.Heard+i.Opened+i.Strangers+i.Others != 0 || i.Err != "" {
		t.Errorf("alone: %+v", i)
	}
}

// TestInvitation has a device that holds nothing but an invitation's key.
func TestInvitation(t *testing.T) {
	t.Parallel()
	lan := lantest.New(t)
	sw := lan.Switch()
	plug := func(i int) *lantest.Host {
		h := lan.Host(fmt.Sprint("host", i))
		h.Plug(sw, "eth0", fmt.Sprintf("10.77.0.%d/24", i))
		return h
	}
	inviter := camp("inviter")
	inviter.Seal = append(inviter.Seal, "invitation")
	a := start(t, plug(1), inviter)
	b := start(t, plug(2), camp("member"))
	joiner := start(t, plug(3), persona{Name: "joiner", Silent: true, Open: []string{"invitation"}})
	outsider := start(t, plug(4), persona{Name: "outsider", Silent: true, Open: []string{"another invitation"}})
	h := joiner.hears(a, time.Time{})
	if !bytes.Equal(h.Key, keyOf("invitation")) {
		t.Errorf("opened with %x", h.Key)
	}
	if h := b.hears(a, time.Time{}); !bytes.Equal(h.Key, keyOf("camp")) {
		t.Errorf("opened with %x", h.Key)
	}
	outsider.reports("count strangers", "eth0", func(i discovery.InterfaceReport) bool { return i.Strangers >= 2 })
	if joiner.heard(b) || outsider.heard(a) || outsider.heard(b) {
		t.Error("a notice opened without its key")
	}
	if a.heard(joiner) || b.heard(joiner) {
		t.Error("who only asks was heard")
	}
}

// TestWire looks at all that goes over the network, as a stranger does.
func TestWire(t *testing.T) {
	t.Parallel()
	sw, hosts, _ := plugged(t, 2, false, "10.77.0.%d/24", "fd77::%d/64")
	all := sw.Capture()
	a, b := hosts[0], hosts[1]
	one, two := start(t, a, camp("one")), start(t, b, camp("two"))
	meet(t, one, two)
	one.end()
	two.end()
	largest := 0
	for _, frame := range all.Stop() {
		if !isMDNS(frame) {
			continue
		}
		largest = max(largest, len(frame))
		checkFrame(t, frame, one, two)
	}
	t.Logf("the largest packet of mDNS has %d bytes with all headers", largest)
	if largest == 0 || largest > 1200 {
		t.Errorf("the largest packet has %d bytes", largest)
	}
}

// isMDNS tells UDP from or to port 5353.
func isMDNS(frame []byte) bool {
	const ethernet = 14
	if len(frame) < ethernet+40 {
		return false
	}
	at := ethernet + 20
	if binary.BigEndian.Uint16(frame[12:]) == 0x86dd {
		at = ethernet + 40
	}
	return binary.BigEndian.Uint16(frame[at:]) == 5353 || binary.BigEndian.Uint16(frame[at+2:]) == 5353
}

func checkFrame(t *testing.T, frame []byte, devices ...*device) {
	t.Helper()
	for _, d := range devices {
		key, err := d.id.PublicKey()
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range [][]byte{[]byte(d.id), key, binary.BigEndian.AppendUint16(nil, 7001), keyOf("camp")} {
			if len(secret) > 2 && bytes.Contains(frame, secret) {
				t.Errorf("a packet shows %x", secret)
			}
		}
	}
	if s := strings.ToLower(string(frame)); strings.Contains(s, "camp") || strings.Contains(s, "12d3koo") {
		t.Errorf("a packet shows a name: %q", s)
	}
}

// TestPortTaken has another program hold the port of mDNS for itself. Then a device
// cannot answer, nor ask with the library's client; it asks by itself, and answers
// as soon as the port is free.
func TestPortTaken(t *testing.T) {
	t.Parallel()
	_, hosts, _ := plugged(t, 2, false, "fd77::%d/64")
	a, b := hosts[0], hosts[1]
	var taken net.PacketConn
	var err error
	b.Do(func() { taken, err = net.ListenPacket("udp", ":5353") })
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	p := camp("free")
	p.Eager = true
	free, bound := start(t, a, p), start(t, b, camp("bound"))
	bound.hears(free, time.Time{})
	i := bound.on("eth0")
	if !strings.Contains(i.Err, "address already in use") || i.Asked == 0 || i.Answered > 0 || free.heard(bound) {
		t.Errorf("with the port taken: %+v", i)
	}
	taken.Close()
	since := time.Now()
	h := free.hears(bound, since)
	t.Logf("heard %s after the port was free", h.At.Sub(since).Round(time.Millisecond))
	if i := bound.on("eth0"); i.Err != "" || i.Answered == 0 {
		t.Errorf("with the port free: %+v", i)
	}
}

// TestLibrary asks with the library's client alone: what it takes of an answer is
// enough.
func TestLibrary(t *testing.T) {
	t.Parallel()
	_, hosts, _ := plugged(t, 2, false, "fd77::%d/64")
	a, b := hosts[0], hosts[1]
	asked, member := start(t, a, camp("asked")), camp("asks")
	asked.reports("ask", "eth0", func(i discovery.InterfaceReport) bool { return i.Asked > 0 })
	member.Library = true
	var e event
	for deadline := time.Now().Add(patience); len(e.Found) == 0 && time.Now().Before(deadline); {
		out, err := command(t, b, member).Output()
		if err != nil || json.Unmarshal(out, &e) != nil || e.Err != "" {
			t.Fatalf("asked: %q, %v", out, err)
		}
	}
	if !slices.Equal(e.Found, []crdt.DeviceID{asked.id}) {
		t.Errorf("found %v", e.Found)
	}
	if i := asked.on("eth0"); i.Answered == 0 {
		t.Errorf("who was asked: %+v", i)
	}
}

// TestOthers has a printer in the network: multicast passes, and no device is there.
func TestOthers(t *testing.T) {
	t.Parallel()
	lan := lantest.New(t)
	sw := lan.Switch()
	a, b := lan.Host("a"), lan.Host("printer")
	a.Plug(sw, "eth0", "10.77.0.1/24")
	b.Plug(sw, "eth0", "10.77.0.2/24")
	zone, err := mdns.NewMDNSService("Printer", "_ipp._tcp", "", "printer.local.", 631, []net.IP{net.IPv4(10, 77, 0, 2)}, []string{"rp=1"})
	if err != nil {
		t.Fatal(err)
	}
	var server *mdns.Server
	b.Do(func() {
		var eth0 *net.Interface
		if eth0, err = net.InterfaceByName("eth0"); err == nil {
			server, err = mdns.NewServer(&mdns.Config{Zone: zone, Iface: eth0})
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Shutdown()
	d := start(t, a, camp("a"))
	i := d.reports("count the printer", "eth0", func(i discovery.InterfaceReport) bool { return i.Others > 0 })
	if i.Heard+i.Opened+i.Strangers+i.Answered != 0 {
		t.Errorf("with a printer only: %+v", i)
	}
}

// TestFlooded has a device that is asked and answered without end by somebody
// hostile, and still meets another.
func TestFlooded(t *testing.T) {
	t.Parallel()
	lan := lantest.New(t)
	sw := lan.Switch()
	plug := func(i int) *lantest.Host {
		h := lan.Host(fmt.Sprint("host", i))
		h.Plug(sw, "eth0", fmt.Sprintf("10.77.0.%d/24", i))
		return h
	}
	a, b, hostile := plug(1), plug(2), plug(3)
	var conn *net.UDPConn
	var err error
	hostile.Do(func() { conn, err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(10, 77, 0, 3)}) })
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	question := []byte("\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x08_musafir\x04_tcp\x05local\x00\x00\x0c\x00\x01")
	stop := make(chan struct{})
	stopped := make(chan struct{})
	defer func() { close(stop); <-stopped }()
	go func() {
		defer close(stopped)
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				for i := 1; i <= 2; i++ {
					_, _ = conn.WriteToUDP(question, &net.UDPAddr{IP: net.IPv4(10, 77, 0, byte(i)), Port: 5353})
				}
			}
		}
	}()
	p := camp("a")
	p.Eager = true
	one, two := start(t, a, p), start(t, b, camp("b"))
	meet(t, one, two)
	one.reports("answer 1,000 questions", "eth0", func(i discovery.InterfaceReport) bool { return i.Answered > 1000 })
}
