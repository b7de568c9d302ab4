package doctor

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// devices is about those of the camp that are missing, and those that are not of it.
func (x *exam) devices() []Finding {
	if !x.Look.running() {
		return x.strangers()
	}
	var found []Finding
	var waiting, away []Peer
	for _, p := range x.missing {
		switch h := x.heard[p.ID]; {
		case p.Refused != "":
			found = append(found, refused(p))
		case h != nil && x.waits(p, h):
			waiting = append(waiting, p)
		case h != nil:
			found = append(found, x.unreached(p, h))
		case p.Typed != "" && p.Failure.Kind != None:
			found = append(found, Finding{Problem, fmt.Sprintf("%s was not reached at %s: %s", p.who(), p.Typed, ended(p.Failure.Text)), unreachedRemedy})
		default:
			away = append(away, p)
		}
	}
	return slices.Concat(found, x.waiting(waiting), x.away(away), x.strangers())
}

func (p *Peer) who() string { return "The device " + called(p.Name, p.ID) }

// waits tells whether nothing is known that would keep a device away.
func (x *exam) waits(p Peer, h *Heard) bool {
	return p.Failure.Kind == None && len(h.Addrs) > 0 && len(x.ownAddrs()) > 0
}

// waiting is about devices that will be in touch, or have no need to: in a large camp
// not everybody is with everybody.
func (x *exam) waiting(list []Peer) []Finding {
	if len(list) == 0 {
		return nil
	}
	var texts []string
	for _, p := range list {
		h := x.heard[p.ID]
		texts = append(texts, fmt.Sprintf("%s (at %s on %s, %s)", called(p.Name, p.ID), addressList(h.Addrs), h.On, ago(x.Now.Sub(h.At))))
	}
	remedy := "Wait some seconds, and look again."
	if x.touches() {
		remedy = "Devices pass on what others wrote, and meet in turn. Look again in a minute."
	}
	return []Finding{{Note, "Heard, and not in touch yet: " + listed(texts) + ".", remedy}}
}

const unreachedRemedy = "Is musafir up there, in the same network, and is the address right? There, musafir status and musafir up say where it is reached."

func refused(p Peer) Finding {
	text := p.who() + " was turned away by this one: "
	if p.RefusedUs {
		text = p.who() + " turned this one away: "
	}
	return Finding{Problem, text + ended(p.Refused),
		"Bring both to the same version of musafir (musafir version shows it). If one was removed from the camp, it joins again: musafir invite"}
}

// unreached is about a device that is heard and not in touch.
func (x *exam) unreached(p Peer, h *Heard) Finding {
	age := x.Now.Sub(h.At)
	heard := p.who() + ", heard on " + h.On + " " + ago(age) + ","
	if len(h.Addrs) > 0 {
		heard = p.who() + ", heard on " + h.On + " at " + addressList(h.Addrs) + " " + ago(age) + ","
	}
	pass := "let the firewalls of both devices, and of the Wi-Fi, pass " + h.ports() + "."
	switch {
	case len(h.Addrs) == 0:
		return Finding{Problem, heard + " has no address to connect to.", "There, in the network settings, let IPv4 be automatic, link-local allowed. Or " + byHand + "."}
	case len(x.ownAddrs()) == 0:
		return Finding{Note, heard + " is not reached: this device has no address to connect from.", ""}
	case x.elsewhere(h):
		return Finding{Problem, fmt.Sprintf("%s is in none of this device's networks (%s).", heard, x.subnets()),
			"Give both addresses of one network: let one router give them to both, or " + byHand + "."}
	case p.Failure.Kind == Silence && age <= heardNow:
		return Finding{Problem, heard + " gives no answer when it is called. Most likely a firewall keeps the call from it.", "L" + pass[1:]}
	case p.Failure.Kind == Silence:
		return Finding{Problem, heard + " gives no answer when it is called. Either it is gone, or a firewall keeps the call from it.", "If it is there, " + pass}
	case p.Failure.Kind == Nobody:
		return Finding{Problem, heard + " refuses the call: nothing listens there, or a firewall refuses.", "Is musafir still up there? If it is, " + pass}
	}
	return Finding{Problem, heard + " is not reached: " + ended(p.Failure.Text), "Start musafir again on both. If it stays so, " + pass}
}

// elsewhere tells whether a device says that it is where none of our networks is.
func (x *exam) elsewhere(h *Heard) bool {
	return !slices.ContainsFunc(x.ownAddrs(), func(o ownAddr) bool {
		return slices.ContainsFunc(h.Addrs, func(a netip.Addr) bool { return o.Masked().Contains(a) })
	})
}

// subnets are this device's networks, in words.
func (x *exam) subnets() string {
	var texts []string
	for _, o := range x.ownAddrs() {
		if text := o.Masked().String(); !o.on.Virtual && !slices.Contains(texts, text) {
			texts = append(texts, text)
		}
	}
	return listed(texts)
}

