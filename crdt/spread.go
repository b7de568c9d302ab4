package crdt

// Parts is where a store keeps the parts of a record. The name of a touch is the
// short id of its entry.
type Parts interface {
	Living(name ShortID) (Part, bool) // of a touch of which a version lives
	Live(Part)                        // keeps what lives of a touch
	Retire(*Touch)                    // nothing of it lives: only that it is held is kept

	Counter(path string) (int64, bool)
	Count(Counter)

	Waiting(For ShortID, visit func(Wait))    // those that wait for an entry
	Wait(by *Touch, For ShortID) (Wait, bool) // of one touch for one entry
	Keep(Wait)
	Forget(Wait)
}

// A Spread is a record that would take too much memory whole: merging reaches only
// for the parts that it is about.
type Spread struct {
	Key RecordKey
	Totals
	Parts Parts
}

// Totals are what is known of a record without its parts.
type Totals struct {
	Living   uint64 // touches of which a version lives
	Alive    uint64 // versions of the liveness that live and say so
	Counters uint64
	Weight   uint64 // in memory: about so many bytes
}

// Empty tells whether no entry that is merged touched the record.
func (n Totals) Empty() bool { return n.Living == 0 && n.Counters == 0 }

// Deleted tells whether the record was written and no `alive` version lives.
func (n Totals) Deleted() bool { return n.Alive == 0 }

func (n *Totals) add(s *source) {
	n.Living++
	n.Weight += s.weigh()
	if s.alive() {
		n.Alive++
	}
}

func (n *Totals) sub(s *source) {
	n.Living--
	n.Weight -= s.weigh()
	if s.alive() {
		n.Alive--
	}
}

func (n *Totals) addCounter(path string) {
	n.Counters++
	n.Weight += Counter{Path: path}.Weight()
}

func (s *source) alive() bool { return s.living[0] && !s.Change.Dead }

// What things take in memory, measured on many small ones and rounded up. What a
// counter takes in a row is nearly what it takes in memory, and a row has to fit
// into a transaction: so it counts four times.
const (
	touchBytes   = 512
	writeBytes   = 128
	counterBytes = 256
	counterTimes = 4
)

// Weight is about how many bytes the touch takes in memory.
func (t *Touch) Weight() uint64 {
	c := t.Change
	n := touchBytes + len(c.Names)*len(ShortID{}) + 2*len(c.Supersedes)
	for i := range c.Writes {
		w := &c.Writes[i]
		n += writeBytes + len(w.Path) + len(w.Value) + 2*len(w.Supersedes) + 2*len(w.Places)
	}
	return uint64(n)
}

// Own copies the touch's values, so that it does not hold on to the entry that it
// was read from.
func (t *Touch) Own() {
	n := 0
	for i := range t.Change.Writes {
		n += len(t.Change.Writes[i].Value)
	}
	values := make([]byte, 0, n)
	for i := range t.Change.Writes {
		if w := &t.Change.Writes[i]; w.Value != nil {
			at := len(values)
			values = append(values, w.Value...)
			w.Value = values[at:len(values):len(values)]
		}
	}
}

func (s *source) weigh() uint64 {
	if s.weight == 0 {
		s.weight = s.Touch.Weight()
	}
	return s.weight
}

// Totals sums the record up. Each entry that a touch waits for counts as a touch.
func (r *Record) Totals() (n Totals) {
	for _, s := range r.sources {
		n.add(s)
	}
	for i := range r.counters {
		n.addCounter(r.counters[i].path)
	}
	for _, w := range r.waiting {
		n.Weight += w.Weight() * w.names.count()
	}
	return n
}

// Spread puts all of the record into parts.
func (r *Record) Spread(to Parts) *Spread {
	for _, s := range r.sources {
		to.Live(s.part())
	}
	for _, c := range r.counters {
		to.Count(Counter{c.path, c.sum})
	}
	for _, w := range r.waiting {
		for _, part := range w.waits() {
			to.Keep(part)
		}
	}
	return &Spread{r.Key, r.Totals(), to}
}

// Apply is that of Record, but for the touches that it retires: Parts is told.
func (r *Spread) Apply(t *Touch, held Held) Effect {
	var e Effect
	m := merge{k: r, key: r.Key, held: held, effect: &e}
	r.keep(m.apply(t))
	return e
}

// Hold is that of Record.
func (r *Spread) Hold(t *Touch, held Held) Effect {
	var e Effect
	m := merge{k: r, key: r.Key, held: held, effect: &e}
	m.hold(t)
	return e
}

// find takes a source out of the totals; leave puts it back as it then is.
func (r *Spread) find(name ShortID) *source {
	p, ok := r.Parts.Living(name)
	if !ok {
		return nil
	}
	s := p.source()
	s.found = s.n
	r.sub(s)
	return s
}

func (r *Spread) leave(s *source) {
	if s.n == s.found {
		r.add(s)
	} else {
		r.keep(s)
	}
}

func (r *Spread) keep(s *source) {
	if s.n == 0 {
		r.Parts.Retire(s.Touch)
		return
	}
	r.add(s)
	r.Parts.Live(s.part())
}

func (r *Spread) count(path string, n int64) {
	sum, found := r.Parts.Counter(path)
	if !found {
		r.addCounter(path)
	}
	r.Parts.Count(Counter{path, sum + n})
}

func (r *Spread) arrive(a arrival) {
	r.Parts.Waiting(a.Entry.Short(), func(w Wait) {
		for _, c := range w.claims() {
			a.meet(c)
		}
		r.Parts.Forget(w)
		r.Weight -= w.Weight()
	})
}

func (r *Spread) wait(c claim) {
	w, found := r.Parts.Wait(c.by, c.name())
	if !found {
		w = Wait{Part{Touch: c.by}, c.name()}
		if !c.by.Merged {
			w.slots = newBitset(c.by.Change.slots())
		}
		r.Weight += w.Weight()
	}
	if w.slots != nil {
		w.slots.set(c.slot)
	}
	r.Parts.Keep(w)
}
