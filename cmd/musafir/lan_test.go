package main

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"musafir/discovery/lantest"
)

// What somebody with two devices in one room may rely on.
const (
	lanFound    = 3 * time.Second  // from the start of a program until it is in touch
	lanReturned = 10 * time.Second // from when the network is back until writes go through
	lanSessions = 12               // at most, of one device
	lanSettled  = 30 * time.Second // after a beginning, until devices look for others less often
	lanListened = 2 * time.Second  // for what nobody should send
)

// Three devices share records; one is cut off while both sides edit.
func TestLANThreeDevices(t *testing.T) {
	const records, edits = 4000, 50
	t.Parallel()
	lan := lantest.New(t)
	hosts, links := plugged(lan, lan.Switch(), "desk", "tent", "lab")
	c := lanCampOf(t, hosts...)
	desk, tent, lab := c.devices[0], c.devices[1], c.devices[2]
	start := time.Now()
	desk.load("patients", 0, records)
	c.logTook("the import", start)
	c.awaitEqualFrom(start, "4,000 records imported and everywhere")

	links[2].Unplug()
	c.await("they notice that one is cut off", func() bool { return desk.sees(tent) && tent.sees(desk) && lab.sees() })
	for i := range edits {
		id := fmt.Sprintf("r%05d", i)
		tent.patch("patients", id, map[string]any{"name": "renamed", "phone": "1"})
		lab.patch("patients", id, map[string]any{"n": -1, "phone": "2"})
	}
	links[2].Replug()
	c.atMost(lanReturned, c.awaitEqual("both sides' edits merged"))
	for _, d := range c.devices {
		r := d.get("patients", "r00007")
		if s := d.status(); s.Counts.Records != records || s.Counts.Conflicts != edits || r.Fields["name"] != "renamed" || r.Fields["n"] != -1. {
			t.Errorf("%s has %+v and shows %+v", d.name, s.Counts, r)
		}
		d.verify()
	}
}

// A program that starts finds another one, where it was and where it was not.
func TestLANFound(t *testing.T) {
	rounds := envNumber("MUSAFIR_LAN_ROUNDS", 5)
	p := newLANPair(t)
	desk, tent := p.devices[0], p.devices[1]
	p.findAgain(rounds, "found where it was", func(int) { tent.end() })
	p.findAgain(rounds, "found elsewhere", func(round int) {
		tent.end()
		desk.end()
		p.desk.SetAddrs(lanAddr(10 + 2*round)) // nobody is where he was known to be
		p.tent.SetAddrs(lanAddr(11 + 2*round))
		desk.up()
	})
}

// findAgain starts the tent again and again after what ended it.
func (p *lanPair) findAgain(rounds int, what string, off func(round int)) {
	p.t.Helper()
	desk, tent := p.devices[0], p.devices[1]
	var took []time.Duration
	for round := range rounds {
		off(round)
		start := time.Now()
		tent.up()
		took = append(took, p.awaitFrom(start, what, func() bool { return tent.sees(desk) }))
	}
	slices.Sort(took)
	p95 := took[(len(took)*95+99)/100-1]
	p.t.Logf("%s: of %d the median took %.2f s, p95 %.2f s", what, rounds, took[rounds/2].Seconds(), p95.Seconds())
	p.atMost(lanFound, p95)
}

// After each kind of trouble the devices are together again soon.
func TestLANReturn(t *testing.T) {
	for _, tt := range []struct {
		what    string
		off     func(*lanPair)
		noticed bool // it lasts until both have noticed
		on      func(*lanPair)
	}{
		{"interface off", func(p *lanPair) { p.tent.Down() }, true, func(p *lanPair) { p.tent.Up() }},
		{"cable pulled for a moment", func(p *lanPair) { p.tent.Unplug() }, false, func(p *lanPair) { p.tent.Replug() }},
		{"interface replaced", func(p *lanPair) { p.tent.Remove() }, true, func(p *lanPair) { p.plugTent() }},
		{"interface replaced at once", func(p *lanPair) { p.tent.Remove() }, false, func(p *lanPair) { p.plugTent() }},
		{"another address", func(*lanPair) {}, false, func(p *lanPair) { p.tent.SetAddrs(lanAddr(3)) }},
		{"other addresses of both", func(p *lanPair) { p.desk.SetAddrs(lanAddr(4)) }, false, func(p *lanPair) { p.tent.SetAddrs(lanAddr(5)) }},
	} {
		t.Run(tt.what, func(t *testing.T) {
			t.Parallel() // here and below: it is mostly waiting
			p := newLANPair(t)
			desk, tent := p.devices[0], p.devices[1]
			tt.off(p)
			if tt.noticed {
				p.await("both notice", func() bool { return desk.sees() && tent.sees() })
			}
			start := time.Now()
			tt.on(p)
			p.atMost(lanReturned, p.awaitCross(start, "writes go through", desk, tent))
			p.await("in touch", func() bool { return desk.sees(tent) && tent.sees(desk) })
		})
	}
}

