package lantest

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// A Host is a machine of its own as far as the network goes. Files and processes are
// those of the machine that runs the test.
type Host struct {
	*space
	Name  string // for messages
	mute  bool   // has no IPv6
	links []*Link
	drops []drop
}

// Host makes a host with nothing but its loopback. The name is for messages only.
func (l *LAN) Host(name string) *Host {
	l.t.Helper()
	h := &Host{space: l.space(), Name: name}
	h.ip("link set lo up")
	return h
}

// NoIPv6 turns IPv6 off, on the interfaces that there are and on later ones.
func (h *Host) NoIPv6() {
	h.lan.t.Helper()
	h.mute = true
	h.noIPv6()
}

func (s *space) noIPv6() {
	s.lan.t.Helper()
	if err := inSpace(s.name, func() error { return set("all", "disable_ipv6", "1") }); err != nil {
		s.lan.t.Fatalf("turn IPv6 off: %v", err)
	}
}

// Route adds a route: Route("default", "via", "10.77.0.9"). The kernel drops it when
// its link goes down.
func (h *Host) Route(args ...string) {
	h.lan.t.Helper()
	h.ip("route add " + strings.Join(args, " "))
}

// Do runs a function inside the host: sockets that it opens itself are the host's
// and stay so. What it starts with a go statement runs outside, as do dials of an
// http.Transport.
//
// The net package remembers for a minute which number an interface name has, and so
// mistakes the eth0 of one host for that of another in addresses such as fe80::1%eth0:
// write the number there, fe80::1%3.
func (h *Host) Do(f func()) {
	h.lan.t.Helper()
	if err := inSpace(h.space.name, func() error { f(); return nil }); err != nil {
		h.lan.t.Errorf("%s: %v", h.Name, err)
	}
}

// Command is a program to be run inside the host. It ends with the test process. Its
// process id is the program's.
func (h *Host) Command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command("ip", append([]string{"netns", "exec", h.space.name, name}, args...)...)
	endsWithTest(cmd)
	return cmd
}

// Traffic is how many bytes have come in and gone out by a link so far, with all
// headers.
func (h *Host) Traffic(link string) (received, sent uint64) {
	h.lan.t.Helper()
	err := inSpace(h.space.name, func() error {
		b, err := os.ReadFile("/proc/thread-self/net/dev")
		if err != nil {
			return err
		}
		received, sent, err = traffic(string(b), link)
		return err
	})
	if err != nil {
		h.lan.t.Fatalf("%s: %v", h.Name, err)
	}
	return received, sent
}

func traffic(table, link string) (received, sent uint64, err error) {
	for line := range strings.Lines(table) {
		name, numbers, _ := strings.Cut(strings.TrimSpace(line), ":")
		if name != link {
			continue
		}
		var skipped [7]uint64
		_, err = fmt.Sscan(numbers, &received, &skipped[0], &skipped[1], &skipped[2], &skipped[3], &skipped[4], &skipped[5], &skipped[6], &sent)
		return received, sent, err
	}
	return 0, 0, fmt.Errorf("there is no interface %q", link)
}
