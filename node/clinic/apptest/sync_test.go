package apptest_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"musafir/node/clinic/apptest"
)

func TestPush(t *testing.T) {
	p := newPhone()
	mustSync(t, p, saying(created("patients", patient("p1", "1", "4"))))
	p.Now = start + 60_000
	id := p.Create("clinics", apptest.Columns{"name": "<Lägr> 4\u2028"})
	vitals := p.Create("patient_vitals", apptest.Columns{"patient_id": "p1", "weight_kg": 61.5, "systolic_bp": 120})
	p.Edit("patients", "p1", apptest.Columns{"phone": "0170000000"})
	p.Create("app_config", nil)
	p.Create("peers", nil)

	hub := &script{answers: []string{answer(start + 70_000)}}
	mustSync(t, p, hub)
	want := fmt.Sprintf(`%d {"patients":{"created":[],"updated":[{"id":"p1","_status":"updated","_changed":"updated_at,phone",`+
		`"given_name":"","surname":"","date_of_birth":"","citizenship":"","hometown":"","phone":"0170000000","sex":"","camp":"4",`+
		`"additional_data":"","metadata":"","photo_url":null,"is_deleted":false,"deleted_at":null,"created_at":0,"updated_at":%d,`+
		`"government_id":"","external_patient_id":"","primary_clinic_id":null,"last_modified_by":null}],"deleted":[]},`+
		`"clinics":{"created":[{"id":"%[3]s","_status":"created","_changed":"","name":"<Lägr> 4`+"\u2028"+`","updated_at":%[2]d,"created_at":%[2]d,`+
		`"is_deleted":false,"deleted_at":null,"is_archived":false}],"updated":[],"deleted":[]},`+
		`"patient_vitals":{"created":[{"id":"%[4]s","_status":"created","_changed":"","patient_id":"p1","visit_id":null,"timestamp":0,`+
		`"systolic_bp":120,"diastolic_bp":null,"bp_position":null,"height_cm":null,"weight_kg":61.5,"bmi":null,`+
		`"waist_circumference_cm":null,"heart_rate":null,"pulse_rate":null,"oxygen_saturation":null,"respiratory_rate":null,`+
		`"temperature_celsius":null,"pain_level":null,"recorded_by_user_id":null,"metadata":"","is_deleted":false,"created_at":%[2]d,`+
		`"updated_at":%[2]d,"deleted_at":null,"event_id":null}],"updated":[],"deleted":[]}}`, start+1, start+60_000, id, vitals)
	if len(hub.pushes) != 1 || hub.pushes[0] != want {
		t.Errorf("pushed\n%s\nwant\n%s", strings.Join(hub.pushes, "\n"), want)
	}
	if p.Pending() != 0 || p.Watermark() != start+70_000 {
		t.Errorf("%d are pending, the watermark is %d", p.Pending(), p.Watermark())
	}
	mustSync(t, p, hub)
	if len(hub.pushes) != 1 || hub.pulls[1] != start+70_000 {
		t.Errorf("then it pulled from %d and pushed %q", hub.pulls[1], hub.pushes[1:])
	}
}

// Rows are pushed in the order in which they were made.
func TestPushOrder(t *testing.T) {
	p := newPhone()
	var at []int
	for i := range 40 {
		p.Now -= int64(i) // so the order of the ids is another
		p.Create("visits", apptest.Columns{"provider_name": fmt.Sprintf("n%02d", i)})
	}
	hub := saying()
	mustSync(t, p, hub)
	for i := range 40 {
		at = append(at, strings.Index(hub.pushes[0], fmt.Sprintf(`"n%02d"`, i)))
		if at[i] < 0 || i > 0 && at[i] < at[i-1] {
			t.Fatalf("row %d stands at %d", i, at[i])
		}
	}
}

func TestFaults(t *testing.T) {
	for _, tt := range []struct {
		name          string
		faults        apptest.Faults
		pulls, pushes int
		pending       int
	}{
		{"before the pull", apptest.Faults{FailBeforePull: true}, 0, 0, 2},
		{"after the pull", apptest.Faults{FailAfterPull: true}, 1, 0, 2},
		{"in a batch", apptest.Faults{CrashInBatch: 1}, 1, 0, 2},
		{"before the push", apptest.Faults{FailPushBeforeArrival: true}, 1, 0, 2},
		{"after the push", apptest.Faults{FailPushAfterArrival: true}, 1, 1, 2},
		{"in noting the push", apptest.Faults{CrashInMark: 2}, 1, 1, 1},
		{"before the watermark", apptest.Faults{CrashBeforeWatermark: true}, 1, 1, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPhone()
			p.Create("patients", nil)
			p.Create("visits", nil)
			hub := saying(created("clinics", whole("clinics", "c", nil)))
			if err := p.SyncWith(hub, tt.faults); !errors.Is(err, apptest.ErrFault) {
				t.Fatalf("it ended with %v", err)
			}
			if len(hub.pulls) != tt.pulls || len(hub.pushes) != tt.pushes || p.Pending() != tt.pending || p.Watermark() != 0 {
				t.Errorf("%d pulls, %d pushes, %d pending, watermark %d", len(hub.pulls), len(hub.pushes), p.Pending(), p.Watermark())
			}
			mustSync(t, p, hub)
			if p.Pending() != 0 || p.Watermark() != start+1 || p.Lossy != 0 {
				t.Errorf("then %d pending, watermark %d, lost %v", p.Pending(), p.Watermark(), p.Losses)
			}
		})
	}
}

