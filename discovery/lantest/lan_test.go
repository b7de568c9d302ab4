package lantest

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// wait is how long anything may take that should happen at once.
const wait = 10 * time.Second

// echo answers on a host as long as the test runs, at one address or, without one,
// at all that the host has and will have.
func echo(t *testing.T, h *Host, address string) {
	t.Helper()
	var l net.Listener
	var err error
	h.Do(func() { l, err = net.Listen("tcp", net.JoinHostPort(address, "7000")) })
	if err != nil {
		t.Fatalf("listen on %s: %v", h.Name, err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(c, c); c.Close() }()
		}
	}()
}

func dial(h *Host, address string, within time.Duration) (c net.Conn, err error) {
	h.Do(func() { c, err = net.DialTimeout("tcp", net.JoinHostPort(address, "7000"), within) })
	return c, err
}

// reach checks that an echo comes back from an address, after some time at most.
func reach(t *testing.T, h *Host, address string) {
	t.Helper()
	deadline := time.Now().Add(wait)
	for {
		c, err := dial(h, address, time.Second)
		if err == nil {
			defer c.Close()
			say(t, c, wait, true)
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not reach %s: %v", h.Name, address, err)
		}
	}
}

// say sends a word and checks whether it comes back in time.
func say(t *testing.T, c net.Conn, within time.Duration, comes bool) {
	t.Helper()
	c.SetDeadline(time.Now().Add(within))
	_, err := c.Write([]byte("word"))
	if err == nil {
		_, err = io.ReadFull(c, make([]byte, 4))
	}
	if (err == nil) != comes {
		t.Fatalf("said a word: %v; it should come back: %v", err, comes)
	}
}

func refuses(t *testing.T, h *Host, address string) {
	t.Helper()
	if c, err := dial(h, address, 200*time.Millisecond); err == nil {
		c.Close()
		t.Fatalf("%s reaches %s", h.Name, address)
	}
}

// pair is two hosts on a switch.
func pair(t *testing.T) (l *LAN, s *Switch, a, b *Link) {
	l = New(t)
	s = l.Switch()
	a = l.Host("a").Plug(s, "eth0", "10.77.0.1/24", "fd77::1/64")
	b = l.Host("b").Plug(s, "eth0", "10.77.0.2/24", "fd77::2/64")
	return l, s, a, b
}

func TestReach(t *testing.T) {
	l, _, a, b := pair(t)
	echo(t, a.host, "")
	reach(t, b.host, "10.77.0.1")
	reach(t, b.host, "fd77::1")
	refuses(t, b.host, "10.78.0.1")
	apart := l.Host("c").Plug(l.Switch(), "eth0", "10.77.0.3/24")
	refuses(t, apart.host, "10.77.0.1")
}

// Addresses are there at once, and what one host does nobody else sees.
func TestDo(t *testing.T) {
	_, _, a, b := pair(t)
	outside := interfaces(t)
	for _, tt := range []struct{ link, other *Link }{{a, b}, {b, a}} {
		tt.link.host.Do(func() {
			inside := interfaces(t)
			if !strings.Contains(inside, tt.link.addrs[0]) || !strings.Contains(inside, tt.link.addrs[1]) || strings.Contains(inside, tt.other.addrs[0]) {
				t.Errorf("%s has %s", tt.link.host.Name, inside)
			}
		})
	}
	echo(t, a.host, "10.77.0.1")
	echo(t, b.host, "10.77.0.2") // the same port
	if now := interfaces(t); now != outside {
		t.Errorf("the machine had %s and has %s", outside, now)
	}
}

func interfaces(t *testing.T) string {
	all, err := net.InterfaceAddrs()
	if err != nil {
		t.Error(err)
	}
	return fmt.Sprint(all)
}

// A t.Fatal inside a host ends the test, as it does elsewhere.
func TestDoEnds(t *testing.T) {
	l := New(t)
	h := l.Host("a")
	went := false
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		h.Do(func() { h.Do(func() { runtime.Goexit() }) })
		went = true
	}()
	<-ended
	if went {
		t.Error("it went on")
	}
}

func TestDown(t *testing.T) {
	_, _, a, b := pair(t)
	echo(t, a.host, "")
	reach(t, b.host, "10.77.0.1")
	a.Down()
	refuses(t, b.host, "10.77.0.1")
	refuses(t, b.host, "fd77::1")
	b.Down()
	b.Up()
	a.Up()
	reach(t, b.host, "10.77.0.1")
	reach(t, b.host, "fd77::1")
}

