package crdt

import (
	"bytes"
	"errors"
	"slices"
	"testing"
)

// do composes, writes and takes an edit.
func do(t *testing.T, d *device, at Time, e *Edit) *Touch {
	t.Helper()
	e.Key = testKey
	rc, err := Compose(d.rec, e, d.all)
	if err != nil || rc == nil {
		t.Fatalf("%+v: %+v, %v", *e, rc, err)
	}
	x, err := d.logs[0].write(at, rc)
	if err != nil {
		t.Fatal(err)
	}
	d.take(x)
	return x
}

func shows(t *testing.T, d *device, doc map[string]any) {
	t.Helper()
	v := d.rec.View()
	if want := core(doc); !bytes.Equal(v.Fields, want) {
		t.Errorf("shows %x, want %x", []byte(v.Fields), want)
	}
}

func meet(a, b *device) {
	for _, x := range append(append([]*Touch{}, a.held...), b.held...) {
		a.take(x)
		b.take(x)
	}
}

type object = map[string]any

func TestEmptyObjectStays(t *testing.T) {
	d := newDevice(newWriter(1))
	do(t, d, 1, &Edit{Set: []Field{{"p", EmptyObject}}})
	do(t, d, 2, &Edit{Set: []Field{{"p/q", Int(1)}}})
	shows(t, d, object{"p": object{"q": 1}})
	do(t, d, 3, &Edit{Remove: []string{"p/q"}})
	shows(t, d, object{"p": object{}})
}

func TestPutKeepsCounters(t *testing.T) {
	d := newDevice(newWriter(1))
	do(t, d, 1, &Edit{Increment: []Field{{"p/q", Int(5)}}, Add: []Field{{"s", Int(1)}}, Set: []Field{{"p/r", Int(1)}}})
	do(t, d, 2, &Edit{Replace: asValue(object{"p": object{}, "t": 1})})
	shows(t, d, object{"p": object{"q": 5}, "s": []any{1}, "t": 1})
	do(t, d, 3, &Edit{Replace: EmptyObject})
	shows(t, d, object{"p": object{"q": 5}, "s": []any{1}})
}

func TestPutRemovesWhatHidesASet(t *testing.T) {
	a, b := newDevice(newWriter(1)), newDevice(newWriter(2))
	do(t, a, 1, &Edit{Add: []Field{{"p/s", Int(1)}}})
	do(t, b, 2, &Edit{Set: []Field{{"p", Int(5)}}})
	meet(a, b)
	shows(t, a, object{"p": 5})
	do(t, a, 3, &Edit{Replace: asValue(object{"t": 1})})
	shows(t, a, object{"p": object{"s": []any{1}}, "t": 1})
}

// An entry that was read elsewhere and is named before it comes is replaced when
// it comes, at the path that was written and nowhere else.
func TestSeenBeforeItCame(t *testing.T) {
	a, b := newDevice(newWriter(1)), newDevice(newWriter(2))
	do(t, a, 5, &Edit{Set: []Field{{"p", Int(1)}, {"t", Int(1)}}})
	read := a.rec.Seen()
	do(t, b, 1, &Edit{Set: []Field{{"p", Int(2)}}, Seen: &read})
	later := b.rec.Seen()
	meet(a, b)
	shows(t, b, object{"p": 2, "t": 1})
	if v := b.rec.View(); len(v.Conflicts) > 0 {
		t.Errorf("%s", viewText(v))
	}
	// Whoever read it there before the entry came had not seen its other fields.
	do(t, b, 6, &Edit{Set: []Field{{"t", Int(3)}}, Seen: &later})
	if v := b.rec.View(); len(v.Conflicts) != 1 || v.Conflicts[0].Path != "t" {
		t.Errorf("%s", viewText(v))
	}
}

// A claim that waits for an entry passes on when it comes and is not merged.
func TestHold(t *testing.T) {
	a, b, c := newDevice(newWriter(1)), newDevice(newWriter(2)), newDevice(newWriter(3))
	do(t, a, 1, &Edit{Set: []Field{{"p", Int(1)}}})
	meet(a, c)
	mid := do(t, a, 2, &Edit{Set: []Field{{"p", Int(2)}}})
	read := a.rec.Seen()
	do(t, b, 3, &Edit{Set: []Field{{"p", Int(3)}}, Seen: &read})
	for _, x := range b.held {
		c.take(x)
	}
	out := *mid
	out.Merged = false
	e := c.take(&out)
	if !bytes.Equal(rowOf(c.rec), rowOf(Refold(testKey, c.held))) || len(e.Retired) != 1 {
		t.Errorf("held: %+v\n%s", e, viewText(c.rec.View()))
	}
	shows(t, c, object{"p": 3})
}

