package crdt

import (
	"bytes"
	"errors"
	"slices"
	"testing"
)

// checkTouched compares the records that are found in the bytes of a parsed entry with
// what its changes say.
func checkTouched(t tb, e *Entry) {
	t.Helper()
	var got, want []RecordKey
	more, err := EachTouched(e.Encoded(), func(key RecordKey) (bool, error) {
		got = append(got, key)
		return true, nil
	})
	for i := range e.Changes {
		if rc := e.Record(i); rc != nil {
			want = append(want, rc.Key)
		}
	}
	if err != nil || !more || !slices.Equal(got, want) {
		t.Fatalf("touched are %q, want %q, %v", got, want, err)
	}
}

// Changes that are erased, and those of kinds that nobody knows, wherever they stand.
func TestEachTouched(t *testing.T) {
	var changes []Change
	for i, id := range []string{"a", "b", "c", "d"} {
		rc := RecordChange{
			Key: RecordKey{Collection: "patients", ID: id}, Names: []ShortID{{1}}, Supersedes: []uint16{0},
			Writes: []Write{{Path: "p", Value: Object(nil)}, {Path: "q", Value: Array([]Value{Int(1), Float(0.1), Object([]Field{{"k", Text("v")}})})}},
		}
		if i == 3 {
			rc.Key.Collection, rc.Writes, rc.Dead = "visits", nil, true
		}
		c, err := rc.Encode([SaltSize]byte{1})
		if err != nil {
			t.Fatal(err)
		}
		if i == 2 {
			c = c.Erase()
		}
		changes = append(changes, c)
	}
	for i := range len(changes) + 1 {
		e, err := NewEntry(1, []Dep{{Log: LogID{1}, ID: EntryID{2}}}, "amina", "phone", changes)
		if err != nil {
			t.Fatal(err)
		}
		if i < len(changes) { // all but the last
			raw := bytes.Clone(e.Encoded())
			raw[e.Offset(i)+1] = 9
			if e, err = ParseEntry(raw); err != nil {
				t.Fatal(err)
			}
		}
		checkTouched(t, e)
		checkTouchedStops(t, e)
	}
}

func checkTouchedStops(t *testing.T, e *Entry) {
	t.Helper()
	stop := errors.New("stop")
	for _, refuse := range []error{nil, stop} {
		n := 0
		more, err := EachTouched(e.Encoded(), func(RecordKey) (bool, error) { n++; return n < 2, refuse })
		want := 2
		if refuse != nil {
			want = 1
		}
		if more || n != want || !errors.Is(err, refuse) {
			t.Fatalf("visited %d, more: %v, %v", n, more, err)
		}
	}
}

// What ends too early is no entry.
func TestEachTouchedCut(t *testing.T) {
	rc := RecordChange{Key: testKey, Writes: []Write{{Path: "p", Value: Int(1)}}}
	c, err := rc.Encode([SaltSize]byte{})
	if err != nil {
		t.Fatal(err)
	}
	e, err := NewEntry(1, nil, "", "", []Change{c})
	if err != nil {
		t.Fatal(err)
	}
	for n := range e.Encoded() {
		if _, err := EachTouched(e.Encoded()[:n], func(RecordKey) (bool, error) { return true, nil }); err == nil {
			t.Fatalf("%d bytes of %d were taken", n, len(e.Encoded()))
		}
	}
}

func TestMarks(t *testing.T) {
	log, id := LogID{15: 1, 16: 2}, EntryID{15: 3, 16: 4}
	k := MarkOf(log, Head{Seq: 5, ID: id})
	if k != (Mark{Log: ShortID{15: 1}, Head: ShortID{15: 3}, Seq: 5}) {
		t.Fatalf("mark is %v", k)
	}
	sorted := []Mark{{Log: ShortID{1}, Seq: 9}, {Log: ShortID{2}, Seq: 1, Head: ShortID{3}}, {Log: ShortID{2}, Seq: 2, Head: ShortID{1}}, {Log: ShortID{2}, Seq: 2, Head: ShortID{2}}}
	mixed := []Mark{sorted[3], sorted[1], sorted[0], sorted[2]}
	slices.SortFunc(mixed, Mark.Compare)
	if !slices.Equal(mixed, sorted) {
		t.Fatalf("sorted: %v", mixed)
	}
}
