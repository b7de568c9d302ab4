package clinic_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"musafir/crdt"
	"musafir/node/clinic"
	"musafir/node/clinic/apptest"
)

// TestTally: what a tally keeps is what one reads, whatever was dispensed, given back,
// deleted or said to be of another shelf between two moments, and whatever phones had of it.
func TestTally(t *testing.T) {
	for seed := range uint64(8) {
		w := newTallied(t, seed)
		for range 120 {
			w.change()
			if w.random.IntN(3) == 0 {
				w.compare()
			}
		}
		w.compare()
		if w.differed == 0 {
			t.Error("no phone ever got anything of the stock")
		}
	}
}

// A tallied desk has some shelves, and a phone that syncs now and then.
type tallied struct {
	*desk
	random   *rand.Rand
	phone    *apptest.Phone
	at       *line
	often    *clinic.Tally // is asked each time
	seldom   *clinic.Tally
	before   func() // compares what was known some time ago
	differed int
}

// A long look is one in which so much is later than any past that all is looked at.
type longLook struct{ look }

func (l longLook) Past(marks []crdt.Mark) (clinic.Past, error) {
	p, err := l.look.Past(marks)
	return longPast{p}, err
}

type longPast struct{ clinic.Past }

func (longPast) LaterCount() uint64 { return 1 << 40 }

func newTallied(t *testing.T, seed uint64) *tallied {
	w := &tallied{desk: open(t), random: rand.New(rand.NewPCG(seed, 0)), often: clinic.StockTally(), seldom: clinic.StockTally()}
	w.phone, w.at = phone(1, w.desk)
	for i := range 3 {
		w.do(&crdt.Edit{Key: crdt.RecordKey{Collection: "clinic_inventory", ID: fmt.Sprint("stock", i)}, Set: []crdt.Field{
			{Key: "clinic_id", Value: crdt.Text("c")}, {Key: "drug_id", Value: crdt.Text(fmt.Sprint("d", i))}, {Key: "batch_id", Value: crdt.Text("b")}, {Key: "quantity_available", Value: crdt.Int(100)}}})
	}
	return w
}

// change writes something, or has the phone sync, so that what it has differs.
func (w *tallied) change() {
	key := crdt.RecordKey{Collection: "dispensing_records", ID: fmt.Sprint("r", w.random.IntN(12))}
	drug := crdt.Text(fmt.Sprint("d", w.random.IntN(3)))
	r, err := w.store.Record(key)
	if err != nil {
		w.t.Fatal(err)
	}
	switch n := w.random.IntN(8); {
	case n < 2 && r != nil:
		w.do(&crdt.Edit{Key: key, Delete: !r.Deleted(), Undelete: r.Deleted()})
	case n == 2:
		sync(w.t.(*testing.T), w.phone, w.at)
	case n == 3:
		w.phone.Create("dispensing_records", apptest.Columns{"clinic_id": "c", "drug_id": drug.Text(), "batch_id": "b", "quantity_dispensed": 0.1})
		sync(w.t.(*testing.T), w.phone, w.at)
	default:
		amounts := []crdt.Value{crdt.Int(3), crdt.Float(0.1), crdt.Float(0.2), crdt.Float(1e300), crdt.Text("7"), crdt.Null}
		w.do(&crdt.Edit{Key: key, Set: []crdt.Field{{Key: "clinic_id", Value: crdt.Text("c")}, {Key: "drug_id", Value: drug}, {Key: "batch_id", Value: crdt.Text("b")},
			{Key: "quantity_dispensed", Value: amounts[w.random.IntN(len(amounts))]}}})
	}
}

// compare answers the phone, and a new one, with what tallies say and with what is read.
func (w *tallied) compare() {
	m := w.look()
	w.t.Cleanup(m.Close)
	for _, client := range []string{w.phone.ClientID, "6b0f0c0e-2a55-4a3e-9f0a-5f5f6f6a7b99"} {
		presented := int64(0)
		if client == w.phone.ClientID {
			presented = w.phone.Watermark()
		}
		want := w.answer(longLook{m}, client, presented, nil)
		w.differed += len(want)
		if got := w.answer(m, client, presented, nil); !slices.Equal(got, want) {
			w.t.Fatalf("by what changed the phone gets\n%s\nand by all there is\n%s", got, want)
		}
		tallies := []*clinic.Tally{w.often}
		if w.random.IntN(4) == 0 {
			tallies = append(tallies, w.seldom)
		}
		for _, tally := range tallies {
			known, err := tally.At(m)
			if err != nil || known == nil {
				w.t.Fatalf("the tally knows nothing: %v", err)
			}
			if got := w.answer(m, client, presented, known); !slices.Equal(got, want) {
				w.t.Fatalf("with a tally the phone gets\n%s\nand else\n%s", got, want)
			}
			if w.before != nil {
				w.before()
			}
			w.before = func() {
				if got := w.answer(m, client, presented, known); !slices.Equal(got, want) {
					w.t.Fatalf("once the tally went on the phone gets\n%s\nand before\n%s", got, want)
				}
			}
		}
	}
}

func (w *tallied) answer(m clinic.Look, client string, presented int64, known *clinic.Tallied) []string {
	w.t.Helper()
	p := clinic.Pull{Look: m, Client: client, User: super, Presented: presented, NowMs: w.nowMs, Issuer: 5, Dispensed: known}
	return w.answerTo(p, func(table string, form clinic.Form, row []byte) string {
		if table != "clinic_inventory" {
			return ""
		}
		return fmt.Sprint(form, " ", string(row))
	})
}

// Of an older moment than the last one a tally knows nothing, and later it goes on.
func TestTallyOfAnOlderMoment(t *testing.T) {
	w := newTallied(t, 1)
	old := w.look()
	defer old.Close()
	for range 10 {
		w.change()
	}
	w.compare()
	if known, err := w.often.At(old); known != nil || err != nil {
		t.Errorf("an older moment was answered: %v, %v", known, err)
	}
	w.do(&crdt.Edit{Key: crdt.RecordKey{Collection: "dispensing_records", ID: "more"}, Set: []crdt.Field{{Key: "clinic_id", Value: crdt.Text("c")}, {Key: "drug_id", Value: crdt.Text("d0")}, {Key: "batch_id", Value: crdt.Text("b")}, {Key: "quantity_dispensed", Value: crdt.Int(1)}}})
	w.compare()
}
