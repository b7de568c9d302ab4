package clinic_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"musafir/crdt"
	"musafir/node/clinic"
	"musafir/node/clinic/apptest"
)

const nurse = "0190a000-0000-7000-8000-0000000000aa"

// staff makes clinics a and b and a nurse with permissions in a.
func (d *desk) staff(permissions ...string) {
	d.t.Helper()
	named := func(table, id, name string) *crdt.Edit {
		return &crdt.Edit{Key: crdt.RecordKey{Collection: table, ID: id}, Set: []crdt.Field{{Key: "name", Value: crdt.Text(name)}}}
	}
	user := named("users", nurse, "Noor")
	user.Set = append(user.Set, crdt.Field{Key: "role", Value: crdt.Text("provider")}, crdt.Field{Key: "clinic_id", Value: crdt.Text("a")})
	d.do(named("clinics", "a", "A"), named("clinics", "b", "B"), user)
	d.allow(permissions...)
}

func (d *desk) allow(permissions ...string) {
	d.t.Helper()
	e := &crdt.Edit{Key: crdt.RecordKey{Collection: "user_clinic_permissions", ID: "p-" + nurse}, Set: texts("user_id", nurse, "clinic_id", "a")}
	for _, c := range permissions {
		e.Set = append(e.Set, crdt.Field{Key: c, Value: crdt.True})
	}
	d.do(e)
}

func texts(pairs ...string) (fields []crdt.Field) {
	for i := 0; i < len(pairs); i += 2 {
		fields = append(fields, crdt.Field{Key: pairs[i], Value: crdt.Text(pairs[i+1])})
	}
	return fields
}

// nursePhone is a phone that the nurse logged in at.
func nursePhone(t *testing.T, d *desk) (*apptest.Phone, *line) {
	a, at := phone(1, d)
	at.user = nurse
	sync(t, a, at)
	return a, at
}

// mend merges what may be merged by now.
func (l *line) mend() {
	l.t.Helper()
	after := ""
	for again := true; again; again = after != "" {
		err := l.step(0, &clinic.Pushed{}, func(p clinic.Push) (batches []clinic.Batch, err error) {
			batches, after, err = clinic.Mend(p.Look, after, p.NowMs)
			return batches, err
		})
		if err != nil {
			l.t.Fatal(err)
		}
	}
}

func (d *desk) push(at *line, presented int64, changes string) {
	d.t.Helper()
	if err := at.Push(presented, []byte(changes)); err != nil {
		d.t.Fatal(err)
	}
}

// A row that is merged late does not overwrite what its phone sent meanwhile.
func TestMendedRowIsOlder(t *testing.T) {
	d := open(t)
	d.staff("can_view_history")
	a, at := nursePhone(t, d)
	id := a.Create("patients", apptest.Columns{"given_name": "R", "primary_clinic_id": "a", "phone": "111"})
	sync(t, a, at)
	if len(d.held()) != 1 {
		t.Fatalf("held back: %v", d.held())
	}
	d.allow("can_register_patients")
	a.Edit("patients", id, apptest.Columns{"phone": "222"})
	sync(t, a, at)
	at.mend()
	if v := d.record("patients", id); text(v, "phone") != "222" || len(v.Conflicts) > 0 {
		t.Errorf("the phone is %s, %d conflicts", text(v, "phone"), len(v.Conflicts))
	}
	if rows := d.held(); len(rows) > 0 {
		t.Errorf("held back: %v", rows)
	}
}