// Counters at odds with other uses of a path end by leaving them what they are.
func TestResolveCounter(t *testing.T) {
	for _, paths := range [][2]string{{"p", "p"}, {"p", "p/q"}, {"p/q", "p"}} {
		a, b := newDevice(newWriter(1)), newDevice(newWriter(2))
		do(t, a, 1, &Edit{Increment: []Field{{paths[0], Int(5)}}})
		do(t, b, 2, &Edit{Set: []Field{{paths[1], Text("x")}}})
		meet(a, b)
		v := a.rec.View()
		if len(v.Conflicts) != 1 || at(v.Fields, paths[0]) == nil {
			t.Fatalf("%v:\n%s", paths, viewText(v))
		}
		if _, err := Compose(a.rec, &Edit{Key: testKey, Resolve: &Resolution{Path: "p", Value: Int(6)}}, a.all); err == nil {
			t.Errorf("%v: a counter was set", paths)
		}
		do(t, a, 3, &Edit{Resolve: &Resolution{Path: "p", Value: at(v.Fields, "p")}})
		if now := a.rec.View(); len(now.Conflicts) > 0 || !now.Fields.Equal(v.Fields) {
			t.Errorf("%v:\n%s", paths, viewText(now))
		}
	}
}

func TestResolveToSet(t *testing.T) {
	a, b := newDevice(newWriter(1)), newDevice(newWriter(2))
	do(t, a, 1, &Edit{Add: []Field{{"p", Int(1)}, {"p", Int(2)}}})
	do(t, b, 2, &Edit{Set: []Field{{"p/q", Text("x")}}})
	meet(a, b)
	c := a.rec.View().Conflicts
	if len(c) != 1 || c[0].Path != "p" {
		t.Fatalf("%s", viewText(a.rec.View()))
	}
	do(t, a, 3, &Edit{Resolve: &Resolution{Path: "p", Entry: c[0].Siblings[0].Touch.Entry.Short()}})
	shows(t, a, object{"p": []any{1, 2}})
	do(t, a, 4, &Edit{Drop: []Field{{"p", Int(1)}}})
	shows(t, a, object{"p": []any{2}})
	if v := a.rec.View(); len(v.Conflicts) > 0 {
		t.Errorf("%s", viewText(v))
	}
}

// crowd is a device that holds n writes to a field that know nothing of one
// another.
func crowd(n int) *device {
	d := newDevice(newWriter(1))
	for i := range uint32(n) {
		id := EntryID{0: byte(i >> 8), 1: byte(i), 31: 7}
		d.take(&Touch{Ref: Ref{Branch: i + 2}, Log: LogID(id), Entry: id, Time: 1, Merged: true, Change: &RecordChange{
			Key: testKey, Writes: []Write{{Path: "p", Value: Int(int64(i))}},
		}})
	}
	return d
}

// A version of more entries than it can list means all of them or nothing.
func TestVersionOfMany(t *testing.T) {
	for _, n := range []int{MaxSeen, MaxSeen + 1, 2 * MaxSeen} {
		d := crowd(n)
		read, err := ParseSeen(d.rec.Seen().String())
		if err != nil || len(read.String()) > 11_000 || (len(read.Entries) == n) != (n <= MaxSeen) {
			t.Fatalf("%d entries: %+v, %v", n, read, err)
		}
		do(t, d, 2, &Edit{Set: []Field{{"p", Text("settled")}}, Seen: read})
		if v := d.rec.View(); len(v.Conflicts) > 0 {
			t.Fatalf("%d entries: %d conflicts are left", n, len(v.Conflicts))
		}
		do(t, d, 3, &Edit{Delete: true, Seen: new(d.rec.Seen())})
		if !d.rec.Deleted() {
			t.Error("not deleted")
		}
	}
}

