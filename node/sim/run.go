package sim

import (
	"context"
	"fmt"
	"strings"

	"musafir/crdt"
	"musafir/node/wire"
)

const (
	healWithinMs = 150_000 // from the end of all faults
	idleMs       = 100_000
)

// Random runs a world in which so many things happen, as its seed says, and heals it.
func Random(cfg Config, steps int) *World {
	w := New(cfg)
	w.Latency = [2]int64{500, 500 + w.random.Int64N(60_000)}
	w.Commit = [2]int64{500, 1_000 + w.random.Int64N(20_000)}
	w.Tick = 200_000
	if w.chance(50) {
		w.BytesPerMs = 200 + w.random.IntN(5_000)
	}
	w.Stats.Faults["worlds"] = 1
	w.populate(w.size(), w.someRole)
	w.watch()
	w.suffer(steps)
	w.Heal()
	w.Converge(healWithinMs)
	healed := w.Stats.HealMs
	w.partTwins()
	w.Stats.HealMs = healed
	w.checkEnd()
	w.checkIdle()
	return w
}

// size is small most of the time.
func (w *World) size() int {
	switch n := w.random.IntN(100); {
	case n < 70:
		return 2 + w.random.IntN(4)
	case n < 92:
		return 6 + w.random.IntN(5)
	case n < 99:
		return 11 + w.random.IntN(10)
	}
	return 50
}

// populate founds a camp of so many machines with some roles, in some topology.
func (w *World) populate(n int, role func() crdt.Role) {
	first := w.Found()
	w.Arrange(Topology(w.random.IntN(int(topologies))))
	for len(w.Machines) < n && w.err == nil {
		by := first
		if other := w.Machines[w.random.IntN(len(w.Machines))]; other.proc.role() == crdt.RoleCoordinator {
			by = other
		}
		w.Join(by, role(), nil)
		w.Run(1 + w.random.Int64N(50))
	}
	if w.err == nil {
		w.Arrange(w.topology)
	}
}

// suffer lets things happen.
func (w *World) suffer(steps int) {
	habits := w.habits()
	pace := 5 + w.random.Int64N(300)
	w.faulty = true
	for range steps {
		w.Run(w.random.Int64N(2*pace) + 1)
		if w.err != nil {
			return
		}
		w.some(habits)
	}
}

// some does one of several things.
func (w *World) some(habits []habit) {
	total := 0
	for _, h := range habits {
		total += h.weight
	}
	n := w.random.IntN(total)
	for _, h := range habits {
		if n -= h.weight; n < 0 {
			h.do()
			break
		}
	}
}

// Heal ends all faults, starts whoever is off, and lets the machines find each other.
func (w *World) Heal() {
	if w.err != nil {
		return
	}
	w.log("all faults end")
	w.faulty = false
	w.join()
	for _, m := range w.Machines {
		m.slow, m.failing = false, false
		m.Start()
	}
	w.Arrange(Topology(w.random.IntN(int(topologies))))
	w.log("the machines stand in a %v", w.topology)
}

// Converge waits until all hold the same and nothing is under way.
func (w *World) Converge(withinMs int64) {
	begun := w.now
	next := w.now
	w.runUntil(w.now+withinMs*1000, func() bool {
		if w.now < next {
			return false
		}
		next = w.now + 100_000
		return w.apart() == ""
	})
	if why := w.apart(); why != "" && w.err == nil {
		var stuck []string
		for _, m := range w.Machines {
			stuck = append(stuck, m.Name+": "+m.stuck())
		}
		w.fail("not in sync within %d ms in a %v: %s\n%s", withinMs, w.topology, why, strings.Join(stuck, "\n"))
	}
	w.Stats.HealMs = (w.now - begun) / 1000
}

// Same tells whether machines hold the same.
func (w *World) Same(machines ...*Machine) bool {
	for _, m := range machines {
		if m.proc == nil || machines[0].proc == nil || m.proc.store.Frontier().Digest() != machines[0].proc.store.Frontier().Digest() {
			return false
		}
	}
	return true
}

