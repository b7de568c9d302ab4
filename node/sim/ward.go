package sim

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"musafir/crdt"
	"musafir/node/clinic"
	"musafir/node/clinic/apptest"
)

// A ward is the phones of a world, and what is known of them.
type ward struct {
	phones  []*Roamer
	counts  map[string]int
	seen    map[seenKey]set         // what a phone had at least that presents a watermark
	took    map[seenKey]set         // what it had at most when it pushed, with answers of syncs that failed
	words   int                     // so many texts were made up
	gone    map[crdt.RecordKey]bool // rows of which something was lost with a disk
	undone  map[rowOf]bool          // rows of which a phone took back that they are deleted
	clinics []string
	users   []string
	scoped  bool
	buries  bool            // some users delete in the ways of which nobody is told
	empties bool            // some users empty their phones
	forces  bool            // some users force uploads
	own     map[rowOf][]int // entries that a phone pushed
	dawn    int64           // the end of the last night
}

type seenKey struct {
	client string
	mark   int64
}

type rowOf struct {
	client string
	key    crdt.RecordKey
}

func (d *ward) count(what string) { d.counts[what]++ }

// reached is called when an answer came to the phone, before the app takes it in.
func (v *visit) reached(a *answer) {
	w := v.w
	for _, x := range a.rows {
		w.ward.count("rows " + x.form)
		w.log("%s gets %s as %s", v.Name, x.key, x.form)
		have := v.app.Row(x.key.Collection, x.key.ID)
		if same(have, x) {
			v.repeated(x)
		}
		if have.Status() != apptest.Deleted {
			delete(v.mine, x.key)
		}
	}
	for n := range len(a.holds) * 64 {
		if a.holds.has(n) {
			v.taken = v.taken.with(n)
		}
	}
	v.answers = append(v.answers, a)
}

// whole takes note that the phone has got through, and has its watermark of this answer.
func (v *visit) whole() {
	v.synced++
	if v.got == nil {
		return
	}
	for n := range len(v.got.holds) * 64 {
		if v.got.holds.has(n) {
			v.had = v.had.with(n)
		}
	}
	v.w.ward.seen[seenKey{v.app.ClientID, v.app.Watermark()}] = append(set(nil), v.had...)
}

// repeated takes note of a row that the phone has already.
func (v *visit) repeated(x sentRow) {
	if !v.mine[x.key] {
		v.w.ward.count("rows that were there already")
		return
	}
	v.w.ward.count("echoes")
	v.w.log("ECHO: %s gets its own %s back as %s", v.Name, x.key, x.form)
}

// same tells whether a row that is sent says what is there. When it was written last the
// app forgets.
func same(have apptest.Row, x sentRow) bool {
	if have == nil || have.Status() == apptest.Deleted {
		return false
	}
	for name, value := range x.columns {
		if name != "updated_at" && have[name] != value {
			return false
		}
	}
	return true
}

// arrive is called once the app has taken in what it got: it lacks nothing.
func (v *visit) arrive() {
	if v.arrived || v.got == nil || v.got.want == nil {
		return
	}
	v.arrived = true
	v.w.ward.count("syncs that were checked")
	v.foresee()
	if why := v.lacks(v.got); why != "" {
		for _, x := range v.got.rows {
			v.w.log("got %s %s", x.form, x.key)
		}
		v.w.log("withheld %v denied %v", v.got.withheld, v.got.denied)
		for at, list := range v.w.ward.own {
			if at.client == v.app.ClientID && strings.Contains(why, at.key.ID) {
				for _, n := range list {
					v.w.log("own %s %s held %v keys %v", at.key, v.w.book.words(n), v.got.holds.has(n), v.w.book.entries[n].keys)
				}
			}
		}
		if key, _, ok := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(why, "it shows "), "it lacks "), ":"); ok {
			key, _, _ = strings.Cut(key, ",")
			table, id, _ := strings.Cut(key, "/")
			m, _ := v.by.store.Moment()
			touches, _ := m.Touches(crdt.RecordKey{Collection: table, ID: id})
			if r, _ := m.Record(crdt.RecordKey{Collection: clinic.Cursors, ID: v.app.ClientID}); r != nil {
				for _, t := range r.Living() {
					v.w.log("knows %s", v.w.book.words(v.w.book.byID[t.Entry]))
				}
				r.View().Fields.Fields(func(slot string, body crdt.Value) { v.w.log("knows the cursor in slot %s: %v", slot, body[:24]) })
			}
			m.Close()
			v.w.logTouches(touches, v.w.ward.seen[seenKey{v.app.ClientID, v.presented}])
		}
		v.w.fail("%s (%s) synced with %s, presenting %d: %s", v.Name, v.app.ClientID, v.at.Name, v.presented, why)
	}
}