// ports are where a device listens, in words.
func (h *Heard) ports() string {
	switch {
	case h.UDP == 0:
		return fmt.Sprintf("TCP port %d", h.TCP)
	case h.TCP == 0:
		return fmt.Sprintf("UDP port %d", h.UDP)
	case h.TCP == h.UDP:
		return fmt.Sprintf("TCP and UDP port %d", h.TCP)
	}
	return fmt.Sprintf("TCP port %d and UDP port %d", h.TCP, h.UDP)
}

// away is about those that are not there, or not that anybody knows.
func (x *exam) away(list []Peer) []Finding {
	if len(list) == 0 {
		return nil
	}
	var texts []string
	for _, p := range list {
		texts = append(texts, called(p.Name, p.ID)+" ("+x.lastContact(p)+")")
	}
	return []Finding{{Note, "Not in touch: " + listed(texts) + ".", x.awayRemedy()}}
}

// awayRemedy is nothing where the network is what to look at.
func (x *exam) awayRemedy() string {
	ask := "musafir up there, and in the same network? Otherwise " + x.byAddress()
	switch {
	case x.Look != Looks:
		return ""
	case x.touches():
		return "Devices pass on what others wrote. If it should be in touch itself: is " + ask
	case x.hearsCamp():
		return "Is " + ask
	}
	return ""
}

// touches tells whether any other device is in touch.
func (x *exam) touches() bool {
	return slices.ContainsFunc(x.Peers, func(p Peer) bool { return p.Connected })
}

func (x *exam) lastContact(p Peer) string {
	var heard time.Time
	for _, h := range x.Heard {
		if h.ID == p.ID {
			heard = h.At
		}
	}
	switch {
	case heard.After(p.LastContact):
		return "last heard " + ago(x.Now.Sub(heard))
	case p.LastContact.IsZero():
		return "no contact since musafir was started"
	}
	return "last contact " + ago(x.Now.Sub(p.LastContact))
}

// turnedAwayShown is for how long it is told that a device was turned away.
const turnedAwayShown = 10 * time.Minute

// strangers are told by the reason: anybody may try.
func (x *exam) strangers() (found []Finding) {
	byReason := map[string][]string{}
	for _, s := range x.Strangers {
		if x.Now.Sub(s.At) <= turnedAwayShown {
			byReason[s.Why] = append(byReason[s.Why], called("", s.ID))
		}
	}
	for _, why := range slices.Sorted(maps.Keys(byReason)) {
		n := len(byReason[why])
		found = append(found, Finding{Note, verb(n, "A device that is", "Devices that are") + " not in this camp, " + listed(byReason[why]) + ", " + verb(n, "was", "were") + " turned away: " + ended(why),
			"If it belongs here, let it join: musafir invite"})
	}
	return found
}

// places is about addresses that somebody typed and that lead to no device of the
// camp.
func (x *exam) places() (found []Finding) {
	for _, p := range x.Places {
		switch {
		case p.Answers != "":
			found = append(found, Finding{Problem, fmt.Sprintf("At %s a device answers that is not in this camp, %s.", p.Addr, called("", p.Answers)), "Is the address right?"})
		case p.Failure.Kind != None:
			found = append(found, Finding{Problem, fmt.Sprintf("At %s nobody was reached: %s", p.Addr, ended(p.Failure.Text)), unreachedRemedy})
		}
	}
	return found
}

// contact is about those that are there.
func (x *exam) contact() []Finding {
	if !x.Look.running() {
		return x.answering()
	}
	var touch, same []string
	for _, p := range x.Peers {
		switch {
		case p.Connected:
			touch = append(touch, called(p.Name, p.ID))
		case x.inSync(p):
			same = append(same, called(p.Name, p.ID))
		}
	}
	var parts []string
	switch {
	case len(touch) > 0 && x.well && len(same) == 0:
		parts = append(parts, verb(len(touch), "The other device", "All other devices")+" of the camp "+verb(len(touch), "is", "are")+" in touch: "+listed(touch)+".")
	case len(touch) > 0:
		parts = append(parts, "In touch: "+listed(touch)+".")
	}
	if len(same) > 0 {
		parts = append(parts, "Heard, and holding the same as this device: "+listed(same)+".")
	}
	if len(parts) == 0 {
		return nil
	}
	return []Finding{{OK, strings.Join(parts, " "), ""}}
}

// answering are the devices of the camp that were heard by a device that is not up.
func (x *exam) answering() []Finding {
	var names []string
	for _, h := range x.Heard {
		if h.Name != "" && x.heard[h.ID] != nil {
			names = append(names, called(h.Name, h.ID))
		}
	}
	if len(names) == 0 {
		return nil
	}
	return []Finding{{OK, "Of this camp " + listed(names) + verb(len(names), " answers", " answer") + " on the network.", ""}}
}
