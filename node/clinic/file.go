package clinic

import (
	"errors"
	"slices"

	"musafir/crdt"
)

// A File is what a file of a clinic wants.
type File struct {
	Wants []Want
	Asked []Named // users whose password is to be asked for
}

// ReadFile reads a file for a camp. Its error is all that is wrong with it, [FileErrors].
// Things that the file gives no id have one derived of the camp and of their key, which
// is their name unless it is given, so that devices which apply the file apart make the
// same records.
func ReadFile(text string, known Known) (File, error) {
	tree, err := readYAML(text)
	if err != nil {
		return File{}, err
	}
	if tree.kind == isNothing {
		return File{}, FileErrors{{1, errors.New("there is nothing in the file; musafir apply --example prints one to begin with")}}
	}
	r := &fileReader{known: known, lines: map[crdt.RecordKey]int{}}
	o := r.object(tree, "the file", "clinics", "users", "registration_form", "event_forms", "drugs", "settings")
	r.clinics(o)
	r.users(o)
	r.registrationForm(o)
	r.eventForms(o)
	r.drugs(o)
	r.settings(o)
	if len(r.errs) > 0 {
		slices.SortStableFunc(r.errs, func(a, b LineError) int { return a.Line - b.Line })
		return File{}, r.errs
	}
	return File{r.wants, r.asked}, nil
}

// set takes a column in: what the file says, or what is written in its absence.
func (w *Want) set(column string, v crdt.Value, said bool) {
	f := crdt.Field{Key: column, Value: v}
	if said {
		w.Set = append(w.Set, f)
	} else {
		w.First = append(w.First, f)
	}
}

// row begins a row of a table, with what all have.
func (o object) row(table, id, name string) Want {
	w := Want{Key: crdt.RecordKey{Collection: table, ID: id}, Name: name, line: o.line}
	t := TableOf(table)
	if t.Column("is_deleted") != nil { // what stands in the file is there
		w.set("is_deleted", crdt.False, true)
		w.set("deleted_at", crdt.Null, false)
	}
	if t.Column("metadata") != nil {
		w.set("metadata", crdt.Text("{}"), false)
	}
	for _, c := range []string{"recorded_by_user_id", "last_modified_by"} {
		if t.Column(c) != nil {
			w.set(c, crdt.Null, false)
		}
	}
	return w
}

// texts takes in columns whose keys are their names; absent they are null, or empty
// where the app takes no null.
func (o object) texts(w *Want, columns ...string) {
	for _, c := range columns {
		text, said := o.text(c)
		v := crdt.Text(text)
		if !said && TableOf(w.Key.Collection).Column(c).Optional {
			v = crdt.Null
		}
		w.set(c, v, said)
	}
}

// flags takes in columns that are true or false.
func (o object) flags(w *Want, otherwise bool, columns ...string) {
	for _, c := range columns {
		is, said := o.bool(c, otherwise)
		w.set(c, flag(is), said)
	}
}

// numbers takes in columns of whole numbers; absent they are null, or 0.
func (o object) numbers(w *Want, columns ...string) {
	for _, c := range columns {
		v, said := o.number(c)
		switch {
		case said:
		case TableOf(w.Key.Collection).Column(c).Optional:
			v = crdt.Null
		default:
			v = crdt.Int(0)
		}
		w.set(c, v, said)
	}
}
