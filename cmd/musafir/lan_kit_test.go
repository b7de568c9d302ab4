package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"musafir/crdt"
	"musafir/discovery/lantest"
)

// A lanCamp is devices of one camp, each the real program on a host of its own, as
// somebody starts it who types no address.
type lanCamp struct {
	t       *testing.T
	name    string
	devices []*lanDevice
	crossed int
}

// A lanDevice is one of them.
type lanDevice struct {
	*daemon // while it runs
	host    *lantest.Host
	t       *testing.T
	name    string
	dir     string
	code    string // that it joined with
}

// lanPatience is how long anything may take before a test gives up. What it should
// take is for the tests to say.
const lanPatience = 60 * time.Second

// foundLAN makes a camp on a host, whose device runs.
func foundLAN(t *testing.T, camp string, h *lantest.Host) *lanCamp {
	t.Helper()
	c := &lanCamp{t: t, name: camp}
	d := c.add(h)
	d.run("init", "--camp", camp, "--device", d.name)
	d.up()
	return c
}

func (c *lanCamp) add(h *lantest.Host) *lanDevice {
	d := &lanDevice{t: c.t, host: h, name: h.Name, dir: filepath.Join(c.t.TempDir(), "data")}
	c.devices = append(c.devices, d)
	return d
}

// join admits one more device by a code of the first, and starts it.
func (c *lanCamp) join(h *lantest.Host) *lanDevice {
	c.t.Helper()
	var invite struct{ Code string }
	mustUnmarshal(c.t, c.devices[0].run("invite", "--json"), &invite)
	d := c.add(h)
	d.code = invite.Code
	start := time.Now()
	d.run("join", d.code, "--device", d.name)
	c.atMost(lanFound, c.logTook(d.name+" joins", start))
	d.up()
	return d
}

// lanCampOf is a camp with a device on each host.
func lanCampOf(t *testing.T, hosts ...*lantest.Host) *lanCamp {
	t.Helper()
	c := foundLAN(t, "Camp Seven", hosts[0])
	for _, h := range hosts[1:] {
		c.join(h)
	}
	c.awaitEqual("the camp meets")
	return c
}

// program is the real program on the device's host.
func (d *lanDevice) program(args ...string) *exec.Cmd {
	real := program(d.t, d.dir, args...)
	cmd := d.host.Command(real.Path, real.Args[1:]...)
	cmd.Env = real.Env
	return cmd
}

// run is a command as somebody types it there.
func (d *lanDevice) run(args ...string) []byte {
	d.t.Helper()
	cmd := d.program(args...)
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		d.t.Fatalf("musafir %s, on %s: %v\n%s%s", strings.Join(args, " "), d.name, err, out, said.String())
	}
	return out
}

// up starts the device's daemon and returns once it answers.
func (d *lanDevice) up(args ...string) {
	d.t.Helper()
	d.daemon = &daemon{t: d.t, dir: d.dir, cmd: d.program(append([]string{"up"}, args...)...)}
	d.cmd.Stderr = &d.errs
	_ = os.Remove(filepath.Join(d.dir, runName)) // of a killed one
	check(d.t, d.cmd.Start())
	d.t.Cleanup(d.kill)
	await(d.t, d.name+" to be up", func() bool { return d.answers() })
}

func (d *lanDevice) answers() bool {
	run, err := readRunFile(d.dir)
	if err != nil {
		return false
	}
	token, err := apiToken(d.dir)
	check(d.t, err)
	transport := &http.Transport{DialContext: d.dial}
	d.t.Cleanup(transport.CloseIdleConnections)
	d.client = &client{http: &http.Client{Transport: transport}, base: run.HTTP, token: token}
	return true
}

// dial reaches the loopback of the device's host.
func (d *lanDevice) dial(ctx context.Context, network, address string) (c net.Conn, err error) {
	d.host.Do(func() { c, err = (&net.Dialer{}).DialContext(ctx, network, address) })
	return c, err
}

// holds tells whether the device shows a record.
func (d *lanDevice) holds(collection, id string) bool {
	_, err := d.call(context.Background(), http.MethodGet, recordPath(collection, id), nil)
	return err == nil
}

