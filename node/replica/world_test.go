package replica_test

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"fmt"

	"musafir/crdt"
	"musafir/node/replica"
	"musafir/node/wire"
	"musafir/store"
)

// tb is what tests and benchmarks have in common.
type tb interface {
	Helper()
	Fatalf(string, ...any)
}

// A device is a store with a writer and a replica, without a network: events and
// effects pass between two of them at once.
type device struct {
	tb
	*replica.Replica
	store  *store.Store
	writer *replica.Writer
	now    int64
	frames int   // sent
	asked  []any // effects so far
	others map[replica.Session]*link
	queue  *queue
}

// A queue is what is to happen, in order, so that no effect overtakes another.
type queue struct {
	steps   []func()
	running bool
}

func (q *queue) do(f func()) {
	q.steps = append(q.steps, f)
	if q.running {
		return
	}
	q.running = true
	for len(q.steps) > 0 {
		f, q.steps = q.steps[0], q.steps[1:]
		f()
	}
	q.running = false
}

// A link is one side of a stream.
type link struct {
	to       *device
	session  replica.Session // there
	verifier *replica.Verifier
}

func keyOf(n int) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{byte(n)}, ed25519.SeedSize))
}

func public(key ed25519.PrivateKey) ed25519.PublicKey { return key.Public().(ed25519.PublicKey) }

func incarnation(n int) [16]byte { return [16]byte{byte(n), byte(n >> 8), 1} }

func newStore(t tb) *store.Store {
	t.Helper()
	s, err := store.OpenMemory(store.NewMemory())
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return s
}

// found begins a camp.
func found(t tb) *device {
	t.Helper()
	s, key := newStore(t), keyOf(1)
	birth := &crdt.Birth{
		Kind: crdt.ControlLog, Device: public(key), Incarnation: incarnation(1),
		Founding: &crdt.Founding{Camp: "Camp", Device: "device 1", Recovery: public(keyOf(255))},
	}
	change, err := birth.Change()
	if err != nil {
		t.Fatalf("write a birth: %v", err)
	}
	e, err := crdt.NewEntry(1, nil, "", "", []crdt.Change{change})
	if err != nil {
		t.Fatalf("write a birth: %v", err)
	}
	id := e.ID(crdt.Place{})
	b := s.Begin()
	if err := b.Append(crdt.Place{}, id, e); err != nil {
		t.Fatalf("append: %v", err)
	}
	if err := b.Seal(crdt.LogID(id), crdt.Head{ID: id}, crdt.SealEntry(key, crdt.CampID(id), id)); err != nil {
		t.Fatalf("seal: %v", err)
	}
	if err := b.Commit(); err != nil {
		t.Fatalf("commit: %v", err)
	}
	d := load(t, s, crdt.CampID(id), key, &queue{})
	d.commit(func(g *replica.Group) error { return g.BeginRecords(incarnation(2), d.now) })
	return d
}

// load starts a device from its store.
func load(t tb, s *store.Store, camp crdt.CampID, key ed25519.PrivateKey, q *queue) *device {
	t.Helper()
	w, err := replica.LoadWriter(camp, key, s)
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	d := &device{tb: t, store: s, writer: w, now: 1_000, others: map[replica.Session]*link{}, queue: q}
	d.Replica = replica.New(replica.Config{
		Nonce: [8]byte(key[:8]), Program: "musafir test", Logs: s, Writer: w, Branches: s.Branches(),
	})
	return d
}

// admit lets a new device take part, which holds the control logs.
func (d *device) admit(n int, role crdt.Role) *device {
	d.Helper()
	key := keyOf(n)
	d.commit(func(g *replica.Group) error {
		_, err := g.Admit(crdt.Admission{Device: public(key), Role: role, Name: fmt.Sprint("device ", n)}, incarnation(100+n), d.now)
		return err
	})
	s := newStore(d)
	camp, err := copyControl(d, s)
	if err != nil {
		d.Fatalf("copy the control logs: %v", err)
	}
	joined := load(d, s, camp, key, d.queue)
	joined.commit(func(g *replica.Group) error { return g.BeginRecords(incarnation(n), d.now) })
	return joined
}

// copyControl writes the control logs of a device into a store, as bytes.
func copyControl(d *device, s *store.Store) (crdt.CampID, error) {
	var ranges []crdt.Range
	for n, b := range d.store.Branches() {
		if l, ok := d.writer.Members.Log(b.Log); ok && l.Kind == crdt.ControlLog {
			ranges = append(ranges, crdt.Range{Branch: uint32(n), From: b.From, To: b.Head.Seq})
		}
	}
	b := s.Begin()
	defer b.Discard()
	err := d.store.Stream(ranges, func(it *crdt.Item) (bool, error) {
		e, err := crdt.ParseEntry(it.Raw)
		if err != nil {
			return false, err
		}
		at := it.At
		if at.Seq == 0 {
			at = crdt.Place{}
		}
		if err := b.Append(at, it.ID, e); err != nil {
			return false, err
		}
		log := it.At.Log
		if at.Seq == 0 {
			log = crdt.LogID(it.ID)
		}
		return true, b.Seal(log, crdt.Head{Seq: at.Seq, ID: it.ID}, *it.Seal)
	})
	if err != nil {
		return crdt.CampID{}, err
	}
	return d.writer.Camp, b.Commit()
}

