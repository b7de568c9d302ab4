package clinic

import (
	"maps"
	"slices"

	"musafir/crdt"
)

// relate reads what rows of one table say of others, as far as it matters for some records,
// or for all: which patients are in the scope by a visit, and what is left in stock. It is
// read both as it is and as the phone may have it.
func (x *pull) relate(keys map[crdt.RecordKey]bool) error {
	x.now.linked = map[string]int{}
	for _, b := range x.beliefs() {
		b.linked = map[string]int{}
	}
	for _, name := range links {
		if err := x.link(name); err != nil {
			return err
		}
	}
	for key := range keys {
		if key.Collection == inventory || key.Collection == dispensing {
			return x.relateStock()
		}
	}
	if keys != nil {
		return nil
	}
	return x.relateStock()
}

func (x *pull) relateStock() error {
	stocked := false
	err := x.Look.Scan(inventory, "", false, func(*crdt.Record) (bool, error) {
		stocked = true
		return false, nil
	})
	if err != nil || !stocked {
		return err
	}
	if x.stock, err = x.Dispensed.upTo(x.Look); err != nil {
		return err
	}
	for _, b := range x.beliefs() {
		if b.stock, err = x.stockOf(b); err != nil {
			return err
		}
	}
	return nil
}

// link reads which patients rows of a table bring into the scope.
func (x *pull) link(table string) error {
	t := TableOf(table)
	if !x.now.everything() {
		err := x.Look.Scan(table, "", false, func(r *crdt.Record) (bool, error) {
			x.now.link(rowOf(t, r))
			return true, nil
		})
		if err != nil {
			return err
		}
	}
	for _, b := range x.beliefs() {
		if b.everything() {
			continue
		}
		if err := b.each(table, b.link); err != nil {
			return err
		}
	}
	return nil
}

func (s *state) link(x row) {
	if p := s.brings(x); p != "" {
		s.linked[p]++
	}
}

// candidates are the records of which the row that is shown may differ from what the phone
// has, table by table.
func (x *pull) candidates() ([]crdt.RecordKey, error) {
	keys := map[crdt.RecordKey]bool{}
	for _, b := range x.beliefs() {
		err := b.past.Later(func(key crdt.RecordKey) (bool, error) {
			if TableOf(key.Collection) != nil {
				keys[key] = true
			}
			return true, nil
		})
		if err != nil {
			return nil, err
		}
	}
	for key := range x.owed {
		keys[key] = true
	}
	if len(keys) == 0 {
		return nil, nil
	}
	if err := x.relate(keys); err != nil {
		return nil, err
	}
	if err := x.addStock(keys); err != nil {
		return nil, err
	}
	if err := x.addCharts(keys); err != nil {
		return nil, err
	}
	return slices.SortedFunc(maps.Keys(keys), compareKeys), nil
}

// addStock adds the rows of stock from which something was dispensed.
func (x *pull) addStock(keys map[crdt.RecordKey]bool) error {
	beliefs := slices.DeleteFunc(x.beliefs(), func(b *belief) bool { return maps.Equal(x.stock, b.stock) })
	if len(beliefs) == 0 {
		return nil
	}
	t := TableOf(inventory)
	return x.Look.Scan(inventory, "", false, func(r *crdt.Record) (bool, error) {
		at := shelfOf(rowOf(t, r))
		if slices.ContainsFunc(beliefs, func(b *belief) bool { return x.stock[at] != b.stock[at] }) {
			keys[r.Key] = true
		}
		return true, nil
	})
}

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
	for patient := range x.now.linked {
		if b.linked[patient] == 0 {
			keys[crdt.RecordKey{Collection: "patients", ID: patient}] = true
		}
	}
	for patient := range b.linked {
		if x.now.linked[patient] == 0 {
			keys[crdt.RecordKey{Collection: "patients", ID: patient}] = true
		}
	}
	turned := map[crdt.RecordKey]bool{}
	for key := range keys {
		if key.Collection != "patients" && key.Collection != "visits" {
			continue
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
	for i := range Tables {
		if t := &Tables[i]; t.isChart() {
			if err := x.addFollowing(t, turned, keys); err != nil {
				return err
			}
		}
	}
	return nil
}

// turned tells whether the phone sees a record now and did not then, or the reverse. What is
// of a patient or a visit that is not there everybody sees.
func (x *pull) turned(b *belief, key crdt.RecordKey) (bool, error) {
	now, is, err := x.now.row(key.Collection, key.ID)
	if err != nil {
		return false, err
	}
	had, was, err := b.row(key.Collection, key.ID)
	if err != nil || !is {
		return false, err
	}
	sees, err := x.now.sees(now)
	if err != nil || !was {
		return !sees, err
	}
	saw, err := b.sees(had)
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