// A connection lives on when the cable was out for a moment.
func TestUnplug(t *testing.T) {
	_, _, a, b := pair(t)
	echo(t, a.host, "")
	c, err := dial(b.host, "10.77.0.1", wait)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	say(t, c, wait, true)
	a.Unplug()
	refuses(t, b.host, "fd77::1")
	a.host.Do(func() {
		if i, err := net.InterfaceByName("eth0"); err != nil || i.Flags&net.FlagRunning == 0 {
			t.Errorf("the host noticed: %v %v", i, err)
		}
	})
	say(t, c, 200*time.Millisecond, false)
	a.Replug()
	c.SetDeadline(time.Now().Add(wait))
	if _, err := io.ReadFull(c, make([]byte, 4)); err != nil {
		t.Errorf("what was said meanwhile does not come: %v", err)
	}
	reach(t, b.host, "fd77::1")
}

func TestRemove(t *testing.T) {
	_, s, a, b := pair(t)
	echo(t, a.host, "")
	reach(t, b.host, "10.77.0.1")
	before := index(t, a)
	a.Remove()
	refuses(t, b.host, "10.77.0.1")
	a = a.host.Plug(s, "eth0", "10.77.0.1/24", "fd77::1/64")
	if after := index(t, a); after == before {
		t.Error("it is the same interface")
	}
	reach(t, b.host, "10.77.0.1")
	reach(t, b.host, "fd77::1")
}

func index(t *testing.T, k *Link) (index int) {
	k.host.Do(func() {
		i, err := net.InterfaceByName(k.Name)
		if err != nil {
			t.Error(err)
			return
		}
		index = i.Index
	})
	return index
}

func TestSetAddrs(t *testing.T) {
	_, _, a, b := pair(t)
	echo(t, a.host, "")
	a.SetAddrs("10.77.0.101/24", "10.77.0.102/24", "fd77::101/64")
	for _, address := range []string{"10.77.0.101", "10.77.0.102", "fd77::101"} {
		reach(t, b.host, address)
	}
	refuses(t, b.host, "10.77.0.1")
	refuses(t, b.host, "fd77::1")
	a.Down()
	a.Up()
	reach(t, b.host, "fd77::101")
	a.SetAddrs()
	refuses(t, b.host, "10.77.0.101")
}

func TestNoIPv6(t *testing.T) {
	l := New(t)
	s := l.Switch()
	before, after, other := l.Host("before"), l.Host("after"), l.Host("other")
	before.NoIPv6()
	k := before.Plug(s, "eth0", "10.77.0.1/24")
	after.Plug(s, "eth0", "10.77.0.2/24", "fd77::2/64")
	after.NoIPv6()
	other.Plug(s, "eth0", "10.77.0.3/24", "fd77::3/64")
	k.Down()
	k.Up()
	for _, h := range []*Host{before, after} {
		echo(t, h, "")
		h.Do(func() {
			if all := interfaces(t); strings.Contains(all, ":") {
				t.Errorf("%s has %s", h.Name, all)
			}
		})
	}
	reach(t, other, "10.77.0.1")
	reach(t, other, "10.77.0.2")
	refuses(t, other, "fd77::2")
}

// A host with two links is not a way through.
func TestTwoLinks(t *testing.T) {
	l := New(t)
	one, two := l.Switch(), l.Switch()
	a, b, c := l.Host("a"), l.Host("b"), l.Host("c")
	a.Plug(one, "eth0", "10.77.1.1/24")
	b.Plug(one, "eth0", "10.77.1.2/24")
	b.Plug(two, "eth1", "10.77.2.2/24")
	c.Plug(two, "eth0", "10.77.2.3/24")
	echo(t, b, "")
	reach(t, a, "10.77.1.2")
	reach(t, c, "10.77.2.2")
	a.Route("default", "via", "10.77.1.2")
	echo(t, c, "")
	refuses(t, a, "10.77.2.3")
	reach(t, a, "10.77.2.2") // by the route
}

func TestFirewall(t *testing.T) {
	_, s, a, b := pair(t)
	echo(t, a.host, "")
	reach(t, b.host, "10.77.0.1")
	a.host.Firewall("tcp", 7000)
	refuses(t, b.host, "10.77.0.1")
	refuses(t, b.host, "fd77::1")
	b.host.Firewall("udp")
	echo(t, b.host, "")
	refuses(t, a.host, "10.77.0.2") // the same port, from the other side
	b.Remove()
	b = b.host.Plug(s, "eth0", "10.77.0.2/24")
	hear(t, a, b, false)
	hear(t, a, a.host.Plug(s, "eth1"), true)
}