// What two devices that cannot reach each other write is carried by one that
// reaches both.
func TestLANTwoLinks(t *testing.T) {
	t.Parallel()
	lan := lantest.New(t)
	near, far := lan.Switch(), lan.Switch()
	hub, left, right := lan.Host("hub"), lan.Host("left"), lan.Host("right")
	hub.Plug(near, "eth0", "10.77.1.1/24")
	hub.Plug(far, "eth1", "10.77.2.1/24")
	left.Plug(near, "eth0", "10.77.1.2/24")
	right.Plug(far, "eth0", "10.77.2.2/24")
	c := lanCampOf(t, hub, left, right)
	c.await("all in touch", func() bool {
		return c.devices[0].sees(c.devices[1], c.devices[2]) && c.devices[1].sees(c.devices[0]) && c.devices[2].sees(c.devices[0])
	})
	c.atMost(lanFound, c.awaitCross(time.Now(), "from end to end", c.devices[1], c.devices[2]))
}

// Whatever a network offers is enough.
func TestLANKinds(t *testing.T) {
	for _, tt := range []struct {
		name  string
		addrs [2]string
		off   func(h *lantest.Host)
		quic  bool
	}{
		{"IPv4 only", [2]string{"10.77.0.1/24", "10.77.0.2/24"}, (*lantest.Host).NoIPv6, false},
		{"IPv4 link-local only", [2]string{"169.254.7.1/16", "169.254.7.2/16"}, (*lantest.Host).NoIPv6, false},
		{"IPv6 only", [2]string{"fd77::1/64", "fd77::2/64"}, func(*lantest.Host) {}, false},
		{"TCP blocked", [2]string{"10.77.0.1/24", "10.77.0.2/24"}, func(h *lantest.Host) { h.Firewall("tcp") }, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			lan := lantest.New(t)
			s := lan.Switch()
			desk, tent := lan.Host("desk"), lan.Host("tent")
			for i, h := range []*lantest.Host{desk, tent} {
				tt.off(h)
				h.Plug(s, "eth0", tt.addrs[i])
			}
			c := lanCampOf(t, desk, tent)
			c.awaitCross(time.Now(), "a write", c.devices[0], c.devices[1])
			if p, _ := parsePlace(c.devices[0].status().Peers[0].Address); p.quic != tt.quic {
				t.Errorf("they talk at %v", p)
			}
			if !tt.quic { // else the doctor has something to say
				c.devices[0].well(tt.name, `"tent"\.`)
				c.devices[1].well(tt.name, `"desk"\.`)
			}
		})
	}
}

// A camp of many devices comes together. $MUSAFIR_LAN_DEVICES=20 for a large one,
// which is watched for a while afterwards.
func TestLANManyDevices(t *testing.T) {
	const records, usual = 4000, 6
	many := envNumber("MUSAFIR_LAN_DEVICES", usual)
	lan := lantest.New(t)
	var names []string
	for i := range many {
		names = append(names, fmt.Sprint("device ", i+1))
	}
	hosts, _ := plugged(lan, lan.Switch(), names...)
	c := lanCampOf(t, hosts...)
	start := time.Now()
	c.devices[0].load("patients", 0, records)
	c.awaitEqualFrom(start, fmt.Sprintf("an import on %d devices", many))
	if many > usual {
		<-time.After(lanSettled)
		c.idle(time.Minute)
	}
	var sessions []int
	for _, d := range c.devices {
		sessions = append(sessions, len(d.status().Peers))
	}
	t.Logf("sessions: %d", sessions)
	if most := slices.Max(sessions); most > lanSessions {
		t.Errorf("a device has %d sessions, and may have %d", most, lanSessions)
	}
}

// Devices that have nothing to tell each other stay in touch, and keep their
// sessions.
func TestLANStays(t *testing.T) {
	t.Parallel()
	const longer = 33 * time.Second // than any pause between two signs of life
	p := newLANPair(t)
	p.devices[0].load("patients", 0, 1000) // many bytes, so that those of a new session are fewer
	p.awaitEqual("an import")
	before := p.exchanged()
	p.idle(longer)
	for i, n := range p.exchanged() {
		if n < before[i] {
			t.Errorf("%s had exchanged %d bytes in its session, and now %d: it is another one", p.devices[i].name, before[i], n)
		}
	}
}

