package crdt

import (
	"bytes"
	"flag"
	"fmt"
	"math"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestMain(m *testing.M) {
	flag.Parse()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "rapid.checks" })
	if !asked && !testing.Short() {
		if err := flag.Set("rapid.checks", "3000"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// Every causal order, duplication and batching gives the same state: that of
// Refold, which is that of the oracle.
func TestLawOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := play(t, 16, nil)
		want := Refold(testKey, w.touches)
		checkOracle(t, want, w.touches)
		root := RootOf(testKey, w.touches)
		for range 2 {
			d, sum := newDevice(), Sum{}
			for _, x := range w.drawOrder(t, w.touches) {
				sum.Add(d.take(x).Root)
				if rapid.IntRange(0, 4).Draw(t, "batch ends") == 0 {
					d.rec = reread(t, d.rec, d.held)
				}
				d.take(rapid.SampledFrom(d.held).Draw(t, "again"))
			}
			if !bytes.Equal(rowOf(d.rec), rowOf(want)) {
				t.Fatalf("Apply gives %x, Refold %x", rowOf(d.rec), rowOf(want))
			}
			if sum != root {
				t.Fatalf("the effects add up to root %x, it is %x", sum.Bytes(), root.Bytes())
			}
			if !reflect.DeepEqual(d.rec.View(), want.View()) {
				t.Fatalf("views differ:\n%+v\n%+v", d.rec.View(), want.View())
			}
		}
		for _, d := range w.devices {
			checkOracle(t, d.rec, d.held)
			if !bytes.Equal(rowOf(d.rec), rowOf(Refold(testKey, d.held))) {
				t.Fatalf("on a device Apply and Refold differ")
			}
		}
	})
}

// Where a device keeps its entries shows nowhere but in its own rows.
func TestLawRefs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := play(t, 12, nil)
		elsewhere := make([]*Touch, len(w.touches))
		for i, x := range rapid.Permutation(w.touches).Draw(t, "branches") {
			u := *x
			u.Ref = Ref{Branch: uint32(i)}
			elsewhere[i] = &u
		}
		here, there := Refold(testKey, w.touches), Refold(testKey, elsewhere)
		if a, b := fmt.Sprint(viewText(here.View())), fmt.Sprint(viewText(there.View())); a != b {
			t.Fatalf("views differ:\n%s\n%s", a, b)
		}
		if !reflect.DeepEqual(here.Seen(), there.Seen()) {
			t.Fatalf("versions differ")
		}
	})
}

// viewText is a view with everything in its order, and without refs.
func viewText(v View) string {
	b := fmt.Appendf(nil, "%x deleted %v updated %d", []byte(v.Fields), v.Deleted, v.Updated)
	for _, c := range v.Conflicts {
		for _, s := range c.Siblings {
			b = fmt.Appendf(b, "\n%s %v %v", conflictLine(c.Path, c.Shown, s.Value, "", s.Touch), s.Removed, s.Deleted)
		}
	}
	return string(b)
}

// Whatever is taken out of the merge later, Refold is the oracle's state, and
// Apply and Hold lead there too.
func TestLawQuarantine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := play(t, 16, nil)
		out := map[EntryID]bool{}
		for _, x := range w.touches {
			out[x.Entry] = rapid.IntRange(0, 2).Draw(t, "out") == 0
		}
		touches, as := w.without(out)
		want := Refold(testKey, touches)
		checkOracle(t, want, touches)
		d, sum := newDevice(), Sum{}
		for _, x := range as.drawOrder(t, touches) {
			sum.Add(d.take(x).Root)
			checkOracle(t, d.rec, d.held)
			if rapid.IntRange(0, 4).Draw(t, "batch ends") == 0 {
				d.rec = reread(t, d.rec, d.held)
			}
		}
		if !bytes.Equal(rowOf(d.rec), rowOf(want)) {
			t.Fatalf("Apply gives %x, Refold %x", rowOf(d.rec), rowOf(want))
		}
		if sum != RootOf(testKey, touches) {
			t.Fatalf("the effects do not add up to the root")
		}
	})
}