// apart says what keeps the machines from being in sync, or nothing.
func (w *World) apart() string {
	for _, m := range w.Machines {
		if m.proc == nil {
			return m.Name + " is off"
		}
		if n, lacks := m.holds.lacks(w.acked); lacks {
			return fmt.Sprintf("%s lacks %s", m.Name, w.book.words(n))
		}
		if first := w.Machines[0]; m.proc.store.Frontier().Digest() != first.proc.store.Frontier().Digest() {
			return fmt.Sprintf("%s and %s differ", first.Name, m.Name)
		}
		if why := m.proc.underWay(); why != "" {
			return m.Name + ": " + why
		}
	}
	return w.unconnected()
}

// unconnected says who has yet to find whom, or to find out that the other is gone.
func (w *World) unconnected() string {
	for _, c := range w.conns {
		for _, e := range c.ends {
			if !e.open || e.closed || e.pipe.dead || c.gone {
				return fmt.Sprintf("stream %d is about to begin or to end", c.n)
			}
		}
	}
	for _, a := range w.Machines {
		for _, b := range w.neighbours(a) {
			if a.id() != b.id() && !(a.proc.linkTo(b) && b.proc.linkTo(a)) {
				return fmt.Sprintf("%s and %s have not met", a.Name, b.Name)
			}
		}
	}
	return ""
}

func (p *process) underWay() string {
	switch {
	case p.busy, len(p.requests) > 0, len(p.ingest) > 0, len(p.inbox) > 0:
		return "it is committing"
	case p.forks():
		return "it writes a log that forks, and has no new key yet"
	case !p.replica.Quiet():
		return "it is not quiet"
	}
	for _, s := range p.replica.Sessions() {
		if !s.Live || s.Streaming || s.Offers > 0 || s.Source || s.Credit > 0 {
			return fmt.Sprintf("session %d is under way", s.Session)
		}
	}
	return ""
}

// partTwins lets everybody write. Copies of a device find out by that, and are
// devices of their own then.
func (w *World) partTwins() {
	if w.err != nil {
		return
	}
	for _, m := range w.Machines {
		if m.proc.role() != crdt.RoleReader {
			m.Put(fmt.Sprint("last of ", m.Name), "written")
		}
	}
	w.Run(1_000)
	w.Converge(healWithinMs)
	for _, m := range w.Machines {
		for _, other := range w.Machines[:m.n] {
			if w.err == nil && m.id() == other.id() && m.proc.role() != crdt.RoleReader {
				w.fail("%s and %s are the same device", other.Name, m.Name)
			}
		}
	}
}

// forks tells whether somebody else writes what this device writes: then it needs a
// new key.
func (p *process) forks() bool {
	for _, b := range p.store.Branches() {
		for _, own := range []crdt.Author{p.writer.Records, p.writer.Control} {
			if own.Log == b.Log && own.Head != b.Head {
				return true
			}
		}
	}
	return false
}

// checkEnd looks at the stores after all is healed.
func (w *World) checkEnd() {
	for _, m := range w.Machines {
		if w.err != nil {
			return
		}
		if m.proc.store.StateRoot() != w.Machines[0].proc.store.StateRoot() {
			w.fail("%s and %s hold the same and show something else", w.Machines[0].Name, m.Name)
		}
		report, err := m.proc.store.Verify(context.Background(), nil)
		if err != nil || len(report.Problems) > 0 {
			w.fail("%s: verify: %v, %v", m.Name, report, err)
		}
		for _, st := range m.proc.replica.Status() {
			if st.Connected && (!st.Synced || st.Lacks > 0 || st.Offers > 0) {
				w.fail("%s: in sync, and the status is %+v", m.Name, st)
			}
		}
	}
}

// checkIdle: whoever is in sync says no more than that it is there.
func (w *World) checkIdle() {
	if w.err != nil {
		return
	}
	before, beats := w.count()
	w.Run(idleMs)
	after, beatsAfter := w.count()
	if n := (after - beatsAfter) - (before - beats); n > 0 {
		w.fail("%d frames in %d ms in which nothing happened", n, idleMs)
	}
	if most := 2 * len(w.conns) * (idleMs/30_000 + 1); beatsAfter-beats > most {
		w.fail("%d beats in %d ms, and %d are enough", beatsAfter-beats, idleMs, most)
	}
	if why := w.apart(); why != "" {
		w.fail("not in sync any more: %s", why)
	}
}

func (w *World) count() (all, beats int) {
	all, _ = w.Stats.Total()
	return all, w.Stats.Frames[wire.KindBeat]
}
