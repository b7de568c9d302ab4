package sim

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"

	"musafir/crdt"
	"musafir/node/replica"
	"musafir/store"
)

// A Machine is a disk, a clock, and a program that runs or does not.
type Machine struct {
	Name string

	w       *World
	n       int
	disk    *store.Memory
	key     ed25519.PrivateKey
	staged  ed25519.PrivateKey // of a renewal; it counts once a log of it is held
	proc    *process           // nil: off
	skewMs  int64              // its clock minus the true time
	slow    bool               // commits take long
	failing bool               // commits fail now and then
	refuse  int                // so many commits fail
	holds   set                // what is on the disk
	seen    set                // what ever came or was written
	backups []backup
	ever    map[crdt.DeviceID]bool // the ids that it has had
	copied  bool                   // what others believe of it may be of another copy
	trips   int                    // frames that followed from each other up to here
	named   ed25519.PrivateKey     // the key of
	name    crdt.DeviceID
	family  *Machine // whose disk it was first; itself, if its own
	down    bool     // on purpose: it is not started again
}

// A backup is a disk as it was.
type backup struct {
	disk   *store.Memory
	key    ed25519.PrivateKey
	staged ed25519.PrivateKey
	holds  set
}

func (w *World) newMachine(name string, key ed25519.PrivateKey) *Machine {
	for slices.ContainsFunc(w.Machines, func(m *Machine) bool { return m.Name == name }) {
		name += "'"
	}
	m := &Machine{
		Name: name, w: w, n: len(w.Machines), disk: store.NewMemory(), key: key, ever: map[crdt.DeviceID]bool{},
	}
	m.family = m
	w.Machines = append(w.Machines, m)
	return m
}

func public(key ed25519.PrivateKey) ed25519.PublicKey { return key.Public().(ed25519.PublicKey) }

// id is the device that the machine is now.
func (m *Machine) id() crdt.DeviceID {
	if !m.key.Equal(m.named) {
		m.named, m.name = m.key, crdt.DeviceIDOf(public(m.key))
	}
	return m.name
}

// wall is the machine's own time.
func (m *Machine) wall() int64 { return epochMs + m.w.now/1000 + m.skewMs }

// Start starts the program on what is on the disk.
func (m *Machine) Start() {
	if m.proc != nil || m.w.err != nil {
		return
	}
	s, err := store.OpenMemory(m.disk)
	if err != nil {
		m.w.fail("%s: open: %v", m.Name, err)
		return
	}
	m.disk.Fault = m.fault
	writer, err := m.load(s)
	if err != nil {
		m.w.fail("%s: load: %v", m.Name, err)
		return
	}
	m.ever[m.id()] = true
	m.w.log("%s starts", m.Name)
	p := &process{
		m: m, w: m.w, store: s, writer: writer, began: m.w.now,
		ends: map[replica.Session]*end{}, keep: map[crdt.DeviceID][]byte{}, noted: map[uint32]uint64{},
	}
	m.proc = p
	before := m.holds
	m.holds = nil
	p.note(false)
	if n, lost := m.holds.lacks(before); lost {
		m.w.fail("%s: entry %s is not on the disk any more", m.Name, m.w.book.words(n))
	}
	p.begin(p.peers())
	p.run()
}

// load takes up a renewal that a crash interrupted.
func (m *Machine) load(s *store.Store) (*replica.Writer, error) {
	if m.staged != nil {
		if w, err := replica.LoadWriter(m.w.camp, m.staged, s); err == nil {
			m.key, m.staged = m.staged, nil
			return w, nil
		}
	}
	return replica.LoadWriter(m.w.camp, m.key, s)
}

// fault lets commits fail where the disk is a bad one. At the last step nobody
// knows whether it was written.
func (m *Machine) fault(step string) error {
	if m.refuse > 0 && step == "write" {
		m.refuse--
		return fmt.Errorf("%w to %s", errDisk, step)
	}
	if !m.failing || m.w.random.IntN(100) >= 6 {
		return nil
	}
	m.w.Stats.Faults["failed commit: "+step]++
	return fmt.Errorf("%w to %s", errDisk, step)
}

var errDisk = errors.New("the disk fails")

// FailCommits lets the next so many commits fail.
func (m *Machine) FailCommits(n int) { m.refuse = n }

// kill ends the program. Power says that nobody tells the others: they find out.
func (m *Machine) kill(power bool) {
	p := m.proc
	if p == nil {
		return
	}
	m.w.log("%s stops at once", m.Name)
	p.dead = true
	m.proc = nil
	for _, t := range p.serving {
		t.cancel(errGone)
	}
	m.disk = m.disk.Crash()
	for _, id := range p.sessions() {
		p.ends[id].vanish(power)
	}
}

// copyDisk is the disk as it is; the machine must be off.
func (m *Machine) copyDisk() backup {
	copied := m.disk.Crash()
	m.disk = m.disk.Crash()
	return backup{disk: copied, key: m.key, staged: m.staged, holds: append(set(nil), m.holds...)}
}

// put makes the machine's disk a copy of that backup.
func (m *Machine) put(b backup) {
	m.disk, m.key, m.staged = b.disk.Crash(), b.key, b.staged
	m.holds = append(set(nil), b.holds...)
}
