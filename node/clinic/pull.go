package clinic

import (
	"cmp"
	"slices"
	"strings"

	"musafir/crdt"
)

// A Pull is what a phone asks for: all that changed since it got a watermark.
type Pull struct {
	Look      Look
	Client    string
	User      string
	Presented int64 // the watermark; 0: everything
	NowMs     int64
	Issuer    uint16  // what tells the device's watermarks from those of others
	Control   [8]byte // what the device knows of who takes part, and of what it shows

	// Others are the issuers of which this device may not have heard all. A watermark that
	// is of none of them, and not known, is none of the camp: the app makes one up when it
	// is told to send everything.
	Others []uint16
	// GiveUp is for a watermark of which other devices had time enough to tell.
	GiveUp bool
	// Alone tells which entries were written here and are on no other device. It is for a
	// phone whose watermark this device does not know: it has been elsewhere and has what
	// is there.
	Alone func(crdt.Ref) bool

	Dispensed *Tallied // what was dispensed up to the moment of Look; nil: it is read
	Charts    *Tallied // what there is about patients by then; nil: it is read, if the user may not see all
}

// A Form is how a row comes to a phone.
type Form byte

// The forms. Nothing is ever told to be deleted in the app's way: it would keep a mark
// which no later row gets over. A row that is deleted says so in its columns.
const (
	Created Form = iota // the app adds it, or overwrites it
	Updated             // the app overwrites it, or passes it over if it has none
)

func (f Form) String() string { return [...]string{"created", "updated"}[f] }

// An Answer is what a phone gets.
type Answer struct {
	Watermark int64
	Issue     []*crdt.Edit // the cursor behind the watermark, to be durable before anything is told; none: it is kept already
	pull      *pull
	list      []decision // of a few; else all is looked at as it goes out
	all       bool
}

// A decision is what becomes of one record.
type decision struct {
	key  crdt.RecordKey
	form Form
	gone bool   // the phone must not have it any longer
	row  []byte // as it goes out; nil: it is made again
}

// rowBytesMax is how much of the rows of a list is kept from when they were decided of
// until they go out.
const rowBytesMax = 256 << 10

// A pull is a Pull at work.
type pull struct {
	Pull
	book     *cursorBook
	cursor   *Cursor // nil: everything is sent
	lost     bool    // what stands behind the watermark may be known elsewhere
	again    bool    // the phone gets all rows, whatever it has: nobody knows its watermark
	holding  holding // of which the beliefs are made
	now      state
	stock    *sums // nil: nothing has stock
	then     *belief
	answers  map[int64]*given        // by watermark
	maybe    []*belief               // after answers of which it is not known whether the phone got them
	recalled []*belief               // after answers that it took in, the last one first; as far as was asked for
	asked    int                     // so often was one of them asked for a row
	lists    *slots                  // of what the phone is owed; nil: not read
	owed     map[crdt.RecordKey]bool // rows that go out in any case
	withheld []crdt.RecordKey        // rows that the phone must not get yet
}

// Heard tells whether this device knows the cursor behind a watermark, and whether it
// ever heard of the phone.
func Heard(look Look, client string, watermark int64) (cursor, phone bool, err error) {
	book, err := readCursors(look, client)
	if err != nil {
		return false, false, err
	}
	c := book.ever(watermark)
	return c != nil, book.known(), nil
}

// Answer works out what a phone gets.
func (p Pull) Answer() (*Answer, error) {
	x := &pull{Pull: p, answers: map[int64]*given{}}
	if err := x.read(); err != nil {
		return nil, err
	}
	if x.lost {
		return x.alone()
	}
	if x.cursor == nil || x.again || x.turnedAll() || x.manyLater() {
		return x.issue(&Answer{pull: x, all: true}), x.relate(nil)
	}
	list, err := x.list()
	if err != nil {
		return nil, err
	}
	a := &Answer{pull: x, list: list, Watermark: p.Presented}
	first := !x.book.seen() // so that one knows, if it presents none again, that it was emptied
	if len(list) > 0 || len(x.withheld) > 0 || first {
		x.issue(a)
	}
	return a, nil
}

func (x *pull) manyLater() bool {
	return slices.ContainsFunc(x.beliefs(), func(b *belief) bool { return b.past.LaterCount() > listEntriesMax })
}

// listEntriesMax is up to how many entries the records that they touch are listed; of
// more, all records are looked at one after the other.
const listEntriesMax = 4096

