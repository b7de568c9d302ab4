package sim

import (
	"fmt"

	"musafir/crdt"
)

// crash stops a machine at once. It is started again after a while.
func (w *World) crash(m *Machine, why string) {
	if m.proc == nil {
		return
	}
	w.Stats.Faults[why]++
	m.kill(w.chance(50))
	if w.chance(60) && len(m.backups) < 4 {
		m.backups = append(m.backups, m.copyDisk())
	}
	w.after(50_000+w.random.Int64N(15_000_000), func() {
		if !m.down {
			m.Start()
		}
	})
}

// restore puts an old copy of a machine's disk back.
func (w *World) restore(m *Machine) {
	if len(m.backups) == 0 {
		w.crash(m, "crash")
		return
	}
	w.Stats.Faults["restore of an old copy"]++
	m.kill(w.chance(50))
	w.log("%s gets an old copy of its disk back", m.Name)
	m.put(m.backups[w.random.IntN(len(m.backups))])
	m.copied = true
	w.dropLost()
	m.Start()
}

// clone starts a second machine on a copy of a disk.
func (w *World) clone(m *Machine) {
	w.Stats.Faults["clone"]++
	m.kill(true)
	b := m.copyDisk()
	if len(m.backups) > 0 && w.chance(30) {
		b = m.backups[w.random.IntN(len(m.backups))]
	}
	w.attach(w.twin(m, b))
}

// twin is a second machine on a copy of a disk. Both start.
func (w *World) twin(m *Machine, b backup) *Machine {
	twin := w.newMachine(fmt.Sprint(m.Name, "'"), m.key)
	twin.put(b)
	twin.family = m.family
	m.copied, twin.copied = true, true
	w.log("%s is cloned: %s", m.Name, twin.Name)
	m.Start()
	twin.Start()
	return twin
}

// Copy copies the disk of a machine, which restarts, into a new one.
func (w *World) Copy(m *Machine) *Machine {
	m.kill(false)
	return w.twin(m, m.copyDisk())
}

// PowerCut stops a machine at once, without anybody being told.
func (m *Machine) PowerCut() { m.kill(true) }

// dropLost forgets what was acknowledged and is on no disk any more.
func (w *World) dropLost() {
	for n := range w.book.entries {
		if w.acked.has(n) && !w.anywhere(n) {
			w.acked[n/64] &^= 1 << (n % 64)
			w.Stats.Lost++
		}
		if w.ward != nil && !w.anywhere(n) {
			w.ward.lose(n, w.book.entries[n].keys)
		}
	}
}

func (w *World) anywhere(n int) bool {
	for _, m := range w.Machines {
		if m.holds.has(n) {
			return true
		}
	}
	return false
}

// jump sets a clock wrong.
func (w *World) jump(m *Machine) {
	w.Stats.Faults["clock jump"]++
	const year = 365 * 24 * 3600 * 1000
	m.skewMs = []int64{10 * year, -10 * year, 0, -60_000, 60_000, 3_600_000, 5 * year}[w.random.IntN(7)]
	w.log("the clock of %s is wrong by %d s", m.Name, m.skewMs/1000)
}

// part cuts links, some of them in one direction only.
func (w *World) part() {
	w.Stats.Faults["partition"]++
	side := make([]bool, len(w.Machines))
	for i := range side {
		side[i] = w.chance(50)
	}
	oneWay := w.chance(30)
	for _, a := range w.Machines {
		for _, b := range w.Machines {
			if side[a.n] && !side[b.n] {
				w.cut[[2]int{a.n, b.n}] = true
				if !oneWay {
					w.cut[[2]int{b.n, a.n}] = true
				}
			}
		}
	}
	w.log("a partition, one way: %v", oneWay)
	w.after(1_000_000+w.random.Int64N(40_000_000), w.join)
}

