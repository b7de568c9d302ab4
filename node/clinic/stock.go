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

// stockSum is what was dispensed, from each shelf. A shelf is a drug, in a batch, in a clinic.
var stockSum = sum{[]string{dispensing}, func(x row) addend {
	if x.deleted {
		return addend{}
	}
	return addend{[3]sumKey{shelfOf(x)}, quantityOf(x)}
}}

func shelfOf(x row) sumKey {
	return shelfAt(x.text("clinic_id"), x.text("drug_id"), x.text("batch_id"))
}

func shelfAt(clinic, drug, batch string) sumKey { return digest("shelf", clinic, drug, batch) }

// Quantities are summed up in millionths: in whatever order, it comes to the same.
const (
	quantityOne = 1_000_000
	quantityMax = 1 << 60
)

// quantityOf is how much a row says was dispensed.
func quantityOf(x row) int64 {
	q := math.Round(number(x.column("quantity_dispensed")) * quantityOne)
	return int64(max(-quantityMax, min(q, quantityMax)))
}

// dispensedFrom is how much was dispensed from a shelf.
func (s *sums) dispensedFrom(shelf sumKey) float64 { return float64(s.of(shelf)) / quantityOne }

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
func (s *sums) left(x row, r *crdt.Record) row {
	i := x.table.index(available)
	before := number(member(r.View().Fields, dispensedBefore))
	x.columns[i] = amount(number(x.columns[i]) + before - s.dispensedFrom(shelfOf(x)))
	return x
}
