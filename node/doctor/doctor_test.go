package doctor

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"musafir/crdt"
)

var now = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

// ethernet is an interface that works, and heard something a moment ago.
func ethernet(addrs ...string) Interface {
	i := Interface{Name: "eth0", Up: true, Connected: true, Multicast: true, Asked: 8}
	for _, a := range addrs {
		i.Addrs = append(i.Addrs, netip.MustParsePrefix(a))
	}
	return i
}

var loopback = Interface{Name: "lo", Addrs: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/8")}, Up: true, Connected: true, Loopback: true, Unusable: "leads to this device only"}

func addrs(texts ...string) (list []netip.Addr) {
	for _, t := range texts {
		list = append(list, netip.MustParseAddr(t))
	}
	return list
}

// heardAt is the device "tent", heard on eth0.
func heardAt(places ...string) Heard {
	return Heard{ID: "tent-id", Name: "tent", Addrs: addrs(places...), TCP: 7668, UDP: 7668, On: "eth0", At: now.Add(-3 * time.Second)}
}

// facts are those of a device in a camp of two on a network that works, where the
// other one is heard and in touch.
func facts() Facts {
	i := ethernet("10.77.0.1/16", "fe80::1/64")
	i.Heard, i.LastHeard = 4, now.Add(-3*time.Second)
	return Facts{
		Now: now, Camp: "Camp 4", Listen: addrs("10.77.0.1", "127.0.0.1"), Interfaces: []Interface{loopback, i},
		Heard: []Heard{heardAt("10.77.0.2")}, Peers: []Peer{{ID: "tent-id", Name: "tent", Connected: true, LastContact: now}},
	}
}

// lost are facts where the other one is not in touch.
func lost() Facts {
	f := facts()
	f.Peers[0].Connected, f.Peers[0].LastContact = false, now.Add(-3*time.Hour)
	return f
}

// deaf are facts where it is not heard either, nor anything else.
func deaf() Facts {
	f := lost()
	f.Heard = nil
	f.Interfaces[1].Heard, f.Interfaces[1].LastHeard = 0, time.Time{}
	return f
}

// on changes the network interface of facts.
func on(f Facts, change func(i *Interface)) Facts {
	change(&f.Interfaces[1])
	return f
}

func with(f Facts, change func(f *Facts)) Facts {
	change(&f)
	return f
}

// cut are facts where nothing can be heard because the interface is another one.
func cut(i Interface) Facts {
	return with(deaf(), func(f *Facts) { f.Interfaces, f.Listen = []Interface{loopback, i}, nil })
}

const (
	notInTouch = `note: Not in touch: "tent" (last contact 3 hours ago).`
	nothing    = "problem: Of 8 questions on eth0 none was answered, not even by other things. Either nobody else is there, or this network keeps devices apart, as those for guests do (client isolation)."
)

var cases = []struct {
	name   string
	facts  Facts
	want   []string // "level: text"
	remedy string   // a part of what to do about the first
}{
	// All is well.
	{"in touch", facts(), []string{`ok: The other device of the camp is in touch: "tent".`}, ""},
	{"in touch, an interface off, a clock right", with(facts(), func(f *Facts) {
		f.Interfaces = append(f.Interfaces, Interface{Name: "wlan0", Unusable: "is turned off"})
	}), []string{`ok: The other device of the camp is in touch: "tent".`}, ""},
	{"three in touch", with(facts(), func(f *Facts) {
		f.Peers = append(f.Peers, Peer{ID: "lab-id", Name: "lab", Connected: true}, Peer{ID: "12D3KooWabcdef", Connected: true})
	}), []string{`ok: All other devices of the camp are in touch: "tent", "lab" and ...abcdef.`}, ""},
	{"in sync without a session", with(lost(), func(f *Facts) { f.Heard[0].Same = true }),
		[]string{`ok: Heard, and holding the same as this device: "tent".`}, ""},

	{"in sync, and not reached", with(lost(), func(f *Facts) { f.Heard[0].Same, f.Peers[0].Failure = true, Failure{Silence, "no answer"} }), []string{
		`problem: The device "tent", heard on eth0 at 10.77.0.2 3 seconds ago, gives no answer when it is called. Most likely a firewall keeps the call from it.`,
	}, "TCP and UDP port 7668"},

	// The program.
	{"not up", with(deaf(), func(f *Facts) { f.Look = Down; f.Listen = nil }), []string{
		"problem: Musafir is not up on this device: the others do not find it, and it does not reach them.", nothing,
	}, "musafir up"},
	{"not up, others are", with(lost(), func(f *Facts) { f.Look = Down; f.Listen = nil }), []string{
		"problem: Musafir is not up on this device: the others do not find it, and it does not reach them.",
		`ok: Of this camp "tent" answers on the network.`,
	}, "musafir up"},
	{"not up, something keeps the port", with(on(lost(), func(i *Interface) { i.Faults = []Fault{{Answering, "taken"}} }), func(f *Facts) { f.Look = Down; f.Listen = nil }), []string{
		"problem: Musafir is not up on this device: the others do not find it, and it does not reach them.",
		`ok: Of this camp "tent" answers on the network.`,
	}, "musafir up"},
	{"this machine only", with(deaf(), func(f *Facts) { f.Look = Local; f.Listen = addrs("127.0.0.1") }), []string{
		"problem: This device listens on its own machine only, as it was told to: no other machine finds or reaches it, and it looks for none.", notInTouch,
	}, "without --listen"},
	{"this machine only, and in touch", with(facts(), func(f *Facts) { f.Look = Local }), []string{`ok: The other device of the camp is in touch: "tent".`}, ""},
	{"told not to look", with(deaf(), func(f *Facts) { f.Look = Quiet }), []string{
		"problem: This device looks for nobody and is not found, as it was told to (--discover=false). It meets others only at addresses.", notInTouch,
	}, "--peer ADDRESS"},
	{"no camp", with(deaf(), func(f *Facts) {
		f.Look, f.Trouble, f.Peers, f.Listen = Shut, Finding{Problem, "There is no camp.", "musafir init"}, nil, nil
	}), []string{"problem: There is no camp.", strings.Replace(nothing, "problem", "note", 1)}, "musafir init"},
	{"no camp and no network known", Facts{Look: Shut, Trouble: Finding{Problem, "There is no camp.", ""}, Hidden: "denied"}, []string{
		"problem: There is no camp.", "problem: This system does not tell which networks it has, so nobody can be looked for (denied).",
	}, ""},
	{"no camp, but musafir around", with(on(deaf(), func(i *Interface) { i.Heard, i.Strangers, i.LastHeard = 2, 2, now }), func(f *Facts) {
		f.Look, f.Trouble, f.Peers, f.Listen = Shut, Finding{Problem, "There is no camp.", "musafir init"}, nil, nil
	}), []string{"problem: There is no camp.", "ok: Devices with musafir answer on eth0."}, "musafir init"},
	{"alone", with(deaf(), func(f *Facts) { f.Alone, f.Peers = true, nil }), []string{"note: This camp has no other device yet."}, "musafir invite"},
	{"alone, told to keep to its machine", with(deaf(), func(f *Facts) { f.Alone, f.Peers, f.Look = true, nil, Local }), []string{
		"note: This device listens on its own machine only, as it was told to: no other machine finds or reaches it, and it looks for none.",
		"note: This camp has no other device yet.",
	}, "without --listen"},
	{"alone without a network", with(cut(Interface{Name: "eth0", Unusable: "is turned off"}), func(f *Facts) { f.Alone, f.Peers = true, nil }), []string{
		"problem: eth0 is turned off.", "note: This camp has no other device yet.",
	}, "network settings"},
	{"an address of before", with(lost(), func(f *Facts) { f.Listen = addrs("10.77.0.9"); f.Peers[0].Failure = Failure{NoWay, "x"} }), []string{
		"problem: This device listens at none of the addresses that it has: 10.77.0.1.",
		`problem: The device "tent", heard on eth0 at 10.77.0.2 3 seconds ago, is not reached: x.`,
	}, "without --listen"},

	// Interfaces.
	{"only loopback", with(cut(Interface{}), func(f *Facts) { f.Interfaces = f.Interfaces[:1] }), []string{
		"problem: This device has no network: there is nothing but the way to itself (loopback).", notInTouch,
	}, "Plug in a cable"},
	{"only containers", with(cut(ethernet("172.17.0.1/16")), func(f *Facts) {
		f.Interfaces[1].Name, f.Interfaces[1].Virtual, f.Listen = "docker0", true, addrs("172.17.0.1")
	}), []string{"problem: The only networks of this device are of VPNs or containers: docker0.", notInTouch}, "Plug in a cable"},
	{"turned off", cut(Interface{Name: "eth0", Unusable: "is turned off"}), []string{"problem: eth0 is turned off.", notInTouch}, "Turn it on"},
	{"turned off a moment ago", on(lost(), func(i *Interface) { i.Up, i.Unusable = false, "is turned off" }), []string{
		"problem: eth0 is turned off.", `note: Not in touch: "tent" (last heard 3 seconds ago).`,
	}, "Turn it on"},
	{"both turned off", with(cut(Interface{Name: "eth0", Unusable: "is turned off"}), func(f *Facts) { f.Interfaces = append(f.Interfaces, Interface{Name: "wlan0"}) }), []string{
		"problem: eth0 and wlan0 are turned off.", notInTouch,
	}, "Turn it on"},
	{"no cable", cut(Interface{Name: "eth0", Up: true, Multicast: true, Addrs: []netip.Prefix{netip.MustParsePrefix("10.77.0.1/16")}}), []string{
		"problem: There is no cable in eth0, or no Wi-Fi network joined.", notInTouch,
	}, "Plug the cable in"},
	{"no cable, says a driver that is wrong", on(facts(), func(i *Interface) { i.Connected = false }), []string{`ok: The other device of the camp is in touch: "tent".`}, ""},
	{"no address", cut(ethernet()), []string{"problem: eth0 has no address.", notInTouch}, "Wait half a minute"},
	{"IPv6 link-local only", cut(ethernet("fe80::1/64")), []string{
		"problem: The only addresses of eth0 are IPv6 link-local (fe80::), by which devices cannot connect.", nothing, notInTouch,
	}, "10.77.0.1"},
	{"IPv6 link-local only, both heard", with(lost(), func(f *Facts) {
		f.Interfaces[1].Addrs, f.Listen, f.Heard[0].Addrs = f.Interfaces[1].Addrs[1:], nil, nil
	}), []string{
		"problem: The only addresses of eth0 are IPv6 link-local (fe80::), by which devices cannot connect.",
		`problem: The device "tent", heard on eth0 3 seconds ago, has no address to connect to.`,
	}, "IPv4 be automatic"},
	{"IPv6 link-local only, the other one well", with(lost(), func(f *Facts) {
		f.Interfaces[1].Addrs, f.Listen, f.Peers[0].Failure = f.Interfaces[1].Addrs[1:], nil, Failure{NoWay, "no way"}
	}), []string{
		"problem: The only addresses of eth0 are IPv6 link-local (fe80::), by which devices cannot connect.",
		`note: The device "tent", heard on eth0 at 10.77.0.2 3 seconds ago, is not reached: this device has no address to connect from.`,
	}, "IPv4 be automatic"},
	{"self-given address", with(cut(ethernet("169.254.7.1/16")), func(f *Facts) { f.Listen = addrs("169.254.7.1") }), []string{
		nothing, "note: No router gave eth0 an address, so it took 169.254.7.1 itself. That is enough where the others did the same.", notInTouch,
	}, "same switch"},
	{"no multicast", with(on(deaf(), func(i *Interface) {
		i.Multicast, i.Unusable, i.Asked = false, "cannot send to many at once (multicast)", 0
	}), func(f *Facts) {}), []string{
		"note: eth0 cannot send to many at once (multicast), so nobody is found by it.", notInTouch,
	}, "--peer ADDRESS"},
	{"not used", on(deaf(), func(i *Interface) { i.Unusable, i.Asked = "is one too many: 32 are used at once", 0 }), []string{
		"note: eth0 is one too many: 32 are used at once.", notInTouch,
	}, ""},
	{"hidden by the system", with(deaf(), func(f *Facts) { f.Interfaces, f.Hidden = nil, "permission denied" }), []string{
		"problem: This system does not tell which networks it has, so nobody can be looked for (permission denied).", notInTouch,
	}, "--peer ADDRESS"},
	{"two ways into one network", with(lost(), func(f *Facts) {
		wifi := ethernet("10.77.0.3/16")
		wifi.Name = "wlan0"
		f.Interfaces = append(f.Interfaces, wifi)
	}), []string{
		"note: eth0 and wlan0 are both in the network 10.77.0.0/16, and what is sent may leave by the wrong one.",
		`note: Heard, and not in touch yet: "tent" (at 10.77.0.2 on eth0, 3 seconds ago).`,
	}, "Unplug"},

	{"another interface turned off", with(lost(), func(f *Facts) { f.Interfaces = append(f.Interfaces, Interface{Name: "wlan0"}) }), []string{
		"note: wlan0 is turned off.", `note: Heard, and not in touch yet: "tent" (at 10.77.0.2 on eth0, 3 seconds ago).`,
	}, "If the devices that are missing are there: turn it on"},

	// Asked and heard.
	{"nothing heard", deaf(), []string{nothing, notInTouch}, "same switch"},
	{"nothing heard, with a router", with(deaf(), func(f *Facts) { f.Gateways = addrs("10.77.0.254") }), []string{nothing, notInTouch}, "phone's hotspot, or name the address of another device: musafir up --peer ADDRESS"},
	{"nothing heard, and one in touch by its address", with(deaf(), func(f *Facts) { f.Peers = append(f.Peers, Peer{ID: "lab-id", Name: "lab", Connected: true}) }), []string{
		strings.Replace(nothing, "problem", "note", 1), notInTouch, `ok: In touch: "lab".`,
	}, "hotspot"},
	{"nothing heard any more", on(deaf(), func(i *Interface) { i.Heard, i.LastHeard = 4, now.Add(-10*time.Minute) }), []string{
		"problem: No device with musafir answers on eth0 any more; the last one did 10 minutes ago.", notInTouch,
	}, "same switch"},
	{"not asked yet", on(deaf(), func(i *Interface) { i.Asked = 0 }), []string{
		"note: Nobody was heard on eth0 yet: the first questions have just gone out.", notInTouch,
	}, "some seconds"},
	{"asked a little", on(deaf(), func(i *Interface) { i.Asked = 3 }), []string{
		"note: Nobody was heard on eth0 yet: the first questions have just gone out.", notInTouch,
	}, "some seconds"},
	{"not up, asked a little", with(on(deaf(), func(i *Interface) { i.Asked = 1 }), func(f *Facts) { f.Look = Down }), []string{
		"problem: Musafir is not up on this device: the others do not find it, and it does not reach them.",
		strings.Replace(nothing, "8 questions", "1 question", 1),
	}, "musafir up"},
	{"other things only", on(deaf(), func(i *Interface) { i.Others = 2 }), []string{
		"problem: Other things, such as printers and phones, have answered on eth0, but no device with musafir.", notInTouch,
	}, "UDP at port 5353"},
	{"asked, and not answered", on(deaf(), func(i *Interface) { i.Answered = 2 }), []string{
		"problem: Other devices with musafir have asked on eth0 and got this one's answer, but none has answered this one's questions.", notInTouch,
	}, "firewall on this device"},
	{"another camp only", on(deaf(), func(i *Interface) { i.Heard, i.Strangers, i.LastHeard = 3, 3, now }), []string{
		"problem: Devices with musafir answer on eth0, but none with a key of this camp: they are of another camp.", notInTouch,
	}, `Is it "Camp 4" too?`},
	{"the port of mDNS is taken", on(lost(), func(i *Interface) { i.Faults = []Fault{{Answering, "listen udp4: bind: address already in use"}} }), []string{
		"problem: Another program keeps UDP port 5353 to itself. So this device does not hear the questions of others on eth0, or not all, and they may not find it.",
		`note: Heard, and not in touch yet: "tent" (at 10.77.0.2 on eth0, 3 seconds ago).`,
	}, "avahi-daemon"},
	{"half of the answers fail", on(lost(), func(i *Interface) { i.Answered, i.Faults = 1, []Fault{{Answering, "not permitted"}} }), []string{
		"note: This device does not hear the questions of others on eth0, or not all, and they may not find it (not permitted).",
		`note: Heard, and not in touch yet: "tent" (at 10.77.0.2 on eth0, 3 seconds ago).`,
	}, "firewall"},
	{"questions do not go out", on(deaf(), func(i *Interface) { i.Asked, i.Faults = 0, []Fault{{"ask by IPv4", "not permitted"}} }), []string{
		"problem: On eth0 it fails to ask by IPv4 (not permitted).", notInTouch,
	}, "port 5353"},

	// Devices.
	{"heard, not called yet", lost(), []string{`note: Heard, and not in touch yet: "tent" (at 10.77.0.2 on eth0, 3 seconds ago).`}, "some seconds"},
	{"heard, while others are in touch", with(lost(), func(f *Facts) { f.Peers = append(f.Peers, Peer{ID: "lab-id", Name: "lab", Connected: true}) }), []string{
		`note: Heard, and not in touch yet: "tent" (at 10.77.0.2 on eth0, 3 seconds ago).`, `ok: In touch: "lab".`,
	}, "pass on what others wrote"},
	{"behind a firewall", with(lost(), func(f *Facts) { f.Peers[0].Failure = Failure{Silence, "no answer"} }), []string{
		`problem: The device "tent", heard on eth0 at 10.77.0.2 3 seconds ago, gives no answer when it is called. Most likely a firewall keeps the call from it.`,
	}, "TCP and UDP port 7668"},
	{"gone, or behind a firewall", with(lost(), func(f *Facts) {
		f.Heard[0].At, f.Peers[0].Failure = now.Add(-time.Minute), Failure{Silence, "no answer"}
	}), []string{
		`problem: The device "tent", heard on eth0 at 10.77.0.2 1 minute ago, gives no answer when it is called. Either it is gone, or a firewall keeps the call from it.`,
	}, "If it is there, let the firewalls"},
	{"nothing listens", with(lost(), func(f *Facts) {
		f.Peers[0].Failure = Failure{Nobody, "refused"}
		f.Heard[0].UDP = 0
	}), []string{`problem: The device "tent", heard on eth0 at 10.77.0.2 3 seconds ago, refuses the call: nothing listens there, or a firewall refuses.`}, "TCP port 7668"},
	{"another device answers", with(lost(), func(f *Facts) {
		f.Peers[0].Failure = Failure{Other, "another device answers there, x"}
		f.Heard[0].TCP = 7001
	}), []string{`problem: The device "tent", heard on eth0 at 10.77.0.2 3 seconds ago, is not reached: another device answers there, x.`}, "TCP port 7001 and UDP port 7668"},
	{"in another subnet", with(lost(), func(f *Facts) {
		f.Heard[0].Addrs = addrs("192.168.1.7")
		f.Peers[0].Failure = Failure{NoWay, "no way"}
	}), []string{`problem: The device "tent", heard on eth0 at 192.168.1.7 3 seconds ago, is in none of this device's networks (10.77.0.0/16).`}, "one router"},
	{"heard before", with(lost(), func(f *Facts) {
		f.Heard[0].At = now.Add(-5 * time.Minute)
		f.Peers = append(f.Peers, Peer{ID: "lab-id", Name: "lab", Connected: true})
	}), []string{`note: Not in touch: "tent" (last heard 5 minutes ago).`, `ok: In touch: "lab".`}, "musafir up"},
	{"never met", with(facts(), func(f *Facts) { f.Peers = append(f.Peers, Peer{ID: "lab-id", Name: "lab"}) }), []string{
		`note: Not in touch: "lab" (no contact since musafir was started).`, `ok: In touch: "tent".`,
	}, "musafir up"},
	{"turned away by the other", with(lost(), func(f *Facts) {
		f.Peers[0].Refused, f.Peers[0].RefusedUs = "this device speaks version 2", true
	}), []string{`problem: The device "tent" turned this one away: this device speaks version 2.`}, "same version"},
	{"turned away", with(lost(), func(f *Facts) { f.Peers[0].Refused = "a frame came that has no place here" }), []string{
		`problem: The device "tent" was turned away by this one: a frame came that has no place here.`,
	}, "same version"},
	{"a stranger turned away", with(facts(), func(f *Facts) {
		f.Strangers = []Stranger{{"12D3KooWabcdef", now.Add(-time.Minute), "the device is not admitted"}, {"12D3KooWabcdee", now.Add(-time.Hour), "long ago"}}
	}), []string{"note: A device that is not in this camp, ...abcdef, was turned away: the device is not admitted.", `ok: The other device of the camp is in touch: "tent".`}, "musafir invite"},
	{"nobody at an address", with(deaf(), func(f *Facts) {
		f.Peers[0].Typed, f.Peers[0].Failure = "10.0.0.9", Failure{Nobody, "nothing listens there"}
		f.Places = []Place{{Addr: "10.0.0.8", Failure: Failure{Silence, "no answer in time"}}, {Addr: "10.0.0.7"}, {Addr: "10.0.0.6", Answers: crdt.DeviceID("12D3KooWabcdef")}}
	}), []string{
		nothing, "problem: At 10.0.0.8 nobody was reached: no answer in time.",
		"problem: At 10.0.0.6 a device answers that is not in this camp, ...abcdef.",
		`problem: The device "tent" was not reached at 10.0.0.9: nothing listens there.`,
	}, "same switch"},
	{"a clock is wrong", with(facts(), func(f *Facts) { f.Clocks = []Finding{{Problem, "This device's clock is wrong.", "Set it."}} }), []string{
		"problem: This device's clock is wrong.", `ok: The other device of the camp is in touch: "tent".`,
	}, "Set it."},
}

func TestDiagnose(t *testing.T) {
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			found := Diagnose(tt.facts)
			for _, f := range found {
				got = append(got, string(f.Level)+": "+f.Text)
			}
			if !slices.Equal(got, tt.want) {
				t.Fatalf("found\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
			if remedy := found[0].Remedy; !strings.Contains(remedy, tt.remedy) || tt.remedy == "" && remedy != "" {
				t.Errorf("to do: %q, want %q in it", remedy, tt.remedy)
			}
		})
	}
}