// join ends all partitions. Streams that were held up too long break.
func (w *World) join() {
	clear(w.cut)
	for _, c := range append([]*conn(nil), w.conns...) {
		for _, e := range c.ends {
			if len(e.pipe.held) > 0 && w.faulty && w.chance(40) {
				c.reset("it was silent for too long")
			}
			e.release()
		}
	}
}

// A habit is something that happens with a weight.
type habit struct {
	weight int
	do     func()
}

// habits are what goes on in a world, how often is the seed's.
func (w *World) habits() []habit {
	often := func(most int) int { return w.random.IntN(most + 1) }
	m := func() *Machine { return w.Machines[w.random.IntN(len(w.Machines))] }
	return []habit{
		{400 + often(600), func() { m().act() }},
		{often(10), func() { m().Import(20 + w.random.IntN(150)) }},
		{often(60), w.someReset},
		{often(40), w.someLoss},
		{often(20), w.part},
		{often(40), func() { w.crash(m(), "crash") }},
		{often(6), func() { w.someClone(m()) }},
		{often(25), func() { w.someRestore(m()) }},
		{often(10), func() { w.jump(m()) }},
		{often(15), func() { w.spell("slow disk", m(), func(m *Machine, on bool) { m.slow = on }) }},
		{often(15), func() { w.spell("bad disk", m(), func(m *Machine, on bool) { m.failing = on }) }},
		{often(30), func() { w.someJoin(m()) }},
	}
}

func (w *World) someReset() {
	if len(w.conns) > 0 {
		w.Stats.Faults["stream reset"]++
		w.conns[w.random.IntN(len(w.conns))].reset("a fault")
	}
}

func (w *World) someLoss() {
	if len(w.conns) > 0 {
		w.Stats.Faults["lost frame"]++
		w.conns[w.random.IntN(len(w.conns))].ends[w.random.IntN(2)].lose()
	}
}

const (
	clonesMax   = 3
	restoresMax = 4
	joinsMax    = 4
)

func (w *World) someClone(m *Machine) {
	if w.Stats.Faults["clone"] < clonesMax {
		w.clone(m)
	}
}

func (w *World) someRestore(m *Machine) {
	if w.Stats.Faults["restore of an old copy"] < restoresMax {
		w.restore(m)
	}
}

// spell lets a machine suffer for a while.
func (w *World) spell(what string, m *Machine, set func(*Machine, bool)) {
	w.Stats.Faults[what]++
	set(m, true)
	w.after(w.random.Int64N(20_000_000), func() { set(m, false) })
}

func (w *World) someJoin(by *Machine) {
	if by.proc == nil || by.proc.role() != crdt.RoleCoordinator || w.Stats.Faults["join"] >= joinsMax {
		return
	}
	w.Stats.Faults["join"]++
	w.Join(by, w.someRole(), w.attach)
}

func (w *World) someRole() crdt.Role {
	switch w.random.IntN(10) {
	case 0:
		return crdt.RoleReader
	case 1, 2:
		return crdt.RoleCoordinator
	}
	return crdt.RoleMember
}

// stuck says how the sessions of a machine stand.
func (m *Machine) stuck() string {
	if m.proc == nil {
		return "off"
	}
	s := fmt.Sprintf("%d wait, committing %v, %d to take in;", len(m.proc.requests), m.proc.busy, len(m.proc.ingest))
	for _, st := range m.proc.replica.Sessions() {
		e := m.proc.ends[st.Session]
		if e == nil {
			continue
		}
		s += fmt.Sprintf("\n    [%s%s live %v offers %d credit %d granted %d unacked %d streaming %v source %v]",
			e.other().m.Name, m.proc.misses(st.Holds), st.Live, st.Offers, st.Credit, st.Granted, st.Unacked, st.Streaming, st.Source)
	}
	return s
}

// misses lists the heads that a peer is not known to hold.
func (p *process) misses(holds []uint64) (list string) {
	for n, b := range p.store.Branches() {
		if n >= len(holds) || holds[n] <= b.Head.Seq {
			list += " without " + p.w.book.words(p.w.book.byID[b.Head.ID])
		}
	}
	return list
}
