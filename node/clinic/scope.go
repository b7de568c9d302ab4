package clinic

import (
	"maps"
	"slices"

	"musafir/crdt"
)

// A scope is whose rows a phone gets: those of the user's clinics. A row of a clinic that
// nobody knows, or of none, is its patient's, and everybody's if that is not known either.
type scope struct {
	user    string
	clinics []string // in order
	others  map[string]bool
}

// scopeOf reads what a user may see. Who has no row of permissions at all sees the clinic
// that stands in the user's own row.
func scopeOf(look Look, user string) (scope, error) {
	s := scope{user: user, others: map[string]bool{}}
	rows, err := permissionsOf(look, user)
	if err != nil {
		return s, err
	}
	all := false
	if r, err := look.Record(crdt.RecordKey{Collection: "users", ID: user}); err != nil {
		return s, err
	} else if r != nil && !r.Empty() {
		u := rowOf(TableOf("users"), r)
		all = len(rows) == 0 && u.text("role") == superAdmin
		if own := u.text("clinic_id"); len(rows) == 0 && own != "" {
			s.clinics = []string{own}
		}
	}
	for clinic, may := range rows {
		if may.something() {
			s.clinics = append(s.clinics, clinic)
		}
	}
	err = look.Scan("clinics", "", true, func(r *crdt.Record) (bool, error) {
		if all {
			s.clinics = append(s.clinics, r.Key.ID)
		}
		s.others[r.Key.ID] = true
		return true, nil
	})
	slices.Sort(s.clinics)
	s.clinics = slices.Compact(s.clinics)
	for _, id := range s.clinics {
		delete(s.others, id)
	}
	return s, err
}

// asSeen is the scope with the user and the clinics of a cursor, and the clinics that were known
// in its past: a row was everybody's as long as nobody knew its clinic.
func asSeen(look Look, c *Cursor, past Past) (scope, error) {
	then := scope{user: c.User, clinics: c.Clinics, others: map[string]bool{}}
	device := holding{look: look, past: past}
	err := device.each("clinics", func(had row) { then.others[had.id] = true })
	for _, id := range c.Clinics {
		delete(then.others, id)
	}
	return then, err
}

// everything tells whether the scope leaves nothing out but what is other users'.
func (s scope) everything() bool { return len(s.others) == 0 }

func (s scope) equal(o scope) bool {
	return s.user == o.user && slices.Equal(s.clinics, o.clinics) && maps.Equal(s.others, o.others)
}

// clinicColumn is the column that says which clinic a row is of, "" if the table has none.
func (t *Table) clinicColumn() string {
	switch t.Name {
	case "patients":
		return "primary_clinic_id"
	case "prescriptions":
		return "pickup_clinic_id"
	case "user_clinic_permissions", "users":
		return ""
	}
	if t.index("clinic_id") >= 0 {
		return "clinic_id"
	}
	return ""
}

// isChart tells whether a row of the table is about a patient.
func (t *Table) isChart() bool { return t.index("patient_id") >= 0 }

// A state is the records at one time, as far as is asked for what one row sees of others.
type state struct {
	scope
	row    func(table, id string) (row, bool, error) // of a record that is there
	charts *sums                                     // what there is about patients; not kept where the scope is everything
}

// sees tells whether a row is in the scope.
func (s *state) sees(x row) (bool, error) {
	switch {
	case x.table.Name == "user_clinic_permissions":
		return x.text("user_id") == s.user, nil
	case s.everything():
		return true, nil
	case x.table.Name == "patients":
		return s.seesPatient(x), nil
	case !x.table.isChart() || s.knows(x):
		return !s.others[x.clinic()], nil
	}
	return s.seesChart(x)
}

// knows tells whether a row names a clinic that is known.
func (s *scope) knows(x row) bool {
	of := x.clinic()
	return s.others[of] || slices.Contains(s.clinics, of)
}

// clinic is the clinic that a row names, "" if none.
func (x row) clinic() string { return x.text(x.table.clinicColumn()) }

func (s *state) seesPatient(x row) bool {
	return !s.others[x.text("primary_clinic_id")] || s.linked(x.id)
}

// linked tells whether something brings a patient into the scope.
func (s *state) linked(patient string) bool {
	return slices.ContainsFunc(s.clinics, func(clinic string) bool { return s.charts.of(linkAt(clinic, patient)) > 0 })
}

// seesChart is for what names no clinic that is known: it follows its visit, and what that
// does not say, its patient.
func (s *state) seesChart(x row) (bool, error) {
	patient := x.text("patient_id")
	if visit := x.text("visit_id"); visit != "" {
		v, there, err := s.row("visits", visit)
		if err != nil || there && s.knows(v) {
			return err == nil && !s.others[v.clinic()], err
		}
		if there && patient == "" {
			patient = v.text("patient_id")
		}
	}
	p, there, err := s.row("patients", patient)
	if err != nil || !there {
		return err == nil, err
	}
	return s.seesPatient(p), nil
}

// permitted is what a user may do in one clinic, by column.
type permitted map[string]bool

func (p permitted) something() bool {
	return slices.ContainsFunc(permissions, func(x permission) bool { return p[x.column] })
}

const superAdmin = "super_admin"

// permissionsOf are what a user may do, by clinic.
func permissionsOf(look Look, user string) (map[string]permitted, error) {
	rows := map[string]permitted{}
	t := TableOf("user_clinic_permissions")
	err := look.Scan(t.Name, "", false, func(r *crdt.Record) (bool, error) {
		x := rowOf(t, r)
		if x.text("user_id") != user {
			return true, nil
		}
		may := rows[x.text("clinic_id")]
		if may == nil {
			may = permitted{}
			rows[x.text("clinic_id")] = may
		}
		for _, p := range permissions {
			may[p.column] = may[p.column] || x.column(p.column).Bool()
		}
		return true, nil
	})
	return rows, err
}