// No living version is absent from the values shown and their siblings. Maxima
// stand for the lesser, equal values for one another, `{}` for what is in it,
// and a removal for the absence that is shown.
func TestLawNothingAbsent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := play(t, 16, nil)
		r := Refold(testKey, w.touches)
		v := r.View()
		leaves := map[string]Value{}
		flatten("", v.Fields, leaves)
		text := viewText(v)
		for _, s := range r.sources {
			for slot, alive := range s.living {
				if !alive || slot == 0 {
					continue
				}
				wr := s.Change.Writes[slot-1]
				switch {
				case wr.Op == OpRemove, wr.Op == OpMax:
					continue
				case wr.Op == OpSet && (leaves[wr.Path].Equal(wr.Value) || wr.Value.Equal(EmptyObject) && isObject(leaves, wr.Path)):
					continue
				case wr.Op == OpAdd && bytes.Contains(leaves[wr.Path], wr.Value):
					continue
				}
				if !strings.Contains(text, s.Entry.Short().String()) && wr.Op == OpSet {
					t.Fatalf("the write of %s to %s is nowhere in\n%s", s.Entry.Short(), wr.Path, text)
				}
				if wr.Op == OpAdd && !inSiblings(v, wr.Path, wr.Value) {
					t.Fatalf("the addition of %s to %s is nowhere in\n%s", s.Entry.Short(), wr.Path, text)
				}
			}
		}
		// Counters: the sum of the deltas.
		sums := map[string]int64{}
		for _, x := range w.touches {
			for _, wr := range x.Change.Writes {
				if wr.Op == OpIncrement {
					sums[wr.Path] += wr.Value.Int()
				}
			}
		}
		for path, sum := range sums {
			if inCounter(sums, path) { // the outer is shown
				if !inSiblings(v, path, Int(sum)) {
					t.Fatalf("counter %s, inside another, is nowhere in\n%s", path, text)
				}
				continue
			}
			if !leaves[path].Equal(Int(sum)) {
				t.Fatalf("counter %s is %d and shows as %x", path, sum, []byte(leaves[path]))
			}
		}
	})
}

func inCounter(sums map[string]int64, path string) bool {
	for p := range sums {
		if p != path && holds(p, path) {
			return true
		}
	}
	return false
}

func flatten(path string, v Value, to map[string]Value) {
	if v.Kind() != KindObject || path != "" && v.Len() == 0 {
		to[path] = v
		return
	}
	v.Fields(func(key string, item Value) { flatten(JoinPath(path, key), item, to) })
}

// at is what an object holds at a path, or nil.
func at(v Value, path string) Value {
	for _, key := range SplitPath(path) {
		var next Value
		v.Fields(func(k string, item Value) {
			if k == key {
				next = item
			}
		})
		v = next
	}
	return v
}

func isObject(leaves map[string]Value, path string) bool {
	for p := range leaves {
		if holds(path, p) {
			return true
		}
	}
	return false
}

func inSiblings(v View, path string, elem Value) bool {
	for _, c := range v.Conflicts {
		for _, s := range c.Siblings {
			if c.Path == path && bytes.Contains(s.Value, elem) {
				return true
			}
		}
	}
	return false
}

// Deleting never loses an edit that the deleter had not seen, and never touches
// a field.
func TestLawDelete(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := play(t, 14, func(s *step) {
			if s.touch == nil || !s.touch.Change.Dead {
				return
			}
			before, after := s.before.View(), s.device.rec.View()
			if !bytes.Equal(before.Fields, after.Fields) {
				t.Fatalf("a deletion changed the fields")
			}
		})
		r := Refold(testKey, w.touches)
		for _, del := range w.touches {
			if !del.Change.Dead || w.edits[del.Entry].Seen != nil {
				continue
			}
			for _, edit := range w.touches {
				if edit.Change.Dead || slices.Contains(w.past[del.Entry], edit) || slices.Contains(w.past[edit.Entry], del) {
					continue
				}
				// Two that know nothing of one another, and nobody decided since.
				both := []*Touch{del, edit}
				for _, x := range slices.Concat(w.past[del.Entry], w.past[edit.Entry]) {
					if !slices.Contains(both, x) {
						both = append(both, x)
					}
				}
				if slices.ContainsFunc(both, func(x *Touch) bool { return slices.Contains(x.Change.Names, edit.Entry.Short()) }) {
					continue // somebody had read of the edit elsewhere
				}
				if Refold(testKey, both).Deleted() {
					t.Fatalf("the deletion %s lost the edit %s", del.Entry.Short(), edit.Entry.Short())
				}
			}
		}
		for _, x := range w.touches {
			if x.Change.Dead && len(x.Change.Writes) > 0 {
				t.Fatalf("a deletion writes fields")
			}
		}
		if !r.Deleted() && slices.ContainsFunc(r.sources, func(s *source) bool { return s.living[0] && s.Change.Dead }) {
			if len(r.View().Conflicts) == 0 || r.View().Conflicts[0].Path != "" {
				t.Fatalf("alive and dead, and no conflict says so")
			}
		}
	})
}

