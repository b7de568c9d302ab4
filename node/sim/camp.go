package sim

import (
	"fmt"

	"musafir/crdt"
	"musafir/node/access"
	"musafir/node/replica"
	"musafir/node/wire"
	"musafir/store"
)

// Found makes the camp with its first machine, which runs.
func (w *World) Found() *Machine {
	m := w.newMachine(w.nextName(), w.key())
	s, err := store.OpenMemory(m.disk)
	if err == nil {
		err = w.found(m, s)
	}
	if err == nil {
		err = w.begin(m, s, nil)
	}
	if err != nil {
		w.fail("found a camp: %v", err)
	}
	m.Start()
	return m
}

// nextName is a letter, and a number once there are no more letters.
func (w *World) nextName() string {
	n := len(w.Machines)
	if n < 26 {
		return string(rune('A' + n))
	}
	return fmt.Sprint(string(rune('A'+n%26)), n/26)
}

// found writes the camp's first entry.
func (w *World) found(m *Machine, s *store.Store) error {
	birth := &crdt.Birth{
		Kind: crdt.ControlLog, Device: public(m.key), Incarnation: w.incarnation(),
		Founding: &crdt.Founding{Camp: "Camp", Device: m.Name, Recovery: public(w.key()), Secret: [32]byte(w.bytes(32))},
	}
	change, err := birth.Change()
	if err != nil {
		return err
	}
	e, err := crdt.NewEntry(crdt.TimeAt(m.wall()), nil, "", "", []crdt.Change{change})
	if err != nil {
		return err
	}
	id := e.ID(crdt.Place{})
	w.camp = crdt.CampID(id)
	b := s.Begin()
	defer b.Discard()
	if err := b.Append(crdt.Place{}, id, e); err != nil {
		return err
	}
	if err := b.Seal(crdt.LogID(id), crdt.Head{ID: id}, crdt.SealEntry(m.key, w.camp, id)); err != nil {
		return err
	}
	return b.Commit()
}

// begin takes the control logs that a device got when it joined, and begins its
// record log.
func (w *World) begin(m *Machine, s *store.Store, got []*replica.Received) error {
	members, acts, err := replica.LoadMembers(w.camp, s)
	if err != nil {
		return err
	}
	writer := &replica.Writer{Camp: w.camp, Device: m.key, Members: members, Graph: s.Graph(), Acts: acts}
	for _, batch := range got {
		g := replica.NewGroup(s.Begin(), writer)
		if err := g.Ingest(batch, m.wall()); err != nil {
			g.Discard()
			return err
		}
		if writer, err = g.Commit(); err != nil {
			return err
		}
	}
	g := replica.NewGroup(s.Begin(), writer)
	if err := g.BeginRecords(w.incarnation(), m.wall()); err != nil {
		g.Discard()
		return err
	}
	if _, err = g.Commit(); err != nil {
		return err
	}
	b := s.Begin()
	defer b.Discard()
	b.SetIdentity(store.Identity{Camp: w.camp})
	return b.Commit()
}

// Join lets a coordinator admit a new machine, which starts once that is written.
func (w *World) Join(by *Machine, role crdt.Role, joined func(*Machine)) {
	if by.proc == nil {
		return
	}
	name, key := w.nextName(), w.key()
	p := by.proc
	admission := crdt.Admission{Device: public(key), Role: role, Name: name}
	incarnation := w.incarnation()
	p.submit(&request{
		do: func(g *replica.Group) (crdt.Receipt, error) {
			id, err := g.Admit(admission, incarnation, by.wall())
			return crdt.Receipt{Entry: id}, err
		},
		done: func(receipt crdt.Receipt, err error) {
			if err != nil {
				w.log("%s cannot admit %s: %v", by.Name, name, err)
				return
			}
			w.ack(by, receipt)
			w.welcome(p, key, joined)
		},
	})
}

// welcome gives a new machine the control logs.
func (w *World) welcome(p *process, key []byte, joined func(*Machine)) {
	m := w.newMachine(w.nextName(), key)
	got, err := w.controlLogs(p)
	if err != nil {
		w.fail("%s: read the control logs for %s: %v", p.m.Name, m.Name, err)
		return
	}
	s, err := store.OpenMemory(m.disk)
	if err == nil {
		err = w.begin(m, s, got)
	}
	if err != nil {
		w.fail("%s joins: %v", m.Name, err)
		return
	}
	w.log("%s admits %s", p.m.Name, m.Name)
	m.Start()
	if joined != nil {
		joined(m)
	}
}

// controlLogs carries the control logs over as a join stream does.
func (w *World) controlLogs(p *process) (got []*replica.Received, err error) {
	var ranges []crdt.Range
	for n, b := range p.store.Branches() {
		if l, ok := p.writer.Members.Log(b.Log); ok && l.Kind == crdt.ControlLog {
			ranges = append(ranges, crdt.Range{Branch: uint32(n), From: b.From, To: b.Head.Seq})
		}
	}
	empty, err := store.OpenMemory(store.NewMemory())
	if err != nil {
		return nil, err
	}
	v := replica.NewVerifier(w.camp, empty)
	_, err = replica.Cut(p.store, ranges, 1<<30, func(b *wire.Batch) error {
		batch, err := v.Add(b)
		if batch != nil {
			got = append(got, batch)
		}
		return err
	})
	if err == nil && len(got) == 0 {
		err = fmt.Errorf("there is nothing sealed in %d logs", len(ranges))
	}
	return got, err
}

// role is what a machine may do, as it knows itself.
func (p *process) role() crdt.Role {
	var m access.Member
	m, _ = p.writer.Members.Member(p.m.id())
	return m.Role
}
