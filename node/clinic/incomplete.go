package clinic

import "musafir/crdt"

// A Gap is a column in which a row names something that is not there, or names nothing where
// something must stand. Such rows are merged and shown like others: what they name may come
// yet, from a phone or a device that is away.
type Gap struct {
	Table, ID string // of the row
	Column    string
	Names     string // what stands there, "" if nothing does
	Why       string // in words
}

// A parent is what a column names, whichever table the column stands in.
type parent struct {
	column, table string
	what          string // in words
	needed        bool   // nothing may stand there only where the app takes that
	stays         bool   // rows that name it are whole also when it is deleted: it was there when it mattered
}

var parents = []parent{
	{column: "patient_id", table: "patients", what: "patient", needed: true},
	{column: "visit_id", table: "visits", what: "visit", needed: true},
	{column: "current_visit_id", table: "visits", what: "visit"},
	{column: "fulfilled_visit_id", table: "visits", what: "visit"},
	{column: "event_id", table: "events", what: "event"},
	{column: "clinic_id", table: "clinics", what: "clinic", needed: true},
	{column: "primary_clinic_id", table: "clinics", what: "clinic"},
	{column: "pickup_clinic_id", table: "clinics", what: "clinic"},
	{column: "prescription_id", table: "prescriptions", what: "prescription", needed: true},
	{column: "prescription_item_id", table: "prescription_items", what: "item of a prescription"},
	{column: "drug_id", table: "drug_catalogue", what: "drug", needed: true},
	{column: "form_id", table: "event_forms", what: "form", stays: true},
	{column: "user_id", table: "users", what: "user", stays: true},
	{column: "provider_id", table: "users", what: "user", stays: true},
	{column: "recorded_by_user_id", table: "users", what: "user", stays: true},
}

// A reference is a column of a table that names a row of another one.
type reference struct {
	*parent
	index  int // of the column
	needed bool
}

func (t *Table) references() (all []reference) {
	for i := range parents {
		p := &parents[i]
		at := t.index(p.column)
		if at < 0 {
			continue
		}
		// A user's row names no clinic where the user works in all of them.
		needed := p.needed && !t.Columns[at].Optional && t.Name != "users"
		all = append(all, reference{p, at, needed})
	}
	return all
}

// Gaps visits the app's rows that are not deleted, table by table in the order of Tables and
// of each by id, after one of them, with what is missing of each: mostly nothing.
func Gaps(look Look, after crdt.RecordKey, visit func(key crdt.RecordKey, gaps []Gap) (bool, error)) error {
	x := &gapFinder{look: look, found: map[crdt.RecordKey]presence{}}
	first, more := 0, true
	if after.Collection != "" {
		first = rank(after.Collection)
	}
	for i := first; i < len(Tables) && more; i++ {
		t, from := &Tables[i], ""
		if t.Name == after.Collection {
			from = after.ID
		}
		all := t.references()
		if len(all) == 0 {
			continue
		}
		err := look.Scan(t.Name, from, false, func(r *crdt.Record) (_ bool, err error) {
			var gaps []Gap
			if row := rowOf(t, r); !row.deleted {
				if gaps, err = x.gaps(row, all); err != nil {
					return false, err
				}
			}
			more, err = visit(r.Key, gaps)
			return more, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// A presence is whether something is there.
type presence byte

const (
	present presence = iota
	deleted
	absent
)

// A gapFinder looks up what rows name. The few that all name, such as clinics, it looks up
// once.
type gapFinder struct {
	look  Look
	found map[crdt.RecordKey]presence // at most foundMax
}

const foundMax = 4096

func (x *gapFinder) gaps(r row, all []reference) (gaps []Gap, err error) {
	for _, ref := range all {
		id := textIn(r.columns[ref.index])
		why := ""
		if id != "" {
			why, err = x.lacks(ref, id)
		} else if ref.needed {
			why = "it names no " + ref.what
		}
		if err != nil {
			return nil, err
		}
		if why != "" {
			gaps = append(gaps, Gap{Table: r.table.Name, ID: r.id, Column: ref.column, Names: id, Why: why})
		}
	}
	return gaps, nil
}

// lacks says why what a column names cannot be found, "" if it can.
func (x *gapFinder) lacks(ref reference, id string) (why string, err error) {
	p, err := x.presence(crdt.RecordKey{Collection: ref.table, ID: id})
	switch {
	case err != nil:
		return "", err
	case p == absent:
		return "the " + ref.what + " is not there", nil
	case p == deleted && !ref.stays:
		return "the " + ref.what + " was deleted", nil
	}
	return "", nil
}

func (x *gapFinder) presence(key crdt.RecordKey) (presence, error) {
	if p, known := x.found[key]; known {
		return p, nil
	}
	p, err := presenceOf(x.look, key)
	if err != nil {
		return p, err
	}
	if len(x.found) >= foundMax {
		clear(x.found)
	}
	x.found[key] = p
	return p, nil
}

func presenceOf(look Look, key crdt.RecordKey) (presence, error) {
	if key.Validate() != nil {
		return absent, nil
	}
	r, err := look.Record(key)
	switch {
	case err != nil:
		return absent, err
	case r == nil || r.Empty():
		return absent, nil
	case rowOf(TableOf(key.Collection), r).deleted:
		return deleted, nil
	}
	return present, nil
}
