package clinic_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"slices"
	"testing"

	"musafir/crdt"
	"musafir/node"
	"musafir/node/clinic"
	"musafir/node/clinic/apptest"
	"musafir/node/replica"
	"musafir/store"
)

// A desk is a device at which phones sync, alone in its camp.
type desk struct {
	t      testing.TB
	store  *store.Store
	writer *replica.Writer
	nowMs  int64
	writes int // transactions that phones caused
}

func newDesk(t testing.TB) *desk {
	t.Helper()
	s, err := store.OpenMemory(store.NewMemory())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	b := s.Begin()
	f, err := node.Found(b, key, "Camp", "Desk")
	if err != nil {
		t.Fatal(err)
	}
	b.SetIdentity(store.Identity{Camp: f.Camp})
	if err := b.Commit(); err != nil {
		t.Fatal(err)
	}
	w, err := replica.LoadWriter(f.Camp, key, s)
	if err != nil {
		t.Fatal(err)
	}
	return &desk{t: t, store: s, writer: w, nowMs: 1_780_000_000_000}
}

func (d *desk) write(tx crdt.Transaction) error {
	d.nowMs++
	g := replica.NewGroup(d.store.Begin(), d.writer)
	salts := make([]byte, len(tx.Edits)*crdt.SaltSize)
	rand.Read(salts)
	if _, err := g.Write(&tx, salts, d.nowMs); err != nil {
		return err
	}
	w, err := g.Commit()
	d.writer = w
	return err
}

// atAnotherDevice goes on as another device of the camp that holds all of it.
func (d *desk) atAnotherDevice() {
	d.t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		d.t.Fatal(err)
	}
	var incarnation [2][16]byte
	for i := range incarnation {
		rand.Read(incarnation[i][:])
	}
	g := replica.NewGroup(d.store.Begin(), d.writer)
	if _, err := g.Admit(crdt.Admission{Device: public, Role: crdt.RoleMember, Name: "Another"}, incarnation[0], d.nowMs); err != nil {
		d.t.Fatal(err)
	}
	if _, err := g.Commit(); err != nil {
		d.t.Fatal(err)
	}
	if d.writer, err = replica.LoadWriter(d.writer.Camp, private, d.store); err != nil {
		d.t.Fatal(err)
	}
	g = replica.NewGroup(d.store.Begin(), d.writer)
	if err := g.BeginRecords(incarnation[1], d.nowMs); err != nil {
		d.t.Fatal(err)
	}
	if d.writer, err = g.Commit(); err != nil {
		d.t.Fatal(err)
	}
}

// do is a write of somebody who uses no phone.
func (d *desk) do(edits ...*crdt.Edit) {
	d.t.Helper()
	if err := d.write(crdt.Transaction{Edits: edits}); err != nil {
		d.t.Fatal(err)
	}
}

// A look is a moment of the store.
type look struct{ *store.Moment }

func (l look) Past(marks []crdt.Mark) (clinic.Past, error) { return l.Moment.Past(marks) }

// forgetOwed drops what a phone is owed.
func (d *desk) forgetOwed(p *apptest.Phone) {
	d.t.Helper()
	owed := key(clinic.Owed, p.ClientID)
	r, err := d.store.Record(owed)
	if err != nil || r == nil {
		d.t.Fatalf("nothing is owed: %v", err)
	}
	e := &crdt.Edit{Key: owed}
	r.View().Fields.Fields(func(slot string, _ crdt.Value) { e.Remove = append(e.Remove, slot) })
	d.do(e)
}

func (d *desk) look() look {
	m, err := d.store.Moment()
	if err != nil {
		d.t.Fatal(err)
	}
	return look{m}
}

func (d *desk) record(table, id string) crdt.View {
	d.t.Helper()
	r, err := d.store.Record(crdt.RecordKey{Collection: table, ID: id})
	if err != nil || r == nil {
		d.t.Fatalf("%s/%s: %v, %v", table, id, r, err)
	}
	return r.View()
}

// A line is one phone's line to a desk.
type line struct {
	*desk
	client, user string
	elsewhere    []uint16
	control      [8]byte
	behind       *look                  // as a device that does not know yet what came later; nil: the desk
	got          map[string]clinic.Form // of the rows of the last pull
}

func (d *desk) line(p *apptest.Phone, user string) *line {
	return &line{desk: d, client: p.ClientID, user: user}
}

