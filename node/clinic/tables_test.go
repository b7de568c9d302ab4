package clinic_test

import (
	"slices"
	"testing"

	"musafir/node/clinic"
)

// The counts are those of the app's schema.
func TestTables(t *testing.T) {
	columns := map[string]int{
		"patients": 19, "users": 8, "clinics": 6, "events": 11, "event_forms": 13, "visits": 10, "registration_forms": 7,
		"appointments": 18, "patient_additional_attributes": 14, "prescriptions": 17, "patient_vitals": 23, "user_clinic_permissions": 17,
		"app_config": 9, "patient_problems": 18, "clinic_departments": 16, "drug_catalogue": 24, "clinic_inventory": 16,
		"prescription_items": 19, "dispensing_records": 18,
	}
	if len(clinic.Tables) != len(columns) {
		t.Errorf("%d tables, want %d", len(clinic.Tables), len(columns))
	}
	pushed := 0
	for _, x := range clinic.Tables {
		if x.Pushed {
			pushed++
		}
		if len(x.Columns) != columns[x.Name] {
			t.Errorf("%s has %d columns, want %d", x.Name, len(x.Columns), columns[x.Name])
		}
		seen := map[string]bool{}
		for _, c := range x.Columns {
			if seen[c.Name] || !slices.Contains([]clinic.Kind{clinic.Text, clinic.Number, clinic.Bool, clinic.JSON}, c.Kind) {
				t.Errorf("%s.%s is of kind %q, or stands twice", x.Name, c.Name, c.Kind)
			}
			seen[c.Name] = true
		}
	}
	if pushed != 17 {
		t.Errorf("phones push %d tables, want 17", pushed)
	}
}
