package clinic_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"musafir/crdt"
	"musafir/node/clinic/apptest"
)

func key(table, id string) crdt.RecordKey { return crdt.RecordKey{Collection: table, ID: id} }

func field(name, text string) crdt.Field { return crdt.Field{Key: name, Value: crdt.Text(text)} }

func patientID(i int) string { return fmt.Sprintf("0190a000-0000-7000-8000-%012d", i) }

// What a user sets back to what it was before an answer that came is written, although the
// phone presents the watermark from before that answer.
func TestSetBackAfterHalfAFailedSync(t *testing.T) {
	d := open(t)
	a, at := phone(1, d)
	b, bt := phone(2, d)
	id := a.Create("appointments", apptest.Columns{"status": "pending", "departments": `[{"id":"t","status":"pending"}]`})
	sync(t, a, at)
	sync(t, a, at)
	sync(t, b, bt)
	b.Edit("appointments", id, apptest.Columns{"status": "cancelled", "departments": `[{"id":"t","status":"seen"}]`})
	sync(t, b, bt)
	a.Create("patients", apptest.Columns{"given_name": "T"})
	a.Now = d.nowMs
	if err := a.SyncWith(at, apptest.Faults{FailPushBeforeArrival: true}); err == nil {
		t.Fatal("the fault did not happen")
	}
	a.Edit("appointments", id, apptest.Columns{"status": "pending", "departments": `[{"id":"t","status":"pending"}]`})
	for range 3 {
		sync(t, a, at)
	}
	sync(t, b, bt)
	agree(t, a, b)
	paths := map[string]bool{}
	for _, c := range d.record("appointments", id).Conflicts {
		paths[c.Path] = true
	}
	if !paths["status"] || !paths["departments/t"] {
		t.Errorf("conflicts: %v", paths)
	}
}

// However many rows are owed to a phone, its push goes through.
func TestManyRowsOwed(t *testing.T) {
	const rows = 1500
	d := open(t)
	for i := range rows {
		d.do(&crdt.Edit{Key: key("patients", patientID(i)), Set: []crdt.Field{field("given_name", "R")}, Max: []crdt.Field{{Key: "updated_at", Value: crdt.Int(100)}}})
	}
	a, at := phone(1, d)
	b, bt := phone(2, d)
	sync(t, a, at)
	sync(t, b, bt)
	for i := range rows {
		a.Edit("patients", patientID(i), apptest.Columns{"camp": "1"})
		b.Edit("patients", patientID(i), apptest.Columns{"phone": "1"})
	}
	sync(t, b, bt)
	for range 8 { // until all marks have gone again
		sync(t, a, at)
	}
	sync(t, b, bt)
	agree(t, a, b)
	if left := d.record("_owed", a.ClientID).Fields; strings.Contains(fmt.Sprint(left), "patients") && left.Len() > 0 {
		left.Fields(func(_ string, marks crdt.Value) {
			if marks.Kind() == crdt.KindObject && marks.Len() > 0 {
				t.Errorf("%d marks are left", marks.Len())
			}
		})
	}
}

// A phone whose pushes fail again and again is served as before.
func TestManyAnswersOfOneWatermark(t *testing.T) {
	d := open(t)
	a, at := phone(1, d)
	sync(t, a, at)
	sync(t, a, at)
	w := a.Watermark()
	for i := range 400 {
		d.do(&crdt.Edit{Key: key("patients", "p"), Set: []crdt.Field{field("camp", fmt.Sprint(i))}})
		if _, err := at.Pull(w); err != nil {
			t.Fatal(err)
		}
		if n := d.record("_cursors", a.ClientID).Fields.Len(); n > 30 {
			t.Fatalf("%d cursors after %d answers", n, i+1)
		}
	}
	sync(t, a, at)
	if a.Row("patients", "p").Text("camp") != "399" {
		t.Errorf("the phone has %v", a.Row("patients", "p"))
	}
}

// Two answers at the same moment have watermarks of their own.
func TestAnswersAtOneMoment(t *testing.T) {
	d := open(t)
	a, at := phone(1, d)
	sync(t, a, at)
	sync(t, a, at)
	var stamps []int64
	for _, id := range []string{"p1", "p2"} {
		d.do(&crdt.Edit{Key: key("patients", id), Set: []crdt.Field{field("given_name", "R")}})
		answer, err := at.Pull(a.Watermark())
		if err != nil {
			t.Fatal(err)
		}
		var doc struct{ Timestamp int64 }
		if err := json.Unmarshal(answer, &doc); err != nil {
			t.Fatal(err)
		}
		stamps = append(stamps, doc.Timestamp)
	}
	if stamps[0] == stamps[1] {
		t.Errorf("both answers have the watermark %d", stamps[0])
	}
	if _, err := at.Pull(stamps[0]); err != nil || len(at.got) != 1 {
		t.Errorf("to whom the first answer came, %v came then: %v", at.got, err)
	}
}

// cursorBody is a cursor as it is stored, with no marks.
func cursorBody(watermark, presented, base int64) crdt.Value {
	return crdt.Array([]crdt.Value{
		crdt.Int(watermark), crdt.Int(presented), crdt.Text("u"), crdt.Array(nil), crdt.BytesOf(make([]byte, 8)), crdt.Int(base), crdt.BytesOf(nil),
		crdt.Int(0), crdt.False, crdt.False, crdt.BytesOf(nil),
	})
}

// owedBody is a list of what is owed as it is stored.
func owedBody(names ...string) crdt.Value {
	var items []crdt.Value
	for _, n := range names {
		items = append(items, crdt.Text(n))
	}
	return crdt.Array(items)
}

// What no device of ours writes into internal records ends no phone's syncing.
func TestGarbageAboutPhones(t *testing.T) {
	d := open(t)
	a, at := phone(1, d)
	a.Create("patients", apptest.Columns{"given_name": "R"})
	sync(t, a, at)
	sync(t, a, at)
	cursors := key("_cursors", a.ClientID)
	d.do(
		&crdt.Edit{Key: cursors, Set: []crdt.Field{field("17", "garbage"), field("x", "garbage"), field("-1", "garbage"), {Key: "18", Value: crdt.Array([]crdt.Value{crdt.Int(1)})}}},
		&crdt.Edit{Key: key("moons", "x"), Set: []crdt.Field{field("a", "b")}},
		&crdt.Edit{Key: key("_owed", a.ClientID), Set: []crdt.Field{
			field("0", "garbage"), field("y", "garbage"), {Key: "1", Value: owedBody("moons", "x", "patients", "nobody", "patients")}, {Key: "2/x", Value: crdt.Int(1)},
		}},
	)
	for depth := range 9 { // each of many cursors of one watermark rests on many of another
		for n := range 12 {
			body := cursorBody(int64(4096*(depth+1)), int64(n), int64(4096*(depth+2)%(4096*9)))
			d.do(&crdt.Edit{Key: cursors, Seen: &crdt.Seen{}, Set: []crdt.Field{{Key: fmt.Sprint(20 + depth), Value: body}}})
		}
	}
	d.do(&crdt.Edit{Key: key("patients", "new"), Set: []crdt.Field{field("given_name", "N")}})
	for range 3 {
		sync(t, a, at)
	}
	if a.Row("patients", "new") == nil {
		t.Error("the phone did not get the new patient")
	}
}
