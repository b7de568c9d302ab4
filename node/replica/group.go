package replica

import (
	"crypto/ed25519"
	"errors"
	"fmt"

	"musafir/crdt"
	"musafir/node/access"
)

// A Batch is what the store commits at once. It reads its own appends.
type Batch interface {
	Record(crdt.RecordKey) (*crdt.Record, error)
	Touches(crdt.RecordKey) ([]*crdt.Touch, error)
	Holds(log crdt.LogID, seq uint64, id crdt.EntryID) (bool, error)
	Append(crdt.Place, crdt.EntryID, *crdt.Entry) error
	Seal(crdt.LogID, crdt.Head, crdt.Seal) error
	Note(key [crdt.HashSize]byte) ([]byte, bool, error)
	SetNote(crdt.Note)
	SetPeer(id crdt.DeviceID, value []byte)
	Full() bool
	Commit() error
	Discard()
}

// Errors of what cannot be written here.
var (
	ErrReader = errors.New("this device may only read: a coordinator can give it the role of a member")
	ErrGap    = errors.New("an entry on which these build is not held")
)

// A Group is the writes of one commit: what was written here, and what came from
// others. It ends with Commit.
type Group struct {
	batch  Batch
	next   Writer
	shared bool // next.Members is still the one that others read
	err    error
	own    bool // an entry of ours is in it
}

// NewGroup begins a commit. The writer is left alone.
func NewGroup(b Batch, w *Writer) *Group {
	return &Group{batch: b, next: w.fork(), shared: true}
}

// Full says that the group takes no more.
func (g *Group) Full() bool { return g.err != nil || g.batch.Full() }

// Commit seals what was written here, so that every commit ends on seals, and
// makes all of it durable. The result is the writer that goes on from here.
func (g *Group) Commit() (*Writer, error) {
	if g.err == nil {
		g.err = g.seal()
	}
	if g.err != nil {
		g.batch.Discard()
		return nil, g.err
	}
	if err := g.batch.Commit(); err != nil {
		return nil, err
	}
	return &g.next, nil
}

// SetPeer remembers something about another device.
func (g *Group) SetPeer(id crdt.DeviceID, value []byte) { g.batch.SetPeer(id, value) }

func (g *Group) seal() error {
	if !g.next.Records.Unsealed() {
		return nil
	}
	g.next.Records.Sealed()
	head := g.next.Records.Head
	return g.batch.Seal(g.next.Records.Log, head, crdt.SealEntry(g.next.Device, g.next.Camp, head.ID))
}

// members is the membership to be changed.
func (g *Group) members() *access.Camp {
	if g.shared {
		g.next.Members, g.shared = g.next.Members.Clone(), false
	}
	return g.next.Members
}

// failed takes note of an error of the store, which concerns the whole group.
func (g *Group) failed(err error) error {
	if g.err == nil {
		g.err = err
	}
	return err
}

// Write brings one transaction into the group. salts are crdt.SaltSize random
// bytes for each edit. An EditError concerns this transaction alone; any other the
// group.
func (g *Group) Write(tx *crdt.Transaction, salts []byte, nowMs int64) (crdt.Receipt, error) {
	if g.err != nil {
		return crdt.Receipt{}, g.err
	}
	if tx.Note != nil {
		value, found, err := g.batch.Note(tx.Note.Key)
		if err != nil {
			return crdt.Receipt{}, g.failed(err)
		}
		if found {
			return Repeated(value), nil
		}
	}
	if g.next.Records.Log == (crdt.LogID{}) {
		return crdt.Receipt{}, &crdt.EditError{Err: ErrReader}
	}
	changes, err := g.compose(tx, salts)
	if err != nil {
		return crdt.Receipt{}, err
	}
	var receipt crdt.Receipt
	if len(changes) > 0 {
		if receipt, err = g.append(tx, changes, nowMs); err != nil {
			return crdt.Receipt{}, err
		}
	}
	if tx.Note != nil {
		g.batch.SetNote(crdt.Note{Key: tx.Note.Key, Value: append(receipt.Entry[:], tx.Note.Value...)})
	}
	return receipt, nil
}

