package node

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"musafir/crdt"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func deviceNo(i int) crdt.DeviceID { return crdt.DeviceID(fmt.Sprintf("device %02d", i)) }

func sightingOf(i int, digest byte) Sighting {
	return Sighting{Device: deviceNo(i), Addrs: []string{fmt.Sprintf("/ip4/10.0.0.%d/tcp/7668", i)}, Digest: [8]byte{digest}}
}

// with is a device that has sessions with those, each in sync and dialled by it.
func with(peers ...int) standing {
	st := standing{self: deviceNo(0), sessions: map[crdt.DeviceID]contact{}, barred: func(crdt.DeviceID) bool { return false }}
	for n, i := range peers {
		st.sessions[deviceNo(i)] = contact{began: start.Add(time.Duration(n) * time.Second), ours: true, synced: true}
	}
	return st
}

func upTo(n int) (list []int) {
	for i := range n {
		list = append(list, i+1)
	}
	return list
}

func idsOf(list []*acquaintance) (ids []crdt.DeviceID) {
	for _, a := range list {
		ids = append(ids, a.id)
	}
	return ids
}

func (r *roster) hear(now time.Time, digest byte, which ...int) {
	for _, i := range which {
		r.sighted(sightingOf(i, digest), deviceNo(0), [8]byte{}, now)
	}
}

func TestDialsFewAtATime(t *testing.T) {
	var r roster
	r.hear(start, 0, upTo(10)...)
	dial, end := r.plan(with(), start)
	if len(dial) != dialsMax || len(end) != 0 {
		t.Errorf("%d are dialled, and %v ended", len(dial), end)
	}
	if again, _ := r.plan(with(), start.Add(time.Hour)); len(again) != 0 {
		t.Errorf("%v are dialled too", idsOf(again))
	}
	for _, a := range dial {
		r.ended(a, 0, errors.New("nobody"), start)
	}
	next, _ := r.plan(with(), start.Add(time.Millisecond))
	for _, a := range next {
		if slices.Contains(dial, a) {
			t.Errorf("%s is dialled again at once", a.id)
		}
	}
}

func TestLesserIDDialsFirst(t *testing.T) {
	var r roster
	st := with()
	st.self = deviceNo(5)
	for _, i := range []int{3, 7} {
		r.sighted(sightingOf(i, 0), st.self, [8]byte{}, start)
	}
	dial, _ := r.plan(st, start)
	if ids := idsOf(dial); !slices.Equal(ids, []crdt.DeviceID{deviceNo(7)}) {
		t.Errorf("device 5 dials %v at once", ids)
	}
	if dial, _ := r.plan(st, start.Add(yieldPause)); !slices.Equal(idsOf(dial), []crdt.DeviceID{deviceNo(3)}) {
		t.Errorf("device 5 dials %v after a while", idsOf(dial))
	}
}

// Beyond the sessions that are wanted only a device is dialled that goes on holding
// something else.
func TestEnoughSessions(t *testing.T) {
	var r roster
	r.rotated = start
	st := with(upTo(sessionsWanted)...)
	r.hear(start, 0, 20, 21)
	if dial, _ := r.plan(st, start); len(dial) != 0 {
		t.Fatalf("%v are dialled", idsOf(dial))
	}
	for _, second := range []time.Duration{1, 5, 10} {
		r.hear(start.Add(second*time.Second), byte(second), 20)
		if dial, _ := r.plan(st, start.Add(second*time.Second)); len(dial) != 0 {
			t.Errorf("%v are dialled at the first difference", idsOf(dial))
		}
	}
	r.hear(start.Add(14*time.Second), 2, 20)
	if dial, end := r.plan(st, start.Add(16*time.Second)); !slices.Equal(idsOf(dial), []crdt.DeviceID{deviceNo(20)}) || len(end) != 0 {
		t.Errorf("%v are dialled, and %v ended", idsOf(dial), end)
	}
}

// With all sessions taken the oldest gives way, if it is ours and has nothing to do,
// and not one of an address that somebody typed.
func TestFull(t *testing.T) {
	var r roster
	r.rotated = start
	st := with(upTo(sessionsFull)...)
	r.place("10.0.0.1", false)
	r.list[0].id = deviceNo(1)
	busy := st.sessions[deviceNo(2)]
	busy.synced = false
	st.sessions[deviceNo(2)] = busy
	theirs := st.sessions[deviceNo(3)]
	theirs.ours = false
	st.sessions[deviceNo(3)] = theirs
	r.hear(start, 1, 20, 21)
	r.hear(start.Add(differsFor), 1, 20, 21)
	r.trimmed = start.Add(differsFor)
	dial, end := r.plan(st, start.Add(differsFor+sightingPause))
	if len(dial) != 2 || !slices.Equal(end, []crdt.DeviceID{deviceNo(4), deviceNo(5)}) {
		t.Errorf("%v are dialled, and %v ended", idsOf(dial), end)
	}
}