// commit makes one commit and tells the replica.
func (d *device) commit(do func(g *replica.Group) error, outcomes ...replica.Outcome) {
	d.Helper()
	g := replica.NewGroup(d.store.Begin(), d.writer)
	if err := do(g); err != nil {
		d.Fatalf("write: %v", err)
	}
	w, err := g.Commit()
	if err != nil {
		d.Fatalf("commit: %v", err)
	}
	d.writer = w
	d.step(replica.Committed{Writer: w, Branches: d.store.Branches(), Batches: outcomes})
}

func put(id, value string) *crdt.Transaction {
	return &crdt.Transaction{Edits: []*crdt.Edit{{
		Key: crdt.RecordKey{Collection: "patients", ID: id}, Set: []crdt.Field{{Key: "name", Value: crdt.Text(value)}},
	}}}
}

// put writes a field of a record.
func (d *device) put(id, value string) crdt.Receipt {
	d.Helper()
	var receipt crdt.Receipt
	d.commit(func(g *replica.Group) (err error) {
		receipt, err = g.Write(put(id, value), make([]byte, crdt.SaltSize), d.now)
		return err
	})
	return receipt
}

// step gives an event to the replica and does what it asks for.
func (d *device) step(what any) { d.queue.do(func() { d.stepNow(what) }) }

func (d *device) stepNow(what any) {
	d.Helper()
	if err := d.Step(replica.Event{Now: d.now, Wall: d.now, What: what}); err != nil {
		d.Fatalf("step: %v", err)
	}
	for _, effect := range d.Take() {
		d.queue.do(func() { d.effect(effect) })
	}
}

func (d *device) effect(effect any) {
	d.Helper()
	d.asked = append(d.asked, effect)
	switch e := effect.(type) {
	case replica.Send:
		d.send(e.Session, e.Frame)
	case replica.End:
		if l := d.others[e.Session]; l != nil {
			delete(d.others, e.Session)
			l.to.step(replica.Framed{Session: l.session, Frame: &e.Bye})
		}
	case replica.Stream:
		sent, err := replica.Cut(d.store, e.Ranges, e.Budget, func(b *wire.Batch) error { d.send(e.Session, b); return nil })
		if err != nil {
			d.Fatalf("cut: %v", err)
		}
		d.step(replica.Streamed{Session: e.Session, Epoch: e.Epoch, Sent: sent})
	case replica.Ingest:
		out := []replica.Outcome{{Session: e.Session, Batch: e.Batch}}
		d.commit(func(g *replica.Group) error { out[0].Err = g.Ingest(e.Batch, d.now); return nil }, out...)
	}
}

// send carries a frame over, as bytes.
func (d *device) send(session replica.Session, f wire.Frame) {
	d.Helper()
	l := d.others[session]
	if l == nil {
		return
	}
	d.frames++
	b, err := wire.Append(nil, f)
	if err != nil {
		d.Fatalf("write a frame: %v", err)
	}
	f, err = wire.Read(bufio.NewReader(bytes.NewReader(b)))
	if err != nil {
		d.Fatalf("read a frame: %v", err)
	}
	if batch, ok := f.(*wire.Batch); ok {
		got, err := l.verifier.Add(batch)
		if err != nil {
			d.Fatalf("verify: %v", err)
		}
		if got != nil {
			l.to.step(replica.Arrival{Session: l.session, Batch: got})
		}
		return
	}
	l.to.step(replica.Framed{Session: l.session, Frame: f})
}

var sessions replica.Session

// dial opens a session from one device to another.
func (d *device) dial(to *device) (replica.Session, replica.Session) {
	sessions += 2
	here, there := sessions, sessions+1
	d.others[here] = &link{to: to, session: there, verifier: replica.NewVerifier(to.writer.Camp, to.store)}
	to.others[there] = &link{to: d, session: here, verifier: replica.NewVerifier(d.writer.Camp, d.store)}
	to.step(replica.Opened{Session: there, Peer: d.writer.ID(), Inbound: true, Remote: "10.0.0.1:1"})
	d.step(replica.Opened{Session: here, Peer: to.writer.ID(), Remote: "10.0.0.2:2"})
	return here, there
}

// tick lets time pass.
func tick(ms int64, devices ...*device) {
	for left := ms; left > 0; left -= 100 {
		for _, d := range devices {
			d.now += 100
			d.step(replica.Tick{})
		}
	}
}

// offer is a frame that names an entry that nobody holds.
func offer(log crdt.LogID, seq uint64) wire.Frame {
	return &wire.Have{Heads: []wire.Head{{Log: crdt.EntryID(log).Short(), Seq: seq, Hash: make([]byte, 8)}}}
}
