package crdt

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/big"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

// The oracle is merging as the rules say it, in sets and without a thought for
// speed. It shares no code with Refold, Apply or View: it reads only what a
// touch says.

// A spot is one slot of one held touch: 0 is the liveness, i+1 the write i.
type spot struct {
	touch *Touch
	slot  int
}

func (s spot) write() *Write { return &s.touch.Change.Writes[s.slot-1] }

func (s spot) supersedes() []uint16 {
	if s.slot == 0 {
		return s.touch.Change.Supersedes
	}
	return s.write().Supersedes
}

func oracleSpots(touches []*Touch) (spots []spot) {
	for _, t := range touches {
		for i := 0; i <= len(t.Change.Writes); i++ {
			spots = append(spots, spot{t, i})
		}
	}
	return spots
}

// holds tells whether the keys of path a begin the keys of path b.
func holds(a, b string) bool {
	as, bs := strings.Split(a, "/"), strings.Split(b, "/")
	return len(as) <= len(bs) && slices.Equal(as, bs[:len(as)])
}

func plain(op Op) bool { return op == OpSet || op == OpRemove || op == OpMax }

// replaces tells whether spot a says that it replaces what spot b wrote.
func replaces(a, b spot) bool {
	nth := slices.IndexFunc(a.supersedes(), func(x uint16) bool { return bytes.Equal(a.touch.Change.Names[x][:], b.touch.Entry[:16]) })
	if nth < 0 {
		return false
	}
	if a.slot == 0 || b.slot == 0 {
		return a.slot == b.slot
	}
	v, w := a.write(), b.write()
	if (v.Op == OpAdd || v.Op == OpDrop) && v.Places[nth] > 0 {
		return b.slot == int(v.Places[nth]) && v.Path == w.Path && (w.Op == OpAdd || w.Op == OpDrop)
	}
	if w.Op == OpIncrement || !plain(v.Op) && !plain(w.Op) {
		return false
	}
	return holds(v.Path, w.Path) || holds(w.Path, v.Path)
}

type oracle struct {
	key    RecordKey
	living []spot
	merged []*Touch
	counts map[string]int64
	waits  map[string]bool // claims on entries that are not held
}

func newOracle(key RecordKey, touches []*Touch) *oracle {
	o := &oracle{key: key, counts: map[string]int64{}, waits: map[string]bool{}}
	spots := oracleSpots(touches)
	inForce := map[spot]bool{} // what it says counts
	dead := map[spot]bool{}
	for _, s := range spots {
		inForce[s] = s.touch.Merged
	}
	for changed := true; changed; {
		changed = false
		for _, a := range spots {
			for _, b := range spots {
				if !inForce[a] || !replaces(a, b) {
					continue
				}
				if b.touch.Merged {
					dead[b] = true
				} else if !inForce[b] {
					inForce[b], changed = true, true
				}
			}
		}
	}
	for _, s := range spots {
		if inForce[s] {
			o.wait(s, touches)
		}
		if !s.touch.Merged {
			continue
		}
		if s.slot > 0 && s.write().Op == OpIncrement {
			o.counts[s.write().Path] += s.write().Value.Int()
		}
		makes := s.slot == 0 || s.write().Op != OpIncrement && s.write().Op != OpDrop
		if makes && !dead[s] {
			o.living = append(o.living, s)
		}
	}
	for _, t := range touches {
		if t.Merged {
			o.merged = append(o.merged, t)
		}
	}
	return o
}

func (o *oracle) wait(s spot, touches []*Touch) {
	for nth, x := range s.supersedes() {
		name := s.touch.Change.Names[x]
		if !slices.ContainsFunc(touches, func(t *Touch) bool { return bytes.Equal(t.Entry[:16], name[:]) }) {
			o.waits[waitLine(s, nth)] = true
		}
	}
}

// waitLine is a claim that waits: whose, of which slot, for whom.
func waitLine(s spot, nth int) string {
	return fmt.Sprint(s.touch.Entry, s.slot, s.touch.Change.Names[s.supersedes()[nth]])
}

// later orders by (time, log, entry).
func later(a, b *Touch) bool {
	if a.Time != b.Time {
		return a.Time > b.Time
	}
	if a.Log != b.Log {
		return bytes.Compare(a.Log[:], b.Log[:]) > 0
	}
	return bytes.Compare(a.Entry[:], b.Entry[:]) > 0
}

func latest(spots []spot) *Touch {
	var top *Touch
	for _, s := range spots {
		if top == nil || later(s.touch, top) {
			top = s.touch
		}
	}
	return top
}

func (o *oracle) pick(f func(s spot, w *Write) bool) (spots []spot) {
	for _, s := range o.living {
		if s.slot > 0 && f(s, s.write()) {
			spots = append(spots, s)
		}
	}
	sort.Slice(spots, func(i, j int) bool { return later(spots[i].touch, spots[j].touch) })
	return spots
}