// A plain write replaces what its author was shown and nothing beside it.
func TestLawSiblingsStay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		play(t, 16, func(s *step) {
			e := s.edit
			if s.touch == nil || e.Seen != nil || e.Resolve != nil {
				return
			}
			after := newOracle(testKey, s.device.held)
			still := map[spot]bool{}
			for _, x := range after.living {
				still[x] = true
			}
			before := newOracle(testKey, s.device.held[:len(s.device.held)-1])
			for _, x := range before.living {
				if still[x] {
					continue
				}
				if x.slot == 0 {
					if x.touch.Change.Dead && !before.deleted() && !e.Delete && !e.Undelete {
						t.Fatalf("%+v ended a deletion that was in conflict", *e)
					}
					continue
				}
				wr := x.write()
				if side := before.side(wr.Path); wr.Op == OpRemove && side != "" {
					t.Fatalf("%+v ended the removal of %s, which something else is shown at", *e, wr.Path)
				}
				if wr.Op == OpAdd && len(e.Add)+len(e.Drop) == 0 {
					t.Fatalf("%+v took an element out of the set %s", *e, wr.Path)
				}
				if wr.Op != OpSet {
					continue
				}
				shown := before.shown(wr.Path)
				if !shown || !bytes.Equal(core(before.value(wr.Path)), wr.Value) && !(wr.Value.Equal(EmptyObject) && before.side(wr.Path) == "object") {
					t.Fatalf("%+v ended %x at %s, which was not shown", *e, []byte(wr.Value), wr.Path)
				}
			}
		})
	})
}

// Where there was no conflict, a device makes none alone.
func TestLawNoNewConflict(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		play(t, 16, func(s *step) {
			if s.edit.Seen != nil || len(s.before.View().Conflicts) > 0 {
				return
			}
			if v := s.device.rec.View(); len(v.Conflicts) > 0 {
				t.Fatalf("%+v:\n%s", *s.edit, viewText(v))
			}
		})
	})
}

// A resolution leaves no conflict at its path.
func TestLawResolve(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		play(t, 18, func(s *step) {
			if s.edit.Resolve == nil || s.edit.Seen != nil || s.touch == nil {
				return
			}
			for _, c := range s.device.rec.View().Conflicts {
				if c.Path == s.edit.Resolve.Path {
					t.Fatalf("%+v leaves a conflict:\n%s", *s.edit.Resolve, viewText(s.device.rec.View()))
				}
			}
		})
	})
}

// Any conflict that is reported can be resolved by any of its entries.
func TestLawEveryConflictResolves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := play(t, 14, nil)
		d := w.devices[0]
		for _, x := range w.touches {
			d.take(x)
		}
		for _, c := range d.rec.View().Conflicts {
			for _, s := range c.Siblings {
				if s.Touch == nil { // nothing ends a counter
					if o := newOracle(testKey, d.held); o.shown(c.Path) || !s.Value.Equal(Int(o.counts[c.Path])) {
						t.Fatalf("%q has a sibling of nobody that is no hidden counter", c.Path)
					}
					continue
				}
				rc, err := Compose(d.rec, &Edit{Key: testKey, Resolve: &Resolution{Path: c.Path, Entry: s.Touch.Entry.Short()}}, d.all)
				keys := strings.Split(c.Path, "/")
				for i := 0; i < len(keys) && err != nil && strings.Contains(err.Error(), "is a counter"); i++ {
					p := strings.Join(keys[:i+1], "/")
					if shown := at(d.rec.View().Fields, p); shown != nil {
						rc, err = Compose(d.rec, &Edit{Key: testKey, Resolve: &Resolution{Path: p, Value: shown}}, d.all)
					}
				}
				if err != nil || rc == nil {
					t.Fatalf("%q cannot be resolved by %s: %v\n%s", c.Path, s.Touch.Entry.Short(), err, viewText(d.rec.View()))
				}
			}
		}
	})
}

