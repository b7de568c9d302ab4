package crdt

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The heads of the entry graph are what nothing held follows or depends on, in
// whatever causal order the entries came.
func TestGraph(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type entry struct {
			at   Place
			id   EntryID
			deps []Dep
		}
		var entries []entry
		heads := Graph{}
		last := map[LogID]Head{}
		for i := range rapid.IntRange(1, 12).Draw(t, "entries") {
			log := LogID{byte(rapid.IntRange(1, 3).Draw(t, "log"))}
			e := entry{at: Place{Log: log, Seq: last[log].Seq + 1, Prev: last[log].ID}, id: EntryID{byte(i + 1)}}
			if rapid.Bool().Draw(t, "in touch") {
				e.deps = heads.Deps(e.at.Prev)
			}
			heads.Add(e.at, e.id, e.deps)
			last[log] = Head{e.at.Seq, e.id}
			entries = append(entries, e)
		}
		named := map[EntryID]bool{}
		for _, e := range entries {
			named[e.at.Prev] = true
			for _, d := range e.deps {
				named[d.ID] = true
			}
		}
		var want []Dep
		for _, e := range entries {
			if !named[e.id] {
				want = append(want, Dep{e.at.Log, e.at.Seq, e.id})
			}
		}
		slices.SortFunc(want, Dep.compare)
		if got := heads.Deps(EntryID{0xff}); !slices.Equal(got, want) {
			t.Fatalf("heads %v, want %v", got, want)
		}
		f := Frontier{}
		for _, e := range entries {
			f.Extend(e.at.Log, e.at.Prev, Head{e.at.Seq, e.id})
		}
		if len(f) != len(last) {
			t.Fatalf("frontier %v", f)
		}
		for log, h := range last {
			if !slices.Equal(f[log], []Head{h}) {
				t.Fatalf("frontier of %s: %v, want %v", log, f[log], h)
			}
		}
		c := f.Clone()
		before := c.Digest()
		f.Extend(LogID{1}, EntryID{0xee}, Head{9, EntryID{0xdd}}) // a branch
		if c.Digest() != before || f.Digest() == before {
			t.Fatalf("a branch: the clone's digest moved, or the frontier's did not")
		}
	})
}

func TestGraphManyHeads(t *testing.T) {
	g := Graph{}
	for i := range MaxDeps + 10 {
		g.Add(Place{Log: LogID{byte(i), byte(i >> 8)}}, EntryID{byte(i), byte(i >> 8), 1}, nil)
	}
	deps := g.Deps(EntryID{})
	if _, err := NewEntry(1, deps, "", "", []Change{newChange(KindAdmission+1, Null, nil, nil)}); err != nil {
		t.Error(err)
	}
	g.Add(Place{Log: LogID{0xff, 0xff}}, EntryID{0xff}, deps)
	if rest := g.Deps(EntryID{0xff}); len(rest) != 10 {
		t.Errorf("%d heads are left for the next entry, want 10", len(rest))
	}
}

func TestAuthorSeals(t *testing.T) {
	e, err := NewEntry(1, nil, "", "", []Change{newChange(KindAdmission+1, Null, nil, nil)})
	if err != nil {
		t.Fatal(err)
	}
	log := LogID{1}
	a := Author{Log: log, Head: Head{ID: EntryID(log)}}
	prev := EntryID(log)
	for i := range SealEveryEntries {
		if a.SealDue() || a.Unsealed() != (i > 0) {
			t.Fatalf("after %d entries", i)
		}
		at, id := a.Next(e)
		if want := (Place{Log: log, Seq: uint64(i) + 1, Prev: prev}); at != want || id != e.ID(want) {
			t.Fatalf("entry %d stands at %+v", i, at)
		}
		prev = id
	}
	if !a.SealDue() {
		t.Error("no seal is due")
	}
	if a.Sealed(); a.SealDue() || a.Unsealed() {
		t.Error("a seal is due after a seal")
	}
	if r := ResumeAuthor(log, a.Head, 0, SealEveryBytes); !r.SealDue() || r.Head != a.Head {
		t.Error("an author forgot what was not sealed")
	}
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	s := SealEntry(key, CampID{1}, prev)
	if s.Verify(key.Public().(ed25519.PublicKey), CampID{2}, prev) == nil || s.Verify(nil, CampID{1}, prev) == nil {
		t.Error("a seal of another camp, or of nobody, is taken")
	}
}

func TestResolveDeletion(t *testing.T) {
	for _, c := range []struct {
		with    func(del, edit *Touch) *Resolution
		deleted bool
	}{
		{func(_, _ *Touch) *Resolution { return &Resolution{Value: Text("deleted")} }, true},
		{func(_, _ *Touch) *Resolution { return &Resolution{Value: Text("alive")} }, false},
		{func(del, _ *Touch) *Resolution { return &Resolution{Entry: del.Entry.Short()} }, true},
		{func(_, edit *Touch) *Resolution { return &Resolution{Entry: edit.Entry.Short()} }, false},
	} {
		a, b := newDevice(newWriter(1)), newDevice(newWriter(2))
		do(t, a, 1, &Edit{Set: []Field{{"p", Int(1)}}})
		meet(a, b)
		del := do(t, a, 9, &Edit{Delete: true})
		edit := do(t, b, 2, &Edit{Set: []Field{{"p", Int(2)}}})
		meet(a, b)
		if v := a.rec.View(); v.Deleted || len(v.Conflicts) != 1 || v.Conflicts[0].Path != "" || a.rec.ConflictCount() != 1 {
			t.Fatalf("%s", viewText(v))
		}
		do(t, a, 3, &Edit{Resolve: c.with(del, edit)})
		if v := a.rec.View(); v.Deleted != c.deleted || len(v.Conflicts) > 0 {
			t.Errorf("%s", viewText(v))
		}
		if _, err := Compose(a.rec, &Edit{Key: testKey, Resolve: &Resolution{Value: Text("?")}}, a.all); err == nil {
			t.Error("resolved by nonsense")
		}
	}
}

