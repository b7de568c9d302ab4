package clinic

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"musafir/crdt"
)

var appointment = crdt.RecordKey{Collection: "appointments", ID: "a1"}

// A desk is a device at which somebody changes one record, apart from the others.
type desk struct {
	n    byte
	held []*crdt.Touch
}

func (d *desk) record() *crdt.Record { return crdt.Refold(appointment, d.held) }

func (d *desk) fields() crdt.Value { return d.record().View().Fields }

// departments is the text that the desk shows; "" if the column holds none.
func (d *desk) departments() string {
	v := member(Shown(appointment.Collection, d.fields()), "departments")
	if v.Kind() != crdt.KindText {
		return ""
	}
	return v.Text()
}

func (d *desk) do(t rapid.TB, e *crdt.Edit) {
	t.Helper()
	e.Key = appointment
	rc, err := crdt.Compose(d.record(), e, func() ([]*crdt.Touch, error) { return d.held, nil })
	if err != nil {
		t.Fatal(err)
	}
	if rc == nil {
		return
	}
	change, err := rc.Encode([crdt.SaltSize]byte{})
	if err == nil {
		rc, err = change.Record()
	}
	if err != nil {
		t.Fatal(err)
	}
	own := 0
	for _, x := range d.held {
		if x.Log == (crdt.LogID{d.n}) {
			own++
		}
	}
	d.held = append(d.held, &crdt.Touch{
		Ref: crdt.Ref{Branch: uint32(d.n), Seq: uint64(own + 1)}, Log: crdt.LogID{d.n}, Entry: crdt.EntryID{d.n, byte(own), byte(own >> 8), 1},
		Time: crdt.TimeAt(1767225600000 + int64(len(d.held))), Merged: true, Change: rc,
	})
}

// write makes the departments a text.
func (d *desk) write(t rapid.TB, text string, nowMs int64) {
	t.Helper()
	var e crdt.Edit
	TableOf("appointments").changeColumn("departments", member(d.fields(), "departments"), crdt.Text(text), nowMs).addTo(&e)
	d.do(t, &e)
}

// meet lets all desks hold what each of them wrote, in whatever order.
func meet(t *rapid.T, desks ...*desk) {
	var all []*crdt.Touch
	for _, d := range desks {
		for _, x := range d.held {
			if !slices.Contains(all, x) {
				all = append(all, x)
			}
		}
	}
	for _, d := range desks {
		d.held = rapid.Permutation(all).Draw(t, "order")
	}
}

var someKeys = rapid.SampledFrom([]string{"d1", "d2", "d3", "a/b", "~", "ü", "7", "%", " "})

// lists draws the texts of lists that are taken apart.
var lists = rapid.Custom(func(t *rapid.T) string {
	var elements []string
	for _, k := range rapid.SliceOfNDistinct(someKeys, 1, 6, rapid.ID).Draw(t, "keys") {
		elements = append(elements, fmt.Sprintf(`{"id":%s,"status":%d}`, quoted(k), rapid.IntRange(0, 3).Draw(t, "status")))
	}
	return "[" + strings.Join(elements, ",") + "]"
})

func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// texts draws whatever may be written into a column.
var texts = rapid.OneOf(lists, rapid.Just("[]"), rapid.SampledFrom([]string{
	"", "{}", "null", "x", "[1,2]", departments, formData, `{"a":1,"b":{"id":"d1"}}`, `{"b":2,"d1":"x"}`, `{"d1":{"id":"d1"}}`, `{"a":1,"a":2}`,
	`[{"id":"d1"},{"id":"d1"}]`, `[{"id":"#"}]`, `{"#":[]}`, `[{"id":""}]`, `{"":1}`, `[{"id":"d1","n":1e400}]`, `[{"id":1e400}]`, `[{"id":7},{"id":"8"}]`,
	`[{"id":7},{"id":"7"}]`, ` [{"id":"d1"}]`, `[{"id": "d1"}]`, `{"a":1e400}`, `[{"id":"d1","x":"\u0000\ud83d\ude00"}]`, `{"\u0061":1}`, `[{"id":"\u0064\u0031"}]`,
	`[{"id":"d1","deep":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}]`, `[{"id":"d1","x":"\ud800"}]`,
	`[{"id":"` + strings.Repeat("k", 600) + `"}]`, `[{"id":"` + strings.Repeat("k", 505) + `"}]`, `[{"id":"` + strings.Repeat("/", 300) + `"}]`,
	`[{"id":"d1","x":"` + strings.Repeat("long ", 6000) + `"}]`, `[{"id":"الصيدلية","name":"الصيدلية"}]`,
}))

var weirdTimes = rapid.SampledFrom([]int64{0, 1, 1767225600000, 1767225600001, -5, latestOrderMs, 1 << 62})

