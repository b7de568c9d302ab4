package crdt

import "slices"

// A keeper has the state of a record that merging changes: whole in memory, as a
// Record has it, or in parts on a disk, as a Spread has.
type keeper interface {
	find(ShortID) *source // nil: no version of that entry lives
	leave(*source)        // when the claims on what was found are through
	arrive(arrival)       // hands out the claims that waited for a touch, which wait no longer
	wait(claim)           // takes note of a claim on an entry that is not held
	count(path string, n int64)
}

// A merge carries the claims of touches through a record. They queue up instead
// of recursing: nothing bounds a chain of entries that are not merged.
type merge struct {
	k      keeper
	key    RecordKey
	held   Held
	effect *Effect // nil: not asked for
	left   []claim // to arrive
	spare  []claim // room for more
	passed map[conduit]bool
}

// A conduit is a slot of a held but unmerged entry: a claim on it passes on to
// what that slot names.
type conduit struct {
	name ShortID
	slot int
}

// apply merges a touch, all but keeping the source that it makes.
func (m *merge) apply(t *Touch) *source {
	s := newSource(t)
	m.k.arrive(arrival{m, t, s})
	for i := range s.living {
		if s.living[i] {
			m.effect.Root.Add(m.key.slotTerm(t, i))
		}
	}
	for i := range t.Change.Writes {
		if w := &t.Change.Writes[i]; w.Op == OpIncrement {
			m.k.count(w.Path, w.amount())
			m.effect.Root.Add(m.key.slotTerm(t, i+1))
		}
	}
	m.carry(t)
	return s
}

// hold takes note of a touch that is not merged.
func (m *merge) hold(t *Touch) {
	m.k.arrive(arrival{m, t, nil})
	m.drain()
}

// An arrival is a touch that claims may have waited for.
type arrival struct {
	m *merge
	*Touch
	s *source // nil: the touch is not merged
}

func (a arrival) meet(c claim) {
	if a.s != nil {
		a.s.suffer(c, nil)
	} else {
		a.m.conduct(c, a.Touch)
	}
}

func (m *merge) carry(t *Touch) {
	for slot := range t.Change.slots() {
		m.push(t, slot)
	}
	m.drain()
}

// push queues the claims of one slot.
func (m *merge) push(t *Touch, slot int) {
	for nth := range t.Change.supersedes(slot) {
		m.left = append(m.left, claim{t, slot, nth})
	}
}

// drain lets the claims arrive, those on one entry together.
func (m *merge) drain() {
	for len(m.left) > 0 {
		if len(m.left) > claimsApartMax {
			slices.SortFunc(m.left, func(a, b claim) int { return a.name().Compare(b.name()) })
		}
		claims := m.left
		m.left = m.spare[:0]
		m.deliver(claims)
		m.spare = claims
	}
}

// deliver lets neighbouring claims on one entry arrive together.
func (m *merge) deliver(claims []claim) {
	for len(claims) > 0 {
		n := 1
		for n < len(claims) && claims[n].name() == claims[0].name() {
			n++
		}
		m.claim(claims[:n])
		claims = claims[n:]
	}
}

// claimsApartMax is how many claims are not worth being put in order.
const claimsApartMax = 32

// claim lets the claims on one entry arrive.
func (m *merge) claim(claims []claim) {
	name := claims[0].name()
	if s := m.k.find(name); s != nil {
		for _, c := range claims {
			s.suffer(c, m)
		}
		m.k.leave(s)
		return
	}
	t, held := (*Touch)(nil), false
	if m.held != nil {
		t, held = m.held(name)
	}
	for _, c := range claims {
		if !held {
			m.k.wait(c)
		} else if t != nil && !t.Merged {
			m.conduct(c, t)
		}
	}
}

// suffer lets a claim end what it reaches, and takes that off the root of a merge.
func (s *source) suffer(c claim, m *merge) {
	for i := range s.living {
		if !s.living[i] || !c.reaches(s.Change, i) {
			continue
		}
		s.kill(i)
		if m != nil && m.effect != nil {
			m.effect.Root.Sub(m.key.slotTerm(s.Touch, i))
		}
	}
}

// conduct passes a claim on an entry that is not merged on to what that names.
func (m *merge) conduct(c claim, t *Touch) {
	for slot := range t.Change.slots() {
		at := conduit{t.Entry.Short(), slot}
		if m.passed[at] || !c.reaches(t.Change, slot) {
			continue
		}
		if m.passed == nil {
			m.passed = map[conduit]bool{}
		}
		m.passed[at] = true
		m.push(t, slot)
	}
}