// It has the columns that the phone did not send again, beside what others wrote meanwhile.
func TestMendedRowMerges(t *testing.T) {
	d := open(t)
	d.staff("can_register_patients")
	a, at := nursePhone(t, d)
	id := a.Create("patients", apptest.Columns{"given_name": "R", "primary_clinic_id": "a", "phone": "1", "camp": "1", "surname": "x"})
	sync(t, a, at)
	sync(t, a, at)
	may := crdt.RecordKey{Collection: "user_clinic_permissions", ID: "p-" + nurse}
	d.do(&crdt.Edit{Key: may, Set: []crdt.Field{{Key: "can_register_patients", Value: crdt.False}}})
	a.Edit("patients", id, apptest.Columns{"phone": "2", "camp": "2", "surname": "y"})
	sync(t, a, at)
	d.do(&crdt.Edit{Key: crdt.RecordKey{Collection: "patients", ID: id}, Set: texts("surname", "z")})
	d.allow("can_register_patients")
	d.push(at, a.Watermark(), fmt.Sprintf(`{"patients":{"updated":[{"id":%q,"primary_clinic_id":"a","phone":"3","_status":"updated","_changed":"phone"}]}}`, id))
	at.mend()
	v := d.record("patients", id)
	if text(v, "phone") != "3" || text(v, "camp") != "2" || len(v.Conflicts) != 1 || v.Conflicts[0].Path != "surname" {
		t.Errorf("the patient is %v, conflicts %v", v.Fields, v.Conflicts)
	}
	if rows := d.held(); len(rows) > 0 {
		t.Errorf("held back: %v", rows)
	}
	r, err := d.store.Record(crdt.RecordKey{Collection: "patients", ID: id})
	if err != nil {
		t.Fatal(err)
	}
	for _, touch := range r.Living() {
		for _, w := range touch.Change.Writes {
			if w.Path == "camp" && w.Value.Equal(crdt.Text("2")) && touch.Author != "Noor" {
				t.Errorf("%q is named as the author", touch.Author)
			}
		}
	}
}

// A deletion that was not permitted is carried out once it is, with what its row said.
func TestMendedDeletion(t *testing.T) {
	for _, merged := range []bool{true, false} {
		d := open(t)
		d.staff("can_view_history")
		if merged {
			d.allow("can_register_patients")
		}
		a, at := nursePhone(t, d)
		id := a.Create("patients", apptest.Columns{"given_name": "R", "primary_clinic_id": "a"})
		if merged {
			sync(t, a, at)
			sync(t, a, at)
		}
		a.SoftDelete("patients", id)
		sync(t, a, at)
		if rows := d.held(); len(rows) != 1 {
			t.Fatalf("held back: %v", rows)
		}
		d.allow("can_register_patients", "can_delete_patient_records")
		at.mend()
		at.mend()
		if !d.record("patients", id).Deleted || len(d.held()) > 0 {
			t.Errorf("merged before: %v, deleted: %v, held back: %v", merged, d.record("patients", id).Deleted, d.held())
		}
	}
}

// A phone that got a row back, and may delete it later, is told of the deletion.
func TestMendedDeletionReachesItsPhone(t *testing.T) {
	d := open(t)
	d.staff("can_register_patients")
	d.set("patients", "p", "given_name", "R", "primary_clinic_id", "a")
	a, at := nursePhone(t, d)
	a.SoftDelete("patients", "p")
	sync(t, a, at)
	if len(d.held()) != 1 {
		t.Fatalf("held back: %v", d.held())
	}
	sync(t, a, at)
	wantIDs(t, a, []string{"patients"}, "p")
	d.allow("can_delete_patient_records")
	at.mend()
	sync(t, a, at)
	wantIDs(t, a, []string{"patients"})
}

// What a phone says of one row in two lists is held back as one, and mended as one.
func TestMendedFromTwoLists(t *testing.T) {
	d := open(t)
	d.staff("can_view_history")
	a, at := nursePhone(t, d)
	const id = "0190a000-0000-7000-8000-0000000000c1"
	d.push(at, a.Watermark(), `{"patients":{"created":[{"id":"`+id+`","primary_clinic_id":"a","given_name":"R","_status":"created"}],"deleted":["`+id+`"]}}`)
	if rows := d.held(); len(rows) != 1 {
		t.Fatalf("held back: %v", rows)
	}
	d.allow("can_register_patients")
	at.mend()
	if v := d.record("patients", id); text(v, "given_name") != "R" || len(d.held()) != 1 {
		t.Errorf("the patient is %v, held back: %v", v.Fields, d.held())
	}
	d.allow("can_delete_records")
	at.mend()
	if !d.record("patients", id).Deleted || len(d.held()) > 0 {
		t.Errorf("not deleted, held back: %v", d.held())
	}
}