// logTouches shows what was written of a record, and what of it a phone had.
func (w *World) logTouches(touches []*crdt.Touch, had set) {
	for _, t := range touches {
		n := w.book.byID[t.Entry]
		w.log("touch %s %d by %q: had %v, dead %v, merged %v, names %v", w.book.words(n), t.Time, t.Phone, had.has(n), t.Change.Dead, t.Merged, len(t.Change.Names))
		for _, x := range t.Change.Writes {
			w.log("   %v %s %v %v", x.Op, x.Path, x.Value, x.Supersedes)
		}
		for _, name := range t.Change.Names {
			w.log("   over %x, %v", name[:4], t.Change.Supersedes)
		}
	}
}

// foresee finds the rows of which the phone may have something else than the device knows: what
// it took in elsewhere, before it failed to push, and what it got in answers of which the device
// has not heard.
func (v *visit) foresee() {
	v.elsewhere = map[crdt.RecordKey]bool{}
	for _, a := range v.answers {
		for _, x := range a.rows {
			if a.cursor != 0 && !v.got.holds.has(a.cursor) {
				v.elsewhere[x.key] = true
			}
		}
	}
	for n := range len(v.taken) * 64 {
		if v.taken.has(n) && !v.got.holds.has(n) {
			for _, key := range v.w.book.entries[n].keys {
				v.elsewhere[key] = true
				v.elsewhere[crdt.RecordKey{Collection: key.Collection}] = true
			}
		}
	}
}

// ahead tells whether the phone may have more of a row than the device holds.
func (r *Roamer) ahead(key crdt.RecordKey, a *answer) bool {
	pushed := func(n int) bool { return !a.holds.has(n) }
	switch {
	case r.elsewhere[key], r.w.ward.scoped && len(r.elsewhere) > 0:
		return true
	case key.Collection == "clinic_inventory" && r.elsewhere[crdt.RecordKey{Collection: "dispensing_records"}]:
		return true
	case key.Collection == "clinic_inventory" && r.dispensesMore():
		return true
	}
	return slices.ContainsFunc(r.w.ward.own[rowOf{r.app.ClientID, key}], pushed)
}

// dispensesMore tells whether the phone has yet to hear that what it says was dispensed arrived:
// what that leaves in stock it gets once it has got through with it.
func (r *Roamer) dispensesMore() bool {
	return slices.ContainsFunc(r.app.Rows("dispensing_records"), func(x apptest.Row) bool { return x.Status() != apptest.Synced })
}

// lacks says in what a phone differs from one that got all, "" if in nothing that counts.
func (r *Roamer) lacks(a *answer) string {
	for i := range clinic.Tables {
		table := clinic.Tables[i].Name
		for _, want := range a.want.Visible(table) {
			key := crdt.RecordKey{Collection: table, ID: want.Text("id")}
			if why := r.lacksRow(key, want, a); why != "" {
				return why
			}
		}
		if !a.known {
			continue // what it got elsewhere, it may show
		}
		for _, have := range r.app.Visible(table) {
			key := crdt.RecordKey{Collection: table, ID: have.Text("id")}
			if a.want.Row(table, key.ID) == nil && !r.mayShow(key, have, a) {
				return fmt.Sprintf("it shows %s, which is not shown there: %v", key, have)
			}
		}
	}
	return ""
}

func (r *Roamer) lacksRow(key crdt.RecordKey, want apptest.Row, a *answer) string {
	have := r.app.Row(key.Collection, key.ID)
	switch {
	case slices.Contains(a.withheld, key) || r.w.ward.gone[key] || r.ahead(key, a):
		return ""
	case have == nil:
		return fmt.Sprintf("it lacks %s: %v", key, want)
	case have.Status() == apptest.Deleted && r.buried[key], have.Status() == apptest.Created:
		return ""
	}
	changed := have.Changed()
	for _, c := range append(clinic.TableOf(key.Collection).Columns, clinic.Column{Name: "id"}) {
		if c.Name != "updated_at" && !slices.Contains(changed, c.Name) && have[c.Name] != want[c.Name] {
			return fmt.Sprintf("%s: %s is %v and not %v (changed here: %v)", key, c.Name, have[c.Name], want[c.Name], changed)
		}
	}
	return ""
}

