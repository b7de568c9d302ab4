package sim

import "musafir/node/replica"

// Numbers of dialling, in microseconds.
const (
	pauseFirst = 500_000
	pauseMax   = 8_000_000
	lasted     = 10_000_000 // a session of this length was a success
)

// A pursuit keeps a session with one neighbour.
type pursuit struct {
	p     *process
	to    *Machine
	pause int64
	began int64 // of the last attempt; 0: none yet
}

// seek begins to look for the neighbours, and again later for new ones.
func (p *process) seek() {
	known := map[*Machine]bool{}
	var look func()
	look = func() {
		if p.dead {
			return
		}
		for _, to := range p.w.neighbours(p.m) {
			if !known[to] {
				known[to] = true
				(&pursuit{p: p, to: to, pause: pauseFirst}).go_()
			}
		}
		p.w.after(1_000_000, look)
	}
	look()
}

// go_ tries now, and plans the next attempt.
func (d *pursuit) go_() {
	p, w := d.p, d.p.w
	if p.dead {
		return
	}
	if d.began > 0 && w.now-d.began > lasted {
		d.pause = pauseFirst
	}
	if !w.edges[edge(p.m, d.to)] || p.linkTo(d.to) {
		w.after(200_000+w.random.Int64N(100_000), d.go_)
		return
	}
	d.began = w.now
	w.dial(p, d.to)
	w.after(d.pause/2+w.random.Int64N(d.pause), d.go_)
	d.pause = min(2*d.pause, pauseMax)
}

// linkTo tells whether there is a stream to a machine, or to one that says that it
// is the same device.
func (p *process) linkTo(to *Machine) bool {
	for _, e := range p.ends {
		if e.other().m == to || e.peer == to.id() {
			return true
		}
	}
	return false
}

// dial opens a stream if the other machine can be reached. A device has no
// connection with itself: it only learns that a copy of it runs.
func (w *World) dial(p *process, to *Machine) {
	q := to.proc
	if q == nil || w.cut[[2]int{p.m.n, to.n}] || w.cut[[2]int{to.n, p.m.n}] {
		return
	}
	if to.id() == p.m.id() {
		p.post(replica.Twin{Of: to.id()})
		return
	}
	w.begun++
	w.Stats.Sessions++
	c := &conn{w: w, n: w.begun}
	c.ends[0] = &end{conn: c, side: 0, m: p.m, p: p, self: p.m.id(), peer: to.id()}
	c.ends[1] = &end{conn: c, side: 1, m: to, p: q, self: to.id(), peer: p.m.id()}
	w.conns = append(w.conns, c)
	w.log("%s dials %s", p.m.Name, to.Name)
	for _, e := range c.ends {
		e.p.last++
		e.session = e.p.last
		e.p.ends[e.session] = e
	}
	first := w.span(w.Latency)
	w.after(first, c.ends[1].opened)
	w.after(first+w.span(w.Latency), c.ends[0].opened)
}

// opened tells the replica of a stream. Whoever has another key by then was not
// reached.
func (e *end) opened() {
	if e.closed || e.p.dead {
		return
	}
	if e.self != e.m.id() || e.conn.gone {
		e.conn.reset("it was not set up")
		return
	}
	e.open = true
	e.reader = replica.NewReader(e.session, e.w.camp, e.p.store)
	e.p.post(replica.Opened{Session: e.session, Peer: e.peer, Inbound: e.side == 1, Remote: e.other().m.Name})
}
