package discovery

import (
	"cmp"
	"net"
	"net/netip"
	"slices"
)

// Addrs are the addresses at which others in the network reach this device, best first,
// as the system has them now: those of Wi-Fi and cables before those of VPNs and
// containers, none of this machine only.
func Addrs() ([]netip.Addr, error) {
	links, err := systemLinks()
	if err != nil {
		return nil, err
	}
	return reachable(links), nil
}

// advertised are the addresses to tell others, best first.
func advertised(links []link) []netip.Addr {
	addrs := reachable(links)
	return addrs[:min(len(addrs), maxAddrs)]
}

// reachable are the addresses at which others can reach us, each once, best first.
func reachable(links []link) []netip.Addr {
	type candidate struct {
		addr netip.Addr
		late int // of an interface that is likely to lead nowhere
	}
	var all []candidate
	for _, l := range links {
		if l.flags&net.FlagUp == 0 || l.flags&net.FlagLoopback != 0 {
			continue
		}
		for _, p := range l.addrs {
			if kindOf(p.Addr()) != undialable {
				all = append(all, candidate{p.Addr(), lateness(l)})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.late, b.late), cmp.Compare(kindOf(a.addr), kindOf(b.addr)))
	})
	var addrs []netip.Addr
	for _, c := range all {
		if !slices.Contains(addrs, c.addr) {
			addrs = append(addrs, c.addr)
		}
	}
	return addrs
}

func lateness(l link) int {
	switch {
	case l.virtual():
		return 2
	case l.flags&net.FlagRunning == 0: // no cable
		return 1
	}
	return 0
}

// How near an address is to us, nearest first.
const (
	heardThere     = iota // in a subnet of the interface on which it was heard
	nearby                // in one of another interface
	heardOnVirtual        // heard on the likes of a VPN, and in its subnet
	elsewhere             // in no subnet of ours
	nearVirtual           // in a subnet of the likes of VPNs: every machine has the same 172.17.0.1
)

// ranked puts what a device said of itself into the order in which we dial, each
// address once. Equal ones keep the order in which the device gave them.
func ranked(addrs []netip.Addr, links []link, heardOn string) []netip.Addr {
	var out []netip.Addr
	for _, a := range addrs {
		if !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	slices.SortStableFunc(out, func(a, b netip.Addr) int {
		return cmp.Or(
			cmp.Compare(nearness(a, links, heardOn), nearness(b, links, heardOn)),
			cmp.Compare(kindOf(a), kindOf(b)))
	})
	return out
}

func nearness(a netip.Addr, links []link, heardOn string) int {
	found := -1
	for _, l := range links {
		if l.flags&net.FlagUp == 0 || !l.reaches(a) {
			continue
		}
		if n := nearnessOn(l, heardOn); found < 0 || n < found {
			found = n
		}
	}
	if found < 0 {
		return elsewhere
	}
	return found
}

func nearnessOn(l link, heardOn string) int {
	switch {
	case l.virtual() && l.name == heardOn:
		return heardOnVirtual
	case l.virtual():
		return nearVirtual
	case l.name == heardOn:
		return heardThere
	}
	return nearby
}

// reaches tells whether an address is in a subnet of the link.
func (l link) reaches(a netip.Addr) bool {
	return slices.ContainsFunc(l.addrs, func(p netip.Prefix) bool { return p.Contains(a) })
}