// Whoever writes alone reads every byte as it was written.
func TestDocumentAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := &desk{n: 1}
		for range rapid.IntRange(1, 12).Draw(t, "n") {
			text := texts.Draw(t, "text")
			d.write(t, text, weirdTimes.Draw(t, "time"))
			if got := d.departments(); got != text {
				t.Fatalf("wrote %s, reads %s, holds %q", text, got, member(d.fields(), "departments"))
			}
			if c := d.record().View().Conflicts; len(c) > 0 {
				t.Fatalf("conflicts with nobody: %v", c)
			}
			entries := len(d.held)
			if d.write(t, text, weirdTimes.Draw(t, "again")); len(d.held) != entries {
				t.Fatalf("the same text again wrote something")
			}
		}
	})
}

// statuses are the elements of a list by their ids.
func statuses(t rapid.TB, text string) map[string]int {
	t.Helper()
	var list []struct {
		ID     string `json:"id"`
		Status int    `json:"status"`
	}
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	byID := map[string]int{}
	for _, x := range list {
		if _, twice := byID[x.ID]; twice {
			t.Fatalf("%s has an element twice", text)
		}
		byID[x.ID] = x.Status
	}
	return byID
}

// What several change apart all show alike, and of no change anything is lost: it is
// shown or stands beside what is.
func TestDocumentsApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		desks := []*desk{{n: 1}, {n: 2}, {n: 3}}[:rapid.IntRange(2, 3).Draw(t, "desks")]
		first := lists.Draw(t, "first")
		desks[0].write(t, first, 5)
		meet(t, desks...)
		for range rapid.IntRange(1, 3).Draw(t, "rounds") {
			before := statuses(t, desks[0].departments())
			wants := map[string][]string{} // by id: what the desks made of it, "" if it is gone
			for _, d := range desks {
				written := d.departments()
				for range rapid.IntRange(0, 2).Draw(t, "writes") {
					written = rapid.OneOf(lists, rapid.Just("[]")).Draw(t, "text")
					d.write(t, written, rapid.Int64Range(1, 9).Draw(t, "time"))
				}
				changed(before, statuses(t, written), wants)
			}
			meet(t, desks...)
			checkMet(t, desks, before, wants)
			if len(desks[0].record().View().Conflicts) > 0 {
				return // what one desk removes then brings up what stood beside it
			}
		}
	})
}

// changed adds what differs after of what was before.
func changed(before, after map[string]int, to map[string][]string) {
	for k, is := range after {
		if was, there := before[k]; !there || was != is {
			to[k] = append(to[k], fmt.Sprint(is))
		}
	}
	for k := range before {
		if _, stays := after[k]; !stays {
			to[k] = append(to[k], "")
		}
	}
}

func checkMet(t *rapid.T, desks []*desk, before map[string]int, wants map[string][]string) {
	text := desks[0].departments()
	for _, d := range desks[1:] {
		if got := d.departments(); got != text {
			t.Fatalf("one desk shows %s, another %s", text, got)
		}
	}
	shown := statuses(t, text)
	beside := map[string]string{}
	for _, c := range desks[0].record().View().Conflicts {
		for _, s := range c.Siblings {
			if !s.Removed {
				beside[strings.TrimPrefix(c.Path, "departments/")] += s.Value.Text()
			}
		}
	}
	for k := range maps.Keys(before) {
		if _, there := shown[k]; !there && !slices.Contains(wants[k], "") {
			t.Fatalf("%q is gone, which nobody removed: %s", k, text)
		}
	}
	for k, made := range wants {
		for _, is := range made {
			now, there := shown[k]
			if is == "" {
				continue
			}
			if !there {
				t.Fatalf("%q is not shown: %s", k, text)
			}
			if fmt.Sprint(now) != is && !strings.Contains(beside[crdt.JoinPath("", k)], `"status":`+is) {
				t.Fatalf("%q is lost with status %s: %s beside %v", k, is, text, beside)
			}
		}
	}
}

// Whatever several write apart, all show the same, and a text that is shown is what one
// of them wrote or JSON.
func TestWeirdDocumentsApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		desks := []*desk{{n: 1}, {n: 2}, {n: 3}}
		written := map[string]bool{}
		for range rapid.IntRange(1, 4).Draw(t, "rounds") {
			for _, d := range desks {
				text := texts.Draw(t, "text")
				written[text] = true
				d.write(t, text, weirdTimes.Draw(t, "time"))
			}
			meet(t, desks...)
			text := desks[0].departments()
			if !written[text] && !json.Valid([]byte(text)) {
				t.Fatalf("shows %s", text)
			}
			for _, d := range desks {
				if got := d.departments(); got != text {
					t.Fatalf("one desk shows %s, another %s", text, got)
				}
			}
		}
	})
}

// apartFrom is what a column holds of a document.
func apartFrom(text string) crdt.Value {
	d, _ := readDocument(text)
	fields := []crdt.Field{{Key: orderKey, Value: crdt.Text(d.order(1))}}
	for k, part := range d.parts {
		fields = append(fields, crdt.Field{Key: k, Value: crdt.Text(part)})
	}
	return crdt.Object(fields)
}

