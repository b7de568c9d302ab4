package discovery_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"

	"musafir/crdt"
	"musafir/discovery"
	"musafir/discovery/lantest"
)

// patience is for what takes a few seconds at most; a test that needs it has failed.
const patience = 20 * time.Second

// camp is what most devices of the tests are: members of one camp.
func camp(name string) persona {
	return persona{Name: name, Seal: []string{"camp"}, Open: []string{"camp"}}
}

// A device is a process with a finder, on a host.
type device struct {
	t     *testing.T
	id    crdt.DeviceID
	name  string
	stdin io.WriteCloser
	once  sync.Once
	done  chan struct{} // its output ended

	mu      sync.Mutex // guards what follows
	changed chan struct{}
	events  []event
	started time.Time
	stderr  bytes.Buffer
}

// command is a process that will be what p says.
func command(t *testing.T, h *lantest.Host, p persona) *exec.Cmd {
	t.Helper()
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	cmd := h.Command(os.Args[0])
	cmd.Env = append(os.Environ(), personaVariable+"="+string(text), "GORACE=atexit_sleep_ms=0")
	return cmd
}

// start runs a device until the test ends. It must have ended well by then.
func start(t *testing.T, h *lantest.Host, p persona) *device {
	t.Helper()
	d := &device{t: t, id: deviceOf(p.Name), name: p.Name, done: make(chan struct{}), changed: make(chan struct{})}
	cmd := command(t, h, p)
	cmd.Stderr = &d.stderr
	var err error
	if d.stdin, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go d.read(out)
	t.Cleanup(func() {
		d.end()
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v\n%s", d.name, err, &d.stderr)
		}
	})
	return d
}

func (d *device) read(out io.Reader) {
	defer close(d.done)
	for lines := json.NewDecoder(out); ; {
		var e event
		if lines.Decode(&e) != nil {
			return
		}
		d.mu.Lock()
		if e.Started != nil {
			d.started = *e.Started
		}
		d.events = append(d.events, e)
		close(d.changed)
		d.changed = make(chan struct{})
		d.mu.Unlock()
	}
}

// end stops the device, and checks that it stops at once.
func (d *device) end() {
	d.once.Do(func() {
		d.stdin.Close()
		select {
		case <-d.done:
		case <-time.After(patience):
			d.t.Errorf("%s does not end", d.name)
			return
		}
		last := d.events[len(d.events)-1]
		if last.Ended == nil || last.Err != "" || *last.Ended > time.Second {
			d.t.Errorf("%s ended with %+v", d.name, last)
		}
	})
}

func (d *device) say(word string) {
	d.t.Helper()
	if _, err := fmt.Fprintln(d.stdin, word); err != nil {
		d.t.Errorf("%s: %v", d.name, err)
	}
}

// await waits for an event after mark that is as it should be.
func (d *device) await(what string, after time.Time, fits func(event) bool) event {
	d.t.Helper()
	deadline := time.After(patience)
	for seen := 0; ; {
		d.mu.Lock()
		events, changed := d.events[seen:], d.changed
		d.mu.Unlock()
		seen += len(events)
		for _, e := range events {
			if (e.Heard == nil || e.Heard.At.After(after)) && fits(e) {
				return e
			}
		}
		select {
		case <-changed:
		case <-d.done:
			d.t.Fatalf("%s ended before it: %s\n%s", d.name, what, &d.stderr)
		case <-deadline:
			d.t.Fatalf("%s: not within %s: %s\n%s", d.name, patience, what, d.describe())
		}
	}
}

// describe is what a device knows, for messages.
func (d *device) describe() string {
	text, _ := json.MarshalIndent(d.report(), "", " ")
	d.mu.Lock()
	defer d.mu.Unlock()
	return fmt.Sprintf("%d events; %s", len(d.events), text)
}

