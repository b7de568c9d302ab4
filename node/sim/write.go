package sim

import (
	"encoding/hex"
	"fmt"

	"musafir/crdt"
	"musafir/node/replica"
)

// Put writes a text into a field of a record.
func (m *Machine) Put(id, value string) {
	m.Write(&crdt.Edit{
		Key: crdt.RecordKey{Collection: "patients", ID: id}, Set: []crdt.Field{{Key: "name", Value: crdt.Text(value)}},
	})
}

// Import writes many records, each in an entry of its own.
func (m *Machine) Import(records int) {
	for range records {
		m.Put(fmt.Sprintf("%x", m.w.bytes(8)), hex.EncodeToString(m.w.bytes(40)))
	}
}

// Write queues a transaction. Once it is acknowledged it must never be lost.
func (m *Machine) Write(edits ...*crdt.Edit) {
	p, w := m.proc, m.w
	if p == nil {
		return
	}
	salts := w.bytes(len(edits) * crdt.SaltSize)
	p.submit(&request{
		do: func(g *replica.Group) (crdt.Receipt, error) {
			return g.Write(&crdt.Transaction{Edits: edits, Author: "nurse " + m.Name}, salts, m.wall())
		},
		done: func(r crdt.Receipt, err error) {
			if err == nil {
				w.ack(m, r)
			}
		},
	})
}

// ack takes note of an entry that somebody was told is safe.
func (w *World) ack(m *Machine, r crdt.Receipt) {
	if r.Entry == (crdt.EntryID{}) {
		return
	}
	n, ok := w.book.byID[r.Entry]
	if !ok || !m.holds.has(n) {
		w.fail("%s: entry %s is acknowledged and not on the disk", m.Name, r.Entry.Short())
		return
	}
	w.Stats.Acked++
	w.acked = w.acked.with(n)
}

// act writes something at random.
func (m *Machine) act() {
	if m.proc == nil {
		return
	}
	edits := map[crdt.RecordKey]bool{}
	var list []*crdt.Edit
	for range 1 + m.w.random.IntN(2) {
		if e := m.edit(); !edits[e.Key] {
			edits[e.Key] = true
			list = append(list, e)
		}
	}
	m.Write(list...)
}

func (m *Machine) edit() *crdt.Edit {
	w := m.w
	e := &crdt.Edit{Key: crdt.RecordKey{Collection: "patients", ID: fmt.Sprint("p", w.random.IntN(40))}}
	hot := w.chance(50)
	if hot {
		e.Key.ID = fmt.Sprint("hot", w.random.IntN(3))
	}
	field := []string{"name", "phone", "address/city", "weight"}[w.random.IntN(4)]
	value := crdt.Int(w.random.Int64N(1000))
	switch w.random.IntN(12) {
	case 0:
		e.Delete = true
	case 1:
		e.Undelete = true
	case 2:
		e.Remove = []string{field}
	case 3:
		e.Increment = []crdt.Field{{Key: "stock", Value: value}}
	case 4:
		e.Add = []crdt.Field{{Key: "tags", Value: crdt.Int(w.random.Int64N(5))}}
	case 5:
		e.Drop = []crdt.Field{{Key: "tags", Value: crdt.Int(w.random.Int64N(5))}}
	case 6:
		e.Max = []crdt.Field{{Key: "seen", Value: value}}
	case 7, 8:
		e.Resolve = m.resolution(e.Key)
	case 9:
		e.Set = []crdt.Field{{Key: "notes", Value: m.text()}}
	default:
		e.Set = []crdt.Field{{Key: field, Value: value}}
	}
	return e
}

// text is now and then a long one, which no compression makes short.
func (m *Machine) text() crdt.Value {
	n := 20
	if m.w.chance(15) {
		n = 1000 + m.w.random.IntN(14_000)
	}
	return crdt.Text(hex.EncodeToString(m.w.bytes(n)))
}

// resolution ends a conflict of the record, if it has one.
func (m *Machine) resolution(key crdt.RecordKey) *crdt.Resolution {
	r, err := m.proc.store.Record(key)
	if err != nil || r == nil {
		return &crdt.Resolution{Path: "name", Value: crdt.Null}
	}
	conflicts := r.View().Conflicts
	if len(conflicts) == 0 {
		return &crdt.Resolution{Path: "name", Value: crdt.Null}
	}
	c := conflicts[m.w.random.IntN(len(conflicts))]
	return &crdt.Resolution{Path: c.Path, Entry: c.Siblings[0].Touch.Entry.Short()}
}
