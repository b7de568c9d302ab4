package clinic_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"musafir/crdt"
	"musafir/node/clinic"
	"musafir/node/clinic/apptest"
)

// TestCharts: what changed brings a user of one clinic all that came into sight and takes all
// that went out of it, as a look at everything does; with a tally as well as without.
func TestCharts(t *testing.T) {
	sent := 0
	for seed := range uint64(12) {
		w := newCharted(t, seed)
		for range 150 {
			w.change()
			if w.random.IntN(3) == 0 {
				w.compare()
				sent += len(w.rows)
			}
			if w.random.IntN(8) == 0 {
				sync(t, w.phone, w.at)
			}
		}
	}
	if sent == 0 {
		t.Error("the phone never got anything")
	}
}

// A charted desk has some patients of two clinics, and the phone of one who sees one of them.
type charted struct {
	*desk
	random *rand.Rand
	phone  *apptest.Phone
	at     *line
	tally  *clinic.Tally
	rows   []string
}

func newCharted(t *testing.T, seed uint64) *charted {
	w := &charted{random: rand.New(rand.NewPCG(seed, 0)), tally: clinic.ChartTally()}
	w.desk, w.phone, w.at = openFor(t, "a", "b")
	sync(t, w.phone, w.at)
	return w
}

func (w *charted) one(of ...string) string { return of[w.random.IntN(len(of))] }

// change writes a row, or deletes one or takes that back.
func (w *charted) change() {
	table := w.one("patients", "visits", "visits", "events", "appointments", "prescriptions", "patient_vitals")
	id := fmt.Sprint(table, w.random.IntN(5))
	key := crdt.RecordKey{Collection: table, ID: id}
	r, err := w.store.Record(key)
	if err != nil {
		w.t.Fatal(err)
	}
	patient, visit := fmt.Sprint("patients", w.random.IntN(5)), fmt.Sprint("visits", w.random.IntN(5))
	of := w.one("a", "b", "b", "", "unheard of")
	switch {
	case r != nil && w.random.IntN(4) == 0:
		w.do(&crdt.Edit{Key: key, Delete: !r.Deleted(), Undelete: r.Deleted()})
	case table == "patients":
		w.set(table, id, "primary_clinic_id", of, "surname", fmt.Sprint(w.random.Int()))
	case table == "visits" || table == "appointments":
		w.set(table, id, "patient_id", patient, "clinic_id", of)
	case table == "prescriptions":
		w.set(table, id, "patient_id", patient, "pickup_clinic_id", of, "visit_id", w.one(visit, ""))
	default:
		w.set(table, id, "patient_id", w.one(patient, ""), "visit_id", w.one(visit, ""))
	}
}

// compare answers the phone by what changed, with and without a tally, and by all there is.
func (w *charted) compare() {
	w.t.Helper()
	m := w.look()
	defer m.Close()
	known, err := w.tally.At(m)
	if err != nil || known == nil {
		w.t.Fatalf("the tally knows nothing: %v", err)
	}
	all := w.answer(longLook{m}, nil)
	w.rows = w.answer(m, known)
	if without := w.answer(m, nil); !slices.Equal(w.rows, without) {
		w.t.Fatalf("with a tally the phone gets\n%s\nand else\n%s", w.rows, without)
	}
	if counted := w.answer(longLook{m}, known); !slices.Equal(all, counted) {
		w.t.Fatalf("of all there is the phone gets with a tally\n%s\nand else\n%s", counted, all)
	}
	for _, x := range w.rows {
		if !slices.Contains(all, x) {
			w.t.Fatalf("by what changed the phone gets\n%s\nand by all there is\n%s", x, all)
		}
	}
	for _, x := range all {
		if !slices.Contains(w.rows, x) && !w.isNone(x) {
			w.t.Fatalf("by all there is the phone gets\n%s\nand by what changed\n%s", x, w.rows)
		}
	}
}

// isNone tells whether a row says that something is deleted which the phone does not show.
func (w *charted) isNone(sent string) bool {
	table, rest, _ := strings.Cut(sent, " ")
	_, rest, _ = strings.Cut(rest, `"id":"`)
	id, _, _ := strings.Cut(rest, `"`)
	r := w.phone.Row(table, id)
	return strings.Contains(sent, `"is_deleted":true`) && (r == nil || r["is_deleted"] == true)
}

func (w *charted) answer(m clinic.Look, known *clinic.Tallied) []string {
	w.t.Helper()
	p := clinic.Pull{Look: m, Client: w.phone.ClientID, User: clerk, Presented: w.phone.Watermark(), NowMs: w.nowMs, Issuer: 5, Charts: known}
	return w.answerTo(p, func(table string, _ clinic.Form, row []byte) string { return fmt.Sprint(table, " ", string(row)) }) // of forms less is known of long ago
}