// Repeated reads what was stored of the transaction that is asked for again: its
// entry and its note.
func Repeated(stored []byte) crdt.Receipt {
	if len(stored) < crdt.HashSize {
		return crdt.Receipt{}
	}
	return crdt.Receipt{Entry: crdt.EntryID(stored[:crdt.HashSize]), Repeated: stored[crdt.HashSize:]}
}

// compose turns the edits into changes, against the records as this commit has
// left them so far.
func (g *Group) compose(tx *crdt.Transaction, salts []byte) ([]crdt.Change, error) {
	changes := make([]crdt.Change, 0, len(tx.Edits))
	for i, edit := range tx.Edits {
		if err := edit.Key.Validate(); err != nil {
			return nil, &crdt.EditError{Err: err}
		}
		record, err := g.batch.Record(edit.Key)
		if err != nil {
			return nil, g.failed(err)
		}
		rc, err := crdt.Compose(record, edit, func() ([]*crdt.Touch, error) { return g.batch.Touches(edit.Key) })
		if err != nil {
			return nil, err
		}
		if rc == nil {
			continue
		}
		change, err := rc.Encode([crdt.SaltSize]byte(salts[i*crdt.SaltSize:]))
		if err != nil {
			return nil, &crdt.EditError{Key: edit.Key, Err: err}
		}
		changes = append(changes, change)
	}
	return changes, nil
}

// append makes the entry, and a seal where one is due.
func (g *Group) append(tx *crdt.Transaction, changes []crdt.Change, nowMs int64) (crdt.Receipt, error) {
	w := &g.next
	t := w.Clock.Next(nowMs)
	e, err := crdt.NewEntry(t, w.Graph.Deps(w.Records.Head.ID), tx.Author, tx.Phone, changes)
	if err != nil {
		return crdt.Receipt{}, &crdt.EditError{Err: err}
	}
	at, id := w.Records.Next(e)
	w.Graph.Add(at, id, e.Deps)
	if err := g.batch.Append(at, id, e); err != nil {
		return crdt.Receipt{}, g.failed(err)
	}
	if w.Records.SealDue() {
		if err := g.seal(); err != nil {
			return crdt.Receipt{}, g.failed(err)
		}
	}
	return crdt.Receipt{Entry: id, Time: t}, nil
}

// Ingest brings verified entries of another device into the group: all that are
// not held yet, or none. ErrGap says that what they build on is missing; an
// access.Refusal that one of them may not stand where it does.
func (g *Group) Ingest(r *Received, nowMs int64) error {
	if g.err != nil {
		return g.err
	}
	fresh, err := g.sift(r.Items)
	if err != nil {
		return err
	}
	members, err := g.check(fresh)
	if err != nil {
		return err
	}
	if members != nil {
		g.next.Members, g.shared = members, false
	}
	for _, a := range fresh {
		if err := g.batch.Append(a.At, a.ID, a.Entry); err != nil {
			return g.failed(err)
		}
		g.next.grow(a.At, a.ID, a.Entry)
		g.next.Clock.Observe(a.Entry.Time, nowMs)
	}
	return g.sealFresh(r, fresh)
}

// sealFresh stores the seals of what was new.
func (g *Group) sealFresh(r *Received, fresh []*Arrived) error {
	if len(fresh) == 0 {
		return nil
	}
	for _, s := range r.Seals {
		if err := g.batch.Seal(s.Log, s.Head, s.Seal); err != nil {
			return g.failed(err)
		}
	}
	return nil
}

