package apptest

import (
	"fmt"

	"musafir/node/clinic"
)

// Columns that the app's database itself sees to.
const (
	createdAt = "created_at"
	updatedAt = "updated_at"
	deletedAt = "deleted_at"
	isDeleted = "is_deleted"
)

// A table is one of the app's, with where its columns stand.
type table struct {
	clinic.Table
	deviceOnly bool // it never leaves the phone, nor comes to it
	at         map[string]int
}

// pushOrder is the order in which the app goes through the tables that it pushes: not one
// in which rows stand behind those that they name.
var pushOrder = []string{
	"patients", "events", "visits", "clinics", "users", "event_forms", "registration_forms", "patient_additional_attributes",
	"appointments", "prescriptions", "patient_vitals", "patient_problems", "clinic_departments", "drug_catalogue",
	"clinic_inventory", "prescription_items", "dispensing_records",
}

// deviceTables are those that the app has beside the ones of package clinic.
var deviceTables = []clinic.Table{
	{Name: "event_logs", Columns: []clinic.Column{
		text("transaction_id"), text("action_type"), text("table_name"), text("row_id"), {Name: "changes", Kind: clinic.JSON},
		text("device_id"), text("app_id"), text("user_id"), {Name: "ip_address", Kind: clinic.Text, Optional: true}, text("hash"),
		{Name: "metadata", Kind: clinic.JSON, Optional: true}, {Name: "synced", Kind: clinic.Bool}, number(createdAt),
	}},
	{Name: "peers", Columns: []clinic.Column{
		text("peer_id"), text("name"), {Name: "ip_address", Kind: clinic.Text, Optional: true},
		{Name: "port", Kind: clinic.Number, Optional: true}, text("public_key"),
		{Name: "last_synced_at", Kind: clinic.Number, Optional: true}, text("peer_type"), {Name: "is_leader", Kind: clinic.Bool},
		text("status"), text("protocol_version"), {Name: "metadata", Kind: clinic.JSON, Optional: true},
		number(createdAt), number(updatedAt),
	}},
}

func text(name string) clinic.Column   { return clinic.Column{Name: name, Kind: clinic.Text} }
func number(name string) clinic.Column { return clinic.Column{Name: name, Kind: clinic.Number} }

// schema are the app's 21 tables, by name, and names their order.
var schema, names = readSchema()

func readSchema() (map[string]*table, []string) {
	all, order := map[string]*table{}, []string(nil)
	add := func(t clinic.Table, deviceOnly bool) {
		at := map[string]int{}
		for i, c := range t.Columns {
			at[c.Name] = i
		}
		all[t.Name], order = &table{t, deviceOnly, at}, append(order, t.Name)
	}
	for _, t := range clinic.Tables {
		add(t, false)
	}
	for _, t := range deviceTables {
		add(t, true)
	}
	return all, order
}

// tableOf is a table that a test names.
func tableOf(name string) *table {
	t := schema[name]
	if t == nil {
		panic(fmt.Sprintf("the app has no table %q", name))
	}
	return t
}

func (t *table) has(column string) bool {
	_, there := t.at[column]
	return there
}
