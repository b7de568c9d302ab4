package hikma

import (
	"bytes"
	"context"
	"encoding/json"
	"testing"
	"time"

	"musafir/crdt"
	"musafir/node/clinic"
	"musafir/store"
)

// deskRecords are a real device's, beside another one that is never reached.
type deskRecords struct {
	*device
	other crdt.DeviceID
}

type momentLook struct{ *store.Moment }

func (l momentLook) Past(marks []crdt.Mark) (clinic.Past, error) { return l.Moment.Past(marks) }

func (r deskRecords) Moment() (clinic.Look, func(), error) {
	m, err := r.device.Moment()
	if err != nil {
		return nil, nil, err
	}
	return momentLook{m}, m.Close, nil
}

func (r deskRecords) Others() []crdt.DeviceID { return []crdt.DeviceID{r.other} }
func (r deskRecords) Control() [8]byte        { return [8]byte{} }

// A phone that synced last with a device which is broken gets what there is, once others had
// time enough to tell of it. Until then it keeps its watermark, and is sent nothing twice.
func TestStrayPhone(t *testing.T) {
	const other = "D-OTHER"
	r := deskRecords{newDevice(t), other}
	write := func(id string) {
		key := crdt.RecordKey{Collection: "patients", ID: id}
		if _, err := r.Write(t.Context(), crdt.Transaction{Edits: []*crdt.Edit{{Key: key, Set: []crdt.Field{{Key: "camp", Value: crdt.Text("4")}}}}}); err != nil {
			t.Fatal(err)
		}
	}
	now := time.UnixMilli(1_780_000_000_000)
	desk := NewDesk(DeskConfig{Records: r, Now: func() time.Time { return now }, Wait: -1})
	pull := func(presented int64) (watermark int64, rows int) {
		t.Helper()
		var b bytes.Buffer
		if err := desk.Pull(context.Background(), Who{Client: "phone", User: "nurse"}, presented, &b); err != nil {
			t.Fatal(err)
		}
		var a struct {
			Changes   map[string]map[string][]json.RawMessage
			Timestamp int64
		}
		if err := json.Unmarshal(b.Bytes(), &a); err != nil {
			t.Fatal(err)
		}
		for _, lists := range a.Changes {
			rows += len(lists["created"]) + len(lists["updated"])
		}
		return a.Timestamp, rows
	}
	write("p")
	first, _ := pull(0)
	second, _ := pull(first)
	foreign := (second+1<<20)&^0xfff | int64(clinic.IssuerOf(other))
	for range 3 {
		if w, rows := pull(foreign); w != foreign || rows > 1 {
			t.Fatalf("a phone that has been elsewhere got %d rows and %d", rows, w)
		}
		now = now.Add(4 * time.Minute)
	}
	if w, rows := pull(foreign); w == foreign || rows != 1 {
		t.Errorf("after %s it got %d rows and %d", 12*time.Minute, rows, w)
	}
}
