package clinic

import (
	"math"

	"musafir/crdt"
)

// Stock is not what a phone says it is. Two pharmacists who dispense from one batch each
// say what they believe is left. A row of stock holds what was there when it was counted
// last, with what had been dispensed of it by then; what has been dispensed since comes
// off that.
const (
	inventory  = "clinic_inventory"
	dispensing = "dispensing_records"
	available  = "quantity_available"
	countedAt  = "last_counted_at"

	// dispensedBefore is a field beside the app's columns: what had been dispensed in all
	// when the stock was counted, as far as whoever counted knew.
	dispensedBefore = "dispensed_before"
)

// A shelf is what is dispensed from: a drug, in a batch, in a clinic.
type shelf struct{ clinic, drug, batch string }

func shelfOf(x row) shelf {
	return shelf{x.text("clinic_id"), x.text("drug_id"), x.text("batch_id")}
}

// dispensed sums up what was dispensed from each shelf.
type dispensed map[shelf]quantity

func (d dispensed) add(x row, sign quantity) {
	if !x.deleted {
		d[shelfOf(x)] += sign * quantityOf(x)
	}
}

// A quantity is a number in millionths: in whatever order they are summed up, it comes to
// the same.
type quantity int64

const (
	quantityOne = 1_000_000
	quantityMax = 1 << 60
)

// quantityOf is how much a row says was dispensed.
func quantityOf(x row) quantity {
	q := math.Round(number(x.column("quantity_dispensed")) * quantityOne)
	return quantity(max(-quantityMax, min(q, quantityMax)))
}

func (q quantity) number() float64 { return float64(q) / quantityOne }

func dispensedIn(look Look) (dispensed, error) {
	return sumUp(func(visit func(*crdt.Record) (bool, error)) error { return look.Scan(dispensing, "", false, visit) })
}

func sumUp(scan func(visit func(*crdt.Record) (bool, error)) error) (dispensed, error) {
	d, t := dispensed{}, TableOf(dispensing)
	return d, scan(func(r *crdt.Record) (bool, error) {
		d.add(rowOf(t, r), 1)
		return true, nil
	})
}

func number(v crdt.Value) float64 {
	switch v.Kind() {
	case crdt.KindInt:
		return float64(v.Int())
	case crdt.KindFloat:
		return v.Float()
	}
	return 0
}

// amount is a number as the app writes it: whole ones as such.
func amount(f float64) crdt.Value {
	if n := int64(f); float64(n) == f {
		return crdt.Int(n)
	}
	return crdt.Float(f)
}

// left is the row of stock with what is left.
func (d dispensed) left(x row, r *crdt.Record) row {
	i := x.table.index(available)
	before := number(member(r.View().Fields, dispensedBefore))
	x.columns[i] = amount(number(x.columns[i]) + before - d[shelfOf(x)].number())
	return x
}
