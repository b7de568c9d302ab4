package sim

import (
	"context"
	"errors"
	"slices"
	"time"

	"musafir/crdt"
	"musafir/node/clinic"
	"musafir/node/hikma"
	"musafir/node/replica"
	"musafir/store"
)

// A reception is one request of a phone at a process: the records for a desk, of which
// each write waits for the process' next commit.
type reception struct {
	t       *task
	p       *process
	moments []*store.Moment
	owed    []crdt.RecordKey // rows that the phone is to get later
	holds   set              // what the disk held at the last moment
	cursor  int              // the entry that keeps what the phone has now; 0: none
}

var (
	errGone = errors.New("the device stopped")
)

// A momentLook is a moment as package clinic wants it.
type momentLook struct{ *store.Moment }

func (l momentLook) Past(marks []crdt.Mark) (clinic.Past, error) { return l.Moment.Past(marks) }

// Moment stays open until the request is through, for what is checked then.
func (r *reception) Moment() (clinic.Look, func(), error) {
	if r.p.dead {
		return nil, nil, errGone
	}
	m, err := r.p.store.Moment()
	if err != nil {
		return nil, nil, err
	}
	r.moments = append(r.moments, m)
	r.holds = append(set(nil), r.p.m.holds...)
	return momentLook{m}, func() {}, nil
}

// last is what the request was answered by.
func (r *reception) last() clinic.Look { return momentLook{r.moments[len(r.moments)-1]} }

func (r *reception) close() {
	for _, m := range r.moments {
		m.Close()
	}
}

// Write waits in the process' own queue.
func (r *reception) Write(_ context.Context, tx crdt.Transaction) (receipt crdt.Receipt, err error) {
	p, w := r.p, r.p.w
	if p.dead {
		return receipt, errGone
	}
	salts := w.bytes(len(tx.Edits) * crdt.SaltSize)
	wake := r.t.waker()
	p.submit(&request{
		do: func(g *replica.Group) (crdt.Receipt, error) { return g.Write(&tx, salts, p.m.wall()) },
		done: func(got crdt.Receipt, failed error) {
			receipt, err = got, failed
			wake(nil)
		},
	})
	if waited := r.t.wait(); waited != nil {
		return crdt.Receipt{}, waited
	}
	if err == nil {
		r.note(tx, receipt)
	}
	return receipt, err
}

// note looks at what was written.
func (r *reception) note(tx crdt.Transaction, receipt crdt.Receipt) {
	for _, e := range tx.Edits {
		if e.Key.Collection == clinic.Cursors || e.Key.Collection == clinic.Owed || e.Key.Collection == clinic.HeldRows {
			r.p.w.log("WROTE %s at %s: %s", e.Key, r.p.m.Name, r.p.w.book.words(r.p.w.book.byID[receipt.Entry]))
			for _, f := range e.Set {
				r.p.w.log("    %s", f.Key)
			}
		}
		if e.Key.Collection == clinic.Cursors {
			r.cursor = r.p.w.book.byID[receipt.Entry]
		}
		if e.Key.Collection == clinic.HeldRows {
			r.noteHeld(e, receipt)
		}
		if e.Key.Collection == clinic.Owed {
			for _, f := range e.Set {
				clinic.EachOwed(f.Value, func(key crdt.RecordKey) {
					r.p.w.log("    %s", key)
					r.owed = append(r.owed, key)
					r.p.w.ward.push(rowOf{e.Key.ID, key}, r.p.w.book.byID[receipt.Entry])
				})
			}
		}
	}
}

// noteHeld takes note of a row that is held back.
func (r *reception) noteHeld(e *crdt.Edit, receipt crdt.Receipt) {
	field := map[string]string{}
	for _, f := range e.Set {
		if f.Value.Kind() == crdt.KindText {
			field[f.Key] = f.Value.Text()
		}
	}
	key := crdt.RecordKey{Collection: field["table"], ID: field["row"]}
	r.p.w.ward.push(rowOf{field["client"], key}, r.p.w.book.byID[receipt.Entry])
}

func (r *reception) Copies(at []crdt.Ref) int { return r.p.replica.Copies(at) }

// Others are the camp's other devices, as the program counts them.
func (r *reception) Others() (ids []crdt.DeviceID) {
	self := r.p.m.id()
	for _, m := range r.p.writer.Members.Members() {
		if current := m.Current(); !slices.Contains(current, self) {
			ids = append(ids, current...)
		}
	}
	return ids
}

func (r *reception) Self() (crdt.DeviceID, string, string) {
	return r.p.m.id(), r.p.m.Name, r.p.role().String()
}

func (r *reception) Control() [8]byte { return [8]byte{byte(len(r.p.writer.Members.Members()))} }

// desk is the program's own. What it waits for in true time is waited for here.
func (r *reception) desk() *hikma.Desk {
	return hikma.NewDesk(hikma.DeskConfig{Records: r, Now: func() time.Time { return time.UnixMilli(r.p.m.wall()) }, Wait: -1})
}