// What the phone deleted since does not come back with a row that is merged late.
func TestMendedRowDeletedSince(t *testing.T) {
	d := open(t)
	d.staff("can_register_patients", "can_delete_patient_records")
	a, at := nursePhone(t, d)
	id := a.Create("patients", apptest.Columns{"given_name": "R", "primary_clinic_id": "a"})
	sync(t, a, at)
	sync(t, a, at)
	may := crdt.RecordKey{Collection: "user_clinic_permissions", ID: "p-" + nurse}
	d.do(&crdt.Edit{Key: may, Set: []crdt.Field{{Key: "can_register_patients", Value: crdt.False}}})
	a.Edit("patients", id, apptest.Columns{"phone": "2"})
	sync(t, a, at)
	d.push(at, a.Watermark(), fmt.Sprintf(`{"patients":{"deleted":[%q]}}`, id))
	d.allow("can_register_patients")
	at.mend()
	if !d.record("patients", id).Deleted || len(d.held()) > 0 {
		t.Errorf("deleted: %v, held back: %v", d.record("patients", id).Deleted, d.held())
	}
}

// What the phone wrote after a deletion that was not permitted keeps the record there.
func TestMendedDeletionBeforeAnEdit(t *testing.T) {
	d := open(t)
	d.staff("can_register_patients")
	a, at := nursePhone(t, d)
	id := a.Create("patients", apptest.Columns{"given_name": "R", "primary_clinic_id": "a"})
	sync(t, a, at)
	sync(t, a, at)
	d.push(at, a.Watermark(), fmt.Sprintf(`{"patients":{"deleted":[%q]}}`, id))
	d.push(at, a.Watermark(), fmt.Sprintf(`{"patients":{"updated":[{"id":%q,"primary_clinic_id":"a","phone":"3","_status":"updated","_changed":"phone"}]}}`, id))
	if len(d.held()) != 1 {
		t.Fatalf("held back: %v", d.held())
	}
	d.allow("can_delete_patient_records")
	at.mend()
	if v := d.record("patients", id); v.Deleted || text(v, "phone") != "3" || len(d.held()) > 0 {
		t.Errorf("deleted: %v, held back: %v", v.Deleted, d.held())
	}
}

// What a phone did not say that it edited is held back until it says so.
func TestHeldUntilItIsNamed(t *testing.T) {
	d := open(t)
	a, at := phone(1, d)
	id := a.Create("patients", apptest.Columns{"given_name": "R", "camp": "1", "phone": "1"})
	sync(t, a, at)
	sync(t, a, at)
	for i, changed := range []string{"phone", "phone,camp"} {
		d.push(at, a.Watermark(), fmt.Sprintf(`{"patients":{"updated":[{"id":%q,"given_name":"R","camp":"9","phone":"7","_status":"updated","_changed":%q}]}}`, id, changed))
		if rows := d.held(); len(rows) != 1-i {
			t.Errorf("held back after %s: %v", changed, rows)
		}
	}
}

// A row that could be no record is held back no longer once the phone sent it right.
func TestHeldUntilItComesRight(t *testing.T) {
	d := open(t)
	a, at := phone(1, d)
	sync(t, a, at)
	d.push(at, a.Watermark(), `{"patients":{"created":[{"id":"x","_status":"created","camp":1e999},{"id":"y","_status":"created","camp":1e999}]}}`)
	d.push(at, a.Watermark(), `{"patients":{"created":[{"id":"x","_status":"created","camp":"1"}],"updated":[{"id":"z","phone":1e999,"camp":"2","_status":"updated","_changed":"phone,camp"}]}}`)
	if rows := d.held(); len(rows) != 2 {
		t.Errorf("held back: %v", rows)
	}
	d.do(&crdt.Edit{Key: crdt.RecordKey{Collection: "patients", ID: "z"}, Set: texts("camp", "1")})
	sync(t, a, at)
	sync(t, a, at)
	d.push(at, a.Watermark(), `{"patients":{"updated":[{"id":"z","phone":"","camp":"3","_status":"updated","_changed":"camp"}]}}`)
	if rows := d.held(); len(rows) != 2 {
		t.Errorf("held back after a part of it came: %v", rows)
	}
	d.push(at, a.Watermark(), `{"patients":{"updated":[{"id":"z","phone":"4","camp":"3","_status":"updated","_changed":"camp, phone"}]}}`)
	if rows := d.held(); len(rows) != 1 || rows[0].Row != "y" {
		t.Errorf("held back: %v", rows)
	}
}

