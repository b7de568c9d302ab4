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
	if keys == nil {
		if err := x.relateCharts(&linkSum); err != nil {
			return err
		}
		return x.relateStock()
	}
	if err := x.relateCharts(&chartSum); err != nil {
		return err
	}
	for key := range keys {
		if key.Collection == inventory || key.Collection == dispensing {
			return x.relateStock()
		}
	}
	return nil
}

func (x *pull) relateCharts(s *sum) (err error) {
	apart := func(b *belief) bool { return !b.everything() }
	if x.now.everything() && !slices.ContainsFunc(x.beliefs(), apart) {
		return nil
	}
	if x.now.charts, err = s.upTo(x.Look, x.Charts); err != nil {
		return err
	}
	for _, b := range x.beliefs() {
		device := b.holding
		if b.device.row != nil {
			device = b.holding.ofDevice()
		}
		if b.charts, err = x.sumOf(s, x.now.charts, &device); err != nil {
			return err
		}
		b.device.charts = b.charts
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
	if x.stock, err = stockSum.upTo(x.Look, x.Dispensed); err != nil {
		return err
	}
	for _, b := range x.beliefs() {
		if b.stock, err = x.sumOf(&stockSum, x.stock, b.strictly()); err != nil {
			return err
		}
	}
	return nil
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
	beliefs := slices.DeleteFunc(x.beliefs(), func(b *belief) bool { return b.stock == x.stock })
	if len(beliefs) == 0 {
		return nil
	}
	t := TableOf(inventory)
	return x.Look.Scan(inventory, "", false, func(r *crdt.Record) (bool, error) {
		at := shelfOf(rowOf(t, r))
		if slices.ContainsFunc(beliefs, func(b *belief) bool { return x.stock.of(at) != b.stock.of(at) }) {
			keys[r.Key] = true
		}
		return true, nil
	})
}
