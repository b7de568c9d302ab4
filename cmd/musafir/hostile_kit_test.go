//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"musafir/crdt"
	"musafir/node"
	"musafir/node/access"
	"musafir/node/api"
	"musafir/node/wire"
	"musafir/store"
)

// Bounds of what an attack may cost, wide enough for a loaded machine.
const (
	writeWithin = 20 * time.Second // from a write on one honest device until the other shows it; beyond a few seconds means that sync starves
	heardWithin = 20 * time.Second // of an answer to the attacker

	// What the heap of a daemon moves by on its own: garbage up to the next collection,
	// and pages that the runtime keeps for later.
	rssSlack = 48 << 20 // bytes
)

// A siege is a camp of two honest devices, A and B, that run and hold the same. B
// knows the address of A.
type siege struct {
	*team
	writes int
}

func newSiege(t *testing.T) *siege {
	x := &siege{team: &team{t: t}}
	x.raise(initDevice(t))
	x.raise(x.admit("device B", "member"), "--peer", x.listen[0])
	x.settle()
	return x
}

// raise runs the daemon of a directory, by TCP and by QUIC, at ports that are free.
func (x *siege) raise(dir string, args ...string) {
	args = append([]string{"up", "--http", "127.0.0.1:0", "--listen", freeListen, "--listen", "/ip4/127.0.0.1/udp/0/quic-v1"}, args...)
	d := launch(x.t, dir, args...)
	run, err := readRunFile(dir)
	check(x.t, err)
	x.dirs, x.listen, x.daemons = append(x.dirs, dir), append(x.listen, run.Listen[0]), append(x.daemons, d)
}

// admit makes a device that joined by a code of A, and does not run.
func (x *siege) admit(name, role string) (dir string) {
	x.t.Helper()
	doc, err := x.daemons[0].call(context.Background(), http.MethodPost, "/v1/invites", map[string]string{"role": role})
	check(x.t, err)
	var invite struct{ Code string }
	mustUnmarshal(x.t, doc, &invite)
	dir = filepath.Join(x.t.TempDir(), "data")
	out, err := program(x.t, dir, "join", invite.Code, "--device", name, "--peer", x.listen[0]).CombinedOutput()
	if err != nil {
		x.t.Fatalf("join: %v\n%s", err, out)
	}
	return dir
}

// An attacker has a host of its own and says what it likes.
type attacker struct {
	t         *testing.T
	name      string
	key       ed25519.PrivateKey
	id        crdt.DeviceID
	net       node.Network
	camp      crdt.CampID
	discovery []byte       // the camp's key; nil: it is a stranger
	admitted  *access.Camp // as it was told when it joined; nil: it never did
	self      access.Member
	admission crdt.Dep
	log       crdt.Author // its record log; a reader has none
	birth     []byte      // of that log
	birthSeal crdt.Seal
	nonces    byte
}

// stranger is somebody with a key of its own and nothing of the camp's.
func stranger(t *testing.T) *attacker {
	_, key, err := ed25519.GenerateKey(nil)
	check(t, err)
	return newAttacker(t, "a stranger", key)
}

func newAttacker(t *testing.T, name string, key ed25519.PrivateKey) *attacker {
	net, err := openNetwork(key, nil, slog.New(slog.DiscardHandler))
	check(t, err)
	t.Cleanup(func() { net.Close() })
	return &attacker{t: t, name: name, key: key, id: crdt.DeviceIDOf(key.Public().(ed25519.PublicKey)), net: net}
}

// member is a device that joined as people do, and then turns on the camp.
func (x *siege) member(t *testing.T, name, role string) *attacker {
	dir := x.admit(name, role)
	d, err := openDevice(dir, store.Lock{}, reach{}, slog.New(slog.DiscardHandler))
	check(t, err)
	m := newAttacker(t, name, d.Dir.Device)
	m.camp = d.Identity().Camp
	m.admitted, _ = d.Members()
	m.self, _ = m.admitted.Member(m.id)
	m.admission, _ = m.admitted.Admission(m.self.Admission)
	m.discovery = m.admitted.DiscoveryKeys()[0]
	for i, b := range d.Branches() {
		if l, ok := m.admitted.Log(b.Log); !ok || !l.Device.Equal(m.key.Public()) {
			continue
		}
		m.log = crdt.ResumeAuthor(b.Log, b.Head, 0, 0)
		check(t, d.Stream([]crdt.Range{{Branch: uint32(i)}}, func(it *crdt.Item) (bool, error) {
			m.birth, m.birthSeal = it.Raw, *it.Seal
			return false, nil
		}))
	}
	check(t, d.Close())
	return m
}