// Two camps on one network have nothing to do with each other.
func TestLANForeignCamp(t *testing.T) {
	t.Parallel()
	lan := lantest.New(t)
	hosts, _ := plugged(lan, lan.Switch(), "desk", "tent", "gate", "chapel")
	ours, theirs := foundLAN(t, "Camp Seven", hosts[0]), foundLAN(t, "Camp Nine", hosts[2])
	ours.join(hosts[1])
	theirs.join(hosts[3])
	for _, c := range []*lanCamp{ours, theirs} {
		c.awaitCross(time.Now(), c.name+" works", c.devices[0], c.devices[1])
		for _, d := range c.devices {
			d.end()
			d.up()
		}
	}
	for _, c := range []*lanCamp{ours, theirs} {
		c.awaitCross(time.Now(), c.name+" works after a restart", c.devices[0], c.devices[1])
		c.await(c.name+" in touch", func() bool { return c.devices[0].sees(c.devices[1]) && c.devices[1].sees(c.devices[0]) })
	}
	ours.ignores(theirs)
	theirs.ignores(ours)
}

// ignores checks that nothing of another camp is told anywhere.
func (c *lanCamp) ignores(other *lanCamp) {
	c.t.Helper()
	for _, d := range c.devices {
		var told bytes.Buffer
		for _, path := range []string{"/v1/status", "/v1/peers", "/v1/devices"} {
			doc, err := d.call(c.t.Context(), http.MethodGet, path, nil)
			check(c.t, err)
			told.Write(doc)
		}
		told.Write(d.run("status"))
		told.Write(d.run("peers"))
		var doc peersDoc
		list, err := d.call(c.t.Context(), http.MethodGet, "/v1/peers", nil)
		check(c.t, err)
		mustUnmarshal(c.t, list, &doc)
		if len(doc.Peers) != len(c.devices)-1 {
			c.t.Errorf("%s knows of %d devices: %s", d.name, len(doc.Peers), list)
		}
		for _, o := range other.devices {
			for _, word := range []string{other.name, o.name, o.status().Device.ID} {
				if bytes.Contains(told.Bytes(), []byte(word)) {
					c.t.Errorf("%s of %s tells of %q:\n%s", d.name, c.name, word, told.Bytes())
				}
			}
		}
	}
}

// Whoever listens on the network learns nothing from it.
func TestLANNothingReadable(t *testing.T) {
	t.Parallel()
	lan := lantest.New(t)
	s := lan.Switch()
	hosts, _ := plugged(lan, s, "reception desk", "midwives' tent")
	capture := s.Capture()
	c := lanCampOf(t, hosts...)
	for _, d := range c.devices {
		d.patch("patients", "rahima-0171", map[string]any{"name": "Rahima Khatun"})
		d.end()
		d.up()
	}
	c.awaitCross(time.Now(), "a write", c.devices[0], c.devices[1])
	c.devices[0].run("invite")
	<-time.After(lanListened)
	frames := capture.Stop()
	if n := len(asking(frames)); n == 0 {
		t.Errorf("nobody asked for others in %d frames: this test shows nothing", len(frames))
	}
	for word, bytes := range c.secrets("Rahima", "rahima-0171", "patients") {
		for _, f := range frames {
			if containsFold(f, bytes) {
				t.Errorf("%s is readable (multicast: %v): %q", word, lantest.IsMulticast(f), f)
				break
			}
		}
	}
	t.Logf("%d frames, %d of them asking for devices or answering", len(frames), len(asking(frames)))
}

// A device that was told not to look for others is silent.
func TestLANDiscoverOff(t *testing.T) {
	t.Parallel()
	lan := lantest.New(t)
	s := lan.Switch()
	hosts, links := plugged(lan, s, "desk", "tent")
	c := lanCampOf(t, hosts...)
	desk, tent := c.devices[0], c.devices[1]
	desk.end()
	tent.end()
	for i, k := range links {
		k.SetAddrs(lanAddr(10 + i))
	}
	capture := s.Capture()
	desk.up("--discover=false")
	tent.up("--discover=false", "--peer", strings.TrimSuffix(lanAddr(10), "/16"))
	c.awaitCross(time.Now(), "a write, at an address that was typed", desk, tent)
	<-time.After(lanListened)
	if asked := asking(capture.Stop()); len(asked) > 0 {
		t.Errorf("%d frames ask for others: %q", len(asked), asked[0])
	}
}

func TestContainsFold(t *testing.T) {
	for _, tt := range []struct {
		frame, word string
		contains    bool
	}{
		{"\x02_MuSaFir\x04", "musafir", true},
		{"\xe2tent\xff", "TENT", true},
		{"\xe2\x82\xac", "\x82\xac", true}, // from the middle of a letter
		{"desk", "tent", false},
	} {
		if containsFold([]byte(tt.frame), []byte(tt.word)) != tt.contains {
			t.Errorf("%q in %q", tt.word, tt.frame)
		}
	}
}
