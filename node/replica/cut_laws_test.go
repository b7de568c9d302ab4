package replica_test

import (
	"cmp"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"musafir/crdt"
	"musafir/node/access"
	"musafir/node/replica"
	"musafir/node/wire"
	"musafir/store"
)

// An unruly member seals late or not at all, forks its logs and begins many. All that
// it says is valid.
type unruly struct {
	t       tb
	camp    crdt.CampID
	key     []crdt.Dep // its admission
	self    access.Member
	random  *rand.Rand
	written []*written // in batches that were taken
	begun   int
	many    []int // entries of a part of a batch
	late    bool  // it sealed something that it had sent before
}

// A written entry of it.
type written struct {
	at      crdt.Place
	log     crdt.LogID
	id      crdt.EntryID
	raw     []byte
	control bool
}

const unrulyKey = 2 // of keyOf

func newUnruly(t tb, a *device, seed uint64) *unruly {
	self, _ := a.writer.Members.Member(crdt.DeviceIDOf(public(keyOf(unrulyKey))))
	dep, _ := a.writer.Members.Admission(self.Admission)
	return &unruly{t: t, camp: a.writer.Camp, key: []crdt.Dep{dep}, self: self, random: rand.New(rand.NewPCG(seed, 1))}
}

// born begins a log.
func (u *unruly) born(kind crdt.LogKind) *written {
	u.begun++
	b := &crdt.Birth{Camp: u.camp, Kind: kind, Device: public(keyOf(unrulyKey)), Admission: u.self.Admission, Incarnation: incarnation(5000 + u.begun), Ordinal: 1}
	e := must(crdt.NewEntry(1000, u.key, "", "", []crdt.Change{must(b.Change())}))
	id := e.ID(crdt.Place{})
	return &written{log: crdt.LogID(id), id: id, raw: e.Encoded(), control: kind == crdt.ControlLog}
}

// after writes an entry that follows another one, of a text of that size.
func (u *unruly) after(w *written, size int) *written {
	var change crdt.Change
	if w.control {
		change = must((&crdt.Admission{Device: public(keyOf(77)), Role: crdt.RoleMember, Name: "x"}).Change())
	} else {
		rc := &crdt.RecordChange{Key: crdt.RecordKey{Collection: "p", ID: "1"}, Writes: []crdt.Write{{Path: "n", Value: crdt.Text(strings.Repeat("x", size))}}}
		change = must(rc.Encode([crdt.SaltSize]byte{byte(u.begun), byte(u.begun >> 8)}))
	}
	u.begun++
	e := must(crdt.NewEntry(crdt.Time(1000+u.begun), nil, "", "", []crdt.Change{change}))
	at := crdt.Place{Log: w.log, Seq: w.at.Seq + 1, Prev: w.id}
	return &written{at: at, log: w.log, id: e.ID(at), raw: e.Encoded(), control: w.control}
}

// A letter is a batch of it, with the entries that it seals.
type letter struct {
	list   []*written
	seals  map[crdt.EntryID]bool
	hidden map[crdt.EntryID]bool // something in the batch follows it
}

func newLetter() *letter {
	return &letter{seals: map[crdt.EntryID]bool{}, hidden: map[crdt.EntryID]bool{}}
}

func (l *letter) add(w *written, sealed bool) *written {
	l.list = append(l.list, w)
	l.seals[w.id] = l.seals[w.id] || sealed
	l.hidden[w.at.Prev] = true
	return w
}

