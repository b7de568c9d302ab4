package clinic

import (
	"cmp"
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
	visits  map[string]string // the clinics of visits that come with the rows
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

// The tables that make the clinic are for those who run it, but for those that say who may
// do what: with them one could give oneself everything.
var adminRule = rule{[]string{clinicHead}, []string{clinicHead}, []string{clinicHead}}

var administered = []string{"clinics", "users", "user_clinic_permissions", "app_config", "clinic_departments", "registration_forms", "event_forms", "drug_catalogue"}

var superTables = []string{"user_clinic_permissions", "app_config"}

func ruleOf(table string) rule {
	if slices.Contains(superTables, table) {
		return rule{}
	}
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
		x.name = cmp.Or(u.text("name"), user)
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

// refuseWrite says why the user may not write a row with an edit, "" if nothing is against
// it. had is the row as the phone had it, if it did; what a phone claims to have counts for
// nothing, so the record as it is now is asked as well.
func (x *rights) refuseWrite(sent row, had *row, e *crdt.Edit) (string, error) {
	if x.free(sent.table.Name) {
		return "", nil
	}
	now, err := x.now(sent.table.Name, sent.id)
	switch {
	case err != nil:
		return "", err
	case sent.table.Name == "users":
		return x.refuseUser(sent, now, e)
	case had == nil && now == nil:
		return x.refuse(ruleOf(sent.table.Name).create, sent, "add")
	}
	for _, r := range []*row{&sent, had, now} { // nothing is moved out of a clinic, or into one, without rights in both
		if r == nil {
			continue
		}
		if why, err := x.refuse(ruleOf(sent.table.Name).change, *r, "change"); why != "" || err != nil {
			return why, err
		}
	}
	if now != nil && x.ofOthers(*now) {
		return x.refuse([]string{editsOther}, *now, "change what others recorded:")
	}
	return "", nil
}

// free tells whether the user may write all rows of a table.
func (x *rights) free(table string) bool {
	return x.super || x.open && !slices.Contains(administered, table)
}

// ofOthers tells whether a row is an event that somebody else recorded.
func (x *rights) ofOthers(r row) bool {
	by := r.text("recorded_by_user_id")
	return r.table.Name == "events" && by != "" && by != x.user
}

// Columns that say what a user is.
var standing = []string{"role", "email", "clinic_id"}

// refuseUser is for rows of users. Whoever could say what users are could say it of oneself.
func (x *rights) refuseUser(sent row, now *row, e *crdt.Edit) (string, error) {
	if now == nil {
		return x.refuse(nil, sent, "add")
	}
	for _, c := range standing {
		written := slices.ContainsFunc(e.Set, func(f crdt.Field) bool { return f.Key == c })
		if written && !sent.column(c).Equal(now.column(c)) {
			return x.refuse(nil, *now, "change the "+c+" of")
		}
	}
	if now.id == x.user && !now.deleted {
		return "", nil
	}
	return x.refuseOther(*now, "change")
}

// refuseOther is for another user's row: whoever may do everything is nobody's to change.
func (x *rights) refuseOther(user row, what string) (string, error) {
	if user.text("role") == superAdmin {
		return x.refuse(nil, user, what)
	}
	return x.refuse(ruleOf("users").change, user, what)
}

// refuseDelete says why the user may not delete a row that the phone has.
func (x *rights) refuseDelete(had row) (string, error) {
	if x.free(had.table.Name) {
		return "", nil
	}
	now, err := x.now(had.table.Name, had.id)
	if err != nil {
		return "", err
	}
	for _, r := range []*row{&had, now} {
		if r == nil {
			continue
		}
		if why, err := x.refuseDeleting(*r); why != "" || err != nil {
			return why, err
		}
	}
	return "", nil
}

func (x *rights) refuseDeleting(r row) (string, error) {
	switch {
	case r.table.Name == "users":
		return x.refuseOther(r, "delete")
	case x.ofOthers(r):
		return x.refuse([]string{removes, editsOther}, r, "delete what others recorded:")
	}
	return x.refuse(ruleOf(r.table.Name).remove, r, "delete")
}

// now is a row as it is now, nil if there is none, or if the app does not have such a table.
func (x *rights) now(table, id string) (*row, error) {
	t, key := TableOf(table), crdt.RecordKey{Collection: table, ID: id}
	if t == nil || key.Validate() != nil {
		return nil, nil
	}
	r, err := x.look.Record(key)
	if err != nil || r == nil || r.Empty() {
		return nil, err
	}
	now := rowOf(t, r)
	return &now, nil
}

// refuse wants one of some permissions in the row's clinic, or in any where it is of none.
// Where none would do, only who may do everything may.
func (x *rights) refuse(columns []string, r row, what string) (string, error) {
	if len(columns) == 0 {
		return fmt.Sprintf("%s may not %s %s: that takes the role %s", x.name, what, r.table.Name, superAdmin), nil
	}
	clinic, err := x.clinicOf(r)
	if err != nil {
		return "", err
	}
	for id, may := range x.clinics {
		if clinic != "" && id != clinic {
			continue
		}
		if slices.ContainsFunc(columns, func(c string) bool { return may[c] }) {
			return "", nil
		}
	}
	where, err := x.inClinic(clinic)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s may not %s %s%s: it takes the permission %s", x.name, what, r.table.Name, where, strings.Join(columns, " or ")), nil
}

// inClinic says where, with the clinic's name if it has one. "" is no clinic.
func (x *rights) inClinic(id string) (string, error) {
	if id == "" {
		return "", nil
	}
	r, err := x.now("clinics", id)
	if err != nil {
		return "", err
	}
	name := id
	if r != nil {
		name = cmp.Or(strings.TrimSpace(r.text("name")), id)
	}
	return " in the clinic " + name, nil
}

// clinicOf is the clinic in which it takes a right to write a row, "" if it is of none.
func (x *rights) clinicOf(r row) (string, error) {
	switch {
	case r.table.Name == "users":
		return r.text("clinic_id"), nil
	case r.table.Name == "clinics":
		now, err := x.now("clinics", r.id)
		if err != nil || now == nil {
			return "", err
		}
		return now.id, nil
	}
	if own := r.text(r.table.clinicColumn()); own != "" || !r.table.isChart() {
		return own, nil
	}
	return x.clinicOfChart(r)
}

// clinicOfChart is that of a row's visit, else of its patient. A visit that nobody knew yet
// may come with the row.
func (x *rights) clinicOfChart(r row) (string, error) {
	if id := r.text("visit_id"); id != "" {
		visit, err := x.now("visits", id)
		if err != nil {
			return "", err
		}
		clinic := x.visits[id]
		if visit != nil {
			clinic = visit.text("clinic_id")
		}
		if clinic != "" {
			return clinic, nil
		}
	}
	patient, err := x.now("patients", r.text("patient_id"))
	if err != nil || patient == nil {
		return "", err
	}
	return patient.text("primary_clinic_id"), nil
}
