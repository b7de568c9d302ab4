package discovery

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// A link is an interface of this device as it was when the system was asked.
type link struct {
	index int
	name  string
	flags net.Flags
	addrs []netip.Prefix // in the system's order, as addresses with the length of the subnet
	err   error          // why the addresses are not known
}

// systemLinks asks the system.
func systemLinks() ([]link, error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("list network interfaces: %w", err)
	}
	links := make([]link, len(interfaces))
	for i, x := range interfaces {
		addrs, err := x.Addrs()
		links[i] = link{index: x.Index, name: x.Name, flags: x.Flags, addrs: prefixesOf(addrs), err: err}
	}
	return links, nil
}

func prefixesOf(addrs []net.Addr) (found []netip.Prefix) {
	for _, a := range addrs {
		n, ok := a.(*net.IPNet)
		if !ok {
			continue
		}
		ip, ok := netip.AddrFromSlice(n.IP)
		ones, bits := n.Mask.Size()
		if ok && bits > 0 {
			found = append(found, netip.PrefixFrom(ip.Unmap(), ones-bits+ip.Unmap().BitLen()))
		}
	}
	return found
}

// sameLink tells whether what was started on a still works on b. A server is deaf
// for ever when its interface was taken away and came back with another index, and
// joins IPv4 multicast by one address.
func sameLink(a, b link) bool {
	return a.index == b.index && a.name == b.name && a.flags == b.flags &&
		slices.Equal(sorted(a.addrs), sorted(b.addrs))
}

func sorted(addrs []netip.Prefix) []netip.Prefix {
	addrs = slices.Clone(addrs)
	slices.SortFunc(addrs, netip.Prefix.Compare)
	return addrs
}

// unusable tells in plain words why nothing is done on a link; "": it is used.
// No carrier is no reason: drivers are known that report it wrongly.
func (l link) unusable() string {
	switch {
	case l.flags&net.FlagLoopback != 0:
		return "leads to this device only"
	case l.flags&net.FlagUp == 0:
		return "is turned off"
	case l.flags&net.FlagMulticast == 0:
		return "cannot send to many at once (multicast)"
	case l.err != nil:
		return fmt.Sprintf("its addresses are not known: %v", l.err)
	case len(l.addrs) == 0:
		return "has no address"
	}
	return ""
}

// has tells whether one of the addresses is as is says.
func (l link) has(is func(netip.Addr) bool) bool {
	return slices.ContainsFunc(l.addrs, func(p netip.Prefix) bool { return is(p.Addr()) })
}

func (l link) has4() bool { return l.has(netip.Addr.Is4) }
func (l link) has6() bool { return l.has(netip.Addr.Is6) }

// system is the link as the network packages want it.
func (l link) system() *net.Interface {
	return &net.Interface{Index: l.index, Name: l.name, Flags: l.flags}
}

// first4 is the IPv4 address from which the link speaks.
func (l link) first4() (netip.Addr, bool) {
	i := slices.IndexFunc(l.addrs, func(p netip.Prefix) bool { return p.Addr().Is4() })
	if i < 0 {
		return netip.Addr{}, false
	}
	return l.addrs[i].Addr(), true
}

// shown is the one address of the link that stands in its answers in clear. The
// client of the library takes no answer without one; nobody dials it.
func (l link) shown() netip.Addr {
	if a, ok := l.first4(); ok {
		return a
	}
	for _, p := range l.addrs {
		if kindOf(p.Addr()) != undialable {
			return p.Addr()
		}
	}
	return l.addrs[0].Addr() // IPv6 link-local, as good as any
}

// virtualNames begin the names of interfaces that rarely lead to a device nearby.
var virtualNames = []string{
	"docker", "br-", "veth", "virbr", "vmnet", "vboxnet", "lxc", "lxd", "podman", "cni", "flannel", "cali",
	"tun", "tap", "wg", "utun", "tailscale", "zt", "ppp", "ipsec", "vEthernet",
}

// virtual tells the likes of VPNs and containers. They are used, after all others.
func (l link) virtual() bool {
	return l.flags&net.FlagPointToPoint != 0 ||
		slices.ContainsFunc(virtualNames, func(begin string) bool { return strings.HasPrefix(l.name, begin) })
}