// values are the living values at a path, newest first; of the max writes only
// the greatest (of equal ones the newest).
func (o *oracle) values(path string) []spot {
	maxes := o.pick(func(_ spot, w *Write) bool { return w.Path == path && w.Op == OpMax })
	var best *spot
	for i := range maxes {
		if best == nil || maxes[i].write().Value.Compare(best.write().Value) > 0 {
			best = &maxes[i]
		}
	}
	return o.pick(func(s spot, w *Write) bool {
		return w.Path == path && (w.Op == OpSet || best != nil && s == *best)
	})
}

func (o *oracle) elements(path string) []spot {
	return o.pick(func(_ spot, w *Write) bool { return w.Path == path && w.Op == OpAdd })
}

func (o *oracle) removals(path string) []spot {
	return o.pick(func(_ spot, w *Write) bool { return w.Path == path && w.Op == OpRemove })
}

// paths are all paths that are written to, with what holds them.
func (o *oracle) paths() []string {
	set := map[string]bool{}
	add := func(p string) {
		keys := strings.Split(p, "/")
		for i := range keys {
			set[strings.Join(keys[:i+1], "/")] = true
		}
	}
	for _, s := range o.living {
		if s.slot > 0 {
			add(s.write().Path)
		}
	}
	for p := range o.counts {
		add(p)
	}
	var list []string
	for p := range set {
		list = append(list, p)
	}
	sort.Strings(list)
	return list
}

// inside are the values and elements strictly inside a path, and whether a
// counter is.
func (o *oracle) inside(path string) (spots []spot, counter bool) {
	for _, p := range o.paths() {
		if p != path && holds(path, p) {
			spots = append(append(spots, o.values(p)...), o.elements(p)...)
			_, is := o.counts[p]
			counter = counter || is
		}
	}
	return spots, counter
}

// side says what a path is shown as: "", "value", "set", "object", "counter".
func (o *oracle) side(path string) string {
	if _, is := o.counts[path]; is {
		return "counter"
	}
	inside, counter := o.inside(path)
	if counter {
		return "object"
	}
	values, elements := o.values(path), o.elements(path)
	if len(values) > 0 && len(inside) > 0 && bytes.Equal(values[0].write().Value, EmptyObject) {
		inside = append(inside, values[0]) // `{}` says the same as what is inside
		values = nil
	}
	side, top := "", (*Touch)(nil)
	for _, c := range []struct {
		side  string
		spots []spot
	}{{"object", inside}, {"set", elements}, {"value", values}} {
		if t := latest(c.spots); t != nil && (top == nil || later(t, top)) {
			side, top = c.side, t
		}
	}
	return side
}

func (o *oracle) shown(path string) bool {
	keys := strings.Split(path, "/")
	for i := 1; i < len(keys); i++ {
		if o.side(strings.Join(keys[:i], "/")) != "object" {
			return false
		}
	}
	return o.side(path) != ""
}

func (o *oracle) set(path string) []cbor.RawMessage {
	var items []Value
	for _, e := range o.elements(path) {
		items = append(items, e.write().Value)
	}
	sort.Slice(items, func(i, j int) bool { return items[i].Compare(items[j]) < 0 })
	array := []cbor.RawMessage{}
	for i, v := range items {
		if i == 0 || !bytes.Equal(items[i-1], v) {
			array = append(array, cbor.RawMessage(v))
		}
	}
	return array
}

func (o *oracle) value(path string) any {
	switch o.side(path) {
	case "value":
		return cbor.RawMessage(o.values(path)[0].write().Value)
	case "set":
		return o.set(path)
	case "counter":
		return o.counts[path]
	default:
		return o.object(path)
	}
}

// object is what the paths directly inside one hold; "" is the record.
func (o *oracle) object(path string) map[string]any {
	m := map[string]any{}
	for _, p := range o.paths() {
		keys := strings.Split(p, "/")
		if strings.Join(keys[:len(keys)-1], "/") != path || path != "" && len(keys) == 1 || o.side(p) == "" {
			continue
		}
		last := strings.ReplaceAll(strings.ReplaceAll(keys[len(keys)-1], "~1", "/"), "~0", "~")
		m[last] = o.value(p)
	}
	return m
}

func (o *oracle) deleted() bool {
	return !slices.ContainsFunc(o.living, func(s spot) bool { return s.slot == 0 && !s.touch.Change.Dead })
}