func TestState(t *testing.T) {
	off := ethernet("10.77.0.1/16")
	off.Up = false
	unplugged := ethernet("10.77.0.1/16")
	unplugged.Connected = false
	mute := ethernet("10.77.0.1/16")
	mute.Multicast = false
	extra := ethernet("10.77.0.1/16")
	extra.Unusable = "is one too many"
	for _, tt := range []struct {
		i    Interface
		want State
	}{
		{loopback, ThisMachine}, {off, Off}, {unplugged, NoLink}, {ethernet(), NoAddress}, {ethernet("fe80::1/64"), LinkLocal6},
		{mute, NoMulticast}, {extra, NotUsed}, {ethernet("169.254.1.2/16"), InUse}, {ethernet("fd77::1/64"), InUse},
	} {
		if got := tt.i.State(); got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.i, got, tt.want)
		}
	}
}

func TestWords(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "just now", -time.Second: "just now", 1900 * time.Millisecond: "1 second ago", time.Minute: "1 minute ago",
		119 * time.Minute: "1 hour ago", 50 * time.Hour: "2 days ago",
	} {
		if got := ago(d); got != want {
			t.Errorf("%s: %q, want %q", d, got, want)
		}
	}
	letters := strings.Split("abcdefghij", "")
	for n, want := range map[int]string{
		0: "", 1: "a", 2: "a and b", 3: "a, b and c", 9: "a, b, c, d, e, f, g, h and i", 10: "a, b, c, d, e, f, g, h and 2 more",
	} {
		if got := listed(letters[:n]); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}
