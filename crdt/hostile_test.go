package crdt

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
)

// What a member that went bad, or a damaged disk, can send us.

// A chain of entries that are not merged is passed along without recursion.
func TestLongUnmergedChain(t *testing.T) {
	n := 1_000_000
	if testing.Short() {
		n = 10_000
	}
	first := &Touch{Entry: EntryID{0xff}, Merged: true, Change: &RecordChange{Key: testKey}}
	touches := []*Touch{first}
	for i := range n {
		id := EntryID{byte(i), byte(i >> 8), byte(i >> 16), 1}
		touches = append(touches, &Touch{Ref: Ref{Seq: uint64(i)}, Entry: id, Change: &RecordChange{
			Key: testKey, Names: []ShortID{touches[i].Entry.Short()}, Supersedes: []uint16{0},
		}})
	}
	last := &Touch{Ref: Ref{Branch: 1}, Entry: EntryID{0xfe}, Merged: true, Change: &RecordChange{
		Key: testKey, Dead: true, Names: []ShortID{touches[n].Entry.Short()}, Supersedes: []uint16{0},
	}}
	if r := Refold(testKey, append(touches, last)); !r.Deleted() || len(r.sources) != 1 {
		t.Fatalf("the claim did not arrive: %d sources", len(r.sources))
	}
}

// Erased values leave a record that can be read and written.
func TestErasedView(t *testing.T) {
	d := newDevice(newWriter(1), newWriter(2))
	for i, e := range []*Edit{
		{Set: []Field{{"name", Text("Rahima")}, {"in/side", Int(1)}}}, {Add: []Field{{"tags", Text("x")}}},
		{Max: []Field{{"m", Int(1)}}}, {Increment: []Field{{"count", Int(2)}}}, {Set: []Field{{"town", Text("Teknaf")}}},
	} {
		e.Key = testKey
		rc, err := Compose(d.rec, e, d.all)
		if err != nil {
			t.Fatal(err)
		}
		x, err := d.logs[i%2].write(Time(i), rc)
		if err != nil {
			t.Fatal(err)
		}
		d.take(x)
	}
	for i, x := range d.held[:4] {
		c, err := x.Change.Encode([SaltSize]byte{})
		if err != nil {
			t.Fatal(err)
		}
		erased := c.Erase()
		u := *x
		if u.Change, err = erased.Record(); err != nil {
			t.Fatal(err)
		}
		if _, err := u.Change.Encode([SaltSize]byte{}); err == nil {
			t.Error("an erased change is written as if it had values")
		}
		d.held[i] = &u
	}
	r := Refold(testKey, d.held)
	v := r.View()
	if _, err := ParseValue(v.Fields); err != nil {
		t.Fatalf("shows %x: %v", []byte(v.Fields), err)
	}
	if got := at(v.Fields, "town"); !got.Equal(Text("Teknaf")) {
		t.Errorf("town is %x", []byte(got))
	}
	for _, e := range []*Edit{{Replace: EmptyObject}, {Set: []Field{{"name", Text("x")}}}, {Patch: Object([]Field{{"in", Object([]Field{{"side", Int(2)}})}})}} {
		e.Key = testKey
		if _, err := Compose(r, e, nil); err != nil {
			t.Errorf("%+v: %v", *e, err)
		}
	}
}