// hear checks whether a multicast of one host reaches another.
func hear(t *testing.T, at, from *Link, heard bool) {
	t.Helper()
	var in *net.UDPConn
	var out net.Conn
	var err error
	at.host.Do(func() {
		var i *net.Interface
		if i, err = net.InterfaceByName(at.Name); err == nil {
			in, err = net.ListenMulticastUDP("udp6", i, &net.UDPAddr{IP: net.ParseIP("ff02::fb"), Port: 7001})
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	zone := index(t, from)
	from.host.Do(func() { out, err = net.Dial("udp6", fmt.Sprintf("[ff02::fb%%%d]:7001", zone)) })
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	within := 200 * time.Millisecond
	if heard {
		within = wait
	}
	if _, err := out.Write([]byte("anybody?")); err != nil {
		t.Fatal(err)
	}
	in.SetReadDeadline(time.Now().Add(within))
	if _, _, err = in.ReadFrom(make([]byte, 100)); (err == nil) != heard {
		t.Fatalf("a multicast: %v; it should come: %v", err, heard)
	}
}

func TestMulticast(t *testing.T) {
	_, _, a, b := pair(t)
	hear(t, a, b, true)
	b.Unplug()
	hear(t, a, b, false)
}

func TestCapture(t *testing.T) {
	_, s, a, b := pair(t)
	echo(t, a.host, "")
	c := s.Capture()
	hear(t, a, b, true)
	reach(t, b.host, "10.77.0.1")
	frames := c.Stop()
	if n := containing(frames, "anybody?", true); n != 1 {
		t.Errorf("the multicast was captured %d times", n)
	}
	if n := containing(frames, "word", false); n != 2 {
		t.Errorf("the word and its echo were captured %d times", n)
	}
	if containing(frames, "anybody?", false) > 0 || containing(frames, "word", true) > 0 {
		t.Error("multicast and unicast are mistaken for each other")
	}
}

func containing(frames [][]byte, word string, multicast bool) (n int) {
	for _, f := range frames {
		if bytes.Contains(f, []byte(word)) && IsMulticast(f) == multicast {
			n++
		}
	}
	return n
}

func TestTraffic(t *testing.T) {
	_, _, a, b := pair(t)
	echo(t, a.host, "")
	c, err := dial(b.host, "10.77.0.1", wait)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	receivedBefore, sentBefore := b.host.Traffic("eth0")
	c.SetDeadline(time.Now().Add(wait))
	const size = 100_000
	go func() { _, _ = c.Write(make([]byte, size)) }()
	if _, err := io.ReadFull(c, make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	received, sent := b.host.Traffic("eth0")
	for _, n := range []uint64{received - receivedBefore, sent - sentBefore} {
		if n < size || n > size+size/5 {
			t.Errorf("%d bytes went by for %d", n, size)
		}
	}
}

func TestCommand(t *testing.T) {
	_, _, a, b := pair(t)
	out, err := b.host.Command("ip", "-brief", "address").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "10.77.0.2") || strings.Contains(string(out), "10.77.0.1/") {
		t.Errorf("%v\n%s", err, out)
	}
	cmd := a.host.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was the program that got the signal
}

// All is gone at the end, with the programs that still ran.
func TestClose(t *testing.T) {
	var names []string
	ended := make(chan error, 1)
	t.Run("test", func(t *testing.T) {
		l, _, a, _ := pair(t)
		for _, s := range l.spaces {
			names = append(names, s.name)
		}
		cmd := a.host.Command("sleep", "1000")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		go func() { ended <- cmd.Wait() }()
	})
	if len(names) == 0 {
		t.SkipNow()
	}
	select {
	case <-ended:
	case <-time.After(wait):
		t.Error("a program runs on")
	}
	for _, name := range names {
		if _, err := os.Stat(filepath.Join(spacesDir, name)); !os.IsNotExist(err) {
			t.Errorf("%s is left", name)
		}
	}
}

// What a killed test process has left goes, what a living one has stays.
func TestSweep(t *testing.T) {
	l := New(t)
	h := l.Host("a")
	start, _ := startOf(os.Getpid())
	left := fmt.Sprintf("%s%d-%s9-1", prefix, os.Getpid(), start)
	if out, err := ip("netns add " + left); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	sweep()
	if _, err := os.Stat(filepath.Join(spacesDir, left)); !os.IsNotExist(err) {
		t.Error("what was left is still there")
	}
	h.ip("link set lo up")
}

func TestManyHosts(t *testing.T) {
	l := New(t)
	begin := time.Now()
	s := l.Switch()
	var hosts []*Host
	for i := range 20 {
		h := l.Host(fmt.Sprint("host ", i))
		h.Plug(s, "eth0", fmt.Sprintf("10.77.0.%d/24", i+1), fmt.Sprintf("fd77::%x/64", i+1))
		hosts = append(hosts, h)
	}
	took := time.Since(begin)
	t.Logf("20 hosts in %s", took)
	if took > 5*time.Second {
		t.Error("that is too slow for a test")
	}
	echo(t, hosts[19], "")
	for _, h := range hosts {
		reach(t, h, "10.77.0.20")
	}
}

func TestTrafficTable(t *testing.T) {
	const table = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:       1       2    0    0    0     0          0         0        3       4    0    0    0     0       0          0
  eth0:    1206      11    0    0    0     0          0         0     1046       9    0    0    0     0       0          0
`
	received, sent, err := traffic(table, "eth0")
	if received != 1206 || sent != 1046 || err != nil {
		t.Errorf("%d %d %v", received, sent, err)
	}
	if _, _, err := traffic(table, "eth1"); err == nil {
		t.Error("eth1 has traffic")
	}
}
