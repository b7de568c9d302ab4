package clinic_test

import (
	"fmt"
	"testing"

	"musafir/crdt"
	"musafir/node/clinic"
	"musafir/node/clinic/apptest"
)

// writesOf is how many writes of a record live.
func (d *desk) writesOf(at crdt.RecordKey) (n int) {
	d.t.Helper()
	r, err := d.store.Record(at)
	if err != nil || r == nil {
		d.t.Fatalf("%s: %v, %v", at, r, err)
	}
	for _, t := range r.Living() {
		n += len(t.Change.Writes)
	}
	return n
}

// A phone may sync as long as it likes: what is kept about it does not grow.
func TestPhoneSyncsForYears(t *testing.T) {
	d := open(t)
	a, at := phone(1, d)
	id := a.Create("patients", apptest.Columns{"given_name": "R"})
	for i := range 100 {
		d.set("patients", "p", "camp", fmt.Sprint(i))
		a.Edit("patients", id, apptest.Columns{"given_name": fmt.Sprint(i)})
		sync(t, a, at)
		if i%5 == 0 {
			d.set("patients", id, "hometown", fmt.Sprint(i))
			a.Edit("patients", id, apptest.Columns{"hometown": fmt.Sprint("y", i)})
			fails(t, a, at)
		}
	}
	for _, collection := range []string{clinic.Cursors, clinic.Owed} {
		if n := d.writesOf(key(collection, a.ClientID)); n > 40 {
			t.Errorf("%s holds %d writes", collection, n)
		}
	}
}

// fails lets a push arrive and its answer not.
func fails(t *testing.T, a *apptest.Phone, at *line) {
	t.Helper()
	a.Now = at.nowMs
	if err := a.SyncWith(at, apptest.Faults{FailPushAfterArrival: true}); err == nil {
		t.Fatal("the fault did not happen")
	}
}

// Nor does it for a phone that never gets through, whatever it is owed.
func TestPhoneFailsForLong(t *testing.T) {
	d := open(t)
	a, at := phone(1, d)
	sync(t, a, at)
	sync(t, a, at)
	var ids []string
	for range 20 {
		ids = append(ids, a.Create("patients", apptest.Columns{"given_name": "R"}))
	}
	fails(t, a, at)
	for i := range 60 {
		d.set("patients", ids[i%len(ids)], "phone", fmt.Sprint(i))
		a.Edit("patients", ids[0], apptest.Columns{"phone": fmt.Sprint("0", i)})
		a.Edit("patients", ids[i%len(ids)], apptest.Columns{"hometown": fmt.Sprint(i)})
		fails(t, a, at)
	}
	for _, collection := range []string{clinic.Cursors, clinic.Owed} {
		if n := d.writesOf(key(collection, a.ClientID)); n > 80 {
			t.Errorf("%s holds %d writes", collection, n)
		}
	}
	for range 3 {
		sync(t, a, at)
	}
	for i, id := range ids {
		if got, want := a.Row("patients", id).Text("phone"), text(d.record("patients", id), "phone"); got != want {
			t.Errorf("of row %d the phone shows %q and not %q", i, got, want)
		}
	}
}

// Whatever a device writes among what is known of a phone, the phone goes on syncing.
func TestSlotsOfOthers(t *testing.T) {
	full := func(n int) (edits []*crdt.Edit) {
		for i := 0; i < n; i += 900 {
			var fields []crdt.Field
			for j := i; j < min(n, i+900); j++ {
				fields = append(fields, crdt.Field{Key: fmt.Sprint(j), Value: crdt.True})
			}
			edits = append(edits, &crdt.Edit{Seen: &crdt.Seen{}, Patch: crdt.Object(fields)})
		}
		return edits
	}
	siblings := func() (edits []*crdt.Edit) {
		for range 400 {
			edits = append(edits, &crdt.Edit{Seen: &crdt.Seen{}, Set: []crdt.Field{{Key: "0", Value: crdt.Text("x")}, {Key: "1", Value: crdt.Text("y")}}})
		}
		return edits
	}
	for name, edits := range map[string]func() []*crdt.Edit{
		"a counter":        func() []*crdt.Edit { return []*crdt.Edit{{Increment: []crdt.Field{{Key: "7", Value: crdt.Int(1)}}}} },
		"a set":            func() []*crdt.Edit { return []*crdt.Edit{{Add: []crdt.Field{field("3", "x")}}} },
		"a counter within": func() []*crdt.Edit { return []*crdt.Edit{{Increment: []crdt.Field{{Key: "8/x", Value: crdt.Int(1)}}}} },
		"an object":        func() []*crdt.Edit { return []*crdt.Edit{{Set: []crdt.Field{field("9/x", "y")}}} },
		"many values":      func() []*crdt.Edit { return full(12_000) },
		"all slots":        func() []*crdt.Edit { return full(1 << 16) },
		"many siblings":    siblings,
	} {
		for _, collection := range []string{clinic.Cursors, clinic.Owed} {
			t.Run(name+" in "+collection, func(t *testing.T) {
				d := open(t)
				a, at := phone(1, d)
				sync(t, a, at)
				sync(t, a, at)
				id := a.Create("patients", apptest.Columns{"given_name": "R", "phone": "1"})
				fails(t, a, at)
				for _, e := range edits() {
					e.Key = key(collection, a.ClientID)
					d.do(e)
				}
				d.set("patients", id, "phone", "7")
				d.set("patients", "new", "phone", "8")
				for range 4 {
					sync(t, a, at)
				}
				if one, other := a.Row("patients", id), a.Row("patients", "new"); one.Text("phone") != "7" || other.Text("phone") != "8" {
					t.Errorf("the phone shows %v and %v", one, other)
				}
			})
		}
	}
}

// What a phone is owed is owed all the while that it is written anew, in several entries.
func TestOwedWhileWrittenAnew(t *testing.T) {
	d := open(t)
	a, at := phone(1, d)
	sync(t, a, at)
	sync(t, a, at)
	for range 400 {
		a.Create("patients", apptest.Columns{"given_name": "R"})
	}
	fails(t, a, at)
	owed := func() map[crdt.RecordKey]bool {
		rows := map[crdt.RecordKey]bool{}
		r, err := d.store.Record(key(clinic.Owed, a.ClientID))
		if err != nil || r == nil {
			return rows
		}
		r.View().Fields.Fields(func(_ string, list crdt.Value) { clinic.EachOwed(list, func(k crdt.RecordKey) { rows[k] = true }) })
		return rows
	}
	for _, r := range a.Rows("patients") {
		d.set("patients", r.Text("id"), "phone", "1")
	}
	presented, before := a.Watermark(), 0
	for range 3 {
		m := d.look()
		answer, err := clinic.Pull{Look: m, Client: a.ClientID, User: super, Presented: presented, NowMs: d.nowMs, Issuer: 5}.Answer()
		if err == nil {
			err = answer.Each(func(string, clinic.Form, []byte) error { return nil })
		}
		var edits []*crdt.Edit
		if err == nil {
			edits, err = answer.Owed()
		}
		if err != nil || len(edits) < 2 {
			t.Fatalf("%d edits: %v", len(edits), err)
		}
		for _, e := range edits {
			d.do(e)
			if n := len(owed()); n < before {
				t.Fatalf("%d rows are owed, of %d", n, before)
			}
		}
		m.Close()
		if before = len(owed()); before < 400 {
			t.Fatalf("%d rows are owed", before)
		}
	}
}