// batch is the letter as frames have it. What nothing follows is sealed, and first.
func (l *letter) batch(camp crdt.CampID) *wire.Batch {
	b := &wire.Batch{End: true}
	for _, w := range l.list {
		b.Runs = append(b.Runs, wire.Run{Log: w.log, Seq: w.at.Seq, Prev: [8]byte(w.at.Prev[:8]), Entries: [][]byte{w.raw}})
	}
	order := slices.Clone(l.list)
	slices.SortStableFunc(order, func(a, b *written) int { return cmp.Compare(btoi(l.hidden[a.id]), btoi(l.hidden[b.id])) })
	for _, w := range order {
		if l.seals[w.id] || !l.hidden[w.id] {
			b.Seals = append(b.Seals, wire.SealAt{Log: w.log, Seq: w.at.Seq, Seal: crdt.SealEntry(keyOf(unrulyKey), camp, w.id)})
		}
	}
	return b
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// draw makes up a batch.
func (u *unruly) draw(t *rapid.T) *letter {
	l := newLetter()
	// One log may stay open from the first entry to the last, so that all is one stretch.
	var open *written
	if rapid.Bool().Draw(t, "one stretch") {
		open = l.add(u.born(crdt.RecordLog), false)
	}
	for range rapid.IntRange(1, 4).Draw(t, "parts") {
		n := rapid.SampledFrom(u.many).Draw(t, "many")
		sealed := rapid.Bool().Draw(t, "sealed")
		switch rapid.SampledFrom([]string{"births", "pairs", "forks", "acts", "seals", "large"}).Draw(t, "part") {
		case "births":
			for range n {
				l.add(u.born(crdt.RecordLog), true)
			}
		case "pairs":
			for range n {
				l.add(u.after(l.add(u.born(crdt.RecordLog), sealed), 1), true)
			}
		case "forks":
			from := u.some(l)
			for range n {
				l.add(u.after(from, 1), true)
			}
		case "acts": // each followed by another one
			from := l.add(u.born(crdt.ControlLog), true)
			for i := range min(n, 80) {
				l.add(u.after(l.add(u.after(from, 1), sealed != (i%2 == 0)), 1), sealed)
			}
		case "seals": // of what was sent without
			for range min(n, len(u.written)) {
				if w := u.written[u.random.IntN(len(u.written))]; !slices.Contains(l.list, w) {
					l.add(w, true)
					u.late = true
				}
			}
		case "large":
			from := l.add(u.born(crdt.RecordLog), sealed)
			for range min(n, 4) {
				from = l.add(u.after(from, 60_000), sealed)
			}
		}
	}
	if open != nil {
		l.add(u.after(open, 1), true)
	}
	return l
}

// some is an entry to go on from.
func (u *unruly) some(l *letter) *written {
	all := slices.Concat(u.written, l.list)
	if len(all) == 0 {
		return l.add(u.born(crdt.RecordLog), true)
	}
	return all[u.random.IntN(len(all))]
}

// lacked are the ranges of what a device holds and a store does not.
func (d *device) lacked(s *store.Store) (ranges []crdt.Range) {
	b := s.Begin()
	defer b.Discard()
	for n, br := range d.store.Branches() {
		from := br.From
		for from <= br.Head.Seq && must(b.Holds(br.Log, from, must(d.store.EntryID(uint32(n), from)))) {
			from++
		}
		if from <= br.Head.Seq {
			ranges = append(ranges, crdt.Range{Branch: uint32(n), From: from, To: br.Head.Seq})
		}
	}
	return ranges
}

// TestHonestCutter: whatever a device took it can send on, in whatever order it came,
// to whoever lacks whatever part of it: what it cuts breaks no rule.
func TestHonestCutter(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		a := found(rt)
		b := a.admit(unrulyKey, crdt.RoleCoordinator) // its own device, which knows only the control log
		c, end := a.admit(3, crdt.RoleMember), a.admit(4, crdt.RoleMember)
		u := newUnruly(rt, a, rapid.Uint64().Draw(rt, "seed"))
		u.many = []int{1, 2, 5, 30}
		if rapid.IntRange(0, 15).Draw(rt, "size") == 15 { // only these reach the limits, and seals take their time
			u.many = []int{30, 160, 430}
		}
		for range rapid.IntRange(1, 4).Draw(rt, "batches") {
			l := u.draw(rt)
			got, err := verify(a, a.store, []*wire.Batch{l.batch(u.camp)})
			if err != nil {
				continue // it was too much
			}
			own := rapid.IntRange(0, 2).Draw(rt, "own writes")
			a.commit(func(g *replica.Group) error {
				for range own {
					must(g.Write(put("rahima", "Rahima"), make([]byte, crdt.SaltSize), a.now))
				}
				return g.Ingest(got[0], a.now)
			})
			u.written = append(u.written, l.list...)
			// Others get some of it on the way, and so in another order.
			for _, d := range []*device{b, c} {
				if rapid.Bool().Draw(rt, "sync") {
					d.takes(a, rapid.IntRange(0, 3).Draw(rt, "of it"))
				}
			}
		}
		for _, pair := range [][2]*device{{b, a}, {c, b}, {a, c}, {c, a}, {b, c}, {b, a}} {
			pair[0].takes(pair[1], 0)
		}
		for _, pair := range [][2]*device{{end, c}, {b, end}, {c, end}, {a, end}} {
			pair[0].takes(pair[1], 0)
		}
		for _, d := range []*device{b, c, end} {
			if d.store.Frontier().Digest() != a.store.Frontier().Digest() {
				rt.Fatalf("they do not hold the same")
			}
			if n, want := len(d.sealedBirths()), len(a.sealedBirths()); n != want && !u.late {
				rt.Fatalf("%d of %d births came with their seals", n, want)
			}
		}
	})
}

// sealedBirths are the births that can be shown on their own.
func (d *device) sealedBirths() (ids []crdt.EntryID) {
	d.Helper()
	must(0, d.store.Stream(d.all(), func(it *crdt.Item) (bool, error) {
		if it.At.Seq == 0 && it.Seal != nil {
			ids = append(ids, it.ID)
		}
		return true, nil
	}))
	return ids
}