// A row that cannot be written is held back: those beside it are merged, and the push is taken.
func TestHeldAsTheWriterRefusesIt(t *testing.T) {
	d := open(t)
	a, at := phone(1, d)
	sync(t, a, at)
	changes := `{"patients":{"created":[{"id":"good","_status":"created","given_name":"R"},{"id":"bad","_status":"created","given_name":"S"},{"id":"too","_status":"created","given_name":"T"}]}}`
	rows, err := clinic.ReadPush([]byte(changes))
	if err != nil {
		t.Fatal(err)
	}
	m := d.look()
	defer m.Close()
	p := clinic.Push{Look: m, Client: at.client, User: at.user, NowMs: d.nowMs, Rows: rows}
	batches, err := p.Write()
	if err != nil {
		t.Fatal(err)
	}
	refusing := func(b clinic.Batch) error {
		for _, e := range b.Edits {
			if e.Key.ID == "bad" {
				return &crdt.EditError{Key: e.Key, Err: errors.New("it is refused")}
			}
		}
		return d.write(crdt.Transaction{Edits: b.Edits, Phone: b.Origin})
	}
	if err := p.Run(batches, refusing); err != nil {
		t.Fatal(err)
	}
	again := d.look() // what is held back of it by now is held back still if it comes again
	defer again.Close()
	p.Look = again
	if batches, err = p.Write(); err == nil {
		err = p.Run(batches, refusing)
	}
	if err != nil {
		t.Fatal(err)
	}
	if held := d.held(); len(held) != 1 || held[0].Row != "bad" || !strings.Contains(held[0].Why, "it is refused") {
		t.Errorf("held back: %v", held)
	}
	d.record("patients", "good")
	d.record("patients", "too")
	broken := &crdt.EditError{Err: errors.New("this device writes nothing")}
	if err := p.Run(batches, func(clinic.Batch) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("a device that writes nothing took the push: %v", err)
	}
}

// What could not be merged even with all rights stays held back.
func TestMendedRowTooLarge(t *testing.T) {
	d := open(t)
	d.staff("can_view_history")
	a, at := nursePhone(t, d)
	a.Create("patients", apptest.Columns{"given_name": "R", "primary_clinic_id": "a", "photo_url": strings.Repeat("x", 60_000)})
	sync(t, a, at)
	d.allow("can_register_patients")
	at.mend()
	if rows := d.held(); len(rows) != 1 || !strings.Contains(rows[0].Why, "one piece") {
		t.Errorf("held back: %.300v", rows)
	}
}

// However many are held back, each is looked at in the end, and few with one push.
func TestMendInTurn(t *testing.T) {
	d := open(t)
	d.staff("can_view_history")
	_, at := nursePhone(t, d)
	var rows []string
	for i := range 600 {
		rows = append(rows, fmt.Sprintf(`{"id":"p%d","primary_clinic_id":"a","_status":"created"}`, i))
	}
	d.push(at, 0, `{"patients":{"created":[`+strings.Join(rows, ",")+`]}}`)
	d.allow("can_register_patients")
	m := d.look()
	batches, next, err := clinic.Mend(m, "", d.nowMs)
	m.Close()
	if err != nil || len(batches) == 0 || len(batches) > 600 || next == "" {
		t.Fatalf("%d batches, then behind %q, %v", len(batches), next, err)
	}
	at.mend()
	if held := d.held(); len(held) > 0 {
		t.Errorf("%d are still held back", len(held))
	}
}

// A row that is held back for something very long is held back like others: it does not make
// the phone's push fail, again and again.
func TestHeldForSomethingLong(t *testing.T) {
	d := open(t)
	d.do(&crdt.Edit{Key: crdt.RecordKey{Collection: "users", ID: nurse}, Set: []crdt.Field{{Key: "name", Value: crdt.Text("Noor")}, {Key: "role", Value: crdt.Text("registrar")}}})
	a, at := phone(1, d)
	at.user = nurse
	id := a.Create("visits", apptest.Columns{"clinic_id": strings.Repeat("ক", 20_000), "provider_name": strings.Repeat("x", 50_000)})
	sync(t, a, at)
	rows := d.held()
	if len(rows) != 1 || rows[0].Row != id || !strings.HasPrefix(rows[0].Why, "Noor may not add visits in the clinic ক") || len(rows[0].Why) > 2000 {
		t.Fatalf("held back: %.300v", rows)
	}
	if a.Pending() > 0 {
		t.Error("the push was not taken")
	}
}