// What is more than wanted ends after a while, one session after the other.
func TestTrim(t *testing.T) {
	var r roster
	now := start.Add(2 * trimAfter)
	st := with(upTo(sessionsMany + 2)...)
	for want := range 2 {
		_, end := r.plan(st, now)
		if !slices.Equal(end, []crdt.DeviceID{deviceNo(want + 1)}) {
			t.Errorf("%v end", end)
		}
		if _, more := r.plan(st, now); len(more) != 0 {
			t.Errorf("%v end at the same time", more)
		}
		delete(st.sessions, deviceNo(want+1))
		now = now.Add(trimEvery)
	}
	if _, end := r.plan(st, now); len(end) != 0 {
		t.Errorf("%v end although they are wanted", end)
	}
}

func TestBackOff(t *testing.T) {
	failed := errors.New("nobody answers")
	for name, longest := range map[string]time.Duration{"typed": pauseTyped, "guess": pauseGuess, "heard": pauseMax} {
		var r roster
		if name == "heard" {
			r.hear(start, 0, 1)
		} else {
			r.place("10.0.0.1", name == "guess")
		}
		now, a := start, r.list[0]
		for range 12 {
			dial, _ := r.plan(with(), now)
			if len(dial) != 1 {
				t.Fatalf("%s: it is not dialled at %s", name, now.Sub(start))
			}
			r.ended(a, 0, failed, now)
			if early, _ := r.plan(with(), now.Add(a.pause/2-1)); len(early) != 0 {
				t.Errorf("%s: it is dialled too early", name)
			}
			now = now.Add(2 * a.pause)
		}
		if a.pause != longest {
			t.Errorf("%s: in the end it waits %s, want %s", name, a.pause, longest)
		}
		r.moved(now)
		if dial, _ := r.plan(with(), now); len(dial) != 1 {
			t.Errorf("%s: it is not dialled at once from another address", name)
		}
	}
}

// A device that is heard is dialled soon, whatever failed before.
func TestHeardAgain(t *testing.T) {
	var r roster
	r.hear(start, 0, 1)
	now := start
	for range 10 {
		dial, _ := r.plan(with(), now)
		r.ended(dial[0], 0, errors.New("nobody"), now)
		now = now.Add(2 * pauseMax)
	}
	dial, _ := r.plan(with(), now)
	r.ended(dial[0], 0, errors.New("nobody"), now)
	r.hear(now, 0, 1)
	if dial, _ := r.plan(with(), now.Add(sightingPause)); len(dial) != 1 {
		t.Error("it is not dialled")
	}
}

func TestLeavesAlone(t *testing.T) {
	var r roster
	r.remember(deviceNo(0), "/ip4/10.0.0.1/tcp/7668") // itself, under an older address
	r.hear(start, 0, 2, 3)
	r.place("gateway", true)
	r.met(deviceNo(4)) // without an address
	st := with(2)
	st.barred = func(id crdt.DeviceID) bool { return id == deviceNo(3) }
	if dial, _ := r.plan(st, start); len(dial) != 0 {
		t.Errorf("%v are dialled", idsOf(dial))
	}
	if dial, _ := r.plan(with(), start); len(dial) != 2 {
		t.Errorf("alone it dials %v", idsOf(dial))
	}
	if dial, _ := r.plan(with(), start); len(dial) != 0 {
		t.Errorf("while it dials others it dials %v", idsOf(dial))
	}
	for _, a := range r.list {
		if a.out {
			r.ended(a, 0, nil, start)
		}
	}
	if dial, _ := r.plan(with(), start); len(dial) != 1 || !dial[0].guess {
		t.Errorf("with nothing else to do it dials %v, not the guess", idsOf(dial))
	}
}

func TestMissing(t *testing.T) {
	var r roster
	r.met(deviceNo(1))
	if r.missing(with(1), start) {
		t.Error("one that is there is missing")
	}
	r.lost(deviceNo(1), start)
	if !r.missing(with(), start) || r.missing(with(1), start) || r.missing(with(), start.Add(missingFor)) {
		t.Error("it is not looked for for a while")
	}
	r.hear(start.Add(time.Second), 0, 1)
	if r.missing(with(), start.Add(time.Second)) {
		t.Error("one that is heard is missing")
	}
}