func TestPushRefused(t *testing.T) {
	p, refused := newPhone(), errors.New("refused")
	p.Create("visits", nil)
	hub := &script{answers: []string{answer(start)}, refuse: refused}
	if err := p.SyncTwice(hub); !errors.Is(err, refused) || p.Pending() != 1 || p.Watermark() != 0 || len(hub.pulls) != 1 {
		t.Errorf("%v, %d pending, watermark %d, %d pulls", err, p.Pending(), p.Watermark(), len(hub.pulls))
	}
	hub.refuse = nil
	if err := p.SyncTwice(hub); err != nil || len(hub.pulls) != 3 || len(hub.pushes) != 2 {
		t.Errorf("%v, %d pulls, %d pushes", err, len(hub.pulls), len(hub.pushes))
	}
}

// Noting that a row was pushed is a change of the row to the app's database, of which it
// tells nobody; so phones differ in updated_at, and Dump does not look at it.
func TestMarkingTouchesUpdatedAt(t *testing.T) {
	p := newPhone()
	id := p.Create("visits", nil)
	p.Now += 1000
	before := p.Dump()
	mustSync(t, p, saying())
	wantRow(t, p.Row("visits", id), apptest.Columns{"_status": "synced", "_changed": "", "updated_at": float64(start + 1000)})
	if p.Dump() != before || before == "" {
		t.Errorf("it shows\n%sand showed\n%s", p.Dump(), before)
	}
}

// An edit while a push is under way is marked as pushed with it, and never sent.
func TestEditDuringPush(t *testing.T) {
	p := withPatient(t)
	p.Edit("patients", "p1", apptest.Columns{"phone": "2"})
	hub := saying()
	hub.during = func() { p.Edit("patients", "p1", apptest.Columns{"phone": "3"}) }
	mustSync(t, p, hub)
	wantRow(t, p.Row("patients", "p1"), apptest.Columns{"phone": "3", "_status": "synced", "_changed": ""})
	if strings.Contains(hub.pushes[0], `"phone":"3"`) {
		t.Error("the edit was sent")
	}
}

func TestForceUpload(t *testing.T) {
	p := newPhone()
	mustSync(t, p, saying(created("clinics", whole("clinics", "old", nil)),
		created("patients", patient("p1", "", ""), patient("p2", "", "")),
		created("events", whole("events", "e1", nil), whole("events", "e2", nil))))
	p.Now = start + 10
	p.SoftDelete("patients", "p2")
	p.DeleteEvent("e1")
	visit := p.Create("visits", nil)
	hub := saying()
	p.Now = start + 20
	if err := p.ForceUpload(hub, start); err != nil {
		t.Fatal(err)
	}
	if len(hub.pulls) != 0 || len(hub.pushes) != 1 || p.Pending() != 2 || p.Watermark() != start+20 {
		t.Errorf("%d pulls, %d pushes, %d pending, watermark %d", len(hub.pulls), len(hub.pushes), p.Pending(), p.Watermark())
	}
	row := `{"id":"p2","_status":"updated","_changed":"updated_at,is_deleted,deleted_at","given_name":"","surname":"","date_of_birth":null,` +
		`"citizenship":"","hometown":"","phone":"","sex":"","camp":"","additional_data":"","metadata":"","photo_url":null,"is_deleted":true,` +
		fmt.Sprintf(`"deleted_at":%d,"created_at":0,"updated_at":%[1]d,`, start+10) +
		`"government_id":"","external_patient_id":"","primary_clinic_id":null,"last_modified_by":null,"image_timestamp":0}`
	want := fmt.Sprintf(`%d {"patients":{"created":[],"updated":[%s],"deleted":[%[2]s]},"visits":{"created":[{"id":"%s","_status":"created",`+
		`"_changed":"","patient_id":"","clinic_id":"","provider_id":"","provider_name":"","check_in_timestamp":0,"metadata":"",`+
		`"is_deleted":false,"deleted_at":null,"created_at":%d,"updated_at":%[4]d,"image_timestamp":0}],"updated":[],"deleted":[]}}`,
		start, row, visit, start+10)
	if hub.pushes[0] != want {
		t.Errorf("pushed\n%s\nwant\n%s", hub.pushes[0], want)
	}
	if err := p.ForceUpload(hub, start+10); err != nil || len(hub.pushes) != 1 {
		t.Errorf("with nothing new it pushed %q: %v", hub.pushes[1:], err)
	}
}

func TestForceDownload(t *testing.T) {
	p := withPatient(t)
	p.Edit("patients", "p1", apptest.Columns{"phone": "2"})
	hub := &script{answers: []string{answer(start+5, updated("patients", patient("p1", "3", "5")))}}
	if err := p.ForceDownload(hub, 77); err != nil || hub.pulls[0] != 77 || len(hub.pushes) != 0 || p.Watermark() != start+5 {
		t.Errorf("%v, pulls %v, pushes %v, watermark %d", err, hub.pulls, hub.pushes, p.Watermark())
	}
	wantRow(t, p.Row("patients", "p1"), apptest.Columns{"phone": "2", "camp": "5", "_status": "updated"})
}

// A row counts as new by when it was made, even if its last change says that it was before.
func TestForceUploadByEitherTime(t *testing.T) {
	p := newPhone()
	mustSync(t, p, saying(created("visits", whole("visits", "v1", apptest.Columns{"created_at": start + 5, "updated_at": start - 5}),
		whole("visits", "v2", apptest.Columns{"created_at": start - 5, "updated_at": start - 5}))))
	hub := saying()
	if err := p.ForceUpload(hub, start); err != nil {
		t.Fatal(err)
	}
	if len(hub.pushes) != 1 || !strings.Contains(hub.pushes[0], `"created":[{"id":"v1"`) || strings.Contains(hub.pushes[0], "v2") {
		t.Errorf("pushed %q", hub.pushes)
	}
}