func (x *pull) read() (err error) {
	if x.book, err = readCursors(x.Look, x.Client); err != nil {
		return err
	}
	if x.holding, err = newHolding(x.Look, x.book, x.Presented); err != nil {
		return err
	}
	if x.Presented != 0 {
		x.cursor = x.book.ever(x.Presented)
	}
	if x.cursor == nil && x.Presented != 0 {
		if c := x.book.last(); c != nil && c.Watermark <= x.Presented {
			x.cursor, x.again = c, true
		}
		x.lost = x.book.known() && x.elsewhere() && !x.GiveUp
	}
	if x.stranger() {
		x.holding.since = x.book.beforeLife()
	}
	s, err := scopeOf(x.Look, x.User)
	if err != nil {
		return err
	}
	x.now = state{scope: s, row: x.rowNow}
	if x.then, err = x.believe(x.cursor); err != nil {
		return err
	}
	if err := x.doubt(); err != nil || x.cursor == nil {
		return err
	}
	return x.readOwed()
}

// elsewhere tells whether a watermark may be of a device that this one has not heard of
// since.
func (p Pull) elsewhere() bool {
	return slices.ContainsFunc(p.Others, func(o uint16) bool { return issuedBy(p.Presented, o) })
}

func (x *pull) rowNow(table, id string) (row, bool, error) {
	r, err := x.Look.Record(crdt.RecordKey{Collection: table, ID: id})
	if err != nil || r == nil || r.Empty() {
		return row{}, false, err
	}
	return rowOf(TableOf(table), r), true, nil
}

// issue gives the answer a new watermark.
func (x *pull) issue(a *Answer) *Answer {
	c := &Cursor{
		Watermark: nextWatermark(max(x.Presented, x.book.newest()), x.NowMs, x.Issuer), Presented: x.Presented,
		User: x.User, Clinics: x.now.clinics, Control: x.Control, Marks: mostMarks(x.Look.Marks()),
	}
	c.Blind = x.Presented != 0 && (x.cursor == nil || x.cursor.Watermark != x.Presented)
	x.book.begin(c, x.cursor)
	a.Watermark, a.Issue = c.Watermark, []*crdt.Edit{x.book.issue(c, x.cursor, x.then.past)}
	if e := x.paid(); e != nil {
		a.Issue = append(a.Issue, e)
	}
	return a
}

// list decides of each record that may have to be sent.
func (x *pull) list() (list []decision, err error) {
	keys, err := x.candidates()
	if err != nil {
		return nil, err
	}
	size := 0
	for _, key := range keys {
		r, err := x.Look.Record(key)
		if err != nil {
			return nil, err
		}
		if r == nil || r.Empty() {
			continue
		}
		out, d, send, err := x.decide(TableOf(key.Collection), r)
		if err != nil {
			return nil, err
		}
		if !send {
			continue
		}
		if size < rowBytesMax {
			d.row = out.appendJSON(nil)
			size += len(d.row)
		}
		list = append(list, d)
	}
	slices.SortStableFunc(list, compareDecisions)
	return list, nil
}

// decide tells in which form a record goes to the phone, if at all.
func (x *pull) decide(t *Table, r *crdt.Record) (out row, d decision, send bool, err error) {
	d.key = r.Key
	now := x.shown(t, r, x.stock)
	sees, err := x.now.sees(now)
	if err != nil {
		return out, d, false, err
	}
	has, err := x.then.has(x, t, r)
	if err != nil {
		return out, d, false, err
	}
	may, err := x.mayHave(t, r, now, sees)
	if err != nil {
		return out, d, false, err
	}
	switch {
	case !may && has.there && has.same(now, sees) && !x.owed[r.Key] && !x.again && !(has.pending && x.Presented == 0):
		return out, d, false, nil
	case !may && !has.there && (!sees || !x.stranger() && now.deleted && x.cursor == nil):
		return out, d, false, nil // of others that are deleted it is told: it may have got them when nothing was noted of it
	case has.pending:
		x.withheld = append(x.withheld, r.Key)
		return out, d, false, nil
	case !sees:
		d.form, d.gone = Updated, true
		return blank(t, r.Key.ID), d, has.saw || may, nil
	case now.deleted:
		d.form = Updated
		return now.withdrawn(), d, true, nil
	}
	// Whether the phone has a row that was deleted, or out of its sight, is not known for
	// certain unless it pushed it; the app overwrites what it has.
	there := has.pushed || has.there && !has.row.deleted
	if there && (has.emptied || x.owed[r.Key] && x.cursor != nil && x.cursor.Presented == 0) {
		there = false // it was not sent yet, and the phone may not have it
	} else if !there {
		there, err = x.gave(t, r, &has)
	}
	if there {
		d.form = Updated
	}
	return now, d, true, err
}

// stranger tells of a phone that was elsewhere, and of which nothing is known here, that it may
// have any row. Of what its user may not see it is told nothing: an id alone says too much.
func (x *pull) stranger() bool { return x.cursor == nil && x.Presented != 0 }