// An entry that was put together here is what anybody reads of its bytes.
func TestLawNewEntry(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := play(t, 10, nil)
		var changes []Change
		for i, x := range w.touches {
			rc := *x.Change
			rc.Key.ID = fmt.Sprint("r", i)
			rc.Writes = slices.Clone(rc.Writes)
			for i := range rc.Writes {
				rc.Writes[i].Value = bytes.Clone(rc.Writes[i].Value)
			}
			c, err := rc.Encode([SaltSize]byte{byte(i)})
			if err != nil {
				t.Fatalf("%v", err)
			}
			for _, w := range rc.Writes {
				clear(w.Value) // the memory may be used again
			}
			changes = append(changes, c)
		}
		if len(changes) == 0 {
			return
		}
		deps := []Dep{{Log: LogID{1}, Seq: 1 << 40, ID: EntryID{2}}}[:rapid.IntRange(0, 1).Draw(t, "deps")]
		made, err := NewEntry(Time(rapid.Uint64().Draw(t, "time")), deps, "amina", "phone", changes)
		if err != nil {
			t.Fatalf("%v", err)
		}
		sameEntry(t, made)
		if _, err := NewEntry(1, nil, "", "", append(changes, changes[0])); err == nil {
			t.Fatalf("the same record twice")
		}
	})
}

// sameEntry compares an entry with what its bytes say.
func sameEntry(t tb, e *Entry) {
	t.Helper()
	read, err := ParseEntry(e.Encoded())
	if err != nil {
		t.Fatalf("%v", err)
	}
	at := Place{Log: LogID{1}, Seq: 2, Prev: EntryID{3}}
	if e.Time != read.Time || !slices.Equal(e.Deps, read.Deps) || e.Author != read.Author || e.Phone != read.Phone ||
		len(e.Changes) != len(read.Changes) || e.ID(at) != read.ID(at) || e.Known() != read.Known() {
		t.Fatalf("made %+v, read %+v", e, read)
	}
	for i := range e.Changes {
		a, b := &e.Changes[i], &read.Changes[i]
		if a.Kind != b.Kind || !bytes.Equal(a.Encoded(), b.Encoded()) || a.Erased() != b.Erased() || a.Hash() != b.Hash() || e.Offset(i) != read.Offset(i) {
			t.Fatalf("change %d: made %+v, read %+v", i, a, b)
		}
		if !reflect.DeepEqual(e.Record(i), read.Record(i)) {
			t.Fatalf("change %d: made %+v, read %+v", i, e.Record(i), read.Record(i))
		}
	}
	checkTouched(t, read)
}

// What is wrong with an entry is found when it is made, too.
func TestNewEntryRefuses(t *testing.T) {
	c, err := (&RecordChange{Key: testKey, Writes: []Write{{Path: "p", Value: Int(1)}}}).Encode([SaltSize]byte{})
	if err != nil {
		t.Fatal(err)
	}
	one, dep := []Change{c}, Dep{Log: LogID{1}}
	for what, f := range map[string]func() (*Entry, error){
		"no change":                func() (*Entry, error) { return NewEntry(1, nil, "", "", nil) },
		"a record twice":           func() (*Entry, error) { return NewEntry(1, nil, "", "", []Change{c, c}) },
		"a dependency twice":       func() (*Entry, error) { return NewEntry(1, []Dep{dep, dep}, "", "", one) },
		"an author of two lines":   func() (*Entry, error) { return NewEntry(1, nil, "a\nb", "", one) },
		"an author not in UTF-8":   func() (*Entry, error) { return NewEntry(1, nil, "\xff", "", one) },
		"a phone that is too long": func() (*Entry, error) { return NewEntry(1, nil, "", strings.Repeat("p", MaxPhoneBytes+1), one) },
	} {
		if _, err := f(); err == nil {
			t.Errorf("%s is taken", what)
		}
	}
}

func TestGraphForgetsShortLogs(t *testing.T) {
	g := Graph{}
	long := Place{Log: LogID{0xff}, Seq: 9}
	g.Add(long, EntryID{0xff, 9}, nil)
	for i := range MaxGraph + 10 {
		g.Add(Place{Log: LogID{byte(i), byte(i >> 8)}}, EntryID{byte(i), byte(i >> 8), 1}, nil)
	}
	if _, ok := g[EntryID{0xff, 9}]; len(g) != MaxGraph || !ok {
		t.Errorf("%d heads are kept, that of a long log: %v", len(g), ok)
	}
}