// mayShow tells whether a phone may show a row that the device does not: what it has yet
// to push, and what its user may not write.
func (r *Roamer) mayShow(key crdt.RecordKey, have apptest.Row, a *answer) bool {
	if r.w.ward.scoped && len(r.w.ward.own[rowOf{r.app.ClientID, key}]) > 0 {
		return true // what the phone itself wrote of a clinic that its user does not see stays
	}
	return have.Status() != apptest.Synced || r.w.ward.gone[key] || r.ahead(key, a) || slices.Contains(a.withheld, key) || slices.Contains(a.denied, key)
}

// word is a text that nobody ever wrote before.
func (w *World) word() string {
	w.ward.words++
	return fmt.Sprintf("«%d»", w.ward.words)
}

var wordPattern = regexp.MustCompile(`«\d+»`)

// wordsOf are the made-up texts in the columns that a row was sent for.
func (x *sentRow) words() (words []string) {
	for _, name := range slices.Sorted(maps.Keys(x.columns)) {
		if text, _ := x.columns[name].(string); x.wrote(name) {
			words = append(words, wordPattern.FindAllString(text, -1)...)
		}
	}
	return words
}

// wrote tells whether the row says that a column was written.
func (x *sentRow) wrote(column string) bool {
	changed, _ := x.columns["_changed"].(string)
	return x.columns["_status"] != string(apptest.Updated) || slices.Contains(strings.Split(changed, ","), column)
}

// acknowledged is called when the phone was told that its push is safe.
func (v *visit) acknowledged(sent []sentRow) {
	p := v.by
	if p.dead || v.w.Blind {
		return // it may have got an old disk back since
	}
	m, err := p.store.Moment()
	if err != nil {
		v.w.fail("%s: %v", v.at.Name, err)
		return
	}
	defer m.Close()
	denied := map[crdt.RecordKey]bool{}
	err = clinic.Held(momentLook{m}, func(h clinic.HeldRow) error {
		if h.Client == v.app.ClientID {
			denied[crdt.RecordKey{Collection: h.Table, ID: h.Row}] = true
		}
		return nil
	})
	for i := range sent {
		if err == nil && !denied[sent[i].key] {
			err = v.kept(m.Touches, &sent[i])
		}
	}
	if err != nil {
		v.w.fail("%s: %v", v.at.Name, err)
	}
}

// kept looks for what a row said, and wants it to be everywhere in the end.
func (v *visit) kept(touchesOf func(crdt.RecordKey) ([]*crdt.Touch, error), x *sentRow) error {
	touches, err := touchesOf(x.key)
	if err != nil {
		return err
	}
	for _, word := range x.words() {
		n, found := v.w.find(touches, func(t *crdt.Touch) bool { return says(t, word) })
		if !found {
			v.w.logTouches(touches, v.w.ward.seen[seenKey{v.app.ClientID, v.presented}])
			return fmt.Errorf("%s was told that %s is safe, and %q is nowhere", v.Name, x.key, word)
		}
		v.w.acked = v.w.acked.with(n)
	}
	if deleted, _ := x.columns["is_deleted"].(bool); deleted && x.wrote("is_deleted") {
		n, found := v.w.find(touches, func(t *crdt.Touch) bool { return t.Change.Dead })
		if !found {
			v.w.logTouches(touches, v.w.ward.seen[seenKey{v.app.ClientID, v.presented}])
			return fmt.Errorf("%s was told that %s is deleted, and it is not", v.Name, x.key)
		}
		v.w.acked = v.w.acked.with(n)
	}
	return nil
}

func (w *World) find(touches []*crdt.Touch, is func(*crdt.Touch) bool) (int, bool) {
	for _, t := range touches {
		if t.Merged && is(t) {
			n, ok := w.book.byID[t.Entry]
			return n, ok
		}
	}
	return 0, false
}

// says tells whether an entry wrote a text.
func says(t *crdt.Touch, word string) bool {
	return slices.ContainsFunc(t.Change.Writes, func(w crdt.Write) bool {
		return w.Value.Kind() == crdt.KindText && strings.Contains(w.Value.Text(), word)
	})
}
