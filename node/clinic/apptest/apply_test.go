package apptest_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"musafir/node/clinic/apptest"
)

// These are the lines of what is known of how the app applies what it pulled.
func TestApply(t *testing.T) {
	unpushed := func(p *apptest.Phone) { // the hub has the patient from this phone, and the phone does not know
		p.Reset()
		id := p.Create("patients", apptest.Columns{"phone": "mine"})
		hub := saying()
		if err := p.SyncWith(hub, apptest.Faults{FailPushAfterArrival: true}); !errors.Is(err, apptest.ErrFault) {
			panic(err)
		}
		p.Edit("patients", id, apptest.Columns{"phone": "edited since"})
	}
	only := func(p *apptest.Phone) string { return p.Rows("patients")[0].Text("id") }
	for _, tt := range []struct {
		name    string
		before  func(*apptest.Phone)
		pulled  func(*apptest.Phone) []string
		want    apptest.Columns // of the only patient
		fails   string          // part of the error
		skipped int
	}{
		{name: "created and there, not edited",
			pulled: func(*apptest.Phone) []string { return []string{created("patients", patient("p1", "new", "5"))} },
			want:   apptest.Columns{"phone": "new", "camp": "5", "_status": "synced", "_changed": ""}},
		{name: "updated and there, not edited",
			pulled: func(*apptest.Phone) []string { return []string{updated("patients", patient("p1", "new", "5"))} },
			want:   apptest.Columns{"phone": "new", "camp": "5", "_status": "synced", "_changed": ""}},
		{name: "updated and there, edited",
			before: func(p *apptest.Phone) { p.Edit("patients", "p1", apptest.Columns{"phone": "mine"}) },
			pulled: func(*apptest.Phone) []string { return []string{updated("patients", patient("p1", "new", "5"))} },
			want: apptest.Columns{"phone": "mine", "camp": "5", "updated_at": float64(start + 1),
				"_status": "updated", "_changed": "updated_at,phone"}},
		{name: "created and there, edited",
			before: func(p *apptest.Phone) { p.Edit("patients", "p1", apptest.Columns{"phone": "mine"}) },
			pulled: func(*apptest.Phone) []string { return []string{created("patients", patient("p1", "new", "5"))} },
			want:   apptest.Columns{"phone": "mine", "camp": "5", "_status": "updated", "_changed": "updated_at,phone"}},
		{name: "created here and not acknowledged: edits are lost", before: unpushed,
			pulled: func(p *apptest.Phone) []string { return []string{updated("patients", patient(only(p), "mine", "5"))} },
			want:   apptest.Columns{"phone": "mine", "camp": "5", "_status": "synced", "_changed": ""}},
		{name: "created and not there", before: (*apptest.Phone).Reset,
			pulled: func(*apptest.Phone) []string { return []string{created("patients", patient("p1", "new", "5"))} },
			want:   apptest.Columns{"phone": "new", "_status": "synced", "_changed": ""}},
		{name: "updated and not there", before: (*apptest.Phone).Reset,
			pulled:  func(*apptest.Phone) []string { return []string{updated("patients", patient("p1", "new", "5"))} },
			skipped: 1},
		{name: "created over a tombstone", before: func(p *apptest.Phone) { p.DeletePatient("p1") },
			pulled: func(*apptest.Phone) []string { return []string{created("patients", patient("p1", "new", "5"))} },
			want:   apptest.Columns{"phone": "1", "_status": "deleted"}, fails: "there already"},
		{name: "updated over a tombstone", before: func(p *apptest.Phone) { p.DeletePatient("p1") },
			pulled: func(*apptest.Phone) []string { return []string{updated("patients", patient("p1", "new", "5"))} },
			want:   apptest.Columns{"phone": "1", "_status": "deleted"}, skipped: 1},
		{name: "deleted as text",
			pulled: func(*apptest.Phone) []string { return []string{deleted("patients", `"p1"`)} },
			want:   apptest.Columns{"phone": "1", "_status": "synced"}},
		{name: "deleted as object",
			pulled: func(*apptest.Phone) []string {
				return []string{deleted("patients", `{"id":"p1"}`, `{"id":"p2"}`, `{}`)}
			},
			want: apptest.Columns{"phone": "1", "_status": "deleted", "is_deleted": false}},
		{name: "deleted by is_deleted",
			pulled: func(*apptest.Phone) []string {
				return []string{updated("patients", whole("patients", "p1", apptest.Columns{"is_deleted": true}))}
			},
			want: apptest.Columns{"is_deleted": true, "_status": "synced"}},
		{name: "unknown table without rows",
			pulled: func(*apptest.Phone) []string { return []string{created("patient_allergies")} },
			want:   apptest.Columns{"phone": "1"}},
		{name: "unknown table with a row",
			pulled: func(*apptest.Phone) []string {
				return []string{updated("patients", patient("p1", "new", "5")), deleted("patient_allergies", `"a"`)}
			},
			want: apptest.Columns{"phone": "new"}, fails: "no table patient_allergies"},
		{name: "the same row twice",
			pulled: func(*apptest.Phone) []string {
				return []string{updated("patients", patient("p1", "new", "5"), patient("p1", "newer", "5"))}
			},
			want: apptest.Columns{"phone": "1"}, fails: "twice"},
		{name: "the same new row twice", before: (*apptest.Phone).Reset,
			pulled: func(*apptest.Phone) []string {
				return []string{created("patients", patient("p1", "new", "5"), patient("p1", "newer", "5"))}
			},
			fails: "there already"},
		{name: "_status in a row",
			pulled: func(*apptest.Phone) []string { return []string{updated("patients", `{"id":"p1","_status":"synced"}`)} },
			want:   apptest.Columns{"phone": "1"}, fails: "_status"},
		{name: "_changed in a row",
			pulled: func(*apptest.Phone) []string { return []string{created("patients", `{"id":"p2","_changed":""}`)} },
			want:   apptest.Columns{"phone": "1"}, fails: "_changed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := withPatient(t)
			if tt.before != nil {
				tt.before(p)
			}
			watermark := p.Watermark()
			hub := &script{answers: []string{answer(start+9, tt.pulled(p)...)}, refuse: errors.New("refused")}
			err := p.Sync(hub)
			switch {
			case tt.fails == "" && err != nil && len(hub.pushes) == 0, // what is still pending is refused, on purpose
				tt.fails != "" && (err == nil || !strings.Contains(err.Error(), tt.fails)):
				t.Fatalf("the sync ended with %v, want %q", err, tt.fails)
			}
			if err != nil && p.Watermark() != watermark {
				t.Error("the watermark moved with a sync that failed")
			}
			if p.Skipped != tt.skipped {
				t.Errorf("%d rows were skipped, want %d", p.Skipped, tt.skipped)
			}
			if tt.want == nil {
				if n := len(p.Rows("patients")); n != 0 {
					t.Errorf("there are %d patients, want none", n)
				}
				return
			}
			wantRow(t, p.Rows("patients")[0], tt.want)
		})
	}
}

