package node

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"musafir/crdt"
)

// Rules of whom to dial, and when.
const (
	dialsMax       = 4  // at a time
	sessionsWanted = 6  // with fewer every device known is dialled
	sessionsMany   = 8  // with more those that have nothing to do end, one by one
	sessionsFull   = 12 // with so many one is ended for another

	pauseFirst    = 500 * time.Millisecond // after a failure, doubled
	pauseTyped    = 10 * time.Second       // at most, for an address that somebody typed
	pauseMax      = 30 * time.Second       // at most, for others
	pauseGuess    = 5 * time.Minute        // at most, where nothing says that a device is there
	sightingPause = 2 * time.Second        // at most, once a device was heard
	yieldPause    = 500 * time.Millisecond // for the other one to dial first

	sessionCount = 10 * time.Second // a session that lasted this long was a success
	differsFor   = 12 * time.Second // before a device that holds something else, at each sighting, is dialled beyond what is wanted
	trimEvery    = 10 * time.Second
	trimAfter    = 30 * time.Second // of a session that is more than is wanted
	heardFor     = 2 * time.Minute  // a device that was not heard for longer may be gone
	rotateEvery  = 5 * time.Minute
	missingFor   = time.Hour // a device that was lost is looked for eagerly for so long
	peopleMax    = 1024
)

// A Sighting is a device of the camp that was heard on the local network, and where
// it says that it is.
type Sighting struct {
	Device crdt.DeviceID
	Addrs  []string // multiaddrs, the best first
	Digest [8]byte  // the first bytes of its frontier's digest
	On     string   // the interface
}

// An acquaintance is a device that may be met, or an address where one may be.
type acquaintance struct {
	id    crdt.DeviceID // "": nobody answered at the address yet
	typed string        // the address, as somebody wrote it; "": known by its id
	guess bool          // nobody typed it

	remembered string // where it was last
	heard      []string
	heardAt    time.Time
	heardOn    string    // the interface
	digest     [8]byte   // of what it held then
	differs    time.Time // since when it holds something else, at each sighting; zero: it does not
	lostAt     time.Time

	lot   uint64   // drawn, so that not all devices prefer the same ones
	stop  func()   // ends the attempt to reach it; nil: none is under way
	at    []string // where that looks for it
	out   bool     // it is being dialled, or has a session that we dialled
	again bool     // once this attempt has ended
	due   bool     // its turn has come in a rotation
	next  time.Time
	pause time.Duration
	last  time.Time // attempt
	err   error     // of it

	refused   string // why this device turned it away
	refusedAt time.Time
}

// addrs are where it may be, the most likely first.
func (a *acquaintance) addrs() []string {
	if a.remembered == "" || slices.Contains(a.heard, a.remembered) {
		return a.heard
	}
	return append(slices.Clone(a.heard), a.remembered)
}

// apart tells whether it goes on holding something else. What is just under way
// reaches it through others.
func (a *acquaintance) apart(now time.Time) bool {
	return !a.differs.IsZero() && a.heardAt.Sub(a.differs) >= differsFor && now.Sub(a.heardAt) < heardFor
}

// elsewhere tells whether it says that it is nowhere where it is being looked for.
// Trying an address that is gone takes seconds.
func (a *acquaintance) elsewhere() bool {
	return !slices.ContainsFunc(a.heard, func(h string) bool {
		return slices.ContainsFunc(a.at, func(at string) bool { return bare(at) == bare(h) })
	})
}

// bare is an address without the device's id.
func bare(addr string) string {
	at, _, _ := strings.Cut(addr, "/p2p/")
	return at
}

// pauseLongest is how long to wait between two attempts at most.
func (a *acquaintance) pauseLongest() time.Duration {
	switch {
	case a.guess:
		return pauseGuess
	case a.typed != "":
		return pauseTyped
	}
	return pauseMax
}

// A roster is who may be met and where, and decides whom to dial. Time is an
// argument, and whoever uses it takes care that only one does at a time.
type roster struct {
	list    []*acquaintance
	rotated time.Time
	trimmed time.Time
}

// A standing is what sessions there are.
type standing struct {
	self     crdt.DeviceID
	digest   [8]byte // of what this device holds
	sessions map[crdt.DeviceID]contact
	barred   func(crdt.DeviceID) bool // it broke a rule lately
}