// insider knows the discovery key, and is not admitted: it was told by somebody.
func (x *siege) insider(t *testing.T) *attacker {
	m := stranger(t)
	one := x.member(t, "who told", "reader")
	m.name, m.camp, m.discovery = "an insider", one.camp, one.discovery
	return m
}

// A line is a session as the attacker has it.
type line struct {
	t      *testing.T
	stream node.Stream
	frames chan wire.Frame // that came; closed at the end
	heard  atomic.Uint64   // bytes that came
	bye    *wire.Bye       // once frames is closed; nil: the other side said none
	gone   chan struct{}   // closed when nothing more comes
	held   []wire.Head     // what the victim said that it holds
	broken bool            // nobody takes what is said any more
}

// open opens a stream to a daemon. Whoever is kept away learns so when it reads.
func (m *attacker) open(d *daemon, protocol string) (node.Stream, error) {
	run, err := readRunFile(d.dir)
	if err != nil {
		return nil, err
	}
	return m.openAt(crdt.DeviceID(d.identity()), run.Listen[:1], protocol)
}

func (m *attacker) openAt(id crdt.DeviceID, addrs []string, protocol string) (node.Stream, error) {
	ctx, cancel := context.WithTimeout(context.Background(), heardWithin)
	defer cancel()
	return m.net.Open(ctx, id, addrs, protocol)
}

var identities sync.Map // of daemons, that a flood need not ask for

func (d *daemon) identity() string {
	id, ok := identities.Load(d)
	if !ok {
		id = d.status().Device.ID
		identities.Store(d, id)
	}
	return id.(string)
}

// call opens a stream and listens to what comes.
func (m *attacker) call(d *daemon, protocol string) *line {
	m.t.Helper()
	s, err := m.open(d, protocol)
	check(m.t, err)
	return m.listen(s)
}

func (m *attacker) listen(s node.Stream) *line {
	l := &line{t: m.t, stream: s, frames: make(chan wire.Frame, 1<<14), gone: make(chan struct{})}
	m.t.Cleanup(func() { s.Reset() })
	go l.read()
	return l
}

type heard struct {
	io.Reader
	bytes *atomic.Uint64
}

func (h heard) Read(p []byte) (int, error) {
	n, err := h.Reader.Read(p)
	h.bytes.Add(uint64(n))
	return n, err
}

func (l *line) read() {
	defer close(l.gone)
	defer close(l.frames)
	r := bufio.NewReader(heard{l.stream, &l.heard})
	for {
		f, err := wire.Read(r)
		if err != nil {
			return
		}
		if bye, ok := f.(*wire.Bye); ok {
			l.bye = bye
		}
		select {
		case l.frames <- f:
		default: // nobody looks
		}
	}
}

// say sends frames. Who was hung up on has seen enough.
func (l *line) say(frames ...wire.Frame) {
	l.t.Helper()
	for _, f := range frames {
		b, err := wire.Append(nil, f)
		check(l.t, err)
		l.raw(b)
	}
}

func (l *line) raw(b []byte) (ok bool) {
	l.stream.SetWriteDeadline(time.Now().Add(heardWithin))
	_, err := l.stream.Write(b)
	l.broken = l.broken || err != nil
	return err == nil
}

// next waits for a frame of a kind, and passes over others; nil: the session ended.
func (l *line) next(kind wire.Kind) wire.Frame {
	l.t.Helper()
	for late := time.After(heardWithin); ; {
		select {
		case f, ok := <-l.frames:
			if !ok {
				return nil
			}
			if f.Kind() == kind {
				return f
			}
		case <-late:
			l.t.Errorf("waited in vain for a %v frame", kind)
			return nil
		}
	}
}

// end waits until the victim has ended the session, and says how.
func (l *line) end() string {
	l.t.Helper()
	select {
	case <-l.gone:
	case <-time.After(heardWithin):
		l.t.Error("the session was not ended")
		return "goes on"
	}
	if l.bye == nil {
		return "hung up on without a word"
	}
	return fmt.Sprintf("bye %d: %s", l.bye.Code, l.bye.Text)
}

// fate is how the session stands.
func (l *line) fate() string {
	l.t.Helper()
	if l.lasts() && !l.broken {
		return "goes on"
	}
	return l.end()
}

