package crdt

import (
	"bytes"
	"cmp"
	"slices"
)

// A Ref is where a store keeps the change of a touch: a branch of a log, the
// sequence in it, the offset in the entry. Merging never looks at it.
type Ref struct {
	Branch uint32
	Seq    uint64
	Offset uint32
}

// Compare orders refs by branch, sequence, offset.
func (r Ref) Compare(o Ref) int {
	return cmp.Or(cmp.Compare(r.Branch, o.Branch), cmp.Compare(r.Seq, o.Seq), cmp.Compare(r.Offset, o.Offset))
}

// A Touch is one held entry's change to one record, with what merging and people
// want to know of the entry.
type Touch struct {
	Ref    Ref
	Log    LogID
	Entry  EntryID
	Time   Time
	Author string
	Phone  string
	Merged bool // false: held, but quarantined or of a kind not known here
	Change *RecordChange
}

// compare orders touches by (hybrid time, log id, entry id): the greatest is shown.
func (t *Touch) compare(o *Touch) int {
	return cmp.Or(cmp.Compare(t.Time, o.Time), bytes.Compare(t.Log[:], o.Log[:]), bytes.Compare(t.Entry[:], o.Entry[:]))
}

// A change makes versions in slots: slot 0 is the record's liveness, slot i+1
// its write i. Increment and Drop make none.
func (c *RecordChange) slots() int { return len(c.Writes) + 1 }

func (c *RecordChange) makesVersion(slot int) bool {
	return slot == 0 || c.Writes[slot-1].Op.isRegister() || c.Writes[slot-1].Op == OpAdd
}

// A source is a touch of which at least one version lives.
type source struct {
	*Touch
	living []bool // by slot
	n      int
	found  int    // n, as a Spread found it
	weight uint64 // 0: not weighed yet
}

func newSource(t *Touch) *source {
	s := &source{Touch: t, living: make([]bool, t.Change.slots())}
	for i := range s.living {
		if t.Change.makesVersion(i) {
			s.living[i] = true
			s.n++
		}
	}
	return s
}

func (s *source) kill(slot int) {
	if s.living[slot] {
		s.living[slot] = false
		s.n--
	}
}

// A counter is the sum of the merged increments at a path.
type counter struct {
	path string
	sum  int64
}

// A Record is one record's merged state: a function of the set of held entries
// that touch it.
type Record struct {
	Key RecordKey

	sources  []*source // in order of their refs
	counters []counter // in order of their paths
	waiting  []*waiter // in order of their refs

	index map[ShortID]*source // of the sources, while many are looked for
}

// A claim is what one slot of a touch says of one entry that it names: the
// versions that the claim reaches there are dead.
type claim struct {
	by   *Touch
	slot int
	nth  int // of the slot's superseded entries
}

func (c claim) name() ShortID { return c.by.Change.Names[c.by.Change.supersedes(c.slot)[c.nth]] }

// reaches tells whether the claim is on that slot of the entry it names.
func (c claim) reaches(rc *RecordChange, slot int) bool {
	if slot == 0 || c.slot == 0 {
		return slot == c.slot
	}
	v, w := &c.by.Change.Writes[c.slot-1], &rc.Writes[slot-1]
	switch {
	case v.Op.isElement() && v.Places[c.nth] != 0:
		return slot == int(v.Places[c.nth]) && w.Op.isElement() && v.Path == w.Path
	case v.Op.isRegister():
		return w.Op != OpIncrement && related(v.Path, w.Path)
	default:
		return w.Op.isRegister() && related(v.Path, w.Path)
	}
}

// supersedes are the names, as indexes, that a slot claims something of.
func (c *RecordChange) supersedes(slot int) []uint16 {
	if slot == 0 {
		return c.Supersedes
	}
	return c.Writes[slot-1].Supersedes
}

// Held looks up an entry that touched the record and of which no version lives
// any more, or that is held but not merged. Of one that is merged nothing is asked
// but that it is held: nil stands for it.
type Held func(ShortID) (*Touch, bool)

// An Effect is what one touch changed: the state root's difference, and the
// touches whose last version died, the applied one included.
type Effect struct {
	Root    Sum
	Retired []*Touch
}

// Apply merges one more touch, which must be merged (not only held) and new to
// the record. The result is that of Refold over all touches. held is asked only
// about names that no living version answers to; nil stands for none.
func (r *Record) Apply(t *Touch, held Held) Effect {
	var e Effect
	if len(t.Change.Names)*len(r.sources) > searchMax {
		r.index = make(map[ShortID]*source, len(r.sources))
		for _, s := range r.sources {
			r.index[s.Entry.Short()] = s
		}
	}
	m := merge{k: r, key: r.Key, held: held, effect: &e}
	s := m.apply(t)
	r.index = nil
	r.insert(s)
	r.retire(&e)
	return e
}

// searchMax is how many sources are looked at, at most, before an index of them is
// made: making one for a few would take longer.
const searchMax = 1 << 12

