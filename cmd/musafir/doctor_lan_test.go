package main

import (
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"musafir/discovery/lantest"
)

const doctorPoll = 250 * time.Millisecond

// withoutTent is what is said where that device is missing, whether or not it was
// heard a moment ago.
const withoutTent = `^Note: .*[Nn]ot in touch.*"tent"|^(PROBLEM|Note): The device "tent", heard`

// says waits until the doctor on a device says all of that, in patterns.
func (d *lanDevice) says(what string, patterns ...string) string {
	d.t.Helper()
	start := time.Now()
	for {
		said := string(d.run("doctor"))
		if missing := unmatched(said, patterns); missing == "" {
			d.t.Logf("%s: after %.2f s %s says\n%s", what, time.Since(start).Seconds(), d.name, said)
			return said
		} else if time.Since(start) > lanPatience {
			d.t.Fatalf("%s: %s does not say %q:\n%s", what, d.name, missing, said)
		}
		<-time.After(doctorPoll)
	}
}

// unmatched is the first pattern that does not fit; "": none.
func unmatched(text string, patterns []string) string {
	for _, p := range patterns {
		if !regexp.MustCompile("(?m)" + p).MatchString(text) {
			return p
		}
	}
	return ""
}

// well waits until the doctor finds nothing wrong.
func (d *lanDevice) well(what, in string) {
	d.t.Helper()
	said := d.says(what, "^OK: .* in touch: "+in)
	if strings.Contains(said, "PROBLEM") || strings.Contains(said, "Note") {
		d.t.Errorf("%s: all is well, and %s says\n%s", what, d.name, said)
	}
}

// restartAt starts the device anew with other addresses: it takes some seconds until a
// session is given up that nothing passes any more.
func (d *lanDevice) restartAt(k *lantest.Link, addrs ...string) {
	d.t.Helper()
	d.end()
	k.SetAddrs(addrs...)
	d.up()
}

// Each kind of trouble is told, and that it is over.
func TestDoctorExplains(t *testing.T) {
	t.Parallel()
	lan := lantest.New(t)
	s := lan.Switch()
	hosts, links := plugged(lan, s, "desk", "tent")
	c := lanCampOf(t, hosts...)
	desk, tent := c.devices[0], c.devices[1]
	desk.well("a bridge without routes", `"tent"\.`)
	tent.well("a bridge without routes", `"desk"\.`)

	links[1].Down()
	tent.says("link down", "^PROBLEM: eth0 is turned off", "To do: Turn it on", "^eth0 .* turned off$", `^Note: Not in touch: "desk"`)
	desk.says("link down", `"tent"`)
	links[1].Up()
	tent.well("link up", `"desk"\.`)

	tent.restartAt(links[1])
	tent.says("IPv6 link-local only", "^PROBLEM: The only addresses of eth0 are IPv6 link-local", `10\.77\.0\.1 on this one`, `^Note: .* this device has no address to connect from|^Note: Not in touch`)
	desk.says("the other has no address", withoutTent)
	links[1].SetAddrs(lanAddr(2))
	tent.well("an address again", `"desk"\.`)

	links[1].Remove()
	tent.says("interface removed", "^PROBLEM: This device has no network: there is nothing but the way to itself")
	links[1] = hosts[1].Plug(s, "eth0", lanAddr(2))
	tent.well("interface re-created", `"desk"\.`)

	links[1].SetAddrs(lanAddr(3))
	tent.well("address changed", `"desk"\.`)
	tent.restartAt(links[1], "192.168.5.5/24")
	desk.says("address of another network", `^PROBLEM: The device "tent", heard on eth0 at 192\.168\.5\.5 .*, is in none of this device's networks \(10\.77\.0\.0/16\)`)
	links[1].SetAddrs(lanAddr(2))
	desk.well("an address of this network", `"tent"\.`)
	desk.says("the new address is heard", `^tent +10\.77\.0\.3 +eth0 .* in touch$`)

	tent.end()
	desk.says("the other is not up", withoutTent)
	tent.says("not up", "^PROBLEM: Musafir is not up on this device", "musafir up$", `^OK: Of this camp "desk" answers on the network`, `^desk +10\.77\.0\.2 +eth0 `)
	links[1].Unplug()
	tent.up()
	tent.says("a port that is isolated", `^PROBLEM: Of \d+ questions on eth0 none was answered.*client isolation`, "hotspot, or name the address", `^Note: Not in touch: "desk"`)
	links[1].Replug()
	tent.well("plugged in again", `"desk"\.`)
}

