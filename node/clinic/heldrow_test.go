package clinic_test

import (
	"strings"
	"testing"

	"musafir/crdt"
	"musafir/node/clinic/apptest"
)

// A row that is held back for something very long is held back like others: it does not make
// the phone's push fail, again and again.
func TestHeldForSomethingLong(t *testing.T) {
	d := open(t)
	const nurse = "0190a000-0000-7000-8000-0000000000aa"
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
