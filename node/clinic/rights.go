package clinic

import (
	"fmt"
	"slices"
	"strings"

	"musafir/crdt"
)

// rights is what a user may write. The app asks the same before it lets a user do
// something: what is refused here was forbidden while the phone was away, or comes from
// something that is not the app.
type rights struct {
	look    Look
	user    string
	name    string
	super   bool
	open    bool // whoever is a user may write, by a setting of the app
	clinics map[string]permitted
}

// Columns of permissions.
const (
	registers  = "can_register_patients"
	edits      = "can_edit_records"
	removes    = "can_delete_records"
	clinicHead = "is_clinic_admin"
	editsOther = "can_edit_other_provider_event"
	prescribes = "can_prescribe_medications"
	dispenses  = "can_dispense_medications"
	endsVisits = "can_delete_patient_visits"
	endsPeople = "can_delete_patient_records"
)

// A rule is who may write the rows of a table: whoever has one of these in the clinic.
type rule struct{ create, change, remove []string }

var rules = map[string]rule{
	"patients":                      {[]string{registers, edits}, []string{registers, edits}, []string{endsPeople, removes}},
	"patient_additional_attributes": {[]string{registers, edits}, []string{registers, edits}, []string{registers, edits}},
	"visits":                        {[]string{registers, edits}, []string{registers, edits}, []string{endsVisits, removes}},
	"appointments":                  {[]string{registers, edits}, []string{registers, edits}, []string{registers, removes}},
	"events":                        {[]string{edits}, []string{edits}, []string{edits, removes}},
	"patient_vitals":                {[]string{edits}, []string{edits}, []string{edits, removes}},
	"patient_problems":              {[]string{edits}, []string{edits}, []string{edits, removes}},
	"prescriptions":                 {[]string{prescribes}, []string{prescribes, dispenses}, []string{prescribes, removes}},
	"prescription_items":            {[]string{prescribes}, []string{prescribes, dispenses}, []string{prescribes, removes}},
	dispensing:                      {[]string{dispenses}, []string{dispenses}, []string{removes}},
	inventory:                       {[]string{dispenses}, []string{dispenses}, []string{clinicHead}},
}

// The tables that make the clinic are for those who run it.
var adminRule = rule{[]string{clinicHead}, []string{clinicHead}, []string{clinicHead}}

var administered = []string{"clinics", "users", "user_clinic_permissions", "app_config", "clinic_departments", "registration_forms", "event_forms", "drug_catalogue"}

func ruleOf(table string) rule {
	if slices.Contains(administered, table) {
		return adminRule
	}
	if r, ok := rules[table]; ok {
		return r
	}
	return rule{[]string{registers, edits}, []string{registers, edits}, []string{removes}}
}

func rightsOf(look Look, user string) (*rights, error) {
	x := &rights{look: look, user: user, name: user}
	r, err := look.Record(crdt.RecordKey{Collection: "users", ID: user})
	if err != nil {
		return nil, err
	}
	if r != nil && !r.Empty() {
		u := rowOf(TableOf("users"), r)
		x.super = u.text("role") == superAdmin && !u.deleted
		x.name = u.text("name")
	}
	if x.clinics, err = permissionsOf(look, user); err != nil {
		return nil, err
	}
	x.open, err = unchecked(look)
	return x, err
}

// unchecked tells whether the app is set not to ask for permissions.
func unchecked(look Look) (open bool, err error) {
	t := TableOf("app_config")
	err = look.Scan(t.Name, "", false, func(r *crdt.Record) (bool, error) {
		x := rowOf(t, r)
		if x.text("namespace") == "auth" && x.text("key") == "disable-mobile-permissions-checking" {
			open = open || strings.EqualFold(x.text("value"), "true")
		}
		return true, nil
	})
	return open, err
}

// refuseWrite says why the user may not write a row, "" if nothing is against it. had is the
// row as the phone had it, if it did.
func (x *rights) refuseWrite(now row, had *row) string {
	if x.super || x.open && !slices.Contains(administered, now.table.Name) {
		return ""
	}
	rule := ruleOf(now.table.Name)
	if had == nil {
		return x.refuse(rule.create, now, "add")
	}
	for _, r := range []row{now, *had} { // nothing is moved out of a clinic, or into one, without rights in both
		if why := x.refuse(rule.change, r, "change"); why != "" {
			return why
		}
	}
	if by := had.text("recorded_by_user_id"); now.table.Name == "events" && by != "" && by != x.user {
		return x.refuse([]string{editsOther}, now, "change what others recorded:")
	}
	return ""
}

// refuseDelete says why the user may not delete a row.
func (x *rights) refuseDelete(r row) string {
	if x.super || x.open && !slices.Contains(administered, r.table.Name) {
		return ""
	}
	if by := r.text("recorded_by_user_id"); r.table.Name == "events" && by != "" && by != x.user {
		return x.refuse([]string{removes, editsOther}, r, "delete what others recorded:")
	}
	return x.refuse(ruleOf(r.table.Name).remove, r, "delete")
}

// refuse wants one of some permissions in the row's clinic, or in any where it names none.
func (x *rights) refuse(columns []string, r row, what string) string {
	clinic := r.text(r.table.clinicColumn())
	for id, may := range x.clinics {
		if clinic != "" && id != clinic {
			continue
		}
		if slices.ContainsFunc(columns, func(c string) bool { return may[c] }) {
			return ""
		}
	}
	where := ""
	if clinic != "" {
		where = " in the clinic " + clinic
	}
	return fmt.Sprintf("%s may not %s %s%s: it takes the permission %s", x.name, what, r.table.Name, where, strings.Join(columns, " or "))
}