// sift leaves out what is held, and makes sure that the rest has what it builds on.
func (g *Group) sift(items []*Arrived) ([]*Arrived, error) {
	fresh := make([]*Arrived, 0, len(items))
	planned := make(map[crdt.EntryID]bool, len(items))
	holds := func(log crdt.LogID, seq uint64, id crdt.EntryID) (bool, error) {
		if planned[id] {
			return true, nil
		}
		return g.batch.Holds(log, seq, id)
	}
	for _, a := range items {
		if held, err := holds(a.Log(), a.At.Seq, a.ID); err != nil {
			return nil, g.failed(err)
		} else if held {
			continue
		}
		if ok, err := grounded(a, holds); err != nil {
			return nil, g.failed(err)
		} else if !ok {
			return nil, ErrGap
		}
		planned[a.ID] = true
		fresh = append(fresh, a)
	}
	return fresh, nil
}

// grounded tells whether all that an entry names is held.
func grounded(a *Arrived, holds func(crdt.LogID, uint64, crdt.EntryID) (bool, error)) (bool, error) {
	if a.At.Seq > 0 {
		if ok, err := holds(a.At.Log, a.At.Seq-1, a.At.Prev); err != nil || !ok {
			return false, err
		}
	}
	for _, d := range a.Entry.Deps {
		if ok, err := holds(d.Log, d.Seq, d.ID); err != nil || !ok {
			return false, err
		}
	}
	return true, nil
}

// check asks the membership about each entry, as it is after those before it. The
// result is the membership after all of them, nil if it did not change.
func (g *Group) check(fresh []*Arrived) (*access.Camp, error) {
	members := g.next.Members
	changed := false
	for _, a := range fresh {
		if err := members.Check(a.At, a.ID, a.Entry); err != nil {
			return nil, err
		}
		if !a.membership() {
			continue
		}
		if !changed {
			members, changed = members.Clone(), true
		}
		members.Add(a.At, a.ID, a.Entry)
	}
	if !changed {
		return nil, nil
	}
	return members, nil
}

// Admit writes an admission. A coordinator that never wrote one begins its control
// log with it; incarnation is 16 random bytes for that.
func (g *Group) Admit(a crdt.Admission, incarnation [16]byte, nowMs int64) (crdt.EntryID, error) {
	if g.err != nil {
		return crdt.EntryID{}, g.err
	}
	self, ok := g.next.Members.Member(g.next.ID())
	if !ok || self.Role != crdt.RoleCoordinator {
		return crdt.EntryID{}, &crdt.EditError{Err: errors.New("only a coordinator admits devices")}
	}
	if g.next.Control.Log == (crdt.LogID{}) {
		if err := g.beginControl(self, incarnation, nowMs); err != nil {
			return crdt.EntryID{}, err
		}
	}
	change, err := a.Change()
	if err != nil {
		return crdt.EntryID{}, &crdt.EditError{Err: err}
	}
	e, err := crdt.NewEntry(g.next.Clock.Next(nowMs), g.next.Acts.Deps(g.next.Control.Head.ID), "", "", []crdt.Change{change})
	if err != nil {
		return crdt.EntryID{}, &crdt.EditError{Err: err}
	}
	at, id := g.next.Control.Next(e)
	g.next.Control.Sealed()
	return id, g.control(at, id, e)
}

// beginControl begins a coordinator's control log. One that has a new key continues
// its own record log, whose birth tells whose key it is.
func (g *Group) beginControl(self access.Member, incarnation [16]byte, nowMs int64) error {
	w := &g.next
	birth := &crdt.Birth{
		Camp: w.Camp, Kind: crdt.ControlLog, Device: w.Public(), Admission: self.Admission,
		Incarnation: incarnation, Ordinal: uint64(len(self.Logs)),
	}
	if !self.Key.Equal(w.Public()) {
		birth.Continues = w.Records.Log
		birth.Proof = crdt.ContinuationProof(w.Device, w.Camp, birth.Continues, birth.Device, incarnation)
	}
	id, err := g.Begin(birth, nowMs)
	w.Control = crdt.ResumeAuthor(crdt.LogID(id), crdt.Head{ID: id}, 0, 0)
	return err
}