// lasts tells whether the session is still there.
func (l *line) lasts() bool {
	select {
	case <-l.gone:
		return false
	default:
		return true
	}
}

func (m *attacker) hail(d *daemon) *wire.Hail {
	return &wire.Hail{Version: wire.Version, MAC: wire.HailMAC(m.discovery, m.id, crdt.DeviceID(d.identity()))}
}

func (m *attacker) hello() *wire.Hello {
	m.nonces++
	return &wire.Hello{Version: wire.Version, Time: uint64(time.Now().UnixMilli()), Nonce: [8]byte{m.nonces, 1}, Digest: [32]byte{m.nonces}, Program: "hostile"}
}

// meet begins a session as a member does, and says that it holds all that the victim
// holds.
func (m *attacker) meet(d *daemon) *line {
	m.t.Helper()
	l := m.call(d, node.SyncProtocol)
	l.say(m.hail(d), m.hello())
	l.held = m.heads(l)
	l.say(&wire.Frontier{Heads: l.held})
	return l
}

// heads is what the victim says that it holds.
func (m *attacker) heads(l *line) (heads []wire.Head) {
	m.t.Helper()
	for {
		f, ok := l.next(wire.KindFrontier).(*wire.Frontier)
		if !ok {
			m.t.Fatalf("%s has no session: %s", m.name, l.end())
		}
		if heads = append(heads, f.Heads...); !f.More {
			return heads
		}
	}
}

// barred tells that the victim keeps the attacker away: a stream of it is ended, and
// nothing is said.
func (m *attacker) barred(d *daemon) bool {
	l := m.call(d, node.SyncProtocol)
	l.say(m.hail(d), m.hello())
	select {
	case <-l.gone:
		return l.heard.Load() == 0 || l.bye == nil
	case f := <-l.frames:
		l.stream.Reset()
		return f == nil
	case <-time.After(heardWithin):
		return false
	}
}

// A parcel is a batch that is put together by hand.
type parcel struct{ wire.Batch }

// run adds entries of a log that follow each other.
func (p *parcel) run(at crdt.Place, entries ...[]byte) {
	p.Runs = append(p.Runs, wire.Run{Log: at.Log, Seq: at.Seq, Prev: [8]byte(at.Prev[:8]), Entries: entries})
}

func (p *parcel) seal(log crdt.LogID, seq uint64, s crdt.Seal) {
	p.Seals = append(p.Seals, wire.SealAt{Log: log, Seq: seq, Seal: s})
}

// parcel begins a batch. It has the birth of the attacker's log, which nobody else
// holds before.
func (m *attacker) parcel() *parcel {
	p := &parcel{wire.Batch{End: true}}
	if m.birth != nil {
		p.run(crdt.Place{Log: m.log.Log}, m.birth)
		p.seal(m.log.Log, 0, m.birthSeal)
	}
	return p
}

// write makes the next entry of a log with its seal.
func (m *attacker) write(p *parcel, log *crdt.Author, e *crdt.Entry) (crdt.Place, crdt.EntryID) {
	at, id := log.Next(e)
	p.run(at, e.Encoded())
	p.seal(at.Log, at.Seq, crdt.SealEntry(m.key, m.camp, id))
	return at, id
}

// entry is one that sets fields of a record.
func (m *attacker) entry(at crdt.Time, deps []crdt.Dep, key string, n int64) *crdt.Entry {
	m.t.Helper()
	rc := &crdt.RecordChange{Key: crdt.RecordKey{Collection: "forged", ID: key}, Writes: []crdt.Write{{Path: "n", Value: crdt.Int(n)}}}
	change, err := rc.Encode([crdt.SaltSize]byte{byte(n), byte(n >> 8), byte(n >> 16)})
	check(m.t, err)
	return m.made(at, deps, change)
}

func (m *attacker) made(at crdt.Time, deps []crdt.Dep, change crdt.Change) *crdt.Entry {
	m.t.Helper()
	e, err := crdt.NewEntry(at, deps, "", "", []crdt.Change{change})
	check(m.t, err)
	return e
}

func timeNow() crdt.Time { return crdt.TimeAt(time.Now().UnixMilli()) }