// What is not of a column's type becomes nothing, without a word.
func TestSanitizing(t *testing.T) {
	for _, tt := range []struct {
		table, column, sent string
		want                any
		lossy               bool
	}{
		{"patients", "phone", `"01"`, "01", false},
		{"patients", "phone", `1`, "", true},
		{"patients", "phone", `null`, "", true},
		{"patients", "camp", `null`, nil, false},
		{"patients", "camp", `4`, nil, true},
		{"patients", "metadata", `"{\"a\":1}"`, `{"a":1}`, false},
		{"patients", "metadata", `{"a":1}`, "", true},
		{"event_forms", "translations", `[]`, nil, true},
		{"patient_vitals", "weight_kg", `61.5`, 61.5, false},
		{"patient_vitals", "weight_kg", `"61.5"`, nil, true},
		{"patient_vitals", "weight_kg", `true`, nil, true},
		{"patient_vitals", "timestamp", `"2026-01-01T00:00:00Z"`, 0.0, true},
		{"patients", "is_deleted", `true`, true, false},
		{"patients", "is_deleted", `1`, true, false},
		{"patients", "is_deleted", `0`, false, false},
		{"patients", "is_deleted", `2`, false, true},
		{"patients", "is_deleted", `"true"`, false, true},
		{"patient_additional_attributes", "boolean_value", `"no"`, nil, true},
		{"patient_additional_attributes", "boolean_value", `null`, nil, false},
	} {
		t.Run(tt.column+" "+tt.sent, func(t *testing.T) {
			p := newPhone()
			row := whole(tt.table, "x", apptest.Columns{tt.column: jsonOf(tt.sent)})
			mustSync(t, p, saying(created(tt.table, row)))
			wantRow(t, p.Row(tt.table, "x"), apptest.Columns{tt.column: tt.want})
			if lossy := p.Lossy > 0; lossy != tt.lossy || lossy != (p.Losses[tt.table+"."+tt.column] == 1) {
				t.Errorf("%d values were lost: %v", p.Lossy, p.Losses)
			}
		})
	}
}