// Each limit is refused by name, when written and when read.
func TestLimits(t *testing.T) {
	limit := func(what string, err error) {
		t.Helper()
		var l *LimitError
		if !errors.As(err, &l) {
			t.Errorf("%s: %v", what, err)
		}
	}
	blob := func(n int) Value { return BytesOf(make([]byte, n)) }
	record := func(id string, v Value) Change {
		c, err := (&RecordChange{Key: RecordKey{"c", id}, Writes: []Write{{Path: "p", Value: v}}}).Encode([SaltSize]byte{})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	fits := MaxChangeBytes - len(record("r", blob(1<<15)).raw) + 1<<15
	if c := record("r", blob(fits)); len(c.raw) != MaxChangeBytes {
		t.Fatalf("%d bytes", len(c.raw))
	}
	rc := &RecordChange{Key: RecordKey{"c", "r"}, Writes: []Write{{Path: "p", Value: blob(fits + 1)}}}
	_, err := rc.Encode([SaltSize]byte{})
	limit("change, written", err)
	whole := record("r", blob(fits))
	shape, values := whole.shape, AppendBytes(AppendArray(nil, 1), make([]byte, fits+1))
	_, err = NewEntry(1, nil, "", "", []Change{newChange(KindRecord, shape, make([]byte, SaltSize), values)})
	limit("change, read", err)

	four := []Change{record("1", blob(fits)), record("2", blob(fits)), record("3", blob(fits)), record("4", blob(fits))}
	_, err = NewEntry(1, nil, "", "", four)
	limit("entry", err)
	if _, err := NewEntry(1, nil, "", "", four[:3]); err != nil {
		t.Error(err)
	}
	many := slices.Repeat(four[:1], MaxChanges+1)
	for i := range many {
		many[i] = record(strings.Repeat("i", i%200+1)+string(rune('a'+i/200)), Null)
	}
	_, err = NewEntry(1, nil, "", "", many)
	limit("changes", err)
	if _, err := NewEntry(1, nil, "", "", many[1:]); err != nil {
		t.Error(err)
	}
	deps := make([]Dep, MaxDeps+1)
	for i := range deps {
		deps[i].Log[0], deps[i].Log[1] = byte(i>>8), byte(i)
	}
	_, err = NewEntry(1, deps, "", "", four[:1])
	limit("dependencies", err)

	names := make([]ShortID, MaxNames+1)
	all := make([]uint16, len(names))
	for i := range names {
		names[i][0], names[i][1], all[i] = byte(i>>8), byte(i), uint16(i)
	}
	_, err = (&RecordChange{Key: testKey, Names: names, Supersedes: all}).Encode([SaltSize]byte{})
	limit("names", err)
	deep := Value(append(bytes.Repeat([]byte{0x81}, MaxValueDepth-2), 0x80))
	for _, w := range []Write{{Path: "p/q", Value: deep}, {Path: "p", Op: OpAdd, Value: deep}} {
		_, err = (&RecordChange{Key: testKey, Writes: []Write{w}}).Encode([SaltSize]byte{})
		limit("nesting", err)
	}
}

// A write that one edit cannot mean is refused, not done by half.
func TestEditsThatContradict(t *testing.T) {
	d := newDevice(newWriter(1))
	rc, err := Compose(d.rec, &Edit{Key: testKey, Set: []Field{{"p", Int(1)}}, Increment: []Field{{"c", Int(1)}}, Add: []Field{{"s", Int(1)}}}, d.all)
	if err != nil {
		t.Fatal(err)
	}
	x, err := d.logs[0].write(1, rc)
	if err != nil {
		t.Fatal(err)
	}
	d.take(x)
	one := Object([]Field{{"q", Int(1)}})
	for _, e := range []*Edit{
		{Replace: one, Set: []Field{{"t", Int(1)}}},
		{Replace: one, Patch: one},
		{Replace: Int(1)},
		{Patch: Array(nil)},
		{Delete: true, Set: []Field{{"t", Int(1)}}},
		{Delete: true, Undelete: true},
		{Resolve: &Resolution{Path: "p", Value: Int(2)}, Set: []Field{{"t", Int(1)}}},
		{Resolve: &Resolution{Path: "nowhere", Value: Int(2)}},
		{Set: []Field{{"p", Int(2)}, {"p", Int(3)}}},
		{Set: []Field{{"t", Int(2)}, {"t/q", Int(3)}}},
		{Set: []Field{{"", Int(2)}}},
		{Set: []Field{{"c", Int(2)}}},
		{Set: []Field{{"c/q", Int(2)}}},
		{Set: []Field{{"s/q", Int(2)}}},
		{Remove: []string{"c"}},
		{Patch: Object([]Field{{"c", Null}})},
		{Patch: Object([]Field{{"c", one}})},
		{Replace: Object([]Field{{"s", one}})},
		{Max: []Field{{"c", Int(2)}}},
		{Max: []Field{{"t", one}}},
		{Increment: []Field{{"p", Int(1)}}},
		{Increment: []Field{{"p/q", Int(1)}}},
		{Increment: []Field{{"t", Float(1)}}},
		{Add: []Field{{"p", Int(1)}}},
		{Add: []Field{{"p/q", Int(1)}}},
		{Add: []Field{{"c", Int(1)}}},
		{Increment: []Field{{"c", Int(math.MaxInt64)}}},
	} {
		e.Key = testKey
		if rc, err := Compose(d.rec, e, d.all); err == nil {
			t.Errorf("%+v composes to %+v", *e, rc)
		}
	}
}

// No part of an edit is dropped because another one means something else, whatever
// the record holds.
func TestEditsThatNameAPathTwice(t *testing.T) {
	d := newDevice(newWriter(1))
	do(t, d, 1, &Edit{Set: []Field{{"p", Int(1)}, {"o/q", Int(1)}}, Increment: []Field{{"c", Int(1)}}, Add: []Field{{"s", Int(1)}}})
	for _, x := range []struct {
		edit *Edit
		want []string
	}{
		{&Edit{Set: []Field{{"p", Int(1)}, {"p", Int(2)}}}, []string{`"p"`, "set twice"}},
		{&Edit{Remove: []string{"no", "no"}}, []string{`"no"`, "remove twice"}},
		{&Edit{Max: []Field{{"p", Int(1)}, {"p", Int(0)}}}, []string{`"p"`, "max twice"}},
		{&Edit{Increment: []Field{{"c", Int(1)}, {"c", Int(1)}}}, []string{`"c"`, "increment twice"}},
		{&Edit{Set: []Field{{"p", Int(1)}}, Remove: []string{"p"}}, []string{`"p"`, "in set and in remove"}},
		{&Edit{Set: []Field{{"p", Int(1)}}, Max: []Field{{"p", Int(0)}}}, []string{`"p"`, "in set and in max"}},
		{&Edit{Remove: []string{"no"}, Max: []Field{{"no", Int(0)}}}, []string{`"no"`, "in remove and in max"}},
		{&Edit{Remove: []string{"no"}, Increment: []Field{{"no", Int(1)}}}, []string{`"no"`, "in remove and in increment"}},
		{&Edit{Max: []Field{{"no", Int(1)}}, Increment: []Field{{"no", Int(1)}}}, []string{`"no"`, "in max and in increment"}},
		{&Edit{Remove: []string{"no"}, Add: []Field{{"no", Int(1)}}}, []string{`"no"`, "in remove and in add_to_set"}},
		{&Edit{Max: []Field{{"no", Int(1)}}, Drop: []Field{{"no", Int(1)}}}, []string{`"no"`, "in max and in remove_from_set"}},
		{&Edit{Set: []Field{{"o/q", Int(1)}}, Remove: []string{"o"}}, []string{`"o" in remove`, `"o/q" in set`}},
		{&Edit{Set: []Field{{"o", Object([]Field{{"q", Int(1)}})}}, Max: []Field{{"o/q", Int(0)}}}, []string{`"o" in set`, `"o/q" in max`}},
		{&Edit{Remove: []string{"no/a/b"}, Increment: []Field{{"no", Int(1)}}}, []string{`"no" in increment`, `"no/a/b" in remove`}},
		{&Edit{Add: []Field{{"no", Int(1)}}, Drop: []Field{{"no/a", Int(1)}}}, []string{`"no" in add_to_set`, `"no/a" in remove_from_set`}},
		{&Edit{Add: []Field{{"s", Int(2)}, {"s", Int(1)}}, Drop: []Field{{"s", Int(1)}}}, []string{`"s"`, "the same element"}},
		{&Edit{Replace: Object([]Field{{"p", Int(0)}}), Max: []Field{{"p", Int(1)}}}, []string{`"p"`, "in replace and in max"}},
		{&Edit{Replace: EmptyObject, Max: []Field{{"p", Int(1)}}}, []string{`"p"`, "in replace and in max"}},
		{&Edit{Replace: Object([]Field{{"s", Object([]Field{{"a", Int(1)}})}}), Drop: []Field{{"s/a", Int(1)}}}, nil},
	} {
		e := x.edit
		e.Key = testKey
		rc, err := Compose(d.rec, e, d.all)
		var refused *EditError
		if !errors.As(err, &refused) {
			t.Errorf("%+v composes to %+v, %v", *e, rc, err)
			continue
		}
		for _, text := range x.want {
			if !strings.Contains(err.Error(), text) {
				t.Errorf("%+v: %v, want %s", *e, err, text)
			}
		}
	}
}

func TestEditsOfManyParts(t *testing.T) {
	d := newDevice(newWriter(1))
	do(t, d, 1, &Edit{Set: []Field{{"p", Int(1)}, {"p-q", Int(1)}}, Max: []Field{{"m", Int(1)}}, Add: []Field{{"s", Int(1)}, {"s", Int(2)}}})
	do(t, d, 2, &Edit{Add: []Field{{"s", Int(3)}, {"s", Int(3)}}, Drop: []Field{{"s", Int(1)}, {"s", Int(1)}}, Remove: []string{"p"}})
	shows(t, d, object{"m": 1, "p-q": 1, "s": []any{2, 3}})
	do(t, d, 3, &Edit{Replace: asValue(object{"m": 1}), Max: []Field{{"m", Int(2)}}, Increment: []Field{{"c", Int(1)}}, Drop: []Field{{"s", Int(2)}}})
	shows(t, d, object{"c": 1, "m": 2, "s": []any{3}})
}

// Nobody adds past what a counter holds, but two who could not know do.
func TestCounterAtItsEnd(t *testing.T) {
	for _, sign := range []int64{1, -1} {
		end := int64(math.MaxInt64)
		if sign < 0 {
			end = math.MinInt64
		}
		a, b := newDevice(newWriter(1)), newDevice(newWriter(2))
		do(t, a, 1, &Edit{Increment: []Field{{"c", Int(end - sign)}}})
		start := a.rec.Seen()
		meet(a, b)
		for _, seen := range []*Seen{nil, {}, &start} {
			_, err := Compose(a.rec, &Edit{Key: testKey, Increment: []Field{{"c", Int(2 * sign)}}, Seen: seen}, a.all)
			var refused *EditError
			if !errors.As(err, &refused) || !strings.Contains(err.Error(), "number a counter holds") {
				t.Errorf("%d: %v", sign, err)
			}
		}
		do(t, a, 2, &Edit{Increment: []Field{{"c", Int(sign)}}})
		shows(t, a, object{"c": int(end)})
		do(t, b, 3, &Edit{Increment: []Field{{"c", Int(sign)}}})
		meet(a, b)
		shows(t, a, object{"c": int(end + sign)})
		do(t, a, 4, &Edit{Increment: []Field{{"c", Int(sign)}}})
	}
}

func TestNamesThatDeceive(t *testing.T) {
	c, err := (&RecordChange{Key: testKey}).Encode([SaltSize]byte{})
	if err != nil {
		t.Fatal(err)
	}
	names := func(r rune) []error {
		name := "a" + string(r) + "b"
		_, author := NewEntry(1, nil, name, "", []Change{c})
		_, phone := NewEntry(1, nil, "", name, []Change{c})
		return []error{RecordKey{"c", name}.Validate(), ValidateName("camp name", name), author, phone}
	}
	for _, r := range "\x00\x1f\x7f\u0080\u0085\u009f\u202a\u202e\u2066\u2069" {
		for _, err := range names(r) {
			if err == nil || !strings.Contains(err.Error(), "control character") {
				t.Errorf("%U: %v", r, err)
			}
		}
	}
	for _, r := range " \u00a0\u061c\u200c\u200d\u200e\u200f\u2029\u202f\u2065\u206aü" {
		for _, err := range names(r) {
			if err != nil {
				t.Errorf("%U: %v", r, err)
			}
		}
	}
}

// longClaims is about the longest change that names only entries nobody holds.
func longClaims(t *testing.T) *RecordChange {
	rc := &RecordChange{Key: testKey}
	var all []uint16
	for i := range 1500 {
		rc.Names = append(rc.Names, ShortID{byte(i >> 8), byte(i)})
		all = append(all, uint16(i))
	}
	for i := range 8 {
		path := strings.Repeat("p", MaxPathBytes-1) + string(rune('a'+i))
		rc.Writes = append(rc.Writes, Write{Path: path, Value: Null, Supersedes: all})
	}
	c, err := rc.Encode([SaltSize]byte{})
	if err != nil || len(c.Encoded()) < 60_000 {
		t.Fatalf("%d bytes: %v", len(c.Encoded()), err)
	}
	return rc
}

// A change that waits for very many entries makes a short row, and they end the
// wait one by one.
func TestLongClaimsMakeAShortRow(t *testing.T) {
	for _, merged := range []bool{true, false} {
		long := &Touch{Ref: Ref{Branch: 9, Seq: 1 << 40, Offset: 1 << 17}, Entry: EntryID{0xff}, Merged: merged, Change: longClaims(t)}
		touches := []*Touch{long}
		if !merged { // all of it is reached through another one
			by := *long
			by.Ref, by.Entry, by.Merged, by.Change = Ref{Branch: 8}, EntryID{0xfe}, true, claimAll(long)
			touches = append(touches, &by)
		}
		d := newDevice()
		for _, x := range touches {
			d.take(x)
		}
		row := rowOf(Refold(testKey, touches))
		if len(row) >= 1<<10 || !bytes.Equal(row, rowOf(d.rec)) {
			t.Fatalf("merged %v: a row of %d bytes, applied one by one of %d", merged, len(row), len(rowOf(d.rec)))
		}
		checkOracle(t, d.rec, touches)
		for i, name := range long.Change.Names[:40] {
			id := EntryID{}
			copy(id[:], name[:])
			d.take(&Touch{Ref: Ref{Branch: 1, Seq: uint64(i)}, Entry: id, Merged: i%2 == 0, Change: &RecordChange{
				Key: testKey, Writes: []Write{{Path: long.Change.Writes[i%8].Path, Value: True}},
			}})
			d.rec = reread(t, d.rec, d.held)
		}
		checkOracle(t, d.rec, d.held)
		if !bytes.Equal(rowOf(d.rec), rowOf(Refold(testKey, d.held))) {
			t.Fatalf("merged %v: Apply and Refold differ", merged)
		}
	}
}

// claimAll is a change that names a touch in all that it writes.
func claimAll(x *Touch) *RecordChange {
	rc := &RecordChange{Key: x.Change.Key, Names: []ShortID{x.Entry.Short()}, Supersedes: []uint16{0}}
	for _, w := range x.Change.Writes {
		rc.Writes = append(rc.Writes, Write{Path: w.Path, Value: Null, Supersedes: []uint16{0}})
	}
	return rc
}
