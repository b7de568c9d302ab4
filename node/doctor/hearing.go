package doctor

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// askedEnough is after how many questions silence says something. Most are answered
// within milliseconds, but packets are lost while a link comes up, and phones sleep.
const askedEnough = 4

// hearing is about what was asked and heard on the networks in use.
func (x *exam) hearing() []Finding {
	if x.well || x.Alone || !x.Look.asks() {
		return nil
	}
	used := slices.DeleteFunc(x.lan(), func(i *Interface) bool { return i.State() != InUse && i.State() != LinkLocal6 })
	if len(used) == 0 {
		return nil // the network is what is missing
	}
	return append(x.failures(used), x.silence(used)...)
}

// failures are what fails on interfaces.
func (x *exam) failures(used []*Interface) (found []Finding) {
	for _, i := range used {
		for _, f := range i.Faults {
			switch {
			case f.Doing != Answering:
				found = append(found, i.deafTo(f))
			case x.Look.running():
				found = append(found, i.mute(f))
			}
		}
	}
	return found
}

// deafTo is for questions that fail. Where others go out by the other family of
// addresses and are answered, that is not grave.
func (i *Interface) deafTo(f Fault) Finding {
	return Finding{unless(i.hears()), fmt.Sprintf("On %s it fails to %s (%s).", i.Name, f.Doing, f.Why),
		"If it stays so, let a firewall on this device pass UDP to port 5353 and what comes from there."}
}

// mute is for answers that fail: of both families of addresses, or one.
func (i *Interface) mute(f Fault) Finding {
	level := unless(i.Answered > 0)
	if isTaken(f.Why) {
		return Finding{level, "Another program keeps UDP port 5353 to itself. So this device does not hear the questions of others on " + i.Name + ", or not all, and they may not find it.",
			"End that program, or let it share the port; of avahi-daemon the setting is disallow-other-stacks=no."}
	}
	return Finding{level, fmt.Sprintf("This device does not hear the questions of others on %s, or not all, and they may not find it (%s).", i.Name, f.Why),
		"If it stays so, let a firewall on this device pass UDP to port 5353."}
}

func unless(works bool) Level {
	if works {
		return Note
	}
	return Problem
}

// isTaken tells from the words of the system whether another program has a port.
func isTaken(why string) bool {
	return strings.Contains(why, "already in use") || strings.Contains(why, "Only one usage of each socket address")
}

// A tally is what happened on all interfaces in use.
type tally struct {
	on                                        string // their names
	asked, answered, heard, strangers, others int
	last                                      time.Time // when a device with musafir was heard
	failed                                    bool
}

func tallyOf(used []*Interface) tally {
	t := tally{on: listed(names(used))}
	for _, i := range used {
		t.asked += i.Asked
		t.answered += i.Answered
		t.heard += i.Heard
		t.strangers += i.Strangers
		t.others += i.Others
		t.failed = t.failed || len(i.Faults) > 0
		if i.LastHeard.After(t.last) {
			t.last = i.LastHeard
		}
	}
	return t
}

// silence says why no device of the camp is heard, as far as what is heard instead
// tells.
func (x *exam) silence(used []*Interface) []Finding {
	if x.hearsCamp() {
		return nil
	}
	t := tallyOf(used)
	gone := x.Now.Sub(t.last)
	switch {
	case t.heard > 0 && gone <= heardLately:
		return x.otherCamps(t)
	case t.heard > 0:
		return x.quiet(fmt.Sprintf("No device with musafir answers on %s any more; the last one did %s.", t.on, ago(gone)), x.apart())
	case t.answered > 0:
		return x.quiet("Other devices with musafir have asked on "+t.on+" and got this one's answer, but none has answered this one's questions.",
			"Is musafir up there now? Then musafir doctor there may say more. If it does not, a firewall on this device may drop the answers: let it pass incoming UDP for musafir.")
	case t.others > 0:
		return x.quiet("Other things, such as printers and phones, have answered on "+t.on+", but no device with musafir.",
			"Is musafir up on the other devices, and are they in this network? If so, let their firewalls pass UDP at port 5353, or "+x.byAddress())
	case t.asked >= askedEnough, t.asked > 0 && !x.Look.running(): // who looked is done with it
		return x.quiet(fmt.Sprintf("Of %s on %s none was answered, not even by other things. Either nobody else is there, or this network keeps devices apart, as those for guests do (client isolation).", counted(t.asked, "question"), t.on),
			x.apart())
	case t.asked == 0 && t.failed:
		return nil // that is said
	}
	return []Finding{{Note, "Nobody was heard on " + t.on + " yet: the first questions have just gone out.", "Wait some seconds, and look again."}}
}

// hearsCamp tells whether devices of the camp are heard.
func (x *exam) hearsCamp() bool {
	return slices.ContainsFunc(x.Heard, func(h Heard) bool { return h.Name != "" && x.heard[h.ID] != nil })
}

// otherCamps is about devices that answer, none of which is of this camp.
func (x *exam) otherCamps(t tally) []Finding {
	switch {
	case x.Look == Shut:
		return []Finding{{OK, "Devices with musafir answer on " + t.on + ".", ""}}
	case t.strangers == 0:
		return nil // they were of the camp, once
	}
	return x.quiet("Devices with musafir answer on "+t.on+", but none with a key of this camp: they are of another camp.",
		fmt.Sprintf("On the device that is missing, musafir status shows its camp. Is it %q too? If it has none yet, let it join: musafir invite", x.Camp))
}

// quiet is for what keeps devices apart, unless it keeps only some.
func (x *exam) quiet(text, remedy string) []Finding {
	level := Problem
	if x.Look == Shut || x.touches() {
		level = Note
	}
	return []Finding{{level, text, remedy}}
}

// apart is what to do where nothing is heard.
func (x *exam) apart() string {
	at := "at the same switch"
	if len(x.Gateways) > 0 {
		at = "at the same router"
	}
	return "Is musafir up on the other devices, and are they in the same Wi-Fi or " + at + "? If so, use another network, such as a phone's hotspot, or " + x.byAddress()
}