// conflicts are lines, one per sibling.
func (o *oracle) conflicts() (lines []string) {
	if !o.deleted() {
		for _, s := range o.living {
			if s.slot == 0 && s.touch.Change.Dead {
				lines = append(lines, conflictLine("", Text("alive"), nil, "deleted", s.touch))
			}
		}
	}
	for _, p := range o.paths() {
		shown := o.shown(p)
		var value []byte
		if shown {
			value = core(o.value(p))
		}
		side := o.side(p)
		values := o.values(p)
		for i, s := range values {
			v := s.write().Value
			same := shown && (side == "value" && (i == 0 || bytes.Equal(v, values[0].write().Value)) ||
				side == "object" && bytes.Equal(v, EmptyObject))
			if !same {
				lines = append(lines, conflictLine(p, value, v, "", s.touch))
			}
		}
		if elements := o.elements(p); len(elements) > 0 && !(shown && side == "set") {
			lines = append(lines, conflictLine(p, value, core(o.set(p)), "", elements[0].touch))
		}
		if sum, is := o.counts[p]; is && !shown {
			lines = append(lines, conflictLine(p, value, core(sum), "", nil))
		}
		for _, s := range o.removals(p) {
			if shown {
				lines = append(lines, conflictLine(p, value, nil, "removed", s.touch))
			}
		}
	}
	sort.Strings(lines)
	return lines
}

func conflictLine(path string, shown, sibling []byte, what string, t *Touch) string {
	by := "many"
	if t != nil {
		by = t.Entry.Short().String()
	}
	return fmt.Sprintf("%q shows %x, beside it %x %s of %s", path, shown, sibling, what, by)
}

func viewConflicts(v View) (lines []string) {
	for _, c := range v.Conflicts {
		for _, s := range c.Siblings {
			what := ""
			switch {
			case s.Deleted:
				what = "deleted"
			case s.Removed:
				what = "removed"
			}
			lines = append(lines, conflictLine(c.Path, c.Shown, s.Value, what, s.Touch))
		}
	}
	sort.Strings(lines)
	return lines
}

// core encodes by the library, in the core deterministic form of RFC 8949.
func core(v any) []byte {
	b, err := coreMode.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

var coreMode = func() cbor.EncMode {
	m, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		panic(err)
	}
	return m
}()

// root is the record's part of the state root, by big integers.
func (o *oracle) root() [32]byte {
	sum := new(big.Int)
	add := func(t *Touch, path string, op Op, value []byte) {
		b := []byte{0x13}
		b = append(append(append(b, core(o.key.Collection)...), core(o.key.ID)...), core(path)...)
		b = append(append(b, t.Entry[:]...), byte(op))
		if op != OpRemove {
			h := sha256.Sum256(append([]byte{0x14}, value...))
			b = append(b, h[:]...)
		}
		h := sha256.Sum256(b)
		sum.Add(sum, new(big.Int).SetBytes(h[:]))
	}
	for _, s := range o.living {
		if s.slot > 0 {
			add(s.touch, s.write().Path, s.write().Op, s.write().Value)
		} else {
			add(s.touch, "", OpSet, core(!s.touch.Change.Dead))
		}
	}
	for _, t := range o.merged {
		for _, w := range t.Change.Writes {
			if w.Op == OpIncrement {
				add(t, w.Path, w.Op, w.Value)
			}
		}
	}
	var b [32]byte
	sum.Mod(sum, new(big.Int).Lsh(big.NewInt(1), 256)).FillBytes(b[:])
	return b
}

// tb is what the checks need of *testing.T and *rapid.T.
type tb interface {
	Helper()
	Fatalf(format string, args ...any)
}

var _ tb = (*testing.T)(nil)

// checkOracle compares a record with the oracle over all its touches.
func checkOracle(t tb, r *Record, touches []*Touch) {
	t.Helper()
	o := newOracle(r.Key, touches)
	living := map[spot]bool{}
	for _, s := range r.sources {
		for i, alive := range s.living {
			if alive {
				living[spot{s.Touch, i}] = true
			}
		}
	}
	for _, s := range o.living {
		if !living[s] {
			t.Fatalf("slot %d of %s is dead and should live", s.slot, s.touch.Entry.Short())
		}
		delete(living, s)
	}
	for s := range living {
		t.Fatalf("slot %d of %s lives and should be dead", s.slot, s.touch.Entry.Short())
	}
	waits := map[string]bool{}
	for _, x := range r.waiting {
		x.each(func(c claim) { waits[waitLine(spot{c.by, c.slot}, c.nth)] = true })
	}
	if fmt.Sprint(waits) != fmt.Sprint(o.waits) {
		t.Fatalf("waits for\n%v\nand should for\n%v", waits, o.waits)
	}
	v := r.View()
	if want := core(o.object("")); !bytes.Equal(v.Fields, want) {
		t.Fatalf("shows %x and should show %x", []byte(v.Fields), want)
	}
	if v.Deleted != o.deleted() {
		t.Fatalf("deleted %v", v.Deleted)
	}
	if got, want := viewConflicts(v), o.conflicts(); !slices.Equal(got, want) {
		t.Fatalf("conflicts\n%s\nshould be\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if r.ConflictCount() != len(v.Conflicts) {
		t.Fatalf("counts %d conflicts of %d", r.ConflictCount(), len(v.Conflicts))
	}
	if got, want := RootOf(r.Key, touches).Bytes(), o.root(); got != want {
		t.Fatalf("root %x should be %x", got, want)
	}
}
