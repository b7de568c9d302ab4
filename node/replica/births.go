package replica

import (
	"crypto/ed25519"
	"errors"
	"fmt"

	"musafir/crdt"
	"musafir/node/access"
)

// Admit writes an admission. A coordinator that never wrote one begins its control
// log with it; incarnation is 16 random bytes for that.
func (g *Group) Admit(a crdt.Admission, incarnation [16]byte, nowMs int64) (crdt.EntryID, error) {
	if g.err != nil {
		return crdt.EntryID{}, g.err
	}
	self, ok := g.next.Members.Member(g.next.ID())
	if !ok || self.Role != crdt.RoleCoordinator {
		return crdt.EntryID{}, &crdt.EditError{Err: access.ErrNotCoordinator}
	}
	if g.next.Control.Log == (crdt.LogID{}) {
		if err := g.beginControl(self, incarnation, nowMs); err != nil {
			return crdt.EntryID{}, err
		}
	}
	return g.act(g.next.Device, &g.next.Control, &a, nowMs)
}

// beginControl begins a coordinator's control log.
func (g *Group) beginControl(self access.Member, incarnation [16]byte, nowMs int64) error {
	birth := g.birth(self, crdt.ControlLog, incarnation)
	id, err := g.begin(birth, nowMs)
	g.next.Control = crdt.ResumeAuthor(crdt.LogID(id), crdt.Head{ID: id}, 0, 0)
	return err
}

// BeginRecords begins the device's first record log. A reader has none.
func (g *Group) BeginRecords(incarnation [16]byte, nowMs int64) error {
	self, _ := g.next.Members.Member(g.next.ID())
	if self.Role == crdt.RoleReader {
		return nil
	}
	id, err := g.begin(g.birth(self, crdt.RecordLog, incarnation), nowMs)
	g.next.Records = crdt.ResumeAuthor(crdt.LogID(id), crdt.Head{ID: id}, 0, 0)
	return err
}

// birth is that of a log of this device.
func (g *Group) birth(self access.Member, kind crdt.LogKind, incarnation [16]byte) *crdt.Birth {
	return &crdt.Birth{
		Camp: g.next.Camp, Kind: kind, Device: g.next.Public(), Admission: self.Admission,
		Incarnation: incarnation, Ordinal: uint64(len(self.Logs)),
	}
}

// Renew gives the device a new key, and logs that continue those it has, signed by
// the old key. A coordinator gets a control log in any case: one that continued
// nothing but a record log would rest on records, and acts go ahead of those.
func (g *Group) Renew(key ed25519.PrivateKey, incarnation [16]byte, nowMs int64) error {
	self, ok := g.next.Members.Member(g.next.ID())
	if !ok || self.Role == crdt.RoleReader {
		return errors.New("this device writes no log that could go on under a new key")
	}
	if err := g.seal(); err != nil {
		return g.failed(err)
	}
	if self.Role == crdt.RoleCoordinator && g.next.Control.Log == (crdt.LogID{}) {
		if err := g.beginControl(self, incarnation, nowMs); err != nil {
			return err
		}
	}
	old := g.next
	g.next.Device = key
	g.next.Control, g.next.Records = crdt.Author{}, crdt.Author{}
	if old.Control.Log != (crdt.LogID{}) {
		if err := g.goOn(&old, old.Control, &g.next.Control, g.birth(self, crdt.ControlLog, incarnation), nowMs); err != nil {
			return err
		}
	}
	return g.goOn(&old, old.Records, &g.next.Records, g.birth(self, crdt.RecordLog, incarnation), nowMs)
}

// goOn begins a log that continues one of the old key's.
func (g *Group) goOn(old *Writer, from crdt.Author, to *crdt.Author, birth *crdt.Birth, nowMs int64) error {
	birth.Continues = from.Log
	if l, ok := g.next.Members.Log(from.Log); ok {
		birth.Admission = l.Admission // it may have been admitted again since
	}
	birth.Proof = crdt.ContinuationProof(old.Device, old.Camp, from.Log, birth.Device, birth.Incarnation)
	id, err := g.begin(birth, nowMs, crdt.Dep{Log: from.Log, Seq: from.Head.Seq, ID: from.Head.ID})
	*to = crdt.ResumeAuthor(crdt.LogID(id), crdt.Head{ID: id}, 0, 0)
	return err
}