// A write with a stale version makes siblings of what its author had not seen,
// and is never refused for it.
func TestLawStaleVersion(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := play(t, 12, nil)
		d := w.devices[0]
		for _, x := range w.touches {
			d.take(x)
		}
		seen, was := d.rec.Seen(), d.rec.View()
		if was.Deleted {
			return
		}
		other := newDevice(newWriter(100))
		for _, x := range d.held {
			other.take(x)
		}
		w.edit(t, other, &Edit{Key: testKey, Set: []Field{{"new", Int(7)}}})
		for _, x := range other.held {
			d.take(x)
		}
		// What was read is put back: nothing in it changed, so nothing is written.
		rc, err := Compose(d.rec, &Edit{Key: testKey, Replace: was.Fields, Seen: &seen}, d.all)
		if err != nil || rc != nil {
			t.Fatalf("putting back what was read: %+v, %v", rc, err)
		}
		rc, err = Compose(d.rec, &Edit{Key: testKey, Set: []Field{{"new", Int(8)}}, Seen: &seen}, d.all)
		if err != nil {
			t.Fatalf("stale version: %v", err)
		}
		x, err := d.logs[0].write(9, rc)
		if err != nil {
			t.Fatalf("%v", err)
		}
		d.take(x)
		for _, c := range d.rec.View().Conflicts {
			if c.Path == "new" && len(c.Siblings) == 1 && c.Shown.Equal(Int(8)) && c.Siblings[0].Value.Equal(Int(7)) {
				return
			}
		}
		t.Fatalf("a stale write overwrote:\n%s", viewText(d.rec.View()))
	})
}

// Rewinding to a version shows what its reader saw.
func TestLawRewind(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := play(t, 14, nil)
		if w.foresight() {
			return // what was named before it came may have been seen, or not
		}
		d := newDevice()
		var seens []Seen
		var views []string
		for _, x := range w.drawOrder(t, w.touches) {
			d.take(x)
			seens = append(seens, d.rec.Seen())
			views = append(views, viewText(d.rec.View()))
		}
		for i := range seens {
			c := &composer{edit: &Edit{Key: testKey, Seen: &seens[i]}, now: d.rec, base: d.rec}
			if err := c.rewind(d.all); err != nil {
				t.Fatalf("%v", err)
			}
			if got := viewText(c.base.View()); got != views[i] {
				t.Fatalf("rewound:\n%s\nwas:\n%s", got, views[i])
			}
		}
	})
}

// What is shown, put back, is no change.
func TestLawPutBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := play(t, 14, nil)
		for _, d := range w.devices {
			v := d.rec.View()
			if v.Deleted {
				continue
			}
			seen := d.rec.Seen()
			for _, e := range []*Edit{{Replace: v.Fields}, {Replace: v.Fields, Seen: &seen}, {Patch: EmptyObject}} {
				e.Key = testKey
				if rc, err := Compose(d.rec, e, d.all); rc != nil || err != nil {
					t.Fatalf("%x put back writes %+v, %v", []byte(v.Fields), rc, err)
				}
			}
			if _, err := ParseValue(v.Fields); err != nil {
				t.Fatalf("the fields: %v", err)
			}
		}
	})
}