// shown is the row of a record, with what is left in stock.
func (x *pull) shown(t *Table, r *crdt.Record, stock *sums) row {
	out := rowOf(t, r)
	if t.Name == inventory {
		out = stock.left(out, r)
	}
	return out
}

// Apart tells whether the user may not see what is of any clinic.
func (a *Answer) Apart() bool { return !a.pull.now.everything() }

// Strays tells whether the phone keeps its watermark, as only other devices may know what it has.
func (a *Answer) Strays() bool { return a.pull.lost }

// Empty tells whether no row goes out.
func (a *Answer) Empty() bool { return !a.all && len(a.list) == 0 }

// Each visits the rows that go out, as JSON objects: table by table, of each first those
// that are created.
func (a *Answer) Each(visit func(table string, form Form, row []byte) error) error {
	if a.all {
		return a.scan(visit)
	}
	var b []byte
	for _, d := range a.list {
		row := d.row
		if row == nil {
			r, err := a.pull.Look.Record(d.key)
			if err != nil {
				return err
			}
			b = a.pull.out(d, r).appendJSON(b[:0])
			row = b
		}
		if err := visit(d.key.Collection, d.form, row); err != nil {
			return err
		}
	}
	return nil
}

// out is the row that was decided to go out.
func (x *pull) out(d decision, r *crdt.Record) row {
	t := TableOf(d.key.Collection)
	if d.gone {
		return blank(t, d.key.ID)
	}
	out := x.shown(t, r, x.stock)
	if out.deleted {
		return out.withdrawn()
	}
	return out
}

// scan looks at all records. Those that are updated wait until those that are created are
// out, by their keys.
func (a *Answer) scan(visit func(table string, form Form, row []byte) error) error {
	var b []byte
	for i := range Tables {
		t := &Tables[i]
		var later []decision
		err := a.pull.Look.Scan(t.Name, "", a.pull.Presented != 0 || len(a.pull.maybe) > 0, func(r *crdt.Record) (bool, error) {
			out, d, send, err := a.pull.decide(t, r)
			if err != nil || !send {
				return err == nil, err
			}
			if d.form == Updated {
				later = append(later, d)
				return true, nil
			}
			b = out.appendJSON(b[:0])
			return true, visit(t.Name, Created, b)
		})
		if err != nil {
			return err
		}
		if err := (&Answer{pull: a.pull, list: later}).Each(visit); err != nil {
			return err
		}
	}
	return nil
}

// Owed is what is to be kept once the rows are out: which others the phone must get later,
// and which of these once more, since no cursor says that it got them.
func (a *Answer) Owed() ([]*crdt.Edit, error) {
	rows := a.pull.withheld
	if a.pull.lost {
		for _, d := range a.list {
			rows = append(rows, d.key)
		}
	}
	return owe(a.pull.Look, a.pull.Client, rows)
}

// alone is the answer to a phone whose cursor is not known here: it keeps its watermark, and
// gets only rows that it cannot have.
func (x *pull) alone() (*Answer, error) {
	a := &Answer{pull: x, Watermark: x.Presented}
	if x.Alone == nil {
		return a, nil
	}
	if err := x.relate(nil); err != nil {
		return nil, err
	}
	past, err := x.book.pasts(x.Look)
	if err != nil {
		return nil, err
	}
	for i := range Tables {
		t := &Tables[i]
		err := x.Look.Scan(t.Name, "", false, func(r *crdt.Record) (bool, error) {
			if !x.onlyHere(r, past) {
				return true, nil
			}
			out := x.shown(t, r, x.stock)
			sees, err := x.now.sees(out)
			if sees && !out.deleted {
				a.list = append(a.list, decision{key: r.Key, form: Created})
			}
			return err == nil, err
		})
		if err != nil {
			return nil, err
		}
	}
	return a, nil
}

// onlyHere tells of a record whether all of it was written here, is nowhere else, and never
// went to the phone or came from it.
func (x *pull) onlyHere(r *crdt.Record, given []Past) bool {
	return !slices.ContainsFunc(r.Living(), func(t *crdt.Touch) bool {
		return !x.Alone(t.Ref) || isOf(t, x.Client) || slices.ContainsFunc(given, func(p Past) bool { return p.Holds(t.Ref) })
	})
}

// compareDecisions orders what goes out by tables, and in each by forms.
func compareDecisions(a, b decision) int {
	return cmp.Or(cmp.Compare(rank(a.key.Collection), rank(b.key.Collection)), cmp.Compare(a.form, b.form))
}

// compareKeys orders records as they go out.
func compareKeys(a, b crdt.RecordKey) int {
	return cmp.Or(cmp.Compare(rank(a.Collection), rank(b.Collection)), strings.Compare(a.ID, b.ID))
}
