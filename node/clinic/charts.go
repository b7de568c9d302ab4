package clinic

import (
	"maps"
	"slices"

	"musafir/crdt"
)

// links are the tables whose rows bring a patient into a clinic.
var links = []string{"visits", "appointments", "prescriptions"}

// chartTables are those whose rows are about patients.
var chartTables = func() (names []string) {
	for i := range Tables {
		if Tables[i].isChart() {
			names = append(names, Tables[i].Name)
		}
	}
	return names
}()

// chartSum is how many rows there are about each patient and each visit, deleted ones
// included, and how many bring a patient into a clinic.
var chartSum = sum{chartTables, func(x row) addend {
	a := addend{amount: 1}
	patient := x.text("patient_id")
	if patient != "" {
		a.at[0] = chartAt("patients", patient)
	}
	if visit := x.text("visit_id"); visit != "" {
		a.at[1] = chartAt("visits", visit)
	}
	if of := x.clinic(); patient != "" && of != "" && !x.deleted && slices.Contains(links, x.table.Name) {
		a.at[2] = linkAt(of, patient)
	}
	return a
}}

// linkSum is that of the rows which bring patients into clinics.
var linkSum = sum{links, chartSum.of}

func chartAt(table, id string) sumKey      { return digest("chart", table, id) }
func linkAt(clinic, patient string) sumKey { return digest("link", clinic, patient) }

// addCharts adds what follows a patient or a visit that came into sight, or went out of it.
func (x *pull) addCharts(keys map[crdt.RecordKey]bool) error {
	for _, b := range x.beliefs() {
		if x.now.everything() && b.everything() {
			continue
		}
		if err := x.addChartsSince(b, keys); err != nil {
			return err
		}
	}
	return nil
}

func (x *pull) addChartsSince(b *belief, keys map[crdt.RecordKey]bool) error {
	if err := x.addLinked(b, keys); err != nil {
		return err
	}
	turned := map[crdt.RecordKey]bool{}
	for key := range keys {
		if key.Collection != "patients" && key.Collection != "visits" || b.charts.of(chartAt(key.Collection, key.ID)) == 0 {
			continue // what there is of it now is new
		}
		is, err := x.turned(b, key)
		if err != nil {
			return err
		}
		if is {
			turned[key] = true
		}
	}
	if len(turned) == 0 {
		return nil
	}
	if err := x.addVisits(turned); err != nil {
		return err
	}
	for _, table := range chartTables {
		if err := x.addFollowing(TableOf(table), turned, keys); err != nil {
			return err
		}
	}
	return nil
}

// addLinked adds the patients that something brings into the scope which did not then, or the
// reverse.
func (x *pull) addLinked(b *belief, keys map[crdt.RecordKey]bool) error {
	changed, err := laterOf(b.past, links)
	if err != nil {
		return err
	}
	for key := range changed {
		was, is, err := x.change(key, &b.holding)
		if err != nil {
			return err
		}
		device := b.holding.ofDevice()
		told, _, err := x.change(key, &device)
		if err != nil {
			return err
		}
		for _, r := range []*row{was, told, is} {
			if r == nil {
				continue
			}
			if patient := r.text("patient_id"); b.linked(patient) != x.now.linked(patient) {
				keys[crdt.RecordKey{Collection: "patients", ID: patient}] = true
			}
		}
	}
	return nil
}

// turned tells whether what follows a patient or a visit may be in sight and was not then, or
// the reverse. What is of one that is not there everybody sees.
func (x *pull) turned(b *belief, key crdt.RecordKey) (bool, error) {
	now, is, err := x.now.row(key.Collection, key.ID)
	if err != nil {
		return false, err
	}
	then := &b.state
	if b.device.row != nil {
		then = &b.device
	}
	had, was, err := then.row(key.Collection, key.ID)
	if err != nil || !is {
		return false, err
	}
	if key.Collection == "visits" && (!was || had.clinic() != now.clinic() || had.text("patient_id") != now.text("patient_id")) {
		return true, nil // the visit itself may have been out of sight before, and is now
	}
	sees, err := x.now.sees(now)
	if err != nil || !was {
		return !sees, err
	}
	saw, err := then.sees(had)
	return sees != saw, err
}

// addVisits adds the visits that may have turned with their patients.
func (x *pull) addVisits(turned map[crdt.RecordKey]bool) error {
	visits := map[crdt.RecordKey]bool{}
	err := x.addFollowing(TableOf("visits"), turned, visits)
	maps.Copy(turned, visits)
	return err
}

func (x *pull) addFollowing(t *Table, turned, keys map[crdt.RecordKey]bool) error {
	return x.Look.Scan(t.Name, "", true, func(r *crdt.Record) (bool, error) {
		out := rowOf(t, r)
		if turned[crdt.RecordKey{Collection: "patients", ID: out.text("patient_id")}] || turned[crdt.RecordKey{Collection: "visits", ID: out.text("visit_id")}] {
			keys[r.Key] = true
		}
		return true, nil
	})
}
