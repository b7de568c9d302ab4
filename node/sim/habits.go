package sim

import (
	"encoding/json"
	"slices"

	"musafir/crdt"
	"musafir/node/clinic/apptest"
)

// What phones' users do. Texts are ones that nobody ever wrote before, so that it can be
// told what became of each.

// work is what a user does before going to a device.
func (r *Roamer) work() {
	r.app.Now = r.wall()
	for range r.w.random.IntN(4) {
		r.act()
	}
}

func (r *Roamer) act() {
	switch n := r.w.random.IntN(100); {
	case n < 14:
		r.register()
	case n < 34:
		r.chart()
	case n < 78:
		r.change()
	case n < 86:
		r.remove()
	case n < 92:
		r.takeBack()
	case n < 96:
		r.count()
	case r.w.ward.buries:
		r.bury()
	}
}

// pick is one of the rows that the app shows, nil if there is none. Often it is one of the
// first, so that users meet.
func (r *Roamer) pick(table string) apptest.Row {
	rows := r.app.Visible(table)
	if len(rows) == 0 {
		return nil
	}
	n := len(rows)
	if r.w.chance(60) {
		n = min(n, 4)
	}
	return rows[r.w.random.IntN(n)]
}

func (r *Roamer) create(table string, columns apptest.Columns) {
	id := r.app.Create(table, columns)
	r.mine[crdt.RecordKey{Collection: table, ID: id}] = true
}

func (r *Roamer) edit(table string, row apptest.Row, columns apptest.Columns) {
	r.app.Edit(table, row.Text("id"), columns)
	r.mine[crdt.RecordKey{Collection: table, ID: row.Text("id")}] = true
}

// clinic is one in which the user may write, as the app knows; any, where nobody is kept
// apart.
func (r *Roamer) clinic() string {
	var may []string
	for _, p := range r.app.Visible("user_clinic_permissions") {
		if p["can_edit_records"] == true {
			may = append(may, p.Text("clinic_id"))
		}
	}
	if len(may) == 0 {
		may = r.w.ward.clinics
	}
	return may[r.w.random.IntN(len(may))]
}

func (r *Roamer) register() {
	r.create("patients", apptest.Columns{
		"given_name": r.w.word(), "surname": r.w.word(), "sex": "female", "date_of_birth": "1994-02-01", "primary_clinic_id": r.clinic(),
		"additional_data": map[string]string{"tent": r.w.word()}, "metadata": map[string]string{},
	})
}

// chart adds something about a patient.
func (r *Roamer) chart() {
	p := r.pick("patients")
	if p == nil {
		r.register()
		return
	}
	patient, visit := p.Text("id"), ""
	if v := r.pick("visits"); v != nil && r.w.chance(70) {
		patient, visit = v.Text("patient_id"), v.Text("id")
	}
	switch r.w.random.IntN(8) {
	case 0, 1:
		r.create("visits", apptest.Columns{"patient_id": patient, "clinic_id": r.clinic(), "provider_id": r.who.User, "provider_name": r.w.word(), "metadata": "{}"})
	case 2:
		r.create("events", apptest.Columns{
			"patient_id": patient, "visit_id": visit, "form_id": "form", "recorded_by_user_id": r.who.User, "metadata": "{}",
			"form_data": []map[string]string{{"fieldId": "a", "value": r.w.word()}, {"fieldId": "b", "value": ""}},
		})
	case 3:
		r.create("patient_vitals", apptest.Columns{
			"patient_id": patient, "visit_id": visit, "heart_rate": r.w.random.IntN(150), "temperature_celsius": 36.5, "bp_position": r.w.word(), "metadata": "{}",
		})
	case 4:
		r.create("appointments", apptest.Columns{
			"patient_id": patient, "clinic_id": r.clinic(), "user_id": r.who.User, "reason": r.w.word(), "status": "pending", "metadata": "{}",
			"departments": []map[string]string{{"id": "lab", "status": "pending"}, {"id": "xray", "status": r.w.word()}},
		})
	case 5:
		r.create("prescriptions", apptest.Columns{
			"patient_id": patient, "visit_id": visit, "provider_id": r.who.User, "pickup_clinic_id": r.clinic(), "notes": r.w.word(), "items": "[]", "metadata": "{}",
		})
	case 6:
		r.create("patient_problems", apptest.Columns{"patient_id": patient, "visit_id": visit, "problem_label": r.w.word(), "metadata": "{}"})
	case 7:
		r.dispense(patient)
	}
}

// dispense takes from a stock, and says what is left, as the app does.
func (r *Roamer) dispense(patient string) {
	stock := r.pick("clinic_inventory")
	if stock == nil {
		return
	}
	n := 1 + r.w.random.IntN(5)
	r.create("dispensing_records", apptest.Columns{
		"clinic_id": stock.Text("clinic_id"), "drug_id": stock.Text("drug_id"), "batch_id": stock.Text("batch_id"), "patient_id": patient,
		"quantity_dispensed": n, "dosage_instructions": r.w.word(), "metadata": "{}",
	})
	r.edit("clinic_inventory", stock, apptest.Columns{"quantity_available": stock.Number("quantity_available") - float64(n)})
}

