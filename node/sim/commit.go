package sim

import (
	"errors"

	"musafir/crdt"
	"musafir/node/replica"
	"musafir/node/wire"
)

// A group is a commit under way.
type group struct {
	*replica.Group
	requests []*request
	receipts []crdt.Receipt
	errs     []error
	outcomes []replica.Outcome
	kept     map[crdt.DeviceID][]byte
}

// startCommit gathers what waits. While it is synced the loop stands still.
func (p *process) startCommit() {
	p.busy = true
	g := &group{Group: replica.NewGroup(p.store.Begin(), p.writer), kept: p.keep}
	p.gather(g)
	for len(p.ingest) > 0 && !g.Full() && g.Takes(p.ingest[0].Batch) {
		in := p.ingest[0]
		p.ingest = p.ingest[1:]
		err := g.Ingest(in.Batch, p.m.wall())
		g.outcomes = append(g.outcomes, replica.Outcome{Session: in.Session, Batch: in.Batch, Err: err})
	}
	for id, state := range p.keep {
		g.SetPeer(id, state)
	}
	p.keep = map[crdt.DeviceID][]byte{}
	us := p.w.span(p.w.Commit)
	if p.m.slow {
		us = us*20 + p.w.random.Int64N(2_000_000)
	}
	p.w.after(us, func() { p.commit(g) })
}

func (p *process) gather(g *group) {
	for len(p.requests) > 0 && !g.Full() {
		r := p.requests[0]
		p.requests = p.requests[1:]
		receipt, err := r.do(g.Group)
		g.requests, g.receipts, g.errs = append(g.requests, r), append(g.receipts, receipt), append(g.errs, err)
	}
}

// commit is the end of a commit. Then the writers are told, then the replica.
func (p *process) commit(g *group) {
	if p.dead || p.w.err != nil {
		return
	}
	writer, err := g.Commit()
	if err == nil {
		p.writer = writer
		p.note(true)
	} else {
		for id, state := range g.kept {
			if p.keep[id] == nil {
				p.keep[id] = state
			}
		}
	}
	if p.w.faulty && p.w.random.IntN(400) == 0 {
		p.w.crash(p.m, "crash before an answer")
		return
	}
	p.answer(g, err)
	if p.store.Broken() != nil {
		p.w.crash(p.m, "stop of a broken store")
		return
	}
	if p.w.faulty && p.w.random.IntN(400) == 0 {
		p.w.crash(p.m, "crash between append and send")
		return
	}
	for i := range g.outcomes {
		if o := &g.outcomes[i]; o.Err == nil {
			o.Err = err
		}
		p.logRefusal(g.outcomes[i])
	}
	p.step(replica.Committed{Writer: writer, Branches: p.store.Branches(), Batches: g.outcomes})
	p.busy = false
	p.loop()
}

func (p *process) logRefusal(o replica.Outcome) {
	if o.Err != nil {
		p.w.log("%s cannot take a batch: %v", p.m.Name, o.Err)
	}
}

// answer tells the writers what became of it. What they are told is done must never
// be lost.
func (p *process) answer(g *group, err error) {
	for i, r := range g.requests {
		var mine *crdt.EditError
		if err != nil && !errors.As(g.errs[i], &mine) {
			g.receipts[i], g.errs[i] = crdt.Receipt{}, err
		}
		r.done(g.receipts[i], g.errs[i])
	}
}

// renew gives the device a new key. It comes back under its new id.
func (p *process) renew() {
	m, old := p.m, p.m.id()
	m.staged = p.w.key()
	g := replica.NewGroup(p.store.Begin(), p.writer)
	if err := g.Renew(m.staged, p.w.incarnation(), m.wall()); err != nil {
		g.Discard()
		p.w.log("%s cannot begin anew: %v", m.Name, err)
		return
	}
	writer, err := g.Commit()
	if p.store.Broken() != nil {
		p.w.after(0, func() { p.w.crash(m, "stop of a broken store") })
		return
	}
	if err != nil {
		p.w.log("%s cannot begin anew: %v", m.Name, err)
		return
	}
	p.writer = writer
	m.key, m.staged = m.staged, nil
	m.ever[m.id()] = true
	p.w.Stats.Renewed++
	p.w.log("%s begins anew: it was %s and is %s", m.Name, shortDevice(old), shortDevice(m.id()))
	p.note(true)
	for _, id := range p.sessions() {
		p.queueTo(id, replica.End{Session: id, Bye: wire.Bye{Code: wire.ByeRenewed, Text: "this device begins a new log and a new key"}})
	}
	p.ingest = nil
	p.begin(p.replica.Peers())
}

func shortDevice(id crdt.DeviceID) string { return string(id[len(id)-6:]) }
