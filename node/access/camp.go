package access

import (
	"crypto/ed25519"
	"maps"
	"slices"

	"musafir/crdt"
)

// A Camp is what the control logs say. Any number of readers may use it while
// nobody adds to it.
type Camp struct {
	id         crdt.CampID
	founding   *crdt.Founding // nil before the camp's first entry
	recovery   *admission     // of the recovery key, by that entry; it stands in no list
	mark       [16]byte       // of that entry, by which the recovery key knows it
	admissions map[crdt.EntryID]*admission
	logs       map[crdt.LogID]*log
}

// An admission is not changed once it is in a camp, so that clones share it. The
// camp's first entry is one too.
type admission struct {
	id     crdt.EntryID
	at     crdt.Place
	time   crdt.Time
	by     *log // where it stands; nil for the camp's first entry
	name   string
	role   crdt.Role
	key    ed25519.PublicKey
	device crdt.DeviceID // of key

	// Said by a newer program, or resting on what one said: an act of which this
	// one does not know what it allows, and sometimes not even whom it admits.
	newer bool
}

// Like admissions, logs are shared.
type log struct {
	Log
	id         crdt.LogID
	time       crdt.Time
	device     crdt.DeviceID // of the key that seals it
	admission  *admission
	from       *log // that it continues, or nil
	generation int  // how often it was continued
}

// A Log is what its birth says.
type Log struct {
	Kind      crdt.LogKind
	Device    ed25519.PublicKey // seals it
	Admission crdt.EntryID
	Continues crdt.LogID // zero if it continues none

	// Only a newer program knows what may stand in it: its entries are let
	// through, and should not be merged.
	Newer bool
}

// New is a camp of which nothing is held.
func New(camp crdt.CampID) *Camp {
	return &Camp{id: camp, admissions: map[crdt.EntryID]*admission{}, logs: map[crdt.LogID]*log{}}
}

// Clone is a copy to try something on.
func (c *Camp) Clone() *Camp {
	return &Camp{id: c.id, founding: c.founding, recovery: c.recovery, mark: c.mark, admissions: maps.Clone(c.admissions), logs: maps.Clone(c.logs)}
}

// Name is the camp's name, empty before its first entry.
func (c *Camp) Name() string {
	if c.founding == nil {
		return ""
	}
	return c.founding.Camp
}

// Log is a log whose birth is held.
func (c *Camp) Log(id crdt.LogID) (Log, bool) {
	if l := c.logs[id]; l != nil {
		return l.Log, true
	}
	return Log{}, false
}

// Admission names the entry of an admission as the births under it must name it
// among their dependencies.
func (c *Camp) Admission(id crdt.EntryID) (crdt.Dep, bool) {
	if a := c.admissions[id]; a != nil {
		return a.dep(), true
	}
	return crdt.Dep{}, false
}

func (a *admission) dep() crdt.Dep {
	if a.by == nil {
		return crdt.Dep{Log: crdt.LogID(a.id), ID: a.id}
	}
	return crdt.Dep{Log: a.at.Log, Seq: a.at.Seq, ID: a.id}
}

// Add takes note of an entry that was checked. Only births and entries of control
// logs change anything, so that those are all that has to be read to know the camp.
func (c *Camp) Add(at crdt.Place, id crdt.EntryID, e *crdt.Entry) {
	if at.Seq == 0 {
		c.addBirth(id, e)
		return
	}
	l := c.logs[at.Log]
	if l == nil || l.Kind != crdt.ControlLog {
		return
	}
	a := e.Admission()
	if a == nil && e.Known() {
		return
	}
	act := &admission{id: id, at: at, time: e.Time, by: l, newer: l.Newer || !e.Known()}
	if a != nil {
		act.admit(a.Device, a.Role, a.Name)
	}
	c.admissions[id] = act
}

func (a *admission) admit(key ed25519.PublicKey, role crdt.Role, name string) {
	a.key = slices.Clone(key) // not to keep all that was read with it
	a.device, a.role, a.name = crdt.DeviceIDOf(key), role, name
}

func (c *Camp) addBirth(id crdt.EntryID, e *crdt.Entry) {
	b := e.Birth()
	if b == nil {
		return
	}
	a := c.admissionOf(b)
	if b.Founding != nil && crdt.CampID(id) == c.id {
		a = c.found(e.Time, b)
	}
	if a == nil {
		return
	}
	l := &log{id: crdt.LogID(id), time: e.Time, device: crdt.DeviceIDOf(b.Device), admission: a}
	l.Log = Log{
		Kind: b.Kind, Device: slices.Clone(b.Device), Admission: a.id, Continues: b.Continues,
		Newer: a.newer || !b.Kind.Known(),
	}
	if l.from = c.logs[b.Continues]; l.from != nil {
		l.generation = l.from.generation + 1
	}
	c.logs[l.id] = l
}

// found takes note of the camp's first entry, which admits its first device.
func (c *Camp) found(at crdt.Time, b *crdt.Birth) *admission {
	f := *b.Founding
	f.Recovery = slices.Clone(f.Recovery)
	c.founding, c.mark = &f, b.Incarnation
	a := &admission{id: crdt.EntryID(c.id), time: at}
	a.admit(b.Device, crdt.RoleCoordinator, b.Founding.Device)
	c.admissions[a.id] = a
	c.recovery = &admission{id: a.id, time: at}
	c.recovery.admit(f.Recovery, crdt.RoleCoordinator, "")
	return a
}
