package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"musafir/crdt"
	"musafir/node"
	"musafir/node/api"
	"musafir/node/wire"
	"musafir/store"
)

// A team is devices of one camp on this machine, each the real program with an
// address that it keeps.
type team struct {
	t       testing.TB
	dirs    []string
	listen  []string // 127.0.0.1:PORT
	flags   []string // more of them, for each
	daemons []*daemon
}

// newTeam makes a camp of n devices. All of them run, and know each other's
// addresses.
func newTeam(t testing.TB, n int) *team {
	x := &team{t: t}
	x.add(initDevice(t))
	x.up(0)
	for i := 1; i < n; i++ {
		x.join(fmt.Sprintf("device %d", i))
	}
	return x
}

func (x *team) add(dir string) int {
	x.dirs = append(x.dirs, dir)
	x.listen = append(x.listen, freeAddress(x.t))
	x.daemons = append(x.daemons, nil)
	return len(x.dirs) - 1
}

// freeAddress is one that no outgoing connection takes while nobody listens there:
// systems give those ports from 32768 on.
func freeAddress(t testing.TB) string {
	for range 100 {
		addr := fmt.Sprintf("127.0.0.1:%d", 20_000+rand.Intn(12_000))
		if l, err := net.Listen("tcp", addr); err == nil {
			l.Close()
			return addr
		}
	}
	t.Fatal("no port is free")
	return ""
}

// join admits one more device by a code of the first, and starts it.
func (x *team) join(name string, role ...string) int {
	i := x.add(filepath.Join(x.t.TempDir(), "data"))
	out, err := program(x.t, x.dirs[i], "join", x.code(role...), "--device", name, "--peer", x.listen[0]).CombinedOutput()
	if err != nil {
		x.t.Fatalf("join: %v\n%s", err, out)
	}
	x.up(i)
	return i
}

// code is a new one of the first device, for a member unless there is a role.
func (x *team) code(role ...string) string {
	ask := map[string]string{"role": append(role, "member")[0]}
	doc, err := x.daemons[0].call(context.Background(), http.MethodPost, "/v1/invites", ask)
	check(x.t, err)
	var invite struct{ Code string }
	mustUnmarshal(x.t, doc, &invite)
	return invite.Code
}

// up starts a device.
func (x *team) up(i int) {
	host, port, _ := strings.Cut(x.listen[i], ":")
	args := []string{"up", "--http", "127.0.0.1:0", "--listen", "/ip4/" + host + "/tcp/" + port}
	for j, addr := range x.listen {
		if j != i {
			args = append(args, "--peer", addr)
		}
	}
	x.daemons[i] = launch(x.t, x.dirs[i], append(args, x.flags...)...)
}

