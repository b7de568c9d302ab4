package lantest

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
)

// A Link is an interface of a host, with the cable that goes to a switch.
type Link struct {
	Name  string // at the host: "eth0"
	host  *Host
	at    *Switch
	port  string // at the switch
	addrs []string
}

// Plug makes an interface of that name, with addresses such as "10.77.0.1/24" and
// "fd77::1/64", connects it with a switch, and turns it on. Where the host has IPv6
// the interface gets a link-local address too. An interface that was removed comes
// back with the same hardware address.
func (h *Host) Plug(s *Switch, name string, addrs ...string) *Link {
	h.lan.t.Helper()
	k := &Link{Name: name, host: h, at: s, port: s.nextPort(), addrs: slices.Clone(addrs)}
	s.ip(
		fmt.Sprintf("link add name %s type veth peer name %s address %s netns %s", k.port, name, h.hardware(name), h.space.name),
		fmt.Sprintf("link set %s master %s up", k.port, bridge),
	)
	h.links = append(h.links, k)
	for _, d := range h.drops {
		k.drop(d)
	}
	h.ip(append(k.adding(addrs), "link set "+name+" up")...)
	k.awaitReady()
	return k
}

// hardware is the address of an interface.
func (h *Host) hardware(name string) string {
	sum := fnv.New32a()
	sum.Write([]byte(h.space.name + " " + name))
	b := sum.Sum(nil)
	return fmt.Sprintf("02:77:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3]) // 02: given by hand
}

func (k *Link) adding(addrs []string) (lines []string) {
	for _, a := range addrs {
		lines = append(lines, fmt.Sprintf("address replace %s dev %s", a, k.Name))
	}
	return lines
}

// Down turns the interface off. Routes over it are gone, and IPv6 addresses; the
// other end of the cable sees it.
func (k *Link) Down() {
	k.host.lan.t.Helper()
	k.host.ip("link set " + k.Name + " down")
}

// Up turns the interface on again, with the addresses that it had.
func (k *Link) Up() {
	k.host.lan.t.Helper()
	var lost []string
	for _, a := range k.addrs {
		if strings.Contains(a, ":") && !k.host.mute {
			lost = append(lost, a)
		}
	}
	k.host.ip(append([]string{"link set " + k.Name + " up"}, k.adding(lost)...)...)
	k.awaitReady()
}

// Unplug lets nothing pass any more. The host does not notice: its interface stays
// on, as with a switch further away that has lost its power.
func (k *Link) Unplug() {
	k.host.lan.t.Helper()
	k.at.ip("link set " + k.port + " nomaster")
}

// Replug undoes Unplug.
func (k *Link) Replug() {
	k.host.lan.t.Helper()
	k.at.ip("link set " + k.port + " master " + bridge)
}

// Remove takes the interface out of the host, as one on USB is pulled. The link is
// of no more use; Host.Plug makes a new one, which may have the same name.
func (k *Link) Remove() {
	k.host.lan.t.Helper()
	k.host.ip("link delete " + k.Name)
	k.host.links = slices.DeleteFunc(k.host.links, func(x *Link) bool { return x == k })
}

// SetAddrs gives the interface other addresses in place of all that it was given.
func (k *Link) SetAddrs(addrs ...string) {
	k.host.lan.t.Helper()
	k.addrs = slices.Clone(addrs)
	k.host.ip(append([]string{"address flush dev " + k.Name + " scope global"}, k.adding(addrs)...)...)
	k.awaitReady()
}