// TestElsewhere: a device that is looked for where it was, and is heard elsewhere, is
// dialled there at once.
func TestElsewhere(t *testing.T) {
	var r roster
	r.remember(deviceNo(1), sightingOf(1, 0).Addrs[0]+"/p2p/x")
	dial, _ := r.plan(with(), start)
	a, stopped := dial[0], 0
	a.at, a.stop = a.addrs(), func() { stopped++ }
	r.hear(start, 0, 1)
	if stopped != 0 {
		t.Error("an attempt where it is ends")
	}
	r.sighted(Sighting{Device: a.id, Addrs: []string{"/ip4/10.9.9.9/tcp/1"}}, deviceNo(0), [8]byte{}, start)
	if stopped != 1 {
		t.Error("an attempt where it is not goes on")
	}
	r.ended(a, 0, errors.New("stopped"), start)
	if dial, _ := r.plan(with(), start); len(dial) != 1 {
		t.Error("it is not dialled at once")
	}
}

// TestManyMeet: however many devices hear each other, bounded sessions join all of
// them, and few dials are needed.
func TestManyMeet(t *testing.T) {
	for _, size := range []int{2, 7, 20, 50} {
		t.Run(fmt.Sprint(size), func(t *testing.T) { newTown(size).meet(t) })
	}
}

// A town is devices that all hear each other. Sessions are what two rosters agree on.
type town struct {
	rosters  []roster
	sessions map[[2]int]time.Time // by who dialled whom
	dials    int
	now      time.Time
}

func newTown(size int) *town {
	return &town{rosters: make([]roster, size), sessions: map[[2]int]time.Time{}, now: start}
}

func (w *town) standing(i int) standing {
	st := standing{self: deviceNo(i), sessions: map[crdt.DeviceID]contact{}, barred: func(crdt.DeviceID) bool { return false }}
	for pair, began := range w.sessions {
		switch i {
		case pair[0]:
			st.sessions[deviceNo(pair[1])] = contact{began: began, ours: true, synced: true}
		case pair[1]:
			st.sessions[deviceNo(pair[0])] = contact{began: began, synced: true}
		}
	}
	return st
}

// groups tells for each device the least one that sessions join it to: what it holds.
func (w *town) groups() []int {
	group := make([]int, len(w.rosters))
	for i := range group {
		group[i] = i
	}
	for changed := true; changed; {
		changed = false
		for pair := range w.sessions {
			least := min(group[pair[0]], group[pair[1]])
			changed = changed || group[pair[0]] != least || group[pair[1]] != least
			group[pair[0]], group[pair[1]] = least, least
		}
	}
	return group
}

func (w *town) meet(t *testing.T) {
	for second := range 300 {
		if second%5 == 0 {
			w.listen()
		}
		for _, i := range rand.Perm(len(w.rosters)) {
			w.act(i)
		}
		w.now = w.now.Add(time.Second)
	}
	for i, g := range w.groups() {
		if st := w.standing(i); g != 0 || len(st.sessions) > 2*sessionsFull {
			t.Errorf("device %d is in group %d, with %d sessions", i, g, len(st.sessions))
		}
	}
	if most := len(w.rosters) * sessionsFull; w.dials > most {
		t.Errorf("%d dials, want at most %d", w.dials, most)
	}
	t.Logf("%d sessions, %d dials", len(w.sessions), w.dials)
}

func (w *town) listen() {
	group := w.groups()
	for i := range w.rosters {
		for j := range w.rosters {
			if i != j {
				w.rosters[i].sighted(sightingOf(j, byte(group[j])), deviceNo(i), [8]byte{byte(group[i])}, w.now)
			}
		}
	}
}

func (w *town) act(i int) {
	dial, end := w.rosters[i].plan(w.standing(i), w.now)
	for _, id := range end {
		for pair := range w.sessions {
			if pair[0] == i && deviceNo(pair[1]) == id {
				delete(w.sessions, pair)
			}
		}
	}
	for _, a := range dial {
		w.dials++
		var j int
		fmt.Sscanf(string(a.id), "device %d", &j)
		if _, there := w.sessions[[2]int{j, i}]; !there {
			w.sessions[[2]int{i, j}] = w.now
		}
		w.rosters[i].ended(a, time.Hour, nil, w.now)
	}
}