func TestChangeColumn(t *testing.T) {
	appointments := TableOf("appointments")
	number := func(n int64) crdt.Value { return crdt.Int(n) }
	for _, c := range []struct {
		what, column string
		from, to     crdt.Value
		set, max     int
		remove       int
	}{
		{"a text", "reason", nil, crdt.Text("x"), 1, 0, 0},
		{"the same", "reason", crdt.Text("x"), crdt.Text("x"), 0, 0, 0},
		{"none any more", "reason", crdt.Text("x"), nil, 0, 0, 1},
		{"none of none", "reason", nil, nil, 0, 0, 0},
		{"a later time", "updated_at", number(5), number(6), 0, 1, 0},
		{"an earlier time", "updated_at", number(5), number(4), 0, 0, 0},
		{"a first time", "updated_at", nil, number(4), 0, 1, 0},
		{"a time that was none", "updated_at", crdt.Text("x"), number(4), 1, 0, 0},
		{"no time", "updated_at", number(5), crdt.Null, 1, 0, 0},
		{"a column of none of the app's", "shoe_size", nil, crdt.Text(departments), 1, 0, 0},
		{"a document", "departments", nil, crdt.Text(departments), 2, 1, 0},
		{"a document of a leaf", "departments", crdt.Text("[]"), crdt.Text(departments), 2, 1, 0},
		{"the same leaf", "departments", crdt.Text(departments), crdt.Text(departments), 0, 0, 0},
		{"a document of another kind", "departments", apartFrom(departments), crdt.Text(`{"d1":7}`), 1, 0, 0},
		{"no document", "departments", crdt.Text(departments), crdt.Null, 1, 0, 0},
		{"an object of somebody", "departments", crdt.Object([]crdt.Field{{Key: "x", Value: crdt.Text("y")}}), crdt.Text(departments), 1, 0, 0},
	} {
		got := appointments.changeColumn(c.column, c.from, c.to, 7)
		if len(got.Set) != c.set || len(got.Max) != c.max || len(got.Remove) != c.remove {
			t.Errorf("%s: %+v", c.what, got)
		}
	}
}

// A change that takes apart more than there is room for stays whole.
func TestLargeDocument(t *testing.T) {
	var elements []string
	for i := range 300 {
		elements = append(elements, fmt.Sprintf(`{"id":"%036d","x":"%040d"}`, i, i))
	}
	d := &desk{n: 1}
	text := "[" + strings.Join(elements, ",") + "]"
	d.write(t, text, 5)
	if v := member(d.fields(), "departments"); v.Kind() != crdt.KindText || v.Text() != text {
		t.Error("it was taken apart")
	}
}

// Where one empties a list while another adds to it or changes it, what was added and
// what was changed stay.
func TestEmptiedDocument(t *testing.T) {
	a, b := &desk{n: 1}, &desk{n: 2}
	a.write(t, departments, 5)
	b.held = slices.Clone(a.held)
	a.write(t, "[]", 6)
	if got := a.departments(); got != "[]" {
		t.Errorf("emptied: %s", got)
	}
	added := strings.Replace(departments, "[", `[{"id":"d0"},`, 1)
	b.write(t, strings.Replace(added, "pending", "done", 1), 6)
	a.held = append(a.held, b.held[1:]...)
	if got := a.departments(); strings.Join(slices.Sorted(maps.Keys(statusTexts(got))), " ") != "d0 d1" || statusTexts(got)["d1"] != "done" {
		t.Errorf("met: %s", got)
	}
}

func statusTexts(text string) map[string]string {
	var list []struct{ ID, Status string }
	_ = json.Unmarshal([]byte(text), &list) // none
	byID := map[string]string{}
	for _, x := range list {
		byID[x.ID] = x.Status
	}
	return byID
}

func TestShown(t *testing.T) {
	d := &desk{n: 1}
	d.write(t, departments, 5)
	odd := crdt.Object([]crdt.Field{{Key: "x", Value: crdt.Int(1)}})
	fields := append([]crdt.Field{}, crdt.Field{Key: "departments", Value: member(d.fields(), "departments")}, crdt.Field{Key: "metadata", Value: odd},
		crdt.Field{Key: "reason", Value: odd}, crdt.Field{Key: "mine", Value: member(d.fields(), "departments")})
	all := crdt.Object(fields)
	shown := Shown("appointments", all)
	if got := member(shown, "departments"); !got.Equal(crdt.Text(departments)) {
		t.Errorf("departments are %q", got)
	}
	for _, name := range []string{"metadata", "reason", "mine"} {
		if !member(shown, name).Equal(member(all, name)) {
			t.Errorf("%s became %q", name, member(shown, name))
		}
	}
	if !Shown("somewhere", all).Equal(all) {
		t.Error("what is no table of the app is changed")
	}
}

// What was taken apart by a device that is not heard any more is still shown.
func TestDocumentWithoutOrder(t *testing.T) {
	for _, text := range []string{departments, `{"a":1,"b":[2]}`} {
		d, _ := readDocument(text)
		if got, ok := composed(d.parts, ""); !ok || got != text {
			t.Errorf("%s became %s, %v", text, got, ok)
		}
	}
	if got, ok := composed(map[string]string{"a": "b"}, ""); ok {
		t.Errorf("%s is no document", got)
	}
}
