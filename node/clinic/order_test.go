package clinic_test

import (
	"testing"

	"musafir/node/clinic"
	"musafir/node/clinic/apptest"
)

// Rows go out table by table, of each first those that are created, whatever their ids: an app
// that reads a list of a table for the second time forgets the first one.
func TestCreatedComesFirst(t *testing.T) {
	d := open(t)
	a, at := phone(1, d)
	b, bt := phone(2, d)
	var ids []string
	for range 3 {
		ids = append(ids, a.Create("patients", apptest.Columns{"given_name": "R"}))
	}
	sync(t, a, at)
	sync(t, b, bt)
	a.Edit("patients", ids[0], apptest.Columns{"phone": "1"})
	a.Edit("patients", ids[2], apptest.Columns{"phone": "2"})
	a.Now += 1000 // ids go by the clock: this one is the last
	late := a.Create("patients", apptest.Columns{"given_name": "S"})
	visit := a.Create("visits", apptest.Columns{"patient_id": late})
	sync(t, a, at)
	sync(t, b, bt) // the desk's line looks at the order
	want := map[string]clinic.Form{"patients/" + ids[0]: clinic.Updated, "patients/" + ids[2]: clinic.Updated, "patients/" + late: clinic.Created, "visits/" + visit: clinic.Created}
	for key, form := range want {
		if got, came := bt.got[key]; !came || got != form {
			t.Errorf("%s: came %v as %v, want %v", key, came, got, form)
		}
	}
	if len(bt.got) != len(want) {
		t.Errorf("came: %v", bt.got)
	}
	agree(t, a, b)
}
