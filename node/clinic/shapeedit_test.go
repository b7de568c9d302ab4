package clinic

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"musafir/crdt"
)

// say does an edit as somebody says it in the app's columns.
func (d *desk) say(t rapid.TB, e *crdt.Edit, nowMs int64) {
	t.Helper()
	e.Key = appointment
	fields, end := Shape(e, nowMs)
	d.do(t, fields)
	if end != nil {
		d.do(t, end)
	}
}

func (d *desk) shown() crdt.View { return ShownView(appointment.Collection, d.record().View()) }

// A saying is what somebody wants of a record's fields: by name, none to be gone.
type saying map[string]crdt.Value

var sayings = rapid.Custom(func(t *rapid.T) saying {
	said := saying{}
	for _, column := range rapid.SliceOfDistinct(rapid.SampledFrom([]string{"departments", "metadata", "reason", "updated_at", "mine"}), rapid.ID).Draw(t, "columns") {
		switch {
		case column == "updated_at":
			said[column] = crdt.Int(rapid.Int64Range(1, 9).Draw(t, "time"))
		case rapid.IntRange(0, 5).Draw(t, "what") == 0:
			said[column] = rapid.SampledFrom([]crdt.Value{crdt.Int(7), crdt.Array(nil), crdt.Text(departments)}).Draw(t, "value")
		default:
			said[column] = crdt.Text(texts.Draw(t, "text"))
		}
	}
	return said
})

func (s saying) fields() (fields []crdt.Field) {
	for _, name := range slices.Sorted(maps.Keys(s)) {
		fields = append(fields, crdt.Field{Key: name, Value: s[name]})
	}
	return fields
}

// taken is what the fields are afterwards.
func (s saying) taken(now saying, replaces bool) saying {
	next := maps.Clone(now)
	if replaces {
		next = saying{}
		if was := now["updated_at"]; was != nil {
			next["updated_at"] = was
		}
	}
	for name, v := range s {
		if name != "updated_at" || next[name] == nil || next[name].Compare(v) < 0 {
			next[name] = v
		}
	}
	return next
}

// Whatever is said in whatever way, the fields are what was said last.
func TestShapeAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, now := &desk{n: 1}, saying{}
		for range rapid.IntRange(1, 8).Draw(t, "n") {
			said, e := sayings.Draw(t, "said"), &crdt.Edit{}
			how := rapid.SampledFrom([]string{"replace", "patch", "set"}).Draw(t, "how")
			switch how {
			case "replace":
				e.Replace = crdt.Object(said.fields())
			case "patch":
				e.Patch = crdt.Object(said.fields())
			case "set":
				e.Set = said.fields()
			}
			if rapid.Bool().Draw(t, "seen") {
				seen := d.record().Seen()
				e.Seen = &seen
			}
			now = said.taken(now, how == "replace")
			d.say(t, e, weirdTimes.Draw(t, "time"))
			v := d.shown()
			if want := crdt.Object(now.fields()); !v.Fields.Equal(want) || len(v.Conflicts) > 0 {
				t.Fatalf("%s shows\n%q\nwant\n%q\nconflicts %v", how, v.Fields, want, v.Conflicts)
			}
			entries := len(d.held)
			again := *e
			again.Seen = nil
			if d.say(t, &again, weirdTimes.Draw(t, "again")); len(d.held) != entries {
				t.Fatalf("%s again wrote something", how)
			}
		}
	})
}

// Rows that are replaced as a whole, apart, merge as documents do.
func TestReplacedApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		desks := []*desk{{n: 1}, {n: 2}}
		desks[0].write(t, lists.Draw(t, "first"), 5)
		meet(t, desks...)
		before := statuses(t, desks[0].departments())
		wants := map[string][]string{}
		for _, d := range desks {
			text := lists.Draw(t, "text")
			d.say(t, &crdt.Edit{Replace: crdt.Object([]crdt.Field{{Key: "departments", Value: crdt.Text(text)}, {Key: "updated_at", Value: crdt.Int(int64(d.n))}})}, 6)
			changed(before, statuses(t, text), wants)
		}
		meet(t, desks...)
		checkMet(t, desks, before, wants)
		if at := member(desks[0].fields(), "updated_at"); !at.Equal(crdt.Int(2)) {
			t.Fatalf("updated_at is %q", at)
		}
		for _, c := range desks[0].record().View().Conflicts {
			if !strings.HasPrefix(c.Path, "departments/") || c.Path == "departments/#" {
				t.Fatalf("conflict at %s", c.Path)
			}
		}
	})
}

// An edit that was shaped when there was no record is shaped anew when there is one.
func TestShapeOfWhatCame(t *testing.T) {
	d := &desk{n: 1}
	e := &crdt.Edit{Key: appointment, Replace: crdt.Object([]crdt.Field{{Key: "departments", Value: crdt.Text(departments)}})}
	fields, _ := Shape(e, 5)
	if _, err := crdt.Compose(d.record(), fields, nil); err != nil {
		t.Fatal(err)
	}
	d.write(t, `[{"id":"d0"}]`, 9)
	d.do(t, fields)
	if got := d.departments(); got != departments {
		t.Errorf("departments are %s", got)
	}
	if c := d.record().View().Conflicts; len(c) > 0 {
		t.Errorf("conflicts %v", c)
	}
}

// Where a document was replaced by what is none while another changed it, people are not
// told of its order as well.
func TestConflictsOfAnOrder(t *testing.T) {
	a, b := &desk{n: 1}, &desk{n: 2}
	a.write(t, departments, 5)
	b.held = slices.Clone(a.held)
	b.write(t, `[{"id":"d2"},{"id":"d1"}]`, 9)
	a.write(t, "x", 7)
	a.write(t, "y", 7)
	a.held = append(a.held, b.held[1:]...)
	var paths []string
	for _, c := range a.record().View().Conflicts {
		paths = append(paths, c.Path)
	}
	if got := fmt.Sprint(paths); got != "[departments/# departments/d1 departments/d2]" {
		t.Fatalf("conflicts %s: this test shows nothing", got)
	}
	paths = nil
	for _, c := range a.shown().Conflicts {
		paths = append(paths, c.Path)
	}
	if got := fmt.Sprint(paths); got != "[departments/d1 departments/d2]" {
		t.Errorf("conflicts %s", got)
	}
	a.say(t, &crdt.Edit{Resolve: &crdt.Resolution{Path: "departments", Value: crdt.Text(departments)}}, 8)
	if got := a.departments(); got != departments || len(a.record().View().Conflicts) > 0 {
		t.Errorf("resolved: %s", got)
	}
}