// sees tells whether a device is in touch with those others, and with nobody else.
func (d *lanDevice) sees(others ...*lanDevice) bool {
	var names, expected []string
	for _, p := range d.status().Peers {
		names = append(names, p.Name)
	}
	for _, o := range others {
		expected = append(expected, o.name)
	}
	slices.Sort(names)
	slices.Sort(expected)
	return slices.Equal(names, expected)
}

// await waits for a condition, and logs how long that took.
func (c *lanCamp) await(what string, met func() bool) time.Duration {
	c.t.Helper()
	return c.awaitFrom(time.Now(), what, met)
}

func (c *lanCamp) awaitFrom(start time.Time, what string, met func() bool) time.Duration {
	c.t.Helper()
	for deadline := time.Now().Add(lanPatience); !met(); <-time.After(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			c.explain()
			c.t.Fatalf("%s: not in %s", what, lanPatience)
		}
	}
	return c.logTook(what, start)
}

func (c *lanCamp) logTook(what string, start time.Time) time.Duration {
	c.t.Helper()
	took := time.Since(start)
	c.t.Logf("%-40s %6.2f s", what, took.Seconds())
	return took
}

// atMost is what somebody may rely on.
func (c *lanCamp) atMost(limit, took time.Duration) {
	c.t.Helper()
	if limit *= raceSlow; took > limit {
		c.explain()
		c.t.Errorf("it took %.2f s, and may take %s", took.Seconds(), limit)
	}
}

// awaitEqual waits until all devices hold the same and show the same.
func (c *lanCamp) awaitEqual(what string) time.Duration {
	c.t.Helper()
	return c.awaitEqualFrom(time.Now(), what)
}

func (c *lanCamp) awaitEqualFrom(start time.Time, what string) time.Duration {
	c.t.Helper()
	return c.awaitFrom(start, what, func() bool {
		first := c.devices[0].status()
		for _, d := range c.devices[1:] {
			if s := d.status(); s.Digest != first.Digest || s.StateRoot != first.StateRoot {
				return false
			}
		}
		return true
	})
}

// awaitCross waits until a write of each of two devices, made now, is on the other.
// Start is when that became possible.
func (c *lanCamp) awaitCross(start time.Time, what string, a, b *lanDevice) time.Duration {
	c.t.Helper()
	c.crossed++
	for _, d := range []*lanDevice{a, b} {
		d.patch("crossed", fmt.Sprint(d.name, c.crossed), map[string]any{"n": c.crossed})
	}
	return c.awaitFrom(start, what, func() bool {
		return a.holds("crossed", fmt.Sprint(b.name, c.crossed)) && b.holds("crossed", fmt.Sprint(a.name, c.crossed))
	})
}

// explain logs how the devices stand.
func (c *lanCamp) explain() {
	c.t.Helper()
	for _, d := range c.devices {
		if d.daemon == nil {
			c.t.Logf("%s was not started", d.name)
			continue
		}
		if d.cmd.ProcessState != nil {
			c.t.Logf("%s does not run:\n%s", d.name, d.errs.String())
			continue
		}
		s := d.status()
		peers, _ := d.call(context.Background(), http.MethodGet, "/v1/peers", nil)
		c.t.Logf("%s: %d records, %d entries, digest %.8s, peers %s", d.name, s.Counts.Records, s.Counts.Entries, s.Digest, peers)
	}
}

// A lanPair is two devices that are in touch, and what may be pulled.
type lanPair struct {
	*lanCamp
	middle     *lantest.Switch
	desk, tent *lantest.Link
}

func newLANPair(t *testing.T) *lanPair {
	lan := lantest.New(t)
	s := lan.Switch()
	hosts, links := plugged(lan, s, "desk", "tent")
	return &lanPair{lanCampOf(t, hosts...), s, links[0], links[1]}
}

// plugTent gives the tent an interface again, with the address that it had.
func (p *lanPair) plugTent() { p.tent = p.devices[1].host.Plug(p.middle, "eth0", lanAddr(2)) }

// exchanged is how many bytes each of the two has sent and received in their session.
func (p *lanPair) exchanged() (n []uint64) {
	p.t.Helper()
	for i, d := range p.devices {
		s := d.status()
		if len(s.Peers) != 1 {
			p.t.Fatalf("%s is not in touch with %s", d.name, p.devices[1-i].name)
		}
		n = append(n, s.Peers[0].Sent+s.Peers[0].Received)
	}
	return n
}

