package apptest_test

import (
	"testing"

	"github.com/google/uuid"

	"musafir/node/clinic/apptest"
)

func TestCreate(t *testing.T) {
	p := newPhone()
	id := p.Create("patients", apptest.Columns{"given_name": "রহিমা", "additional_data": apptest.Columns{"b": 1, "a": []string{"<é>"}}})
	if u, err := uuid.Parse(id); err != nil || u.Version() != 7 || u.String() != id {
		t.Errorf("id %s is no UUID of version 7", id)
	}
	wantRow(t, p.Row("patients", id), apptest.Columns{
		"id": id, "_status": "created", "_changed": "", "given_name": "রহিমা", "surname": "", "camp": nil, "is_deleted": false,
		"deleted_at": nil, "metadata": "", "additional_data": `{"a":["<é>"],"b":1}`, "created_at": float64(start), "updated_at": float64(start),
	})
	for _, table := range []string{"event_logs", "peers", "app_config"} {
		p.Create(table, nil)
	}
	if n := p.Pending(); n != 1 {
		t.Errorf("%d rows are pending; those of three tables are never pushed", n)
	}
}

// Of a row that was never pushed the app notes no columns.
func TestEditCreated(t *testing.T) {
	p := newPhone()
	id := p.Create("visits", nil)
	p.Now += 5
	p.Edit("visits", id, apptest.Columns{"provider_name": "Amina"})
	wantRow(t, p.Row("visits", id), apptest.Columns{
		"_status": "created", "_changed": "", "provider_name": "Amina", "created_at": float64(start), "updated_at": float64(start + 5),
	})
}

func TestEditSynced(t *testing.T) {
	p := withPatient(t)
	p.Edit("patients", "p1", apptest.Columns{"phone": "2", "camp": "4"})
	wantRow(t, p.Row("patients", "p1"), apptest.Columns{"_status": "updated", "_changed": "updated_at,phone", "phone": "2"})
	p.Now++
	p.Edit("patients", "p1", apptest.Columns{"phone": "3", "surname": "X", "camp": nil, "metadata": `{"as":"it stands"}`})
	wantRow(t, p.Row("patients", "p1"), apptest.Columns{
		"_changed": "updated_at,phone,surname,camp,metadata", "camp": nil, "metadata": `{"as":"it stands"}`, "updated_at": float64(p.Now),
	})
}

func TestDeleting(t *testing.T) {
	p := newPhone()
	mustSync(t, p, saying(created("patients", patient("p1", "", "")),
		created("visits", whole("visits", "v1", apptest.Columns{"patient_id": "p1"}), whole("visits", "v2", nil)),
		created("events", whole("events", "e1", apptest.Columns{"patient_id": "p1"}), whole("events", "e2", nil))))
	p.Now++
	p.SoftDelete("visits", "v2")
	wantRow(t, p.Row("visits", "v2"), apptest.Columns{"_status": "updated", "is_deleted": true, "deleted_at": float64(p.Now)})
	p.Undelete("visits", "v2")
	wantRow(t, p.Row("visits", "v2"), apptest.Columns{"is_deleted": false, "deleted_at": nil})
	p.SoftDelete("visits", "v2")

	p.DeleteEvent("e2")
	wantRow(t, p.Row("events", "e2"), apptest.Columns{"_status": "deleted", "is_deleted": true})
	p.DeletePatient("p1")
	for table, id := range map[string]string{"patients": "p1", "visits": "v1", "events": "e1"} {
		wantRow(t, p.Row(table, id), apptest.Columns{"_status": "deleted", "is_deleted": false})
	}
	if n := p.Pending(); n != 1 { // the visit
		t.Errorf("%d rows are pending, want 1", n)
	}
	if d := p.Dump(); d != "" {
		t.Errorf("the app still shows %s", d)
	}
}

func TestMistakesPanic(t *testing.T) {
	p := withPatient(t)
	p.DeletePatient("p1")
	for name, mistake := range map[string]func(){
		"table":     func() { p.Create("patient", nil) },
		"column":    func() { p.Create("patients", apptest.Columns{"name": "x"}) },
		"type":      func() { p.Create("patients", apptest.Columns{"phone": 1}) },
		"no row":    func() { p.Edit("patients", "p2", nil) },
		"tombstone": func() { p.Edit("patients", "p1", nil) },
		"no delete": func() { p.SoftDelete("app_config", p.Create("app_config", nil)) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("nothing happened")
				}
			}()
			mistake()
		})
	}
}

func TestResetAndReinstall(t *testing.T) {
	p := withPatient(t)
	if p.Watermark() != start+1 {
		t.Fatalf("the watermark is %d", p.Watermark())
	}
	p.Reset()
	if p.Watermark() != 0 || p.Row("patients", "p1") != nil || p.ClientID != client {
		t.Error("a reset leaves the client id and nothing else")
	}
	p.Reinstall()
	if u, err := uuid.Parse(p.ClientID); err != nil || u.Version() != 4 || p.ClientID == client {
		t.Errorf("the new client id is %s", p.ClientID)
	}
}

// The app takes the watermark of the hub that it was paired with first, whichever it
// talks to.
func TestTwoHubs(t *testing.T) {
	p := newPhone()
	p.Pair("first")
	mustSync(t, p, saying())
	p.Pair("second")
	if p.Watermark() != start+1 {
		t.Errorf("with a second hub the watermark is %d", p.Watermark())
	}
	p.Choose("second")
	if p.Watermark() != 0 {
		t.Errorf("of the second hub it is %d", p.Watermark())
	}
	p.Choose("first")
	if p.Watermark() != start+1 {
		t.Errorf("back with the first it is %d", p.Watermark())
	}
}
