package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"musafir/discovery/lantest"
)

// guests are hosts beside a coordinator's device, none of which is of the camp yet.
func guests(t *testing.T, n int) (c *lanCamp, hosts []*lantest.Host) {
	t.Helper()
	lan := lantest.New(t)
	names := []string{"desk"}
	for i := range n {
		names = append(names, fmt.Sprint("guest", i+1))
	}
	hosts, _ = plugged(lan, lan.Switch(), names...)
	return foundLAN(t, "Camp Seven", hosts[0]), hosts[1:]
}

func (d *lanDevice) invite(args ...string) string {
	d.t.Helper()
	var doc struct{ Code string }
	check(d.t, json.Unmarshal(d.run(append([]string{"invite", "--json"}, args...)...), &doc))
	return doc.Code
}

// refused is a command that fails and says so.
func (d *lanDevice) refused(says string, args ...string) {
	d.t.Helper()
	out, err := d.program(args...).CombinedOutput()
	if err == nil || !strings.Contains(string(out), says) {
		d.t.Errorf("musafir %s, on %s: %v, %s", strings.Join(args, " "), d.name, err, out)
	}
}

// wrong is a code that names the same invitation.
func wrong(code string) string {
	last := map[bool]string{true: "1", false: "0"}[strings.HasSuffix(code, "0")]
	return code[:len(code)-1] + last
}

// Two invitations are open at once. Two devices join at the same time, each by its own;
// neither code is good for another one.
func TestLANJoinTwoAtOnce(t *testing.T) {
	t.Parallel()
	c, hosts := guests(t, 3)
	desk := c.devices[0]
	codes := []string{desk.invite(), desk.invite("--role", "reader")}
	var wg sync.WaitGroup
	for i, code := range codes {
		d := c.add(hosts[i])
		wg.Go(func() {
			if out, err := d.program("join", code, "--device", d.name).CombinedOutput(); err != nil {
				t.Errorf("%s: %v\n%s", d.name, err, out)
			}
		})
	}
	wg.Wait()
	for i, role := range []string{"member", "reader"} {
		d := c.devices[i+1]
		d.up()
		if s := d.status(); s.Camp.Name != c.name || s.Device.Role != role {
			t.Errorf("%s is a %s of %q", d.name, s.Device.Role, s.Camp.Name)
		}
	}
	late := c.add(hosts[2])
	late.refused("no such invitation is open here", "join", codes[0], "--peer", "10.77.0.2")
	c.devices = c.devices[:3]
	c.awaitEqual("all share")
}

// Five wrong codes that name an invitation end it, and no other one; what is said helps
// a person.
func TestLANJoinWrongCodes(t *testing.T) {
	t.Parallel()
	c, hosts := guests(t, 3)
	desk := c.devices[0]
	tried, other := desk.invite(), desk.invite()
	thief, guest, late := c.add(hosts[0]), c.add(hosts[1]), c.add(hosts[2])
	for range 5 {
		thief.refused("the code is wrong", "join", wrong(tried), "--peer", "10.77.0.2")
	}
	thief.refused("too many wrong codes", "join", tried, "--peer", "10.77.0.2")
	guest.refused("no such invitation is open here", "join", tried, "--peer", "10.77.0.2")
	guest.run("join", other, "--device", "guest")
	short := desk.invite("--expires", "1ms")
	late.refused("the invitation has expired", "join", short, "--peer", "10.77.0.2")
	late.run("join", desk.invite(), "--device", "late")
	if s := string(desk.run("devices")); strings.Count(s, "\n") != 3 {
		t.Errorf("the camp has\n%s", s)
	}
}

// A code that nobody gave finds nobody, and says what may be wrong.
func TestLANJoinUnknownCode(t *testing.T) {
	t.Parallel()
	c, hosts := guests(t, 1)
	code := c.devices[0].invite()
	start := time.Now()
	c.add(hosts[0]).refused("none has an open invitation of that code", "join", wrong(code))
	c.atMost(45*time.Second, c.logTook("a wrong code", start))
}

// The only coordinator is lost. A new device becomes one with the recovery key, finds
// the camp with no address typed among devices of another camp, and admits another.
func TestLANRecovery(t *testing.T) {
	t.Parallel()
	lan := lantest.New(t)
	hosts, _ := plugged(lan, lan.Switch(), "desk", "tent", "foreign", "new", "next")
	c := &lanCamp{t: t, name: "Camp Seven"}
	desk := c.add(hosts[0])
	var founded struct{ Recovery string }
	mustUnmarshal(t, desk.run("init", "--camp", c.name, "--device", "desk", "--json"), &founded)
	desk.up()
	tent := c.join(hosts[1])
	desk.load("patients", 0, 10)
	c.awaitEqual("the camp meets")
	desk.kill()
	foreign := foundLAN(t, "Camp Eight", hosts[2])
	foreign.devices[0].load("strangers", 0, 1)

	found := c.add(hosts[3])
	found.run("devices", "recover", founded.Recovery, "--device", "new")
	found.up()
	c.devices = []*lanDevice{found, tent}
	c.awaitEqual("the new coordinator has it all")
	c.join(hosts[4])
	c.awaitEqual("and admits another")
	if s := found.status(); s.Counts.Records != 10 || s.Device.Role != "coordinator" {
		t.Errorf("the new coordinator is %+v", s)
	}
}
