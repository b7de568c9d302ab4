package sim

import (
	"bufio"
	"bytes"
	"slices"

	"musafir/crdt"
	"musafir/node/replica"
	"musafir/node/wire"
)

// A conn is a stream between two machines. What goes in at one end comes out at the
// other in the same order, or the stream ends.
type conn struct {
	w    *World
	n    int
	ends [2]*end // the dialer's first
	gone bool
}

// An end is one side of a stream, with what a node's goroutines do for it.
type end struct {
	*conn
	side    int
	m       *Machine
	p       *process
	peer    crdt.DeviceID // at the other end, as the connection has proven it
	self    crdt.DeviceID
	session replica.Session
	reader  *replica.Reader
	open    bool // the process knows of it
	closed  bool
	out     []any // effects that wait
	writing bool  // a stream of entries is going out
	pipe    pipe  // of what goes out
}

// A pipe is one direction.
type pipe struct {
	free int64 // when the last byte has left
	last int64 // when the last frame comes
	held []func()
	dead bool // nothing gets through any more
}

func (e *end) other() *end { return e.ends[1-e.side] }

// push queues an effect.
func (e *end) push(effect any) {
	if e.closed {
		return
	}
	e.out = append(e.out, effect)
	e.pump()
}

// pump does what waits, one after the other.
func (e *end) pump() {
	for len(e.out) > 0 && !e.writing && !e.closed && !e.p.dead {
		effect := e.out[0]
		e.out = e.out[1:]
		switch x := effect.(type) {
		case replica.Send:
			e.write(x.Frame)
		case replica.Stream:
			e.stream(x)
		case replica.End:
			e.finish(x)
		}
	}
}

// stream sends entries. The replica hears of it once the last byte has left.
func (e *end) stream(x replica.Stream) {
	sent, err := replica.Cut(e.p.store, x.Ranges, x.Budget, func(b *wire.Batch) error { e.write(b); return nil })
	if err != nil {
		e.w.fail("%s: cut: %v", e.m.Name, err)
		return
	}
	e.writing = true
	e.w.after(max(0, e.pipe.free-e.w.now), func() {
		e.writing = false
		if !e.closed {
			e.p.post(replica.Streamed{Session: e.session, Epoch: x.Epoch, Sent: sent})
			e.pump()
		}
	})
}

// finish says goodbye and closes.
func (e *end) finish(x replica.End) {
	if !x.Silent {
		e.write(&x.Bye)
	}
	e.carry(0, func() { e.other().close() })
	e.close()
}

// write puts a frame on the stream, as bytes.
func (e *end) write(f wire.Frame) {
	b, err := wire.Append(nil, f)
	if err != nil {
		e.w.fail("%s: write: %v", e.m.Name, err)
		return
	}
	e.checkSent(f)
	e.w.Stats.count(f, len(b))
	e.w.Stats.Sent[[2]string{e.m.Name, e.other().m.Name}] += len(b)
	trip := e.m.trips + 1
	e.w.log("%s -> %s  %5d  %s", e.m.Name, e.other().m.Name, len(b), e.w.book.frame(f))
	e.carry(len(b), func() {
		e.other().m.trips = max(e.other().m.trips, trip)
		e.other().receive(b)
	})
}

// carry lets something come out at the other end, behind all that went in before.
func (e *end) carry(size int, arrive func()) {
	p := &e.pipe
	if p.dead || e.conn.gone {
		return
	}
	p.free = max(p.free, e.w.now)
	if e.w.BytesPerMs > 0 {
		p.free += int64(size) * 1000 / int64(e.w.BytesPerMs)
	}
	p.last = max(p.last, p.free+e.w.span(e.w.Latency))
	e.w.after(p.last-e.w.now, func() { e.through(arrive) })
}

// through lets it out unless the link is cut: then it waits behind what waits.
func (e *end) through(arrive func()) {
	switch {
	case e.pipe.dead || e.conn.gone:
	case len(e.pipe.held) > 0 || e.w.cut[[2]int{e.m.n, e.other().m.n}]:
		e.pipe.held = append(e.pipe.held, arrive)
	default:
		arrive()
	}
}

// release lets out what waited while the link was cut.
func (e *end) release() {
	held := e.pipe.held
	e.pipe.held = nil
	for _, arrive := range held {
		arrive()
	}
}

// receive takes a frame, as a node's reading goroutine does.
func (e *end) receive(b []byte) {
	if !e.open || e.closed || e.p.dead {
		return
	}
	f, err := wire.Read(bufio.NewReader(bytes.NewReader(b)))
	if err != nil {
		e.w.fail("%s: read: %v", e.m.Name, err)
		return
	}
	if batch, ok := f.(*wire.Batch); ok {
		e.w.Stats.Payload += batch.EntryBytes()
	}
	event := e.reader.Event(f)
	if bad, ok := event.(replica.BadInput); ok {
		e.w.fail("%s: bad input from %s: %v", e.m.Name, e.other().m.Name, bad.Err)
		return
	}
	if event != nil {
		e.p.post(event)
	}
}

// close ends this side; its replica is told.
func (e *end) close() {
	if e.closed {
		return
	}
	e.closed = true
	delete(e.p.ends, e.session)
	if e.open {
		e.p.post(replica.Closed{Session: e.session})
	}
	e.conn.tidy()
}

// tidy forgets a stream that nobody has open.
func (c *conn) tidy() {
	if c.ends[0].closed && c.ends[1].closed {
		c.w.conns = slices.DeleteFunc(c.w.conns, func(o *conn) bool { return o == c })
	}
}

// vanish is what a stream does whose program is gone. Without power nobody says so:
// the other side finds out late, or by its own patience.
func (e *end) vanish(power bool) {
	e.closed = true
	e.pipe.dead = true
	other := e.other()
	other.pipe.dead = true
	delay := e.w.span(e.w.Latency)
	if power {
		delay += e.w.random.Int64N(90_000_000)
	}
	e.w.after(delay, other.close)
	e.conn.tidy()
}

// reset breaks a stream; each side finds out by itself.
func (c *conn) reset(why string) {
	if c.gone {
		return
	}
	c.gone = true
	c.w.log("%s - %s  stream %d breaks: %s", c.ends[0].m.Name, c.ends[1].m.Name, c.n, why)
	for _, e := range c.ends {
		delay := c.w.span(c.w.Latency)
		if c.w.faulty && c.w.chance(20) {
			delay += c.w.random.Int64N(20_000_000)
		}
		c.w.after(delay, e.close)
	}
}

// lose loses a frame of one direction, so that nothing comes behind it either.
func (e *end) lose() {
	e.pipe.dead = true
	e.w.log("%s -> %s  stream %d loses a frame", e.m.Name, e.other().m.Name, e.n)
	e.w.after(e.w.random.Int64N(30_000_000), func() { e.conn.reset("a frame was lost") })
}
