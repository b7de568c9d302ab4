package sim

import (
	"slices"

	"musafir/crdt"
	"musafir/node/wire"
)

// rootOf is the state that belongs to a digest, and who had it first.
type rootOf struct {
	root [crdt.HashSize]byte
	who  string
}

// note looks at the entries that a commit added: the disk must hold what they build
// on. fresh tells whether they count as received.
func (p *process) note(fresh bool) {
	var ranges []crdt.Range
	for n, b := range p.store.Branches() {
		n := uint32(n)
		next := max(p.noted[n], b.From)
		if next <= b.Head.Seq {
			ranges = append(ranges, crdt.Range{Branch: n, From: next, To: b.Head.Seq})
		}
		p.noted[n] = b.Head.Seq + 1
	}
	own := p.writer.Records.Log
	err := p.store.Stream(ranges, func(it *crdt.Item) (bool, error) {
		known := len(p.w.book.entries)
		n, err := p.w.book.add(it, p.m.Name)
		if err != nil {
			return false, err
		}
		if len(p.w.book.entries) > known {
			p.w.book.entries[n].at = p.w.now
			if err := p.w.noteKeys(n, it); err != nil {
				return false, err
			}
		}
		p.noteAt(it, n)
		p.noteEntry(n, fresh && it.At.Log != own)
		return true, nil
	})
	if err != nil && p.w.err == nil {
		p.w.fail("%s: read what was written: %v", p.m.Name, err)
	}
	p.checkRoot()
}

// noteAt takes note of where an entry stands here.
func (p *process) noteAt(it *crdt.Item, n int) {
	for int(it.Branch) >= len(p.lines) {
		p.lines = append(p.lines, line{})
	}
	l := &p.lines[it.Branch]
	if len(l.entries) == 0 {
		l.from = it.At.Seq
	}
	l.entries = append(l.entries, n)
}

// A line is the entries of a branch as a process numbers it.
type line struct {
	from    uint64
	entries []int
}

func (p *process) noteEntry(n int, fresh bool) {
	x := &p.w.book.entries[n]
	for _, past := range x.past {
		if !p.m.holds.has(past) {
			p.w.fail("%s holds %s without %s", p.m.Name, p.w.book.words(n), p.w.book.words(past))
		}
	}
	p.m.holds = p.m.holds.with(n)
	if fresh && !p.m.seen.has(n) {
		p.w.Stats.Useful += x.size
		p.w.Stats.SlowestMs = max(p.w.Stats.SlowestMs, (p.w.now-x.at)/1000)
		p.w.Stats.Trips = max(p.w.Stats.Trips, p.m.trips)
	}
	p.m.seen = p.m.seen.with(n)
}

// checkRoot: whoever holds the same shows the same.
func (p *process) checkRoot() {
	digest, root := p.store.Frontier().Digest(), p.store.StateRoot()
	known, ok := p.w.roots[digest]
	if !ok {
		p.w.roots[digest] = rootOf{root, p.m.Name}
		return
	}
	if known.root != root {
		p.w.fail("%s and %s hold the same and show something else", known.who, p.m.Name)
	}
}

// checkSent: nothing is told that would be gone after a power cut.
func (e *end) checkSent(f wire.Frame) {
	switch f := f.(type) {
	case *wire.Frontier:
		e.checkHeads(f.Heads)
	case *wire.Have:
		e.checkHeads(f.Heads)
	case *wire.Batch:
		for i := range f.Runs {
			e.checkRun(&f.Runs[i])
		}
	}
}

func (e *end) checkHeads(heads []wire.Head) {
	for _, h := range heads {
		if n, ok := e.w.book.head(h); !ok || !e.m.holds.has(n) {
			e.w.fail("%s tells of %s %d, which its disk does not hold", e.m.Name, e.w.book.log(h.Log), h.Seq)
		}
	}
}

func (e *end) checkRun(r *wire.Run) {
	for i := range r.Entries {
		at := seqKey{r.Log, r.Seq + uint64(i)}
		if !slices.ContainsFunc(e.w.book.bySeq[at], e.m.holds.has) {
			e.w.fail("%s sends %s %d, which its disk does not hold", e.m.Name, e.w.book.log(crdt.EntryID(r.Log).Short()), at.seq)
		}
	}
}

// checkBeliefs: nobody believes that another device holds what it does not.
func (p *process) checkBeliefs() {
	for _, s := range p.replica.Sessions() {
		e := p.ends[s.Session]
		if e == nil || e.closed || e.other().p.dead || e.other().closed {
			continue
		}
		p.checkBelief(e.other().m, s.Holds)
	}
	for id, peer := range p.replica.Peers() {
		if m := p.w.only(id); m != nil {
			p.checkBelief(m, peer.Holds())
		}
	}
}

// only is the machine that ever was a device, nil if there was another one or if it
// came back from an old copy.
func (w *World) only(id crdt.DeviceID) (found *Machine) {
	for _, m := range w.Machines {
		if !m.ever[id] {
			continue
		}
		if found != nil || m.copied {
			return nil
		}
		found = m
	}
	return found
}

func (p *process) checkBelief(m *Machine, holds []uint64) {
	for branch, next := range holds {
		if next == 0 {
			continue
		}
		if branch >= len(p.lines) || next > p.lines[branch].from+uint64(len(p.lines[branch].entries)) {
			p.w.fail("%s believes that %s holds what it does not hold itself", p.m.Name, m.Name)
			return
		}
		l := &p.lines[branch]
		if next <= l.from {
			continue // of the branch that it left
		}
		if n := l.entries[next-1-l.from]; !m.holds.has(n) {
			p.w.fail("%s believes that %s holds %s", p.m.Name, m.Name, p.w.book.words(n))
			return
		}
	}
}

// watch checks beliefs again and again.
func (w *World) watch() {
	for _, m := range w.Machines {
		if m.proc != nil {
			m.proc.checkBeliefs()
		}
	}
	w.after(300_000, w.watch)
}
