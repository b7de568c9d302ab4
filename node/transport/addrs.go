package transport

import (
	"cmp"
	"net"
	"net/netip"
	"slices"

	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// Addrs are the multiaddrs that others can dial now, each with /p2p/ID and the port
// that was really bound: TCP before QUIC, IPv4 before IPv6, loopback after all else.
// A listener on all addresses gives one for each that the device has at this moment.
// (libp2p would ask the system once a minute.)
func (h *Host) Addrs() []string {
	places := expand(h.swarm.ListenAddresses(), h.interfaceIPs())
	addrs := make([]string, len(places))
	for i, place := range places {
		addrs[i] = place.String() + "/p2p/" + string(h.id)
	}
	return addrs
}

// expand puts each ip in the place of the unspecified addresses of its kind.
func expand(listeners []ma.Multiaddr, ips []netip.Addr) []ma.Multiaddr {
	var places []ma.Multiaddr
	for _, l := range listeners {
		if !manet.IsIPUnspecified(l) {
			places = append(places, l)
			continue
		}
		for _, ip := range ips {
			if kindOf(ip) == l[0].Protocol().Name {
				places = append(places, withIP(ip, l))
			}
		}
	}
	slices.SortStableFunc(places, func(a, b ma.Multiaddr) int { return cmp.Compare(rank(a), rank(b)) })
	return slices.CompactFunc(places, ma.Multiaddr.Equal)
}

func rank(place ma.Multiaddr) (r int) {
	if manet.IsIPLoopback(place) {
		r += 4
	}
	if isQUIC(place) {
		r += 2
	}
	if place[0].Code() == ma.P_IP6 {
		r++
	}
	return r
}

// interfaceIPs are the addresses of all interfaces that are up. Where the system
// hides them (Android does from apps), only loopback is known.
func (h *Host) interfaceIPs() []netip.Addr {
	interfaces, err := net.Interfaces()
	if err != nil {
		h.log.Warn("list network interfaces", "error", err)
		return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}
	}
	var ips []netip.Addr
	for _, i := range interfaces {
		if i.Flags&net.FlagUp == 0 {
			continue
		}
		addrs, err := i.Addrs()
		if err != nil {
			h.log.Debug("list addresses", "interface", i.Name, "error", err)
		}
		ips = append(ips, usableIPs(addrs)...)
	}
	return ips
}

func usableIPs(addrs []net.Addr) []netip.Addr {
	var ips []netip.Addr
	for _, a := range addrs {
		n, ok := a.(*net.IPNet)
		if !ok {
			continue
		}
		if ip, ok := netip.AddrFromSlice(n.IP); ok && checkIP(ip.Unmap()) == nil {
			ips = append(ips, ip.Unmap())
		}
	}
	return ips
}