// Where such a version is not that of now, nothing was seen: every edit is
// written, beside all there is.
func TestVersionOfManyThatPassed(t *testing.T) {
	d := crowd(MaxSeen + 1)
	read := d.rec.Seen()
	do(t, d, 2, &Edit{Set: []Field{{"q", Int(1)}}})
	for _, e := range []*Edit{
		{Delete: true}, {Undelete: true}, {Set: []Field{{"q", Int(1)}}}, {Set: []Field{{"p", Text("new")}}}, {Remove: []string{"q"}},
		{Replace: EmptyObject}, {Patch: Object([]Field{{"p", Null}})}, {Patch: Object([]Field{{"o", Object([]Field{{"r", Int(1)}, {"s", Null}})}})},
		{Add: []Field{{"s", Int(1)}}}, {Drop: []Field{{"s", Int(1)}}}, {Increment: []Field{{"c", Int(1)}}}, {Max: []Field{{"m", Int(1)}}},
	} {
		e.Seen = &read
		n := len(d.rec.sources)
		x := do(t, d, 3, e)
		if len(x.Change.Names) > 0 || len(d.rec.sources) != n+1 {
			t.Errorf("%+v named %d entries", *e, len(x.Change.Names))
		}
		if len(e.Remove) > 0 && len(x.Change.Writes) != 1 || e.Patch != nil && !slices.ContainsFunc(x.Change.Writes, func(w Write) bool { return w.Op == OpRemove }) {
			t.Errorf("%+v writes %+v", *e, x.Change.Writes)
		}
	}
	if v := d.rec.View(); v.Deleted || len(v.Conflicts) == 0 || v.Conflicts[0].Path != "" {
		t.Errorf("the deletion is no conflict")
	}
	if _, err := Compose(d.rec, &Edit{Key: testKey, Resolve: &Resolution{Path: "p", Value: Int(1)}, Seen: &read}, d.all); !errors.Is(err, ErrConflict) {
		t.Errorf("resolved what was not seen: %v", err)
	}
}

// A removal of what was read elsewhere waits for it.
func TestRemoveBeforeItCame(t *testing.T) {
	a, b := newDevice(newWriter(1)), newDevice(newWriter(2))
	do(t, a, 5, &Edit{Set: []Field{{"p", Int(1)}, {"t", Int(1)}}})
	do(t, b, 1, &Edit{Remove: []string{"p"}, Seen: new(a.rec.Seen())})
	meet(a, b)
	shows(t, b, object{"t": 1})
	if v := b.rec.View(); len(v.Conflicts) > 0 {
		t.Errorf("%s", viewText(v))
	}
}

// Of two counters, one inside the other, neither vanishes.
func TestCounterInACounter(t *testing.T) {
	a, b := newDevice(newWriter(1)), newDevice(newWriter(2))
	do(t, a, 1, &Edit{Increment: []Field{{"p", Int(5)}}})
	do(t, b, 2, &Edit{Increment: []Field{{"p/q/r", Int(7)}, {"p/s", Int(8)}}})
	meet(a, b)
	shows(t, a, object{"p": 5})
	v := a.rec.View()
	for i, want := range []struct {
		path string
		sum  int64
	}{{"p/q/r", 7}, {"p/s", 8}} {
		c := v.Conflicts[i]
		if len(v.Conflicts) != 2 || c.Path != want.path || c.Shown != nil || len(c.Siblings) != 1 || !c.Siblings[0].Value.Equal(Int(want.sum)) || c.Siblings[0].Touch != nil {
			t.Fatalf("%s", viewText(v))
		}
	}
	if viewText(b.rec.View()) != viewText(v) || a.rec.ConflictCount() != 2 {
		t.Error("two devices tell it differently")
	}
}

// An edit is shaped by the record as its author had seen it, wherever that is behind
// what is held.
func TestShape(t *testing.T) {
	a, b := newDevice(newWriter(1)), newDevice(newWriter(2))
	do(t, a, 1, &Edit{Set: []Field{{"p", Int(1)}}})
	read := a.rec.Seen()
	meet(a, b)
	do(t, b, 2, &Edit{Set: []Field{{"p", Int(2)}}})
	meet(a, b)
	plusOne := func(seen *Record) (*Edit, error) {
		return &Edit{Set: []Field{{"q", Int(at(seen.View().Fields, "p").Int() + 1)}}}, nil
	}
	do(t, a, 3, &Edit{Seen: &read, Shape: plusOne})
	shows(t, a, object{"p": 2, "q": 2})
	do(t, a, 4, &Edit{Shape: plusOne})
	shows(t, a, object{"p": 2, "q": 3})

	refuse := errors.New("no")
	for what, e := range map[string]*Edit{
		"what its shape refuses":    {Key: testKey, Shape: func(*Record) (*Edit, error) { return nil, refuse }},
		"what its shape may not do": {Key: testKey, Shape: func(*Record) (*Edit, error) { return &Edit{Set: []Field{{"", Int(1)}}}, nil }},
	} {
		var told *EditError
		if rc, err := Compose(a.rec, e, a.all); rc != nil || !errors.As(err, &told) {
			t.Errorf("%s: %+v, %v", what, rc, err)
		}
	}
}