// A record with one writer is a JSON document.
func TestLawOneWriter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := newDevice(newWriter(1), newWriter(2))
		w := newWorld()
		doc := map[string]any{}
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			e := &Edit{Key: testKey}
			switch rapid.SampledFrom([]string{"replace", "patch", "set", "max"}).Draw(t, "edit") {
			case "replace":
				v := drawObject(t, 3)
				e.Replace = asValue(v)
				doc = v
			case "patch":
				v := drawObject(t, 3)
				e.Patch = asValue(v)
				doc = mergePatch(doc, v).(map[string]any)
			case "set":
				f := Field{rapid.SampledFrom(testPaths).Draw(t, "path"), drawValue(t)}
				e.Set = []Field{f}
				setPath(doc, SplitPath(f.Key), fromValue(f.Value))
			case "max":
				v := rapid.Int64Range(0, 5).Draw(t, "max")
				e.Max = []Field{{"m", Int(v)}}
				if now, ok := doc["m"].(int64); !ok || now < v {
					if _, isText := doc["m"]; isText && !ok {
						continue
					}
					doc["m"] = v
				}
			}
			s := w.edit(t, d, e)
			if s.err != nil {
				t.Fatalf("%+v: %v", *e, s.err)
			}
			v := d.rec.View()
			if got, want := v.Fields, core(doc); !bytes.Equal(got, want) {
				t.Fatalf("%+v\nshows %x\n want %x", *e, []byte(got), want)
			}
			if len(v.Conflicts) > 0 || v.Deleted {
				t.Fatalf("one writer in conflict:\n%s", viewText(v))
			}
		}
	})
}

// One device alone, whatever it does, meets no conflict.
func TestLawAloneNoConflict(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld()
		d := newDevice(newWriter(1), newWriter(2))
		w.devices = []*device{d}
		for range rapid.IntRange(1, 14).Draw(t, "steps") {
			e := drawEdit(t, w, d)
			e.Seen = nil
			w.edit(t, d, e)
			if v := d.rec.View(); len(v.Conflicts) > 0 {
				t.Fatalf("%+v:\n%s", *e, viewText(v))
			}
		}
	})
}

func drawObject(t *rapid.T, depth int) map[string]any {
	m := map[string]any{}
	for _, k := range []string{"p", "q", "u/v"} {
		switch rapid.IntRange(0, 5).Draw(t, k) {
		case 0, 1:
		case 2:
			m[k] = nil
		case 3:
			m[k] = rapid.Int64Range(0, 2).Draw(t, "n")
		case 4:
			m[k] = []any{}
		case 5:
			if m[k] = map[string]any{}; depth > 0 {
				m[k] = drawObject(t, depth-1)
			}
		}
	}
	return m
}

func asValue(v any) Value { return core(v) }

func fromValue(v Value) any {
	switch v.Kind() {
	case KindObject:
		m := map[string]any{}
		v.Fields(func(k string, item Value) { m[k] = fromValue(item) })
		return m
	case KindArray:
		a := []any{}
		v.Items(func(item Value) { a = append(a, fromValue(item)) })
		return a
	case KindInt:
		return v.Int()
	case KindFloat:
		return v.Float()
	case KindText:
		return v.Text()
	case KindBool:
		return v.Bool()
	}
	return nil
}

// mergePatch is RFC 7396, section 2, word for word.
func mergePatch(target, patch any) any {
	p, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	result := map[string]any{}
	if m, ok := target.(map[string]any); ok {
		for k, v := range m {
			result[k] = v
		}
	}
	for k, v := range p {
		if v == nil {
			delete(result, k)
		} else {
			result[k] = mergePatch(result[k], v)
		}
	}
	return result
}

func setPath(doc map[string]any, keys []string, v any) {
	if len(keys) == 1 {
		doc[keys[0]] = v
		return
	}
	inner, ok := doc[keys[0]].(map[string]any)
	if !ok {
		inner = map[string]any{}
		doc[keys[0]] = inner
	}
	setPath(inner, keys[1:], v)
}

// The clock grows, and nothing pushes it beyond ten minutes ahead.
func TestLawClock(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c Clock
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			now := rapid.Int64Range(-1<<40, 1<<47).Draw(t, "now")
			ahead := TimeAt(now + MaxAheadMs)
			last := c.Last
			if rapid.Bool().Draw(t, "remote") {
				c.Observe(Time(rapid.Uint64().Draw(t, "time")), now)
				if c.Last < last || c.Last > max(last, ahead) {
					t.Fatalf("observing moved the clock from %d to %d at %d", last, c.Last, now)
				}
				continue
			}
			got := c.Next(now)
			if got != c.Last || got > ahead || got < TimeAt(now) || last < ahead && got <= last {
				t.Fatalf("at %d, after %d, comes %d", now, last, got)
			}
		}
	})
	if TimeAt(-5) != 0 || TimeAt(math.MaxInt64) < TimeAt(1) {
		t.Errorf("a clock outside of 48 bits wraps around")
	}
}