// Recover makes this device a coordinator by the camp's recovery key, under a name.
// That key begins a control log for it; what the device writes from now on stands in a
// log under its new admission. random is 32 bytes. Errors: [access.ErrNotRecoveryKey].
func (g *Group) Recover(key ed25519.PrivateKey, name string, random [2][16]byte, nowMs int64) error {
	if g.err != nil {
		return g.err
	}
	if !key.Public().(ed25519.PublicKey).Equal(g.next.Members.RecoveryKey()) {
		return &crdt.EditError{Err: access.ErrNotRecoveryKey}
	}
	if self, ok := g.next.Members.Member(g.next.ID()); ok && self.Role == crdt.RoleCoordinator {
		return &crdt.EditError{Err: access.ErrIsCoordinator}
	}
	if err := g.seal(); err != nil {
		return g.failed(err)
	}
	birth := &crdt.Birth{
		Camp: g.next.Camp, Kind: crdt.ControlLog, Device: key.Public().(ed25519.PublicKey),
		Admission: crdt.EntryID(g.next.Camp), Incarnation: random[0],
	}
	id, err := g.beginBy(key, birth, nowMs)
	if err != nil {
		return err
	}
	log := crdt.ResumeAuthor(crdt.LogID(id), crdt.Head{ID: id}, 0, 0)
	_, err = g.act(key, &log, &crdt.Admission{Device: g.next.Public(), Role: crdt.RoleCoordinator, Name: name}, nowMs)
	if err != nil {
		return err
	}
	return g.BeginRecords(random[1], nowMs)
}

// begin writes the birth of a log of this device.
func (g *Group) begin(birth *crdt.Birth, nowMs int64, more ...crdt.Dep) (crdt.EntryID, error) {
	return g.beginBy(g.next.Device, birth, nowMs, more...)
}

// beginBy writes the birth of a log that the key seals. It names its admission and what
// else it must, and no other heads: a birth is shown as a proof, which is short.
func (g *Group) beginBy(key ed25519.PrivateKey, birth *crdt.Birth, nowMs int64, more ...crdt.Dep) (crdt.EntryID, error) {
	change, err := birth.Change()
	if err != nil {
		return crdt.EntryID{}, &crdt.EditError{Err: err}
	}
	admission, ok := g.next.Members.Admission(birth.Admission)
	if !ok {
		return crdt.EntryID{}, &crdt.EditError{Err: fmt.Errorf("the admission %s is not held", birth.Admission)}
	}
	deps := []crdt.Dep{admission}
	for _, d := range more {
		deps = crdt.WithDep(deps, d)
	}
	e, err := crdt.NewEntry(g.next.Clock.Next(nowMs), deps, "", "", []crdt.Change{change})
	if err != nil {
		return crdt.EntryID{}, &crdt.EditError{Err: err}
	}
	id := e.ID(crdt.Place{})
	return id, g.control(key, crdt.Place{}, id, e)
}

// act writes an act of membership into a control log that the key seals.
func (g *Group) act(key ed25519.PrivateKey, log *crdt.Author, a *crdt.Admission, nowMs int64) (crdt.EntryID, error) {
	change, err := a.Change()
	if err != nil {
		return crdt.EntryID{}, &crdt.EditError{Err: err}
	}
	e, err := crdt.NewEntry(g.next.Clock.Next(nowMs), g.next.Acts.Deps(log.Head.ID), "", "", []crdt.Change{change})
	if err != nil {
		return crdt.EntryID{}, &crdt.EditError{Err: err}
	}
	at, id := log.Next(e)
	log.Sealed()
	return id, g.control(key, at, id, e)
}

// control appends an entry that changes the membership, sealed on its own so that
// it can be shown on its own.
func (g *Group) control(key ed25519.PrivateKey, at crdt.Place, id crdt.EntryID, e *crdt.Entry) error {
	if err := g.next.Members.Check(at, id, e); err != nil {
		return &crdt.EditError{Err: err}
	}
	// Not within a stretch of records: it would not count there, and a stretch has to
	// fit into a batch.
	if err := g.seal(); err != nil {
		return g.failed(err)
	}
	log := at.Log
	if at.Seq == 0 {
		log = crdt.LogID(id)
	}
	if err := g.put(at, id, e); err != nil {
		return g.failed(err)
	}
	g.members().Add(at, id, e)
	g.next.grow(at, id, e)
	head := crdt.Head{Seq: at.Seq, ID: id}
	if err := g.batch.Seal(log, head, crdt.SealEntry(key, g.next.Camp, id)); err != nil {
		return g.failed(err)
	}
	return nil
}