// An idle edit wakes no deleted record unless it changes a field.
func TestIdle(t *testing.T) {
	d := newDevice(newWriter(1))
	do(t, d, 1, &Edit{Idle: true}) // there was none
	do(t, d, 2, &Edit{Set: []Field{{"p", Int(1)}}})
	do(t, d, 3, &Edit{Delete: true})
	if rc, err := Compose(d.rec, &Edit{Key: testKey, Set: []Field{{"p", Int(1)}}, Idle: true}, d.all); rc != nil || err != nil {
		t.Errorf("wakes the record: %+v, %v", rc, err)
	}
	do(t, d, 4, &Edit{Set: []Field{{"p", Int(2)}}, Idle: true})
	if v := d.rec.View(); v.Deleted {
		t.Error("the change of a field does not show")
	}
}

// Who was shown that a record is deleted and writes to it does not undo that: both stand, and the
// record lives. Only who says so undoes it.
func TestEditFromWhatWasDeleted(t *testing.T) {
	for _, undelete := range []bool{false, true} {
		a := newDevice(newWriter(1))
		do(t, a, 1, &Edit{Set: []Field{{"p", Text("old")}}})
		do(t, a, 2, &Edit{Delete: true})
		shown := Refold(testKey, a.held)
		do(t, a, 3, &Edit{From: shown, Set: []Field{{"p", Text("new")}}, Undelete: undelete})
		v := a.rec.View()
		if v.Deleted || a.rec.ConflictCount() != map[bool]int{false: 1, true: 0}[undelete] {
			t.Errorf("undelete %v: deleted %v, conflicts %+v", undelete, v.Deleted, v.Conflicts)
		}
	}
}

// Who says again what is shown wins over what was written meanwhile, and does not replace it.
func TestEditAgain(t *testing.T) {
	for _, again := range []bool{false, true} {
		a, b := newDevice(newWriter(1)), newDevice(newWriter(2))
		b.take(do(t, a, 1, &Edit{Set: []Field{{"p", Text("old")}, {"q", Int(1)}}}))
		do(t, a, 2, &Edit{Set: []Field{{"p", Text("new")}}})
		do(t, b, 3, &Edit{Set: []Field{{"p", Text("old")}, {"q", Int(2)}}, Again: again})
		meet(a, b)
		shows(t, a, object{"p": map[bool]string{false: "new", true: "old"}[again], "q": 2})
		if n := a.rec.ConflictCount(); n != map[bool]int{false: 0, true: 1}[again] {
			t.Errorf("again %v: %d conflicts", again, n)
		}
	}
}

// Who was shown a record replaces what it showed, and no sibling, however the record is shown
// elsewhere.
func TestEditFromWhatWasShown(t *testing.T) {
	a, b := newDevice(newWriter(1)), newDevice(newWriter(2))
	first := do(t, a, 1, &Edit{Set: []Field{{"p", Text("old")}, {"q", Int(1)}}})
	b.take(first)
	do(t, a, 9, &Edit{Set: []Field{{"p", Text("a")}}})
	do(t, b, 5, &Edit{Set: []Field{{"p", Text("b")}}})
	meet(a, b)
	shows(t, a, object{"p": "a", "q": 1})
	shownB := make([]*Touch, 0, len(a.held))
	for _, x := range a.held {
		u := *x
		u.Merged = u.Time != 9 // who is shown what b wrote, and nothing of a's
		shownB = append(shownB, &u)
	}
	do(t, a, 20, &Edit{From: Refold(testKey, shownB), Set: []Field{{"p", Text("c")}}})
	c := a.rec.View().Conflicts
	if len(c) != 1 || !c[0].Shown.Equal(Text("c")) || len(c[0].Siblings) != 1 || !c[0].Siblings[0].Value.Equal(Text("a")) {
		t.Errorf("conflicts: %+v", c)
	}
	do(t, a, 30, &Edit{From: Refold(testKey, shownB), Delete: true})
	if v := a.rec.View(); v.Deleted {
		t.Error("a deletion took with it what its author was not shown")
	}
}

// Who saw nothing of a record and deletes it has said so: it stands beside what is there.
func TestDeleteOfTheUnseen(t *testing.T) {
	d := newDevice(newWriter(1))
	do(t, d, 1, &Edit{Set: []Field{{"p", Int(1)}}})
	do(t, d, 2, &Edit{From: &Record{Key: testKey}, Delete: true})
	if v := d.rec.View(); v.Deleted || len(v.Conflicts) != 1 {
		t.Errorf("deleted: %v, conflicts: %v", v.Deleted, v.Conflicts)
	}
}