// idle logs what devices in sync send.
func (c *lanCamp) idle(d time.Duration) {
	before, asked := c.bytes(), c.asked()
	<-time.After(d)
	after := c.bytes()
	c.t.Logf("idle for %s: %.1f questions per device and minute", d, float64(c.asked()-asked)/float64(len(c.devices))/d.Minutes())
	for i := range after {
		after[i] = (after[i] - before[i]) * uint64(time.Hour/time.Second) / uint64(d/time.Second) >> 10
	}
	slices.Sort(after)
	c.t.Logf("idle for %s: %d KiB per device and hour sent and received (median; most: %d)", d, after[len(after)/2], after[len(after)-1])
}

// asked counts the questions of all devices so far.
func (c *lanCamp) asked() (n int) {
	for _, d := range c.devices {
		var doc struct{ Interfaces []struct{ Asked int } }
		mustUnmarshal(c.t, d.run("doctor", "--json"), &doc)
		for _, i := range doc.Interfaces {
			n += i.Asked
		}
	}
	return n
}

func (c *lanCamp) bytes() (n []uint64) {
	for _, d := range c.devices {
		received, sent := d.host.Traffic("eth0")
		n = append(n, received+sent)
	}
	return n
}

// envNumber is a number that makes a test longer: $NAME.
func envNumber(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}

// plugged makes hosts on a switch, with IPv4 addresses and no route anywhere.
func plugged(lan *lantest.LAN, s *lantest.Switch, names ...string) (hosts []*lantest.Host, links []*lantest.Link) {
	for i, name := range names {
		h := lan.Host(name)
		hosts, links = append(hosts, h), append(links, h.Plug(s, "eth0", lanAddr(i+1)))
	}
	return hosts, links
}

func lanAddr(n int) string { return fmt.Sprintf("10.77.%d.%d/16", n/250, n%250+1) }

// secrets are what must not be read on the network, in several spellings.
func (c *lanCamp) secrets(more ...string) map[string][]byte {
	words := append(more, c.name)
	found := map[string][]byte{}
	for _, d := range c.devices {
		id := d.status().Device.ID
		words = append(words, d.name, id)
		if d.code != "" {
			words = append(words, d.code, strings.ReplaceAll(d.code, "-", ""))
		}
		key, err := crdt.DeviceID(id).PublicKey()
		check(c.t, err)
		found["the key of "+d.name] = key
		found["the key of "+d.name+", in hex"] = []byte(hex.EncodeToString(key))
	}
	for _, w := range words {
		found[w] = []byte(w)
		found[w+", in hex"] = []byte(hex.EncodeToString([]byte(w)))
		found[w+", in base64"] = []byte(base64.RawURLEncoding.EncodeToString([]byte(w)))
	}
	return found
}

// containsFold does not tell great letters from small ones, as mDNS does not.
func containsFold(frame, word []byte) bool { return bytes.Contains(lowered(frame), lowered(word)) }

// lowered changes letters of ASCII only: the rest need not be text.
func lowered(b []byte) []byte {
	b = bytes.Clone(b)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return b
}

// asking picks the frames of mDNS.
func asking(frames [][]byte) (some [][]byte) {
	const mdns = 5353
	for _, f := range frames {
		if from, to, ok := udpPorts(f); ok && (from == mdns || to == mdns) {
			some = append(some, f)
		}
	}
	return some
}

func udpPorts(frame []byte) (from, to uint16, ok bool) {
	const udp = 17
	if len(frame) < 14 {
		return 0, 0, false
	}
	kind, packet := binary.BigEndian.Uint16(frame[12:]), frame[14:]
	switch {
	case kind == 0x0800 && len(packet) >= 20 && packet[9] == udp:
		packet = packet[min(int(packet[0]&15)*4, len(packet)):]
	case kind == 0x86dd && len(packet) >= 40 && packet[6] == udp:
		packet = packet[40:]
	default:
		return 0, 0, false
	}
	if len(packet) < 8 {
		return 0, 0, false
	}
	return binary.BigEndian.Uint16(packet), binary.BigEndian.Uint16(packet[2:]), true
}