// hears waits until a device hears another, after some time.
func (d *device) hears(other *device, after time.Time) discovery.Heard {
	d.t.Helper()
	return d.hearsAs("hear "+other.name, other, after, func(discovery.Heard) bool { return true })
}

func (d *device) hearsAs(what string, other *device, after time.Time, fits func(discovery.Heard) bool) discovery.Heard {
	d.t.Helper()
	e := d.await(what, after, func(e event) bool {
		return e.Heard != nil && e.Heard.Device == other.id && fits(*e.Heard)
	})
	return *e.Heard
}

// heard tells whether a device heard another, so far.
func (d *device) heard(other *device) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.ContainsFunc(d.events, func(e event) bool { return e.Heard != nil && e.Heard.Device == other.id })
}

// began is when Run was called.
func (d *device) began() time.Time {
	d.t.Helper()
	return *d.await("start", time.Time{}, func(e event) bool { return e.Started != nil }).Started
}

func (d *device) report() discovery.Report {
	d.t.Helper()
	d.mu.Lock()
	seen := len(d.events)
	d.mu.Unlock()
	d.say("report")
	deadline := time.After(patience)
	for {
		d.mu.Lock()
		events, changed := d.events[seen:], d.changed
		d.mu.Unlock()
		seen += len(events)
		for _, e := range events {
			if e.Report != nil {
				return *e.Report
			}
		}
		select {
		case <-changed:
		case <-deadline:
			d.t.Fatalf("%s gives no report", d.name)
		}
	}
}

// on is the report of one interface.
func (d *device) on(name string) discovery.InterfaceReport {
	d.t.Helper()
	r := d.report()
	for _, i := range r.Interfaces {
		if i.Name == name {
			return i
		}
	}
	d.t.Fatalf("%s has no interface %s: %+v", d.name, name, r)
	return discovery.InterfaceReport{}
}

// reports waits until the report of an interface is as it should be.
func (d *device) reports(what, name string, fits func(discovery.InterfaceReport) bool) discovery.InterfaceReport {
	d.t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; <-tick.C {
		i := d.on(name)
		if fits(i) {
			return i
		}
		if time.Now().After(deadline) {
			d.t.Fatalf("%s: not within %s: %s\n%+v", d.name, patience, what, i)
		}
	}
}

// meet waits until all hear all others, and logs how long each took.
func meet(t *testing.T, devices ...*device) {
	t.Helper()
	var slowest time.Duration
	for _, a := range devices {
		for _, b := range devices {
			if a == b {
				continue
			}
			h := a.hears(b, time.Time{})
			slowest = max(slowest, h.At.Sub(later(a.began(), b.began())))
		}
	}
	t.Logf("all %d heard all others %s after the later of two was started, or sooner", len(devices), slowest.Round(time.Millisecond))
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// members starts devices on one switch, with addresses from a pattern for each.
func members(t *testing.T, n int, noIPv6 bool, patterns ...string) (devices []*device, links []*lantest.Link) {
	t.Helper()
	_, hosts, links := plugged(t, n, noIPv6, patterns...)
	for i, h := range hosts {
		devices = append(devices, start(t, h, camp(fmt.Sprint("device", i+1))))
	}
	return devices, links
}

// plugged makes hosts on one switch; the patterns are their addresses, by number.
func plugged(t *testing.T, n int, noIPv6 bool, patterns ...string) (sw *lantest.Switch, hosts []*lantest.Host, links []*lantest.Link) {
	t.Helper()
	lan := lantest.New(t)
	sw = lan.Switch()
	for i := 1; i <= n; i++ {
		h := lan.Host(fmt.Sprint("host", i))
		if noIPv6 {
			h.NoIPv6()
		}
		var addrs []string
		for _, p := range patterns {
			addrs = append(addrs, fmt.Sprintf(p, i))
		}
		hosts, links = append(hosts, h), append(links, h.Plug(sw, "eth0", addrs...))
	}
	return sw, hosts, links
}
