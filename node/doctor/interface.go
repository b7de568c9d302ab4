package doctor

import (
	"net/netip"
	"slices"
)

// State is in few words how an interface is.
type State string

const (
	InUse       State = "in use"
	ThisMachine State = "leads to this device only"
	Off         State = "turned off"
	NoLink      State = "no cable or Wi-Fi network"
	NoAddress   State = "no address"
	LinkLocal6  State = "no address to connect to" // questions and answers pass, connections do not
	NoMulticast State = "no multicast"
	NotUsed     State = "not used"
)

// State looks for the most basic thing that is missing.
func (i *Interface) State() State {
	switch {
	case i.Loopback:
		return ThisMachine
	case !i.Up:
		return Off
	case !i.Connected:
		return NoLink
	case len(i.Addrs) == 0:
		return NoAddress
	case len(i.dialable()) == 0:
		return LinkLocal6
	case !i.Multicast:
		return NoMulticast
	case i.Unusable != "":
		return NotUsed
	}
	return InUse
}

// hears tells whether anything ever came in by it.
func (i *Interface) hears() bool { return i.Answered+i.Heard+i.Others > 0 }

// dialable are the addresses at which others can connect. IPv6 link-local ones have a
// meaning on one device only.
func (i *Interface) dialable() []netip.Prefix {
	return slices.DeleteFunc(slices.Clone(i.Addrs), func(p netip.Prefix) bool {
		a := p.Addr()
		return a.Is6() && a.IsLinkLocalUnicast() || a.IsLoopback()
	})
}

// selfGiven tells whether no router gave it an address.
func (i *Interface) selfGiven() bool {
	addrs := i.dialable()
	return len(addrs) > 0 && !slices.ContainsFunc(addrs, func(p netip.Prefix) bool { return !p.Addr().IsLinkLocalUnicast() })
}

// connects tells whether devices could connect by it.
func (i *Interface) connects() bool {
	s := i.State()
	return s == InUse || s == NoMulticast || s == NotUsed && len(i.dialable()) > 0
}

// An ownAddr is an address of this device.
type ownAddr struct {
	netip.Prefix
	on *Interface
}

// ownAddrs are those at which others could connect to this device.
func (x *exam) ownAddrs() (own []ownAddr) {
	for n := range x.Interfaces {
		i := &x.Interfaces[n]
		if !i.connects() {
			continue
		}
		for _, p := range i.dialable() {
			own = append(own, ownAddr{p, i})
		}
	}
	return own
}

func plain(own []ownAddr) (addrs []netip.Addr) {
	for _, o := range own {
		addrs = append(addrs, o.Addr())
	}
	return addrs
}