type jsonOf string

func (j jsonOf) MarshalJSON() ([]byte, error) { return []byte(j), nil }

func TestMissingAndUnknownColumns(t *testing.T) {
	p := newPhone()
	mustSync(t, p, saying(created("clinics", `{"id":"c1","name":"Camp 4","updated_at":1,"created_at":1,"is_deleted":false,"deleted_at":null,"server":1}`)))
	if p.Lossy != 1 || p.Losses["clinics.is_archived"] != 1 || p.Unknown != 1 {
		t.Errorf("lost %v, %d unknown", p.Losses, p.Unknown)
	}
}

// A row without an id becomes a new one of the phone's own.
func TestRowWithoutID(t *testing.T) {
	p := newPhone()
	hub := saying(created("clinics", `{"name":"Camp 4"}`), updated("visits", `{}`))
	mustSync(t, p, hub)
	if len(hub.pushes) != 1 || !strings.Contains(hub.pushes[0], `"name":"Camp 4"`) || p.Skipped != 1 || len(p.Rows("visits")) != 0 {
		t.Errorf("pushed %v, skipped %d", hub.pushes, p.Skipped)
	}
}

func TestAnswersThatFail(t *testing.T) {
	for _, bad := range []string{
		``, `[]`, `null`, `{"timestamp":1}`, `{"changes":null,"timestamp":1}`, `{"changes":[],"timestamp":1}`, `{"changes":{}}`,
		`{"changes":{},"timestamp":0}`, `{"changes":{},"timestamp":-1}`, `{"changes":{},"timestamp":"1767225600000"}`,
		`{"changes":{},"timestamp":null}`, `{"changes":{"patients":null},"timestamp":1}`,
		`{"changes":{"patients":{"created":null}},"timestamp":1}`, `{"changes":{"patients":{"created":{}}},"timestamp":1}`,
		`{"changes":{"patients":{"created":["p1"]}},"timestamp":1}`, `{"Changes":{},"Timestamp":1}`, `{"error":"no"}`,
	} {
		p := withPatient(t)
		p.Edit("patients", "p1", apptest.Columns{"phone": "2"})
		hub := &script{answers: []string{bad}}
		if err := p.Sync(hub); err == nil || len(hub.pushes) > 0 || p.Pending() != 1 || p.Watermark() != start+1 {
			t.Errorf("%s: ended with %v, %d pushes, %d pending, watermark %d", bad, err, len(hub.pushes), p.Pending(), p.Watermark())
		}
	}
}

// The app writes 300 rows at once; what was written before it broke stays.
func TestBatches(t *testing.T) {
	var rows []string
	for i := range 700 {
		rows = append(rows, patient(fmt.Sprintf("p%03d", i), "", ""))
	}
	for _, tt := range []struct{ crashIn, want int }{{1, 0}, {2, 300}, {3, 600}, {4, 700}, {5, 700}} {
		p := newPhone()
		hub := saying(created("patients", rows...), updated("visits", whole("visits", "v", nil)), created("clinics", whole("clinics", "c", nil)))
		err := p.SyncWith(hub, apptest.Faults{CrashInBatch: tt.crashIn})
		if n := len(p.Rows("patients")); n != tt.want || errors.Is(err, apptest.ErrFault) != (tt.crashIn < 5) {
			t.Errorf("killed in batch %d there are %d patients, want %d: %v", tt.crashIn, n, tt.want, err)
		}
	}

	p := newPhone()
	mustSync(t, p, saying(created("patients", rows[650])))
	p.DeletePatient("p650")
	if err := p.Sync(saying(created("patients", rows...))); err == nil || len(p.Rows("patients")) != 601 {
		t.Errorf("with a tombstone in the third batch there are %d patients: %v", len(p.Rows("patients")), err)
	}
}