// retire drops the sources of which nothing lives any more.
func (r *Record) retire(e *Effect) {
	r.sources = slices.DeleteFunc(r.sources, func(s *source) bool {
		if s.n == 0 {
			e.Retired = append(e.Retired, s.Touch)
		}
		return s.n == 0
	})
}

// Hold takes note of a touch that is held but not merged: claims that waited for
// it pass on to what it names. The result is that of Refold over all touches.
func (r *Record) Hold(t *Touch, held Held) Effect {
	var e Effect
	m := merge{k: r, key: r.Key, held: held, effect: &e}
	m.hold(t)
	r.retire(&e)
	return e
}

// find searches the sources: most records have few.
func (r *Record) find(name ShortID) *source {
	if r.index != nil {
		return r.index[name]
	}
	for _, s := range r.sources {
		if s.Entry.Short() == name {
			return s
		}
	}
	return nil
}

func (r *Record) leave(*source) {} // retire looks at all of them

func (r *Record) insert(s *source) {
	i, _ := slices.BinarySearchFunc(r.sources, s, func(a, b *source) int { return a.Ref.Compare(b.Ref) })
	r.sources = slices.Insert(r.sources, i, s)
}

func (r *Record) findCounter(path string) (at int, found bool) {
	return slices.BinarySearchFunc(r.counters, path, func(c counter, p string) int { return cmp.Compare(c.path, p) })
}

// sum is that of the counter at path, 0 if there is none.
func (r *Record) sum(path string) int64 {
	if i, found := r.findCounter(path); found {
		return r.counters[i].sum
	}
	return 0
}

func (r *Record) count(path string, n int64) {
	i, found := r.findCounter(path)
	if !found {
		r.counters = slices.Insert(r.counters, i, counter{path: path})
	}
	r.counters[i].sum += n
}

// amount is what an increment adds, 0 once it is erased.
func (w *Write) amount() int64 {
	if w.Value == nil {
		return 0
	}
	return w.Value.Int()
}

func (k RecordKey) slotTerm(t *Touch, slot int) Sum {
	if slot == 0 {
		v := True
		if t.Change.Dead {
			v = False
		}
		return k.term("", t.Entry, OpSet, v, false)
	}
	w := &t.Change.Writes[slot-1]
	return k.term(w.Path, t.Entry, w.Op, w.Value, t.Change.Erased)
}

// Refold is the definition of merging: the record that a set of touches amounts
// to, in whatever order they are given. A version is dead if and only if a merged
// touch names it, directly or through held ones that are not merged.
func Refold(key RecordKey, touches []*Touch) *Record {
	byName := make(map[ShortID]*Touch, len(touches))
	for _, t := range touches {
		byName[t.Entry.Short()] = t
	}
	r := &Record{Key: key, index: make(map[ShortID]*source, len(touches))}
	for _, t := range touches {
		if t.Merged {
			s := newSource(t)
			r.index[t.Entry.Short()] = s
			r.sources = append(r.sources, s)
			for i := range t.Change.Writes {
				if t.Change.Writes[i].Op == OpIncrement {
					r.count(t.Change.Writes[i].Path, t.Change.Writes[i].amount())
				}
			}
		}
	}
	held := func(name ShortID) (*Touch, bool) { t, ok := byName[name]; return t, ok }
	m := merge{k: r, key: key, held: held}
	for _, t := range touches {
		if t.Merged {
			m.carry(t)
		}
	}
	r.index = nil
	slices.SortFunc(r.sources, func(a, b *source) int { return a.Ref.Compare(b.Ref) })
	r.sources = slices.DeleteFunc(r.sources, func(s *source) bool { return s.n == 0 })
	return r
}

// Root is the record's part of the state root, but for its increments, whose
// touches it no longer knows (see RootOf).
func (r *Record) root() Sum {
	var sum Sum
	for _, s := range r.sources {
		for i, alive := range s.living {
			if alive {
				sum.Add(r.Key.slotTerm(s.Touch, i))
			}
		}
	}
	return sum
}

// RootOf is a record's part of the state root, from all its touches.
func RootOf(key RecordKey, touches []*Touch) Sum {
	r := Refold(key, touches)
	sum := r.root()
	for _, t := range touches {
		for i := range t.Change.Writes {
			if t.Merged && t.Change.Writes[i].Op == OpIncrement {
				sum.Add(r.Key.slotTerm(t, i+1))
			}
		}
	}
	return sum
}

// Empty tells whether no entry that is merged touched the record.
func (r *Record) Empty() bool { return len(r.sources) == 0 && len(r.counters) == 0 }

// Deleted tells whether the record was written and no `alive` version lives.
func (r *Record) Deleted() bool {
	for _, s := range r.sources {
		if s.living[0] && !s.Change.Dead {
			return false
		}
	}
	return true
}

// Living are the touches of which at least one version lives, in order of their
// refs.
func (r *Record) Living() []*Touch {
	touches := make([]*Touch, len(r.sources))
	for i, s := range r.sources {
		touches[i] = s.Touch
	}
	return touches
}
