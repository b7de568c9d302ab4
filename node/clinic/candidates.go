package clinic

import (
	"maps"
	"slices"

	"musafir/crdt"
)

// relate reads what rows of one table say of others, as far as it matters for some records,
// or for all: which patients are in the scope by a visit, and what is left in stock. It is
// read both as it is and as the phone has it.
func (x *pull) relate(keys map[crdt.RecordKey]bool) error {
	if !x.now.everything() || !x.then.everything() {
		if err := x.relatePatients(); err != nil {
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

func (x *pull) relatePatients() error {
	x.now.linked, x.then.linked = map[string]int{}, map[string]int{}
	for _, name := range links {
		err := x.holding.both(name, func(now, had row, has bool) {
			if p := x.now.brings(now); p != "" {
				x.now.linked[p]++
			}
			if !has {
				return
			}
			if p := x.then.brings(had); p != "" {
				x.then.linked[p]++
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
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
	x.stock, x.stockHad = dispensed{}, dispensed{}
	return x.holding.both(dispensing, func(now, had row, has bool) {
		x.stock.add(now, 1)
		if has {
			x.stockHad.add(had, 1)
		}
	})
}

// candidates are the records of which the row that is shown may differ from what the phone
// has, table by table.
func (x *pull) candidates() ([]crdt.RecordKey, error) {
	keys := map[crdt.RecordKey]bool{}
	err := x.holding.past.Later(func(key crdt.RecordKey) (bool, error) {
		if TableOf(key.Collection) != nil {
			keys[key] = true
		}
		return true, nil
	})
	if err != nil {
		return nil, err
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
	if maps.Equal(x.stock, x.stockHad) {
		return nil
	}
	t := TableOf(inventory)
	return x.Look.Scan(inventory, "", false, func(r *crdt.Record) (bool, error) {
		if at := shelfOf(rowOf(t, r)); x.stock[at] != x.stockHad[at] {
			keys[r.Key] = true
		}
		return true, nil
	})
}

// addCharts adds what follows a patient or a visit that came into sight, or went out of it.
func (x *pull) addCharts(keys map[crdt.RecordKey]bool) error {
	if x.now.everything() && x.then.everything() {
		return nil
	}
	for patient := range x.now.linked {
		if x.then.linked[patient] == 0 {
			keys[crdt.RecordKey{Collection: "patients", ID: patient}] = true
		}
	}
	for patient := range x.then.linked {
		if x.now.linked[patient] == 0 {
			keys[crdt.RecordKey{Collection: "patients", ID: patient}] = true
		}
	}
	turned := map[crdt.RecordKey]bool{}
	for key := range keys {
		if key.Collection != "patients" && key.Collection != "visits" {
			continue
		}
		is, err := x.turned(key)
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
	for i := range Tables {
		if t := &Tables[i]; t.isChart() {
			if err := x.addFollowing(t, turned, keys); err != nil {
				return err
			}
		}
	}
	return nil
}

// turned tells whether the phone sees a record now and did not then, or the reverse.
func (x *pull) turned(key crdt.RecordKey) (bool, error) {
	now, is, err := x.now.row(key.Collection, key.ID)
	if err != nil {
		return false, err
	}
	had, was, err := x.then.row(key.Collection, key.ID)
	if err != nil || !is || !was {
		return false, err
	}
	sees, err := x.now.sees(now)
	if err != nil {
		return false, err
	}
	saw, err := x.then.sees(had)
	return sees != saw, err
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