// launch runs the program as a daemon and returns once it answers.
func launch(t testing.TB, dir string, args ...string) *daemon {
	d := &daemon{t: t, dir: dir, cmd: program(t, dir, args...)}
	d.cmd.Stderr = &d.errs
	_ = os.Remove(filepath.Join(dir, runName)) // of a killed one
	check(t, d.cmd.Start())
	t.Cleanup(d.kill)
	deadline := time.Now().Add(60 * time.Second)
	for {
		if run, err := readRunFile(dir); err == nil {
			token, err := apiToken(dir)
			check(t, err)
			transport := &http.Transport{MaxIdleConnsPerHost: 256}
			t.Cleanup(transport.CloseIdleConnections)
			d.client = &client{http: &http.Client{Transport: transport}, base: run.HTTP, token: token}
			return d
		}
		if time.Now().After(deadline) {
			d.kill()
			t.Fatalf("the daemon does not start:\n%s", d.errs.String())
		}
		<-time.After(5 * time.Millisecond)
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// await waits for a condition.
func await(t testing.TB, what string, met func() bool) {
	t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for !met() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
		<-time.After(10 * time.Millisecond)
	}
}

func (d *daemon) status() (s statusDoc) {
	d.t.Helper()
	doc, err := d.call(context.Background(), http.MethodGet, "/v1/status", nil)
	if err != nil {
		d.kill()
		d.t.Fatalf("%v\n%s", err, d.errs.String())
	}
	mustUnmarshal(d.t, doc, &s)
	return s
}

// settle waits until devices hold the same, and checks that this shows the same.
func (x *team) settle(which ...int) {
	x.t.Helper()
	if len(which) == 0 {
		for i := range x.daemons {
			which = append(which, i)
		}
	}
	digests := map[string]bool{}
	for wait := time.Now().Add(60 * time.Second); ; {
		clear(digests)
		for _, i := range which {
			digests[x.daemons[i].status().Digest] = true
		}
		if len(digests) == 1 {
			break
		}
		if time.Now().After(wait) {
			x.explain(which)
		}
		<-time.After(20 * time.Millisecond)
	}
	roots, exports := map[string]bool{}, map[[32]byte]bool{}
	for _, i := range which {
		roots[x.daemons[i].status().StateRoot] = true
		exports[sha256.Sum256(x.daemons[i].export())] = true
	}
	if len(roots) != 1 || len(exports) != 1 {
		x.t.Fatalf("equal digests, but %d state roots and %d exports", len(roots), len(exports))
	}
}

func (x *team) explain(which []int) {
	x.t.Helper()
	for _, i := range which {
		doc, _ := x.daemons[i].call(context.Background(), http.MethodGet, "/v1/peers", nil)
		s := x.daemons[i].status()
		x.t.Logf("device %d: %d entries, digest %.16s, peers %s\n%s", i, s.Counts.Entries, s.Digest, doc, x.daemons[i].errs.String())
	}
	x.t.Fatal("the devices do not come to hold the same")
}

func (d *daemon) export() []byte {
	d.t.Helper()
	resp, err := d.send(context.Background(), http.MethodGet, "/v1/export", nil, nil)
	check(d.t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	check(d.t, err)
	return b
}

// load imports records of a collection with ids from one number to another.
func (d *daemon) load(collection string, from, to int) {
	d.t.Helper()
	var lines bytes.Buffer
	for i := from; i < to; i++ {
		fmt.Fprintf(&lines, `{"collection":%q,"id":"r%05d","fields":{"name":"somebody","phone":"0171","n":%d}}`+"\n", collection, i, i)
	}
	resp, err := d.send(context.Background(), http.MethodPost, "/v1/import", &lines, nil)
	check(d.t, err)
	defer resp.Body.Close()
	var doc importDoc
	check(d.t, json.NewDecoder(resp.Body).Decode(&doc))
	if doc.Imported != to-from {
		d.t.Fatalf("%d of %d records were imported", doc.Imported, to-from)
	}
}

func (d *daemon) patch(collection, id string, fields map[string]any) {
	d.t.Helper()
	_, err := d.call(context.Background(), http.MethodPatch, recordPath(collection, id), fields)
	check(d.t, err)
}

type shownRecord struct {
	Fields    map[string]any
	Conflicts map[string][]struct{ Value any }
	Deleted   bool
	Copies    int
}

func (d *daemon) get(collection, id string) (r shownRecord) {
	d.t.Helper()
	doc, err := d.call(context.Background(), http.MethodGet, recordPath(collection, id), nil)
	check(d.t, err)
	mustUnmarshal(d.t, doc, &r)
	return r
}

// TestThreeDevices: two devices import while a third joins; then one is away, 500
// records are edited on two sides, and all come together again.
func TestThreeDevices(t *testing.T) {
	const half, edits = 3000, 100
	x := newTeam(t, 2)
	var wg sync.WaitGroup
	first, second := x.daemons[0], x.daemons[1]
	wg.Go(func() { first.load("patients", 0, half) })
	wg.Go(func() { second.load("patients", half, 2*half) })
	x.join("third")
	wg.Wait()
	x.settle()
	if n := x.daemons[2].status().Counts.Records; n != 2*half {
		t.Fatalf("the third device has %d records", n)
	}
	await(t, "three copies", func() bool { return x.daemons[1].get("patients", "r00000").Copies == 3 })

	x.daemons[2].end()
	x.daemons[1].end()
	for i := range edits {
		id := fmt.Sprintf("r%05d", i)
		x.daemons[0].patch("patients", id, map[string]any{"phone": fmt.Sprintf("0-%d", i)})
	}
	x.daemons[0].end()
	x.up(1)
	for i := range edits {
		id := fmt.Sprintf("r%05d", i)
		if i%2 == 0 {
			x.daemons[1].patch("patients", id, map[string]any{"name": "renamed"})
		} else {
			x.daemons[1].patch("patients", id, map[string]any{"phone": fmt.Sprintf("1-%d", i)})
		}
	}
	x.up(0)
	x.up(2)
	x.settle()
	for _, d := range x.daemons {
		if n := d.status().Counts.Conflicts; n != edits/2 {
			t.Fatalf("%d conflicts, want %d", n, edits/2)
		}
		for i := range edits {
			r := d.get("patients", fmt.Sprintf("r%05d", i))
			if i%2 == 0 {
				if r.Fields["name"] != "renamed" || r.Fields["phone"] != fmt.Sprintf("0-%d", i) || len(r.Conflicts) > 0 {
					t.Fatalf("edits of two fields did not merge: %+v", r)
				}
				continue
			}
			values := []any{r.Fields["phone"]}
			for _, c := range r.Conflicts["phone"] {
				values = append(values, c.Value)
			}
			if len(values) != 2 || !slices.Contains(values, any(fmt.Sprintf("0-%d", i))) || !slices.Contains(values, any(fmt.Sprintf("1-%d", i))) {
				t.Fatalf("edits of one field: %+v", r)
			}
		}
	}
	for i := 1; i < edits; i += 2 {
		path := recordPath("patients", fmt.Sprintf("r%05d", i)) + "/resolve"
		_, err := x.daemons[2].call(context.Background(), http.MethodPost, path, map[string]any{"field": "phone", "value": "settled"})
		check(t, err)
	}
	x.settle()
	for _, d := range x.daemons {
		if n := d.status().Counts.Conflicts; n != 0 {
			t.Fatalf("%d conflicts are left", n)
		}
		d.verify()
		d.end()
	}
}

// TestAwayWhileDeleted: what was deleted while a device was away does not come back
// with it; a record that it edited lives, and the deletion is a conflict.
func TestAwayWhileDeleted(t *testing.T) {
	x := newTeam(t, 3)
	x.daemons[0].load("patients", 0, 1010)
	x.settle()
	x.daemons[2].end()
	for i := range 1001 {
		_, err := x.daemons[0].call(context.Background(), http.MethodDelete, recordPath("patients", fmt.Sprintf("r%05d", i)), nil)
		check(t, err)
	}
	x.settle(0, 1)
	x.daemons[0].end()
	x.daemons[1].end()
	x.up(2)
	for i := 1000; i < 1010; i++ {
		x.daemons[2].patch("patients", fmt.Sprintf("r%05d", i), map[string]any{"name": "back"})
	}
	x.up(0)
	x.up(1)
	x.settle()
	for _, d := range x.daemons {
		if n := d.status().Counts.Records; n != 10 {
			t.Fatalf("%d records live, want 10", n)
		}
		r := d.get("patients", "r01000")
		if r.Deleted || r.Fields["name"] != "back" || len(r.Conflicts[""]) != 1 {
			t.Fatalf("deleted here, edited there: %+v", r)
		}
	}
}

// TestKillSyncing kills devices at random points while they import, write and sync.
func TestKillSyncing(t *testing.T) {
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewSource(seed))
	x := newTeam(t, 3)
	acked := &acknowledged{n: map[string]int{}}
	for round := range crashRounds() {
		ctx, cancel := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		for i, d := range x.daemons {
			wg.Go(func() { writeUntilKilled(ctx, d, i, round, acked) })
			wg.Go(func() { importUntilKilled(ctx, d, round*10+i, acked) })
		}
		<-time.After(time.Duration(rnd.Intn(400)) * time.Millisecond)
		killed := rnd.Intn(len(x.daemons))
		x.daemons[killed].kill()
		cancel()
		wg.Wait()
		x.up(killed)
	}
	x.settle()
	for _, d := range x.daemons {
		checkAcknowledged(t, d, acked)
		d.verify()
		d.end()
	}
	t.Logf("%d rounds, %d records acknowledged", crashRounds(), len(acked.n))
}

// TestClone: a data directory is copied and both copies run and write. Everything
// written is everywhere in the end, both go on with keys of their own, and all say so.
func TestClone(t *testing.T) {
	x := newTeam(t, 2)
	x.daemons[1].patch("patients", "before", map[string]any{"n": 1})
	x.settle()
	key := x.daemons[1].status().Device.ID
	x.daemons[1].end()
	x.daemons[0].end() // or one copy hears of the other before it writes
	twin := x.add(filepath.Join(t.TempDir(), "data"))
	check(t, os.CopyFS(x.dirs[twin], os.DirFS(x.dirs[1])))
	x.up(1)
	x.up(twin)
	x.daemons[1].patch("patients", "one", map[string]any{"n": 1})
	x.daemons[twin].patch("patients", "other", map[string]any{"n": 2})
	x.up(0)
	awaitNewKeys(t, x, key, 1, twin)
	x.daemons[1].patch("patients", "one", map[string]any{"n": 3})
	x.daemons[twin].patch("patients", "other", map[string]any{"n": 4})
	x.settle()
	checkEverywhere(t, x, map[string]float64{"before": 1, "one": 3, "other": 4})
	checkTold(t, x, key, 1, twin)
}

// TestRestore: an old copy of a data directory takes the place of the newer one,
// and writes before it meets the others. It goes on with a key of its own, and all
// say so.
func TestRestore(t *testing.T) {
	x := newTeam(t, 2)
	x.daemons[1].patch("patients", "before", map[string]any{"n": 1})
	x.settle()
	key := x.daemons[1].status().Device.ID
	x.daemons[1].end()
	old := filepath.Join(t.TempDir(), "data")
	check(t, os.CopyFS(old, os.DirFS(x.dirs[1])))
	x.up(1)
	x.daemons[1].patch("patients", "lost", map[string]any{"n": 2})
	x.settle()
	x.daemons[1].end()
	x.daemons[0].end()
	x.dirs[1] = old
	x.up(1)
	x.daemons[1].patch("patients", "after", map[string]any{"n": 3})
	x.up(0)
	awaitNewKeys(t, x, key, 1)
	x.daemons[1].patch("patients", "later", map[string]any{"n": 4})
	x.settle()
	checkEverywhere(t, x, map[string]float64{"before": 1, "lost": 2, "after": 3, "later": 4})
	checkTold(t, x, key, 1)
}

// TestRestoreInviter: a coordinator that was restored invites with the addresses that
// it has under its new key.
func TestRestoreInviter(t *testing.T) {
	x := newTeam(t, 2)
	x.settle()
	key := x.daemons[0].status().Device.ID
	x.daemons[0].end()
	old := filepath.Join(t.TempDir(), "data")
	check(t, os.CopyFS(old, os.DirFS(x.dirs[0])))
	x.up(0)
	x.daemons[0].patch("patients", "p", map[string]any{"n": 1})
	x.settle()
	x.daemons[0].end()
	x.dirs[0] = old
	x.up(0)
	awaitNewKeys(t, x, key, 0)
	var invite api.Invite
	await(t, "an invitation with an address", func() bool {
		doc, err := x.daemons[0].call(context.Background(), http.MethodPost, "/v1/invites", nil)
		if err != nil { // the network is being opened anew
			return false
		}
		mustUnmarshal(t, doc, &invite)
		return strings.Contains(invite.QR, x.daemons[0].status().Device.ID)
	})
	out, err := program(t, filepath.Join(t.TempDir(), "data"), "join", invite.QR, "--device", "third").CombinedOutput()
	if err != nil {
		t.Fatalf("join: %v\n%s", err, out)
	}
}

// awaitNewKeys waits until a device that was restored no longer has the key that it
// had, or copies of one all have different keys. One of those may keep it, if the
// others noticed before it had to.
func awaitNewKeys(t *testing.T, x *team, old string, which ...int) {
	t.Helper()
	for wait := time.Now().Add(60 * time.Second); ; <-time.After(20 * time.Millisecond) {
		ids := map[string]bool{}
		for _, i := range which {
			ids[x.daemons[i].status().Device.ID] = true
		}
		if len(ids) == len(which) && (len(which) > 1 || !ids[old]) {
			return
		}
		if time.Now().After(wait) {
			t.Logf("keys of devices %v: %v", which, slices.Collect(maps.Keys(ids)))
			x.explain(which)
		}
	}
}

// A renewal is what a test knows of a device that was restored, or of its copies.
type renewal struct {
	former string
	copies bool           // there are several devices
	now    map[string]int // those that got a new key, by it
	name   string
}

// checkTold makes sure that all devices say which of these got new keys in place of
// one, in their status, and in their lists of peers and devices.
func checkTold(t *testing.T, x *team, former string, which ...int) {
	t.Helper()
	r := &renewal{former: former, copies: len(which) > 1, now: map[string]int{}}
	for _, i := range which {
		device := x.daemons[i].status().Device
		if r.name = device.Name; device.ID != former {
			r.now[device.ID] = i
		}
	}
	for i := range x.daemons {
		await(t, "all to meet", func() bool { return len(x.daemons[i].status().Peers) == len(x.daemons)-1 })
		x.checkNotices(i, r)
		x.checkLineage(i, r)
		x.checkWords(i, r, slices.Contains(which, i))
	}
}

// checkNotices looks at the status of one device in JSON.
func (x *team) checkNotices(i int, r *renewal) {
	x.t.Helper()
	kind := map[bool]api.NoticeKind{false: api.NoticeRenewed, true: api.NoticeCopied}[r.copies]
	notices := x.daemons[i].status().Notices
	if len(notices) != len(r.now) || len(r.now) == 0 {
		x.t.Errorf("device %d tells %+v", i, notices)
	}
	for _, n := range notices {
		at, err := time.Parse(time.RFC3339, n.Time)
		of, known := r.now[n.ID]
		if !known || n.Kind != kind || n.Device != r.name || n.Former != r.former || n.Self != (of == i) || err != nil || time.Since(at).Abs() > 2*time.Minute {
			x.t.Errorf("device %d tells %+v", i, n)
		}
	}
}

// checkLineage looks at the lists of one device in JSON.
func (x *team) checkLineage(i int, r *renewal) {
	x.t.Helper()
	var lists struct {
		Peers   []api.Peer
		Devices []api.Device
	}
	for _, path := range []string{"/v1/peers", "/v1/devices"} {
		doc, err := x.daemons[i].call(context.Background(), http.MethodGet, path, nil)
		check(x.t, err)
		mustUnmarshal(x.t, doc, &lists)
	}
	told := map[string]int{}
	see := func(id string, l api.Lineage) {
		if slices.Equal(l.Former, []string{r.former}) && l.Renewed != "" && (len(l.Twins) == 1) == r.copies {
			told[id]++
		}
	}
	for _, p := range lists.Peers {
		see(p.ID, p.Lineage)
	}
	for _, d := range lists.Devices {
		see(d.ID, d.Lineage)
	}
	for id, of := range r.now {
		if want := map[bool]int{true: 1, false: 2}[of == i]; told[id] != want { // no device is its own peer
			x.t.Errorf("device %d does not tell of %s: %+v", i, id, lists)
		}
	}
	if len(lists.Devices) != len(x.daemons) {
		x.t.Errorf("device %d lists %+v", i, lists.Devices)
	}
}

// checkWords looks at what one device says to people.
func (x *team) checkWords(i int, r *renewal, concerned bool) {
	x.t.Helper()
	const inLists = "copied or restored: it has this id since "
	says := map[string]string{"status": "NOTICE .*: The device .*was found to be ", "devices": inLists, "peers": inLists}
	_, renewed := r.now[x.daemons[i].status().Device.ID]
	switch {
	case renewed:
		says["status"] = "NOTICE .*: This device was found to be "
		delete(says, "peers") // it may have no other than itself to tell of
	case concerned:
		says["status"] = "NOTICE .*: Another copy of this device was found"
	}
	for command, want := range says {
		out, err := program(x.t, x.dirs[i], command).Output()
		check(x.t, err)
		if !regexp.MustCompile(want).Match(out) || !strings.Contains(string(out), idEnd(r.former)) {
			x.t.Errorf("%s on device %d, want %q:\n%s", command, i, want, out)
		}
	}
}

func checkEverywhere(t *testing.T, x *team, want map[string]float64) {
	t.Helper()
	for i, d := range x.daemons {
		for id, n := range want {
			r := d.get("patients", id)
			if r.Fields["n"] != n || len(r.Conflicts) > 0 {
				t.Errorf("device %d has patient %s as %+v, want %v", i, id, r, n)
			}
		}
		d.verify()
		d.end()
		x.up(i) // with the key that it has now
	}
	x.settle()
}

// TestWrongClock: a device whose clock is ten years ahead writes; what others write
// later, having seen that, replaces it. The wrong clock is told.
func TestWrongClock(t *testing.T) {
	x := newTeam(t, 2)
	x.daemons[1].end()
	t.Setenv("MUSAFIR_CLOCK_AHEAD", "87600h")
	x.up(1)
	t.Setenv("MUSAFIR_CLOCK_AHEAD", "")
	x.daemons[1].patch("patients", "p", map[string]any{"phone": "from the future"})
	x.settle()
	x.daemons[0].patch("patients", "p", map[string]any{"phone": "later"})
	x.settle()
	for _, d := range x.daemons {
		if r := d.get("patients", "p"); r.Fields["phone"] != "later" || len(r.Conflicts) > 0 {
			t.Fatalf("%+v", r)
		}
	}
	for i, d := range x.daemons {
		doc, err := d.call(context.Background(), http.MethodGet, "/v1/status", nil)
		check(t, err)
		if !strings.Contains(string(doc), "3650 days") {
			t.Errorf("the status of device %d does not tell: %s", i, doc)
		}
	}
}

// TestFlood: a member of the camp floods a device with frames that break the rules.
// It is dropped and shown with the reason; writing, listing and syncing with others
// go on.
func TestFlood(t *testing.T) {
	x := newTeam(t, 3)
	x.settle()
	x.daemons[2].end()
	hostile, err := openDevice(x.dirs[2], store.Lock{}, reach{}, slog.New(slog.DiscardHandler))
	check(t, err)
	defer hostile.Close()
	host, err := openNetwork(hostile.Dir.Device, nil, slog.New(slog.DiscardHandler))
	check(t, err)
	defer host.Close()
	members, self := hostile.Members()
	victim := crdt.DeviceID(x.daemons[0].status().Device.ID)
	_, addrs, err := host.Resolve(x.listen[0])
	check(t, err)
	var wg sync.WaitGroup
	wg.Go(func() { x.daemons[0].load("patients", 0, 3000) })
	for n := range 200 {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		s, err := host.Open(ctx, victim, addrs, node.SyncProtocol)
		check(t, err)
		var b []byte
		b, err = wire.Append(b, &wire.Hail{Version: wire.Version, MAC: wire.HailMAC(members.DiscoveryKeys()[0], self, victim)})
		check(t, err)
		b, err = wire.Append(b, &wire.Hello{Version: wire.Version, Nonce: [8]byte{byte(n)}})
		check(t, err)
		b = append(b, hostileFrames[n%len(hostileFrames)]...)
		s.SetDeadline(time.Now().Add(10 * time.Second))
		_, _ = s.Write(b)
		_, _ = io.Copy(io.Discard, s) // until it hangs up
		s.Reset()
		cancel()
	}
	wg.Wait()
	x.settle(0, 1)
	doc, err := x.daemons[0].call(context.Background(), http.MethodGet, "/v1/peers", nil)
	check(t, err)
	var peers struct {
		Peers []struct{ ID, Problem string }
	}
	mustUnmarshal(t, doc, &peers)
	for _, p := range peers.Peers {
		if p.ID == string(self) && !strings.Contains(p.Problem, "malformed") && !strings.Contains(p.Problem, "too large") {
			t.Errorf("the flood is not told: %s", doc)
		}
	}
	if n := x.daemons[1].status().Counts.Records; n != 3000 {
		t.Errorf("%d records came through", n)
	}
}

var inSyncRecords = flag.Int("in-sync-records", 24_386, "how many records two devices hold that find that they hold the same")

// TestInSyncIsShort: two devices that hold the same find that out in one round trip
// of at most 100 bytes each way, however much they hold.
func TestInSyncIsShort(t *testing.T) {
	x := newTeam(t, 2)
	x.daemons[0].load("patients", 0, *inSyncRecords)
	x.settle()
	x.daemons[1].end()
	x.up(1)
	type peer struct {
		Synced         bool
		Received, Sent int
	}
	var doc struct{ Peers []peer }
	await(t, "the two to be in sync", func() bool {
		b, err := x.daemons[1].call(context.Background(), http.MethodGet, "/v1/peers", nil)
		check(t, err)
		mustUnmarshal(t, b, &doc)
		return len(doc.Peers) == 1 && doc.Peers[0].Synced
	})
	if p := doc.Peers[0]; p.Received == 0 || p.Received > 100 || p.Sent == 0 || p.Sent > 100 {
		t.Errorf("it took %d bytes there and %d back", p.Sent, p.Received)
	}
	t.Logf("%d records: %d bytes there and %d back", *inSyncRecords, doc.Peers[0].Sent, doc.Peers[0].Received)
}

// hostileFrames break the rules in several ways.
var hostileFrames = [][]byte{
	bytes.Repeat([]byte{0x00}, 1<<10),                       // frames of no length
	{0xff, 0xff, 0xff, 0xff, 0xff},                          // a frame of gigabytes
	append([]byte{0x40, 9}, bytes.Repeat([]byte{7}, 63)...), // a batch of noise
	append([]byte{0x40, 5}, bytes.Repeat([]byte{0x9f}, 63)...),
}