// born makes the birth of one more log of the attacker.
func (m *attacker) born(kind crdt.LogKind, n int) (*crdt.Entry, crdt.LogID) {
	m.t.Helper()
	b := &crdt.Birth{
		Camp: m.camp, Kind: kind, Device: m.key.Public().(ed25519.PublicKey), Admission: m.self.Admission,
		Incarnation: [16]byte{byte(n), byte(n >> 8), 7}, Ordinal: uint64(n),
	}
	change, err := b.Change()
	check(m.t, err)
	e := m.made(timeNow(), []crdt.Dep{m.admission}, change)
	return e, crdt.LogID(e.ID(crdt.Place{}))
}

// rss is the memory of a daemon that is its own, in bytes.
func (d *daemon) rss() int {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.cmd.Process.Pid))
	_, after, _ := bytes.Cut(b, []byte("RssAnon:"))
	kib, _ := strconv.Atoi(strings.Fields(string(after) + " 0")[0])
	return kib << 10
}

// An ordeal is what happens to a victim during an attack, and what it costs.
type ordeal struct {
	x       *siege
	victim  *daemon
	before  int
	peak    int
	stop    chan struct{}
	ended   sync.WaitGroup
	slowest time.Duration // from a write on A until B shows it
}

// A toll is what an attack may cost the victim at most, in bytes above what it had
// before. A leak of what each frame or stream brings would pass it many times over.
type toll struct{ peak, after int }

// under runs an attack on a daemon while the honest devices work, and looks at what
// it left behind. What the attack returns is what became of the attacker.
func (x *siege) under(t *testing.T, victim int, most toll, attack func() string) {
	t.Helper()
	was := x.t
	x.t = t
	defer func() { x.t = was }()
	o := &ordeal{x: x, victim: x.daemons[victim], stop: make(chan struct{})}
	o.before = o.victim.rss()
	fate := o.during(attack)
	x.honest(o)
	x.settle()
	for _, d := range x.daemons {
		d.t = t
		d.verify()
	}
	after := o.victim.rss()
	for wait := time.After(10 * time.Second); after > o.before+raceFactor*most.after; after = o.victim.rss() {
		select {
		case <-time.After(100 * time.Millisecond):
			continue
		case <-wait:
		}
		t.Errorf("the attack left %s where it had %s", mib(after), mib(o.before))
		break
	}
	if o.peak > o.before+raceFactor*most.peak {
		t.Errorf("the attack took memory up to %s from %s", mib(o.peak), mib(o.before))
	}
	t.Logf("TABLE | %s | %s | %s | %s | %s | %v |", t.Name(), fate, mib(o.before), mib(o.peak), mib(after), o.slowest.Round(time.Millisecond))
}

// during runs the attack while the others work, also where it ends the test.
func (o *ordeal) during(attack func() string) string {
	o.ended.Go(o.watch)
	o.ended.Go(o.work)
	defer func() {
		close(o.stop)
		o.ended.Wait()
	}()
	return attack()
}

func mib(bytes int) string { return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20)) }

// watch takes note of the most memory that the victim has.
func (o *ordeal) watch() {
	for {
		o.peak = max(o.peak, o.victim.rss())
		select {
		case <-time.After(10 * time.Millisecond):
		case <-o.stop:
			o.peak = max(o.peak, o.victim.rss())
			return
		}
	}
}

// work writes on A all the time, and waits until B shows it.
func (o *ordeal) work() {
	for {
		o.x.honest(o)
		select {
		case <-time.After(50 * time.Millisecond):
		case <-o.stop:
			return
		}
	}
}

// honest writes on A, whose API so answers, and waits until B shows it.
func (x *siege) honest(o *ordeal) {
	x.writes++
	n, began := x.writes, time.Now()
	if _, err := x.daemons[0].call(context.Background(), http.MethodPatch, recordPath("honest", "pulse"), map[string]any{"n": n}); err != nil {
		x.t.Errorf("an honest write on A: %v", err)
		return
	}
	for {
		if r, ok := x.daemons[1].find("honest", "pulse"); ok && r.Fields["n"] == float64(n) {
			break
		}
		if time.Since(began) > writeWithin {
			x.t.Errorf("an honest write on A is not on B after %v\nA: %s\nB: %s", writeWithin, x.daemons[0].errs.String(), x.daemons[1].errs.String())
			return
		}
		<-time.After(2 * time.Millisecond)
	}
	o.slowest = max(o.slowest, time.Since(began))
}

// find reads a record, if there is one.
func (d *daemon) find(collection, id string) (r shownRecord, ok bool) {
	doc, err := d.call(context.Background(), http.MethodGet, recordPath(collection, id), nil)
	if err != nil {
		return r, false
	}
	mustUnmarshal(d.t, doc, &r)
	return r, true
}