// BeginRecords begins the device's first record log.
func (g *Group) BeginRecords(incarnation [16]byte, nowMs int64) error {
	self, _ := g.next.Members.Member(g.next.ID())
	if self.Role == crdt.RoleReader {
		return nil
	}
	birth := &crdt.Birth{
		Camp: g.next.Camp, Kind: crdt.RecordLog, Device: g.next.Public(), Admission: self.Admission,
		Incarnation: incarnation, Ordinal: uint64(len(self.Logs)),
	}
	id, err := g.Begin(birth, nowMs)
	g.next.Records = crdt.ResumeAuthor(crdt.LogID(id), crdt.Head{ID: id}, 0, 0)
	return err
}

// Renew gives the device a new key and a record log that continues its last one,
// signed by the old key.
func (g *Group) Renew(key ed25519.PrivateKey, incarnation [16]byte, nowMs int64) error {
	self, ok := g.next.Members.Member(g.next.ID())
	if !ok {
		return errors.New("this device is not admitted")
	}
	old := g.next
	g.next.Device = key
	birth := &crdt.Birth{
		Camp: old.Camp, Kind: crdt.RecordLog, Device: g.next.Public(), Admission: self.Admission,
		Incarnation: incarnation, Ordinal: uint64(len(self.Logs)),
		Continues: old.Records.Log,
		Proof:     crdt.ContinuationProof(old.Device, old.Camp, old.Records.Log, g.next.Public(), incarnation),
	}
	id, err := g.Begin(birth, nowMs)
	g.next.Records, g.next.Control = crdt.ResumeAuthor(crdt.LogID(id), crdt.Head{ID: id}, 0, 0), crdt.Author{}
	return err
}

// Begin writes the birth of a log of this device.
func (g *Group) Begin(birth *crdt.Birth, nowMs int64) (crdt.EntryID, error) {
	change, err := birth.Change()
	if err != nil {
		return crdt.EntryID{}, &crdt.EditError{Err: err}
	}
	deps, err := g.birthDeps(birth)
	if err != nil {
		return crdt.EntryID{}, &crdt.EditError{Err: err}
	}
	e, err := crdt.NewEntry(g.next.Clock.Next(nowMs), deps, "", "", []crdt.Change{change})
	if err != nil {
		return crdt.EntryID{}, &crdt.EditError{Err: err}
	}
	id := e.ID(crdt.Place{})
	return id, g.control(crdt.Place{}, id, e)
}

// birthDeps are the heads of the graph and the admission, which a birth names
// itself.
func (g *Group) birthDeps(birth *crdt.Birth) ([]crdt.Dep, error) {
	admission, ok := g.next.Members.Admission(birth.Admission)
	if !ok {
		return nil, fmt.Errorf("the admission %s is not held", birth.Admission)
	}
	heads := g.next.Graph
	if birth.Kind == crdt.ControlLog {
		heads = g.next.Acts
	}
	return crdt.WithDep(heads.Deps(crdt.EntryID{}), admission), nil
}

// control appends an entry that changes the membership, sealed on its own so that
// it can be shown on its own.
func (g *Group) control(at crdt.Place, id crdt.EntryID, e *crdt.Entry) error {
	if err := g.next.Members.Check(at, id, e); err != nil {
		return &crdt.EditError{Err: err}
	}
	log := at.Log
	if at.Seq == 0 {
		log = crdt.LogID(id)
	}
	if err := g.batch.Append(at, id, e); err != nil {
		return g.failed(err)
	}
	g.members().Add(at, id, e)
	g.next.grow(at, id, e)
	head := crdt.Head{Seq: at.Seq, ID: id}
	if err := g.batch.Seal(log, head, crdt.SealEntry(g.next.Device, g.next.Camp, id)); err != nil {
		return g.failed(err)
	}
	return nil
}
