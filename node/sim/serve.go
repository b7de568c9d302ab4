package sim

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"musafir/crdt"
	"musafir/node/clinic"
	"musafir/node/clinic/apptest"
)

// An answer is what a phone got from a pull, and what must come of it.
type answer struct {
	body     []byte
	rows     []sentRow
	want     *apptest.Phone   // one that never was here and got all; nil: nothing is known of what the phone has
	withheld []crdt.RecordKey // of rows
	denied   []crdt.RecordKey // what the phone wrote and its user may not
	holds    set              // what the device held
	cursor   int              // the entry that keeps what the phone has now; 0: none
	mark     int64
	known    bool // the device knew what the phone had
}

// A sentRow is one that goes from a phone or to one.
type sentRow struct {
	key     crdt.RecordKey
	form    string // the list in which it stands
	columns map[string]any
}

// forget lets go what is not asked for once the phone has it: what the rows say, many times over.
func (a *answer) forget() {
	a.want, a.body = nil, nil
	for i := range a.rows {
		a.rows[i].columns = nil
	}
}

// pull does what the program does. A watermark that is not known gets time to become so.
func (p *process) pull(t *task, r *Roamer, presented int64) (*answer, error) {
	known, heard, err := p.await(t, r, presented)
	if err != nil {
		return nil, err
	}
	rec := &reception{t: t, p: p}
	defer rec.close()
	var body bytes.Buffer
	if err := rec.desk().Pull(context.Background(), r.who, presented, &body); err != nil {
		return nil, err
	}
	a := &answer{body: body.Bytes(), withheld: rec.owed, holds: rec.holds, cursor: rec.cursor, known: known}
	a.rows, a.mark, err = readBody(a.body)
	if err != nil {
		return nil, err
	}
	if !known && heard {
		p.w.ward.count("pulls with a watermark that was not known")
	} else if !p.w.Blind {
		err = p.w.expect(a, rec.last(), r)
	}
	return a, err
}

// await gives other devices time to tell of a watermark. It tells whether the device knows
// what a phone has that presents it, and whether it ever heard of the phone.
func (p *process) await(t *task, r *Roamer, presented int64) (known, heard bool, err error) {
	for left := int64(awaiting); ; left -= lookPace {
		if p.dead {
			return false, false, errGone
		}
		m, err := p.store.Moment()
		if err != nil {
			return false, false, err
		}
		known, heard, err := clinic.Heard(momentLook{m}, r.app.ClientID, presented)
		m.Close()
		if err != nil || known || presented == 0 || left <= 0 {
			return known || presented == 0, heard, err
		}
		if err := t.sleep(lookPace); err != nil {
			return false, false, err
		}
	}
}

// expect works out what a phone that has just been set up gets of the same moment.
func (w *World) expect(a *answer, look clinic.Look, r *Roamer) error {
	a.want = apptest.New("reference", 1)
	got, err := clinic.Pull{Look: look, Client: "reference", User: r.who.User, NowMs: epochMs}.Answer()
	if err != nil {
		return err
	}
	tables := map[string][]json.RawMessage{}
	err = got.Each(func(table string, form clinic.Form, row []byte) error {
		if form != clinic.Created {
			return fmt.Errorf("a phone that has nothing gets %s %s", table, form)
		}
		tables[table] = append(tables[table], slices.Clone(row))
		return nil
	})
	if err != nil {
		return err
	}
	err = clinic.Held(look, func(h clinic.HeldRow) error {
		if h.Client == r.app.ClientID {
			a.denied = append(a.denied, crdt.RecordKey{Collection: h.Table, ID: h.Row})
		}
		return nil
	})
	if err != nil {
		return err
	}
	changes := map[string]map[string][]json.RawMessage{}
	for table, rows := range tables {
		changes[table] = map[string][]json.RawMessage{"created": rows, "updated": {}, "deleted": {}}
	}
	body, err := json.Marshal(map[string]any{"changes": changes, "timestamp": 1})
	if err != nil {
		return err
	}
	if err := a.want.Sync(given(body)); err != nil {
		return err
	}
	if a.want.Lossy+a.want.Unknown > 0 {
		return fmt.Errorf("a phone that has nothing loses values: %v", a.want.Losses)
	}
	return nil
}

// given is a hub that has one answer.
type given []byte

func (g given) Pull(int64) ([]byte, error) { return g, nil }
func (g given) Push(int64, []byte) error   { return nil }

// push does what the program does, and looks whether all of it is there then.
func (p *process) push(t *task, r *Roamer, presented int64, changes []byte) error {
	if _, _, err := p.await(t, r, presented); err != nil {
		return err
	}
	rec := &reception{t: t, p: p}
	defer rec.close()
	if err := rec.desk().Push(context.Background(), r.who, presented, changes); err != nil {
		return err
	}
	return nil
}

// readBody reads the rows of an answer, and its watermark.
func readBody(body []byte) (rows []sentRow, mark int64, err error) {
	var a struct {
		Changes   json.RawMessage
		Timestamp int64
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return nil, 0, fmt.Errorf("read an answer: %w", err)
	}
	return readSent(a.Changes), a.Timestamp, nil
}

// readSent reads rows, in some order that is always the same.
func readSent(changes []byte) (rows []sentRow) {
	var tables map[string]map[string][]map[string]any
	if err := json.Unmarshal(changes, &tables); err != nil {
		panic("read changes: " + err.Error())
	}
	for table, lists := range tables {
		for form, list := range lists {
			for _, columns := range list {
				id, _ := columns["id"].(string)
				rows = append(rows, sentRow{crdt.RecordKey{Collection: table, ID: id}, form, columns})
			}
		}
	}
	slices.SortStableFunc(rows, compareSent)
	return rows
}

func compareSent(a, b sentRow) int {
	return cmp.Or(strings.Compare(a.key.Collection, b.key.Collection), strings.Compare(a.form, b.form), strings.Compare(a.key.ID, b.key.ID))
}