// A contact is a session.
type contact struct {
	began  time.Time
	ours   bool // we dialled
	synced bool
}

// place adds an address that somebody typed, or a guess at one.
func (r *roster) place(addr string, guess bool) {
	if !slices.ContainsFunc(r.list, func(a *acquaintance) bool { return a.typed == addr }) {
		r.list = append(r.list, &acquaintance{typed: addr, guess: guess})
	}
}

// person finds a device by its id, or adds it.
func (r *roster) person(id crdt.DeviceID) *acquaintance {
	for _, a := range r.list {
		if a.id == id && a.typed == "" {
			return a
		}
	}
	if len(r.list) >= peopleMax {
		r.forgetOne()
	}
	a := &acquaintance{id: id, lot: rand.Uint64()}
	r.list = append(r.list, a)
	return a
}

// forgetOne makes room: of those that were only heard, the one that was not for the
// longest time goes.
func (r *roster) forgetOne() {
	oldest := -1
	for i, a := range r.list {
		if a.typed == "" && !a.out && (oldest < 0 || a.heardAt.Before(r.list[oldest].heardAt)) {
			oldest = i
		}
	}
	if oldest >= 0 {
		r.list = slices.Delete(r.list, oldest, oldest+1)
	}
}

// guesses replaces the addresses where a device may be although nobody said so.
func (r *roster) guesses(addrs []string) {
	r.list = slices.DeleteFunc(r.list, func(a *acquaintance) bool {
		return a.guess && !a.out && !slices.Contains(addrs, a.typed)
	})
	for _, addr := range addrs {
		r.place(addr, true)
	}
}

// remember takes note of where a device was before.
func (r *roster) remember(id crdt.DeviceID, addr string) { r.person(id).remembered = addr }

// sighted takes note of a device that was heard. It is dialled soon, whatever failed
// before; where both have just heard each other, by the one with the lesser id.
func (r *roster) sighted(s Sighting, self crdt.DeviceID, own [8]byte, now time.Time) {
	a := r.person(s.Device)
	news := !slices.Equal(a.heard, s.Addrs) || now.Sub(a.heardAt) > heardFor
	a.digest = s.Digest
	a.heard, a.heardAt, a.heardOn = slices.Clone(s.Addrs), now, s.On
	if s.Digest == own {
		a.differs = time.Time{}
	} else if a.differs.IsZero() {
		a.differs = now
	}
	switch {
	case news && a.stop != nil:
		if a.elsewhere() {
			a.stop()
			a.again = true
		}
	case news:
		a.pause, a.next = 0, now
		if self > a.id {
			a.next = now.Add(yieldPause)
		}
	case a.next.After(now.Add(sightingPause)):
		a.next = now.Add(sightingPause)
	}
}

// moved says that this device has other addresses than before: what failed may work.
func (r *roster) moved(now time.Time) {
	for _, a := range r.list {
		if !a.out {
			a.pause, a.next = 0, now
		}
	}
}

// plan says whom to dial now, and which session to end for it, if any. Those that it
// names count as being dialled until ended.
func (r *roster) plan(st standing, now time.Time) (dial []*acquaintance, end []crdt.DeviceID) {
	r.rotate(st, now)
	if id, ok := r.trim(st, now); ok {
		end = append(end, id)
	}
	busy := r.busy(st)
	out := len(busy) - len(st.sessions)
	for _, a := range r.order(now) {
		if out >= dialsMax {
			break
		}
		if a.out || now.Before(a.next) || a.id == st.self || busy[a.id] || a.id != "" && st.barred(a.id) {
			continue
		}
		if !r.wants(a, len(busy), now) {
			continue
		}
		if len(busy) >= sessionsFull && a.typed == "" {
			oldest, ok := r.oldest(st, end)
			if !ok {
				continue
			}
			end = append(end, oldest)
		}
		a.out, a.due, a.last = true, false, now
		out++
		if a.id != "" {
			busy[a.id] = true
		}
		dial = append(dial, a)
	}
	return dial, end
}

// busy is who has a session or is being dialled.
func (r *roster) busy(st standing) map[crdt.DeviceID]bool {
	busy := map[crdt.DeviceID]bool{}
	for id := range st.sessions {
		busy[id] = true
	}
	for _, a := range r.list {
		if a.out && a.id != "" {
			busy[a.id] = true
		}
	}
	return busy
}