// TestCutCountsSeals: a member makes two batches, each of which a device takes alone;
// put into one they would be too large.
func TestCutCountsSeals(t *testing.T) {
	a := found(t)
	b, c := a.admit(unrulyKey, crdt.RoleMember), a.admit(3, crdt.RoleMember)
	u := newUnruly(t, a, 1)
	first, second := newLetter(), newLetter()
	for range 160 {
		first.add(u.born(crdt.RecordLog), true)
	}
	open := second.add(u.born(crdt.RecordLog), false)
	for range 430 {
		second.add(u.after(second.add(u.born(crdt.RecordLog), true), 1), true)
	}
	second.add(u.after(open, 1), true)
	a.reads(u, first, second)
	c.takes(a, 0)
	b.takes(c, 0)
	if n, want := len(b.sealedBirths()), len(a.sealedBirths()); n < want { // it holds its own, too
		t.Errorf("%d of %d births came with their seals", n, want)
	}
}

// TestCutLateSeals: a stretch may get more seals later than a batch takes; the entries
// are sent on with as many as there is room for.
func TestCutLateSeals(t *testing.T) {
	a := found(t)
	b := a.admit(unrulyKey, crdt.RoleMember)
	u := newUnruly(t, a, 1)
	whole := newLetter()
	open := whole.add(u.born(crdt.RecordLog), false)
	var births []*written
	for range 560 {
		births = append(births, whole.add(u.born(crdt.RecordLog), false))
		whole.add(u.after(births[len(births)-1], 1), true)
	}
	whole.add(u.after(open, 1), true)
	a.reads(u, whole)
	for part := range slices.Chunk(births, 300) {
		late := newLetter()
		late.add(u.born(crdt.RecordLog), true)
		for _, w := range part {
			late.add(w, true)
		}
		a.reads(u, late)
	}
	b.takes(a, 0)
	n, want := len(b.sealedBirths()), len(a.sealedBirths())
	if n >= want || n < want/2 {
		t.Errorf("%d of %d births came with their seals", n, want)
	}
}

// TestCutSealsSought: of acts of one number, some without a seal, so many may come bit
// by bit that their seals would be sought too long in one batch.
func TestCutSealsSought(t *testing.T) {
	a := found(t)
	b := a.admit(unrulyKey, crdt.RoleCoordinator)
	a.takes(b, 0)
	u := newUnruly(t, a, 1)
	l := newLetter()
	birth := l.add(u.born(crdt.ControlLog), true)
	for _, sealed := range []bool{false, true} {
		for range 40 {
			l.add(u.after(l.add(u.after(birth, 1), sealed), 1), true)
		}
		a.reads(u, l)
		l = newLetter()
	}
	b.takes(a, 0)
	if b.store.Frontier().Digest() != a.store.Frontier().Digest() {
		t.Error("they do not hold the same")
	}
}

// reads takes what an unruly member sends.
func (d *device) reads(u *unruly, letters ...*letter) {
	d.Helper()
	for _, l := range letters {
		got := must(verify(d, d.store, []*wire.Batch{l.batch(u.camp)}))
		d.commit(func(g *replica.Group) error { return g.Ingest(got[0], d.now) })
	}
}

// takes gets from another device what it lacks; with parts, only some of the logs.
func (d *device) takes(from *device, parts int) {
	d.Helper()
	ranges := from.lacked(d.store)
	if parts > 0 {
		ranges = slices.DeleteFunc(ranges, func(g crdt.Range) bool {
			return int(from.store.Branches()[g.Branch].Log[3])%4 < parts
		})
	}
	v := replica.NewVerifier(d.writer.Camp, d.store)
	for _, f := range from.cut(ranges) {
		got, err := v.Add(f)
		if parts > 0 && errors.Is(err, replica.ErrGap) {
			v.Reset()
			return
		}
		if err != nil {
			d.Fatalf("what an honest device sends is refused: %v", err)
		}
		if got != nil {
			d.commit(func(g *replica.Group) error {
				if err := g.Ingest(got, d.now); !errors.Is(err, replica.ErrGap) || parts == 0 {
					return err
				}
				return nil
			})
		}
	}
}

// TestActsEndAStretch: in one commit too what we write of records before an act is
// sealed before it, so that acts do not make a stretch longer than a batch.
func TestActsEndAStretch(t *testing.T) {
	a := found(t)
	a.commit(func(g *replica.Group) error {
		must(g.Write(put("rahima", "one"), make([]byte, crdt.SaltSize), a.now))
		must(g.Admit(crdt.Admission{Device: public(keyOf(5)), Role: crdt.RoleMember, Name: "x"}, incarnation(9), a.now))
		must(g.Write(put("rahima", "two"), make([]byte, crdt.SaltSize), a.now))
		return nil
	})
	sealed := 0
	must(0, a.store.Stream(a.own(1), func(it *crdt.Item) (bool, error) {
		sealed += btoi(it.Seal != nil)
		return true, nil
	}))
	if sealed != 2 {
		t.Errorf("%d of 2 entries around an act are sealed", sealed)
	}
}
