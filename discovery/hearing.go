package discovery

// Limits of what one question may bring, and cost. Who floods us keeps us from
// hearing others until the next one, and no more.
const (
	maxOpenKeys = 64 // of those that Config.Open lists
	maxPackets  = 1024
	maxAnswers  = 256
	maxTries    = 1 << 14 // of a key on a string; each takes about a microsecond
)

// A hearing takes the answers to one question.
type hearing struct {
	locks   []lock
	ours    func(instance string) bool // answers that are not even counted
	tries   int
	answers int
	seen    map[string]bool // strings: several servers of a device give the same
	count   heardCount
}

// A heardCount is how many answers were of which sort.
type heardCount struct {
	heard     int // of our service, by others
	opened    int // of these: with a key of ours
	strangers int // of these: not
	others    int // of other services
}

func (c *heardCount) add(x heardCount) {
	c.heard += x.heard
	c.opened += x.opened
	c.strangers += x.strangers
	c.others += x.others
}

// An opening is a notice, and the key that opened it.
type opening struct {
	notice Notice
	key    []byte
}

// newHearing tries keys in their order. Those of a wrong size open nothing.
func newHearing(keys [][]byte, ours func(string) bool) *hearing {
	h := &hearing{ours: ours, seen: map[string]bool{}}
	for _, key := range keys[:min(len(keys), maxOpenKeys)] {
		if l, err := newLock(key); err == nil {
			h.locks = append(h.locks, l)
		}
	}
	return h
}

// take counts an answer, and gives the notices in it that open and did not come
// before. Our own instance is left out; another one of our own device is a copy of it.
func (h *hearing) take(a answer) []opening {
	switch {
	case h.answers >= maxAnswers:
		return nil
	case a.instance == "":
		h.answers++
		h.count.others++
		return nil
	case h.ours(a.instance):
		return nil
	}
	h.answers++
	h.count.heard++
	opened, known := h.openAll(a.texts)
	if known {
		h.count.opened++
	} else {
		h.count.strangers++
	}
	return opened
}

// openAll tries all strings of an answer. Known: one of them opened, now or before.
func (h *hearing) openAll(texts []string) (fresh []opening, known bool) {
	for _, t := range texts {
		opens, before := h.seen[t]
		if !before {
			var o opening
			o, opens = h.open(t)
			h.seen[t] = opens
			if opens {
				fresh = append(fresh, o)
			}
		}
		known = known || opens
	}
	return fresh, known
}

func (h *hearing) open(t string) (opening, bool) {
	sealed, ok := unwrap(t)
	if !ok {
		return opening{}, false
	}
	for _, l := range h.locks {
		if h.tries >= maxTries {
			return opening{}, false
		}
		h.tries++
		plain, ok := l.open(sealed)
		if !ok {
			continue
		}
		n, err := decode(plain)
		return opening{notice: n, key: l.key}, err == nil
	}
	return opening{}, false
}

// counted gives the counts since it was called last.
func (h *hearing) counted() heardCount {
	c := h.count
	h.count = heardCount{}
	return c
}