// nothing makes sure that no honest device shows a record.
func (x *siege) nothing(t *testing.T, id string) {
	t.Helper()
	for i, d := range x.daemons {
		if r, ok := d.find("forged", id); ok {
			t.Errorf("device %d shows what was forged: %+v", i, r)
		}
	}
}

// told makes sure that the victim shows the attacker, a member, and why it was sent
// away, in words.
func (x *siege) told(t *testing.T, m *attacker, want string) {
	t.Helper()
	p := x.peer(t, 0, m.id)
	if !strings.Contains(p.Problem, want) {
		t.Errorf("peers says of %s %q, and not %q", m.name, p.Problem, want)
	}
	if words := strings.Join(peerWords(&p, programVersion()), "; "); p.Name != m.name || !strings.Contains(words, want) {
		t.Errorf("the words of peers tell of %q: %s", p.Name, words)
	}
}

func (x *siege) peer(t *testing.T, i int, id crdt.DeviceID) (p api.Peer) {
	t.Helper()
	doc, err := x.daemons[i].call(context.Background(), http.MethodGet, "/v1/peers", nil)
	check(t, err)
	var list peersDoc
	mustUnmarshal(t, doc, &list)
	if i := slices.IndexFunc(list.Peers, func(p api.Peer) bool { return p.ID == string(id) }); i >= 0 {
		p = list.Peers[i]
	}
	return p
}

// A copied log is what a member got of a log when it asked for everything.
type copied struct {
	by      crdt.DeviceID // whose key is in the birth
	kind    crdt.LogKind
	entries [][]byte
	ids     []crdt.EntryID
}

func (c *copied) head() crdt.Head {
	return crdt.Head{Seq: uint64(len(c.ids) - 1), ID: c.ids[len(c.ids)-1]}
}

// takeAll has a session in which a member gets all that a device holds, as frames and
// as logs.
func (m *attacker) takeAll(d *daemon) (frames []*wire.Batch, logs map[crdt.LogID]*copied) {
	m.t.Helper()
	l := m.call(d, node.SyncProtocol)
	l.say(m.hail(d), m.hello())
	heads := m.heads(l)
	l.say(&wire.Frontier{}, &wire.Grant{Bytes: 1 << 26})
	logs = map[crdt.LogID]*copied{}
	for missing(logs, heads) {
		b, ok := l.next(wire.KindBatch).(*wire.Batch)
		if !ok {
			m.t.Fatalf("%s gets no entries: %s", m.name, l.end())
		}
		frames = append(frames, b)
		for i := range b.Runs {
			copyRun(m.t, logs, &b.Runs[i])
		}
		l.say(&wire.Grant{Bytes: 1 << 20})
	}
	l.say(&wire.Bye{})
	l.end()
	return frames, logs
}

func missing(logs map[crdt.LogID]*copied, heads []wire.Head) bool {
	have := map[crdt.ShortID]uint64{}
	for id, c := range logs {
		have[crdt.EntryID(id).Short()] = uint64(len(c.ids))
	}
	return slices.ContainsFunc(heads, func(h wire.Head) bool { return have[h.Log] <= h.Seq })
}

func copyRun(t *testing.T, logs map[crdt.LogID]*copied, r *wire.Run) {
	t.Helper()
	for i, raw := range r.Entries {
		e, err := crdt.ParseEntry(raw)
		check(t, err)
		c, at := logs[r.Log], crdt.Place{Log: r.Log, Seq: r.Seq + uint64(i)}
		if b := e.Birth(); b != nil {
			c, at = &copied{by: crdt.DeviceIDOf(b.Device), kind: b.Kind}, crdt.Place{}
			logs[r.Log] = c
		} else {
			at.Prev = c.ids[at.Seq-1]
		}
		c.entries, c.ids = append(c.entries, raw), append(c.ids, e.ID(at))
	}
}

// logOf is the record log of an honest device, as a member sees it.
func (x *siege) logOf(m *attacker, i int) (crdt.LogID, crdt.Head) {
	m.t.Helper()
	_, logs := m.takeAll(x.daemons[0])
	for id, c := range logs {
		if c.by == crdt.DeviceID(x.daemons[i].identity()) && c.kind == crdt.RecordLog {
			return id, c.head()
		}
	}
	m.t.Fatalf("the log of device %d did not come", i)
	return crdt.LogID{}, crdt.Head{}
}