func (l *line) Pull(presented int64) ([]byte, error) {
	m, done := l.sees()
	defer done()
	a, err := clinic.Pull{Look: m, Client: l.client, User: l.user, Presented: presented, NowMs: l.nowMs, Issuer: 5, Others: l.elsewhere, Control: l.control}.Answer()
	if err != nil {
		return nil, err
	}
	if len(a.Issue) > 0 {
		l.writes++
		if err := l.write(crdt.Transaction{Edits: a.Issue}); err != nil {
			return nil, err
		}
	}
	l.got = map[string]clinic.Form{}
	tables := map[string]map[clinic.Form][][]byte{}
	last, lastForm := "", clinic.Created
	err = a.Each(func(table string, form clinic.Form, row []byte) error {
		if table == last && form < lastForm || table != last && tables[table] != nil {
			l.t.Errorf("a row of %s came as %s behind one of %s that came as %s", table, form, last, lastForm)
		}
		last, lastForm = table, form
		if tables[table] == nil {
			tables[table] = map[clinic.Form][][]byte{}
		}
		tables[table][form] = append(tables[table][form], bytes.Clone(row))
		id := row[len(`{"id":"`):]
		l.got[table+"/"+string(id[:bytes.IndexByte(id, '"')])] = form
		return nil
	})
	if err != nil {
		return nil, err
	}
	owed, err := a.Owed()
	if err != nil {
		return nil, err
	}
	for _, list := range clinic.Transactions(owed) {
		if err := l.write(crdt.Transaction{Edits: list}); err != nil {
			return nil, err
		}
	}
	var b bytes.Buffer
	b.WriteString(`{"changes":{`)
	first := true
	for table, rows := range tables {
		if !first {
			b.WriteByte(',')
		}
		first = false
		fmt.Fprintf(&b, `%q:{"created":[%s],"updated":[%s],"deleted":[]}`, table, bytes.Join(rows[clinic.Created], []byte(",")), bytes.Join(rows[clinic.Updated], []byte(",")))
	}
	fmt.Fprintf(&b, `},"timestamp":%d}`, a.Watermark)
	return b.Bytes(), nil
}

func (l *line) Push(presented int64, changes []byte) error {
	rows, err := clinic.ReadPush(changes)
	if err != nil {
		return err
	}
	for _, step := range []func(clinic.Push) ([]clinic.Batch, error){clinic.Push.Write, clinic.Push.Delete} {
		if err := l.step(presented, rows, step); err != nil {
			return err
		}
	}
	return l.step(presented, rows, func(p clinic.Push) ([]clinic.Batch, error) {
		edits, err := p.Owed()
		var batches []clinic.Batch
		for _, list := range clinic.Transactions(edits) {
			batches = append(batches, clinic.Batch{Edits: list})
		}
		return batches, err
	})
}

// sees is what the device knows that the phone speaks to.
func (l *line) sees() (look, func()) {
	if l.behind != nil {
		return *l.behind, func() {}
	}
	m := l.look()
	return m, func() { m.Close() }
}

func (l *line) step(presented int64, rows *clinic.Pushed, do func(clinic.Push) ([]clinic.Batch, error)) error {
	m, done := l.sees()
	defer done()
	p := clinic.Push{Look: m, Client: l.client, User: l.user, Presented: presented, NowMs: l.nowMs, Rows: rows}
	batches, err := do(p)
	if err != nil {
		return err
	}
	return p.Run(batches, func(b clinic.Batch) error {
		l.writes++
		author := b.Author
		if author == "" {
			author = l.user
		}
		return l.write(crdt.Transaction{Edits: b.Edits, Author: author, Phone: b.Origin})
	})
}

// answerTo are the rows that a pull brings, in words and in order; "": one that is left out.
func (d *desk) answerTo(p clinic.Pull, words func(table string, form clinic.Form, row []byte) string) (rows []string) {
	d.t.Helper()
	a, err := p.Answer()
	if err != nil {
		d.t.Fatal(err)
	}
	err = a.Each(func(table string, form clinic.Form, row []byte) error {
		if text := words(table, form, row); text != "" {
			rows = append(rows, text)
		}
		return nil
	})
	if err != nil {
		d.t.Fatal(err)
	}
	slices.Sort(rows)
	return rows
}

func (d *desk) held() (rows []clinic.HeldRow) {
	m := d.look()
	defer m.Close()
	if err := clinic.Held(m, func(h clinic.HeldRow) error { rows = append(rows, h); return nil }); err != nil {
		d.t.Fatal(err)
	}
	return rows
}
