package main

import (
	"log/slog"
	"net"
	"net/netip"
	"slices"

	"musafir/crdt"
	"musafir/discovery"
	"musafir/node"
)

// A lan lets the node find devices on the local network, and be found.
type lan struct {
	*discovery.Finder
	device *device // set before it runs
}

var _ node.Finder = (*lan)(nil)

func openLAN(log *slog.Logger) *lan {
	l := &lan{}
	l.Finder = discovery.New(discovery.Config{
		Notice: l.notice, Seal: l.seal, Open: l.open, Heard: l.heard, Log: log,
	})
	return l
}

// forLAN tells whether addresses, to listen on or to dial, are for other machines at
// all. A device that keeps to its own machine looks for nobody.
func forLAN(addrs []string) bool {
	return slices.ContainsFunc(addrs, func(s string) bool {
		p, ok := parsePlace(s)
		return !ok && !isLocal(s) || ok && !p.at.Addr().IsLoopback()
	})
}

// isLocal tells of HOST or HOST:PORT whether it is this machine.
func isLocal(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		host = addr
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// notice is what others shall learn about this device.
func (l *lan) notice() (discovery.Notice, bool) {
	self := l.device.Node.Notice()
	tcp, udp := ports(l.device.addrs())
	return discovery.Notice{Device: self.Device, Digest: self.Digest, TCP: tcp, UDP: udp}, tcp != 0 || udp != 0
}

// ports are those on which other machines reach this one.
func ports(addrs []string) (tcp, udp uint16) {
	for _, s := range addrs {
		p, ok := parsePlace(s)
		switch {
		case !ok || p.at.Addr().IsLoopback():
		case p.quic:
			udp = p.at.Port()
		default:
			tcp = p.at.Port()
		}
	}
	return tcp, udp
}

// seal lists the camp's key, and those of open invitations.
func (l *lan) seal() [][]byte {
	return append(l.open()[:1:1], l.device.InvitationKeys()...)
}

func (l *lan) open() [][]byte {
	members, _ := l.device.Members()
	return members.DiscoveryKeys()
}

func (l *lan) heard(h discovery.Heard) {
	l.device.Sighted(node.Sighting{Device: h.Device, Addrs: placesOf(h.Device, h.Multiaddrs()), Digest: h.Digest, On: h.Interface})
}

// placesOf names who is at the addresses.
func placesOf(id crdt.DeviceID, addrs []string) []string {
	places := make([]string, len(addrs))
	for i, a := range addrs {
		places[i] = a + "/p2p/" + string(id)
	}
	return places
}

// Guesses are where a device may be that was not heard: a phone that is the access
// point, or a router that runs the program.
func (l *lan) Guesses() []string { return gateways() }

func gateways() (addrs []string) {
	for _, ip := range discovery.Gateways() {
		addrs = append(addrs, ip.String())
	}
	return addrs
}
