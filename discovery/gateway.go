package discovery

import (
	"net/netip"
	"slices"
)

// hotspot is a phone's own address when it shares its connection under Android, and
// the device in the middle of everybody's network then.
var (
	hotspot       = netip.MustParseAddr("192.168.43.1")
	hotspotSubnet = netip.MustParsePrefix("192.168.43.0/24")
)

// Gateways are where another device may be although nothing is heard of it: the
// default gateways of this machine, as far as the system tells cheaply, and the
// address of a phone that shares its connection, if we are in its network.
func Gateways() []netip.Addr {
	links, _ := systemLinks() // without them the routes remain
	return gateways(systemRoutes(), links)
}

func gateways(routes []netip.Addr, links []link) []netip.Addr {
	var found []netip.Addr
	add := func(a netip.Addr) {
		own := slices.ContainsFunc(links, func(l link) bool {
			return l.has(func(x netip.Addr) bool { return x == a })
		})
		if kindOf(a) != undialable && !own && !slices.Contains(found, a) {
			found = append(found, a)
		}
	}
	for _, a := range routes {
		add(a)
	}
	if slices.ContainsFunc(links, func(l link) bool { return l.has(hotspotSubnet.Contains) }) {
		add(hotspot)
	}
	return found
}