// wants tells whether somebody is to be dialled while so many sessions are there.
func (r *roster) wants(a *acquaintance, sessions int, now time.Time) bool {
	switch {
	case a.typed == "" && len(a.heard) == 0 && a.remembered == "":
		return false
	case a.guess:
		return sessions == 0
	case a.typed != "", a.due, a.apart(now):
		return true
	}
	return sessions < sessionsWanted
}

// order is who comes first: what somebody typed, then whoever holds something else,
// then whoever was not tried for the longest time.
func (r *roster) order(now time.Time) []*acquaintance {
	rank := func(a *acquaintance) int {
		switch {
		case a.typed != "" && !a.guess:
			return 0
		case a.apart(now) || a.due:
			return 1
		case a.guess:
			return 3
		}
		return 2
	}
	list := slices.Clone(r.list)
	slices.SortStableFunc(list, func(a, b *acquaintance) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), a.last.Compare(b.last), cmp.Compare(a.lot, b.lot))
	})
	return list
}

// oldest is the session that may end for another: the first of those that we
// dialled, whose sides hold the same.
func (r *roster) oldest(st standing, not []crdt.DeviceID) (id crdt.DeviceID, ok bool) {
	for peer, c := range st.sessions {
		if !c.ours || !c.synced || slices.Contains(not, peer) || r.isTyped(peer) {
			continue
		}
		if !ok || c.began.Before(st.sessions[id].began) {
			id, ok = peer, true
		}
	}
	return id, ok
}

// trim names a session that is more than is wanted, now and then: in a large camp
// each takes its share of everybody's battery.
func (r *roster) trim(st standing, now time.Time) (crdt.DeviceID, bool) {
	if len(st.sessions) <= sessionsMany || now.Sub(r.trimmed) < trimEvery {
		return "", false
	}
	id, ok := r.oldest(st, nil)
	if !ok || now.Sub(st.sessions[id].began) < trimAfter {
		return "", false
	}
	r.trimmed = now
	return id, true
}

func (r *roster) isTyped(id crdt.DeviceID) bool {
	return slices.ContainsFunc(r.list, func(a *acquaintance) bool { return a.id == id && a.typed != "" && !a.guess })
}

// rotate now and then gives a turn to a device without a session of which it is not
// known that it holds the same: a bounded number of sessions must not split a camp.
func (r *roster) rotate(st standing, now time.Time) {
	if now.Sub(r.rotated) < rotateEvery {
		return
	}
	r.rotated = now
	if len(st.sessions) < sessionsWanted {
		return
	}
	busy := r.busy(st)
	for _, a := range r.order(now) {
		same := len(a.heard) > 0 && a.differs.IsZero() && now.Sub(a.heardAt) < heardFor
		if a.typed == "" && !busy[a.id] && !same && now.Sub(a.last) > rotateEvery {
			a.due = true
			return
		}
	}
}

// ended takes note of how an attempt went. lasted is how long its session did, 0 if
// there was none.
func (r *roster) ended(a *acquaintance, lasted time.Duration, err error, now time.Time) {
	a.out, a.err = false, err
	if lasted >= sessionCount {
		a.pause = 0
	}
	a.pause = min(max(2*a.pause, pauseFirst), a.pauseLongest())
	a.next = now.Add(a.pause/2 + rand.N(a.pause))
	if a.again {
		a.again, a.pause, a.next = false, 0, now
	}
}

// lost says that a session broke off, and met that there is one.
func (r *roster) lost(id crdt.DeviceID, now time.Time) {
	a := r.person(id)
	a.lostAt = now
	if a.next.After(now.Add(pauseFirst)) {
		a.pause, a.next = 0, now.Add(pauseFirst)
	}
}

func (r *roster) met(id crdt.DeviceID) {
	a := r.person(id)
	a.lostAt, a.err = time.Time{}, nil
}

// missing tells whether a device that was there is looked for.
func (r *roster) missing(st standing, now time.Time) bool {
	return slices.ContainsFunc(r.list, func(a *acquaintance) bool {
		_, there := st.sessions[a.id]
		return !there && !a.lostAt.IsZero() && now.Sub(a.lostAt) < missingFor && !a.heardAt.After(a.lostAt)
	})
}
