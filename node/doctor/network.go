package doctor

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

const byHand = "give each device one by hand, such as 10.77.0.1 on this one and 10.77.0.2 on the next, mask 255.255.0.0"

// byAddress is how to do without being heard.
func (x *exam) byAddress() string {
	if x.Look == Shut {
		return "name the address of the device that invites: musafir join CODE --peer ADDRESS"
	}
	return "name the address of another device: musafir up --peer ADDRESS"
}

// advice is what is wrong with interfaces, and what to do.
var advice = []struct {
	state  State
	text   func(names []string) string
	remedy string
}{
	{Off, func(n []string) string { return listed(n) + verb(len(n), " is", " are") + " turned off." },
		"Turn it on in the network settings of the system, and flight mode off."},
	{NoLink, func(n []string) string { return "There is no cable in " + listed(n) + ", or no Wi-Fi network joined." },
		"Plug the cable in at both ends, or join the Wi-Fi of the other devices."},
	{NoAddress, func(n []string) string { return listed(n) + verb(len(n), " has", " have") + " no address." },
		"Wait half a minute: a router may still give one. Where there is none, " + byHand + "."},
	{LinkLocal6, func(n []string) string {
		return "The only addresses of " + listed(n) + " are IPv6 link-local (fe80::), by which devices cannot connect."
	}, "In the network settings, let IPv4 be automatic, link-local allowed. Or " + byHand + "."},
	{NoMulticast, func(n []string) string {
		return listed(n) + " cannot send to many at once (multicast), so nobody is found by it."
	}, "Start with an address of another device: musafir up --peer ADDRESS"},
}

// network is about interfaces. One that is good enough makes what is wrong with the
// others a note.
func (x *exam) network() []Finding {
	if x.well || x.Look == Local {
		return nil
	}
	if x.Hidden != "" {
		return []Finding{{Problem, "This system does not tell which networks it has, so nobody can be looked for (" + x.Hidden + ").", "Instead " + x.byAddress()}}
	}
	found := x.badInterfaces()
	if len(x.lan()) == 0 {
		found = append(found, x.noInterface())
	}
	return append(found, x.addressing()...)
}

// lan are the interfaces that may lead to devices nearby.
func (x *exam) lan() (some []*Interface) {
	for n := range x.Interfaces {
		if i := &x.Interfaces[n]; !i.Loopback && !i.Virtual {
			some = append(some, i)
		}
	}
	return some
}

func names(some []*Interface) (names []string) {
	for _, i := range some {
		names = append(names, i.Name)
	}
	return names
}

func (x *exam) badInterfaces() (found []Finding) {
	level := Problem
	if slices.ContainsFunc(x.lan(), (*Interface).connects) {
		level = Note
	}
	if level == Note && len(x.missing) == 0 {
		return nil
	}
	for _, a := range advice {
		bad := slices.DeleteFunc(x.lan(), func(i *Interface) bool { return i.State() != a.state })
		remedy := a.remedy
		if level == Note {
			remedy = "If the devices that are missing are there: " + strings.ToLower(remedy[:1]) + remedy[1:]
		}
		if len(bad) > 0 {
			found = append(found, Finding{level, a.text(names(bad)), remedy})
		}
	}
	for _, i := range x.lan() {
		if i.State() == NotUsed {
			found = append(found, Finding{level, ended(i.Name + " " + i.Unusable), ""})
		}
	}
	return found
}

// noInterface is said where there is nothing that could lead to devices nearby.
func (x *exam) noInterface() Finding {
	const remedy = "Plug in a cable or a Wi-Fi adapter, and join the network of the other devices."
	var virtual []string
	for i := range x.Interfaces {
		if x.Interfaces[i].Virtual && x.Interfaces[i].Up {
			virtual = append(virtual, x.Interfaces[i].Name)
		}
	}
	if len(virtual) > 0 {
		return Finding{Problem, "The only networks of this device are of VPNs or containers: " + listed(virtual) + ".", remedy}
	}
	return Finding{Problem, "This device has no network: there is nothing but the way to itself (loopback).", remedy}
}

// addressing is about addresses that work, and may not fit those of others.
func (x *exam) addressing() (found []Finding) {
	if x.Alone {
		return nil
	}
	for _, i := range x.lan() {
		if i.connects() && i.selfGiven() {
			found = append(found, Finding{Note, fmt.Sprintf("No router gave %s an address, so it took %s itself. That is enough where the others did the same.", i.Name, i.dialable()[0].Addr()),
				"If the others have addresses of another kind, this device is not in their network: check cable and Wi-Fi."})
		}
	}
	return append(found, x.sameSubnet()...)
}

// sameSubnet finds two ways into one network. Systems answer by either, and others
// then see a device at an address that is not the one they called.
func (x *exam) sameSubnet() (found []Finding) {
	first := map[netip.Prefix]*Interface{}
	for _, o := range x.ownAddrs() {
		if o.on.Virtual || o.Addr().IsLinkLocalUnicast() {
			continue
		}
		net := o.Masked()
		if other := first[net]; other == nil {
			first[net] = o.on
		} else if other != o.on {
			found = append(found, Finding{Note, fmt.Sprintf("%s and %s are both in the network %s, and what is sent may leave by the wrong one.", other.Name, o.on.Name, net),
				"Unplug or turn off one of them."})
		}
	}
	return found
}