// A phone whose clock is years behind makes up a watermark when it is told to send everything: what
// it pushed before is not taken for what it pushed since.
func TestMendedAfterAMadeUpWatermark(t *testing.T) {
	d := open(t)
	d.staff("can_register_patients")
	a, at := nursePhone(t, d)
	id := a.Create("patients", apptest.Columns{"given_name": "R", "primary_clinic_id": "a", "phone": "1"})
	sync(t, a, at)
	sync(t, a, at)
	a.Edit("patients", id, apptest.Columns{"phone": "2"})
	sync(t, a, at)
	now := a.Now
	a.Now = 1_451_952_000_000
	if err := a.ForceUpload(at, 0); err != nil {
		t.Fatal(err)
	}
	d.do(&crdt.Edit{Key: key("user_clinic_permissions", "p-"+nurse), Set: []crdt.Field{{Key: "can_register_patients", Value: crdt.False}}})
	a.Edit("patients", id, apptest.Columns{"phone": "3"})
	sync(t, a, at)
	if len(d.held()) != 1 {
		t.Fatalf("held back: %v", d.held())
	}
	d.allow("can_register_patients")
	at.mend()
	if v := d.record("patients", id); text(v, "phone") != "3" {
		t.Errorf("the phone is %s, %d conflicts, held back: %v", text(v, "phone"), len(v.Conflicts), d.held())
	}
	a.Now = now
}

// A phone that is told to send everything presents no watermark, which says nothing of when it did: a
// row of it that is held back is not taken for older than what it pushed at another device before.
func TestMendedAfterAForceUpload(t *testing.T) {
	d := open(t)
	d.staff("can_register_patients")
	a, at := nursePhone(t, d)
	id := a.Create("patients", apptest.Columns{"given_name": "R", "primary_clinic_id": "a", "phone": "1"})
	sync(t, a, at)
	sync(t, a, at)
	a.Edit("patients", id, apptest.Columns{"phone": "2"})
	sync(t, a, at)
	d.do(&crdt.Edit{Key: key("user_clinic_permissions", "p-"+nurse), Set: []crdt.Field{{Key: "can_register_patients", Value: crdt.False}}})
	d.atAnotherDevice()
	a.Edit("patients", id, apptest.Columns{"phone": "3"})
	if err := a.ForceUpload(at, 0); err != nil {
		t.Fatal(err)
	}
	if len(d.held()) != 1 {
		t.Fatalf("held back: %v", d.held())
	}
	d.allow("can_register_patients")
	at.mend()
	v := d.record("patients", id)
	said := text(v, "phone") == "3"
	for _, c := range v.Conflicts {
		for _, sibling := range c.Siblings {
			said = said || bytes.Equal(sibling.Value, crdt.Text("3"))
		}
	}
	if !said || len(d.held()) > 0 {
		t.Errorf("the phone is %s, conflicts: %v, held back: %v", text(v, "phone"), v.Conflicts, d.held())
	}
}

// A phone that is not known here, and says that a row is deleted, is heard: that stands beside what
// others wrote.
func TestDeletedByAStranger(t *testing.T) {
	x := goElsewhere(t)
	x.d.do(&crdt.Edit{Key: key("patients", "p"), Set: texts("given_name", "R")})
	before := x.d.look()
	defer before.Close()
	sync(t, x.a, x.at)
	x.a.Edit("patients", "p", apptest.Columns{"is_deleted": true})
	x.at.behind = &before
	if err := x.a.ForceUpload(x.at, 0); err != nil {
		t.Fatal(err)
	}
	x.at.behind = nil
	v := x.d.record("patients", "p")
	if v.Deleted || len(v.Conflicts) != 1 || v.Conflicts[0].Path != "" {
		t.Errorf("deleted: %v, conflicts: %v", v.Deleted, v.Conflicts)
	}
	x.at.behind = nil
	if err := x.a.ForceUpload(x.at, 0); err != nil {
		t.Fatal(err)
	}
}