// A firewall is named where devices hear each other and nothing else passes.
func TestDoctorFirewall(t *testing.T) {
	t.Parallel()
	lan := lantest.New(t)
	hosts, _ := plugged(lan, lan.Switch(), "desk", "tent")
	c := lanCampOf(t, hosts...)
	desk, tent := c.devices[0], c.devices[1]
	tent.end()
	hosts[1].Firewall("tcp", 7668)
	hosts[1].Firewall("udp", 7668)
	tent.up()
	for _, d := range c.devices {
		d.says("TCP and UDP 7668 blocked", `^PROBLEM: The device .* heard on eth0 at 10\.77\.0\.[23] .* gives no answer.*firewall`, "pass TCP and UDP port 7668")
	}
	desk.end()
	tent.says("the other is gone", `^PROBLEM: The device "desk", heard|^Note: Not in touch: "desk"`)
}

// Who belongs to another camp is not taken for one of ours.
func TestDoctorForeignCamp(t *testing.T) {
	t.Parallel()
	lan := lantest.New(t)
	hosts, _ := plugged(lan, lan.Switch(), "desk", "tent", "gate")
	ours := lanCampOf(t, hosts[:2]...)
	foundLAN(t, "Camp Nine", hosts[2])
	desk, tent := ours.devices[0], ours.devices[1]
	tent.end()
	desk.end()
	desk.up()
	desk.says("another camp only", "^PROBLEM: Devices with musafir answer on eth0, but none with a key of this camp", `Is it "Camp Seven" too\?`, `^Note: Not in touch: "tent"`)
	if said := string(desk.run("doctor")); strings.Contains(said, "Camp Nine") || strings.Contains(said, "gate") {
		t.Errorf("it tells of another camp:\n%s", said)
	}
}

// The port of mDNS may be another program's.
func TestDoctorPortTaken(t *testing.T) {
	t.Parallel()
	lan := lantest.New(t)
	hosts, _ := plugged(lan, lan.Switch(), "desk", "tent")
	c := lanCampOf(t, hosts...)
	desk, tent := c.devices[0], c.devices[1]
	tent.end()
	desk.end()
	hosts[1].Do(func() {
		conn, err := net.ListenPacket("udp", ":5353") // without leave for others
		check(t, err)
		t.Cleanup(func() { conn.Close() })
	})
	tent.up()
	tent.says("another program has the port", "^PROBLEM: Another program keeps UDP port 5353 to itself.* on eth0", "avahi-daemon", `^Note: Not in touch: "desk"`)
	desk.up()
	tent.well("found all the same", `"desk"\.`)
}

// Two links on one device: each of its neighbours sees it, and it sees both.
func TestDoctorTwoLinks(t *testing.T) {
	t.Parallel()
	lan := lantest.New(t)
	near, far := lan.Switch(), lan.Switch()
	hub, left, right := lan.Host("hub"), lan.Host("left"), lan.Host("right")
	hub.Plug(near, "eth0", "10.77.1.1/24")
	second := hub.Plug(far, "eth1", "10.77.2.1/24")
	left.Plug(near, "eth0", "10.77.1.2/24")
	right.Plug(far, "eth0", "10.77.2.2/24")
	c := lanCampOf(t, hub, left, right)
	c.devices[0].well("two links", `"(left|right)" and "(left|right)"\.`)
	c.devices[1].says("behind another device", `^Note: Not in touch: "right"`, "Devices pass on what others wrote", `^OK: In touch: "hub"\.`)
	second.Down()
	c.devices[0].says("one of two links down", "^Note: eth1 is turned off", "If the devices that are missing are there: turn it on", `^OK: In touch: "left"\.`)
}

// On a device without a camp the doctor tells of the network.
func TestDoctorWithoutCamp(t *testing.T) {
	t.Parallel()
	lan := lantest.New(t)
	hosts, links := plugged(lan, lan.Switch(), "desk", "new")
	foundLAN(t, "Camp Seven", hosts[0])
	fresh := (&lanCamp{t: t}).add(hosts[1])
	fresh.says("no camp", "^PROBLEM: .*there is no camp", "musafir join CODE$", "^OK: Devices with musafir answer on eth0")
	links[1].Down()
	fresh.says("no camp, no network", "^PROBLEM: eth0 is turned off")
}