// count counts a stock.
func (r *Roamer) count() {
	if stock := r.pick("clinic_inventory"); stock != nil {
		r.edit("clinic_inventory", stock, apptest.Columns{"quantity_available": 100 + r.w.random.IntN(400), "last_counted_at": r.app.Now})
	}
}

// changeable are the columns that users change, by table; lists are documents.
var changeable = map[string][]string{
	"patients": {"given_name", "surname", "phone", "camp", "hometown", "additional_data"}, "visits": {"provider_name"},
	"events": {"event_type", "form_data"}, "patient_vitals": {"bp_position", "heart_rate"},
	"appointments": {"reason", "notes", "departments", "departments"}, "prescriptions": {"notes", "status"},
	"patient_problems": {"problem_label", "clinical_status"}, "dispensing_records": {"dosage_instructions", "quantity_dispensed"},
}

var changed = []string{"patients", "patients", "visits", "events", "patient_vitals", "appointments", "appointments", "prescriptions", "patient_problems", "dispensing_records"}

func (r *Roamer) change() {
	table := changed[r.w.random.IntN(len(changed))]
	row := r.pick(table)
	if row == nil {
		return
	}
	columns := apptest.Columns{}
	for range 1 + r.w.random.IntN(2) {
		name := changeable[table][r.w.random.IntN(len(changeable[table]))]
		columns[name] = r.value(row, name)
	}
	if table == "patients" && r.w.ward.scoped && r.w.chance(10) {
		columns["primary_clinic_id"] = r.clinic()
	}
	r.edit(table, row, columns)
}

// value is what a user enters in a column.
func (r *Roamer) value(row apptest.Row, column string) any {
	switch column {
	case "heart_rate", "quantity_dispensed":
		return 1 + r.w.random.IntN(100)
	case "form_data", "departments":
		return r.list(row.Text(column))
	case "additional_data":
		o := map[string]any{}
		_ = json.Unmarshal([]byte(row.Text(column)), &o) // what is none becomes one
		o[[]string{"tent", "row", "kin"}[r.w.random.IntN(3)]] = r.w.word()
		return o
	}
	return r.w.word()
}

// list changes one element of a list, or adds or drops one.
func (r *Roamer) list(text string) any {
	list := []map[string]any{}
	_ = json.Unmarshal([]byte(text), &list)
	if len(list) == 0 || r.w.chance(15) {
		return append(list, map[string]any{"id": r.w.word(), "status": "pending"})
	}
	i := r.w.random.IntN(len(list))
	if r.w.chance(10) {
		return slices.Delete(list, i, i+1)
	}
	field := "status"
	if _, is := list[i]["fieldId"]; is {
		field = "value"
	}
	list[i][field] = r.w.word()
	return list
}

func (r *Roamer) remove() {
	table := changed[r.w.random.IntN(len(changed))]
	if row := r.pick(table); row != nil {
		r.app.SoftDelete(table, row.Text("id"))
		r.mine[crdt.RecordKey{Collection: table, ID: row.Text("id")}] = true
	}
}

// takeBack undoes a deletion.
func (r *Roamer) takeBack() {
	table := changed[r.w.random.IntN(len(changed))]
	for _, row := range r.app.Rows(table) {
		if row["is_deleted"] == true && row.Status() != apptest.Deleted && row.Number("created_at") > 0 && r.w.chance(50) {
			key := crdt.RecordKey{Collection: table, ID: row.Text("id")}
			r.app.Undelete(table, key.ID)
			r.mine[key] = true
			r.w.ward.undone[rowOf{r.app.ClientID, key}] = true
			return
		}
	}
}

// bury deletes in the ways of which nobody is told. What came in a sync that failed may come
// again, as nobody knows that it did, and so may what a phone pushed that never got through; on
// what it hides the app fails then for good.
func (r *Roamer) bury() {
	if r.synced == 0 {
		return
	}
	if e := r.pick("events"); e != nil && r.w.chance(70) {
		if !r.unsure[crdt.RecordKey{Collection: "events", ID: e.Text("id")}] {
			r.app.DeleteEvent(e.Text("id"))
			r.noteBuried()
		}
	} else if p := r.pick("patients"); p != nil && !r.unsureOf(p.Text("id")) {
		r.app.DeletePatient(p.Text("id"))
		r.noteBuried()
	}
}

// unsureOf tells whether something of a patient came in a sync that failed.
func (r *Roamer) unsureOf(patient string) bool {
	for key := range r.unsure {
		if row := r.app.Row(key.Collection, key.ID); key.ID == patient || row != nil && row.Text("patient_id") == patient {
			return true
		}
	}
	return false
}

func (r *Roamer) noteBuried() {
	for _, table := range []string{"patients", "patient_additional_attributes", "appointments", "visits", "events"} {
		for _, row := range r.app.Rows(table) {
			if row.Status() == apptest.Deleted {
				r.buried[crdt.RecordKey{Collection: table, ID: row.Text("id")}] = true
			}
		}
	}
}
