package node

import (
	"bufio"
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"musafir/crdt"
	"musafir/node/replica"
	"musafir/node/wire"
)

const (
	eventsMax    = 256
	outMax       = 4096             // frames that wait for a peer; a slower one is dropped
	writeTimeout = 30 * time.Second // for one frame
	readBuffer   = 64 << 10
	endTimeout   = 2 * time.Second // for all goodbyes when the node stops
	partTimeout  = time.Second     // for the other side to end, too
	pendingMax   = 8 << 20         // bytes of memory for entries of one session that wait to be written; more wait in the network
	entryBeside  = 1 << 10         // bytes of memory that an entry takes beside its own
	queuedMin    = 2 << 20         // bytes of memory for frames that wait for a peer, and twice our frontier
	headBytes    = 80              // of memory
	sessionsMax  = 128

	// What one session may have waiting for the loop. Others come between: who floods
	// waits for itself, and in the network.
	turnsMax = 4

	// Sessions of one device, by whatever keys it has had. A few are there at once where
	// it was copied, or came back sooner than its old session was missed. The oldest give
	// way.
	sessionsPerDevice = 8

	// Of those that have not shown yet that they are of the camp. The oldest give way.
	strangersMax       = 16
	strangersPerDevice = 2
)

// A link is the stream of one session, with a goroutine that reads and one that
// writes.
type link struct {
	id     replica.Session
	stream Stream
	out    chan any // Send, Stream and End effects
	ended  <-chan struct{}
	end    context.CancelFunc
	once   sync.Once

	queued         atomic.Int64               // bytes of memory that the frames in out take
	turns          chan struct{}              // taken by what waits for the loop
	pending        *semaphore.Weighted        // bytes of batches that came and were not tried yet
	untried        map[*replica.Received]bool // these; belongs to the loop
	began          time.Time
	trusted        atomic.Bool   // the other side is of the camp
	admission      crdt.EntryID  // of it, once it is trusted; belongs to the loop
	said           bool          // that it ends, by either side; belongs to the loop
	received, sent atomic.Uint64 // bytes of frames
}

// serve runs a session on a stream until it ends.
func (n *Node) serve(ctx context.Context, stream Stream) {
	life, end := context.WithCancel(context.Background())
	l := &link{
		stream: stream, out: make(chan any, outMax), end: end, ended: life.Done(),
		turns: make(chan struct{}, turnsMax), pending: semaphore.NewWeighted(pendingMax), untried: map[*replica.Received]bool{},
	}
	defer l.close()
	kept := false
	err := n.call(ctx, func() {
		if kept = n.penalties.holds(string(stream.Peer()), time.Now()) || !n.room(stream); kept {
			return
		}
		n.sessions++
		l.id = n.sessions
		n.links[l.id] = l
		l.began = time.Now()
		n.step(replica.Opened{Session: l.id, Peer: stream.Peer(), Inbound: stream.Inbound(), Remote: stream.Remote()})
	})
	if err != nil || kept {
		return
	}
	var wg sync.WaitGroup
	wg.Go(func() { n.write(l) })
	err = n.read(life, l)
	l.close()
	n.post(replica.Closed{Session: l.id, Err: err})
	wg.Wait()
}

// room tells whether one more stream is taken. Strangers have a few places of their
// own, and lose them to later ones: whoever is of the camp needs one for moments only.
func (n *Node) room(stream Stream) bool {
	trusted, same := 0, 0
	var strangers, own []*link
	member, known := n.writer.Members.Member(stream.Peer())
	for _, l := range n.links {
		if l.over() {
			continue
		}
		if l.trusted.Load() {
			if trusted++; known && l.admission == member.Admission {
				own = append(own, l)
			}
			continue
		}
		if l.stream.Peer() == stream.Peer() {
			same++
		}
		if l.stream.Inbound() { // our own calls are never in the way
			strangers = append(strangers, l)
		}
	}
	if trusted >= sessionsMax && len(own) < sessionsPerDevice || same >= strangersPerDevice {
		return false
	}
	if len(own) >= sessionsPerDevice {
		oldest(own).close()
	}
	if stream.Inbound() && len(strangers) >= strangersMax {
		oldest(strangers).close()
	}
	return true
}

func oldest(links []*link) *link {
	return slices.MinFunc(links, func(a, b *link) int { return a.began.Compare(b.began) })
}

// over tells whether the link has ended, and the loop has yet to hear of it.
func (l *link) over() bool {
	select {
	case <-l.ended:
		return true
	default:
		return false
	}
}

// close ends the link at once.
func (l *link) close() {
	l.once.Do(func() { l.end(); l.stream.Reset() })
}

// part ends the link once the other side has read our goodbye, which a reset would
// overtake, and has ended too.
func (l *link) part() {
	if l.stream.CloseWrite() != nil {
		l.close()
		return
	}
	time.AfterFunc(partTimeout, l.close)
}

// post gives an event to the loop; false if the node stops.
func (n *Node) post(e any) bool {
	select {
	case n.events <- e:
		return true
	case <-n.stopped:
		return false
	}
}

// read takes frames until the stream ends. What comes in batches is verified here,
// beside the loop.
func (n *Node) read(life context.Context, l *link) error {
	r := bufio.NewReaderSize(counter{l.stream, &l.received}, readBuffer)
	frames := replica.NewReader(l.id, n.cfg.Writer.Camp, n.cfg.Logs)
	for {
		f, err := wire.ReadBounded(r, l.limit)
		if err != nil {
			if errors.Is(err, wire.ErrMalformed) || errors.Is(err, wire.ErrTooLarge) {
				n.post(replica.BadInput{Session: l.id, Err: err})
				<-l.ended
			}
			return ended(err)
		}
		if _, bulk := f.(*wire.Batch); bulk && !l.trusted.Load() {
			n.post(replica.BadInput{Session: l.id, Err: errTooSoon})
			<-l.ended
			return nil
		}
		event := frames.Event(f)
		select {
		case l.turns <- struct{}{}:
		case <-life.Done():
			return nil
		}
		if a, ok := event.(replica.Arrival); ok && a.Batch != nil && l.pending.Acquire(life, memoryOf(a.Batch)) != nil {
			return nil
		}
		if !n.post(turn{l, event}) {
			return ErrStopped
		}
	}
}

// A turn is what a link has read, for the loop.
type turn struct {
	link  *link
	event any
}

// take does what an event asks for, and lets the link that brought it go on.
func (n *Node) take(e any) {
	t, ok := e.(turn)
	if !ok {
		n.step(e)
		return
	}
	n.step(t.event)
	<-t.link.turns
}

var errTooSoon = errors.New("entries came before a hello")

// limit is how large a frame may be now, in bytes.
func (l *link) limit() int {
	if l.trusted.Load() {
		return wire.MaxFrameBytes
	}
	return wire.MaxGreetingBytes
}

// A counter counts what is read.
type counter struct {
	io.Reader
	bytes *atomic.Uint64
}

func (c counter) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.bytes.Add(uint64(n))
	return n, err
}

func ended(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// write sends what the replica asks for, in its order.
func (n *Node) write(l *link) {
	w := &frameWriter{stream: l.stream, sent: &l.sent}
	for {
		var effect any
		select {
		case effect = <-l.out:
		case <-l.ended:
			return
		}
		err := n.perform(l, w, effect)
		l.queued.Add(-weightOf(effect))
		if err == nil && len(l.out) == 0 {
			err = w.flush()
		}
		if err != nil {
			l.close()
			return
		}
		if _, end := effect.(replica.End); end {
			l.part()
			return
		}
	}
}

func (n *Node) perform(l *link, w *frameWriter, effect any) error {
	switch e := effect.(type) {
	case replica.Send:
		return w.frame(e.Frame)
	case replica.End:
		if e.Silent {
			return nil
		}
		if err := w.frame(&e.Bye); err != nil {
			return err
		}
		return w.flush()
	case replica.Stream:
		sent, err := replica.Cut(n.cfg.Logs, e.Ranges, e.Budget, func(b *wire.Batch) error { return w.frame(b) })
		if err != nil {
			return err
		}
		n.post(replica.Streamed{Session: l.id, Epoch: e.Epoch, Sent: sent})
	}
	return nil
}

// A frameWriter encodes frames and writes several at once.
type frameWriter struct {
	stream Stream
	sent   *atomic.Uint64 // bytes; nil: nobody counts
	buf    []byte
}

const flushBytes = 64 << 10

func (w *frameWriter) frame(f wire.Frame) (err error) {
	if w.buf, err = wire.Append(w.buf, f); err != nil {
		return err
	}
	if len(w.buf) >= flushBytes {
		return w.flush()
	}
	return nil
}

func (w *frameWriter) flush() error {
	if len(w.buf) == 0 {
		return nil
	}
	w.stream.SetWriteDeadline(time.Now().Add(writeTimeout)) // a reader may wait longer
	n, err := w.stream.Write(w.buf)
	if w.sent != nil {
		w.sent.Add(uint64(n))
	}
	w.buf = w.buf[:0]
	return err
}

// tried lets the next batch of a session come once one was tried, written or not.
func (l *link) tried(b *replica.Received) {
	if l.untried[b] {
		delete(l.untried, b)
		l.pending.Release(memoryOf(b))
	}
}

// memoryOf is what a batch takes while it waits, at most what there is room for.
func memoryOf(b *replica.Received) int64 {
	return int64(min(b.Bytes+len(b.Items)*entryBeside, pendingMax))
}

// step gives an event to the replica and does what it asks for.
func (n *Node) step(what any) {
	if a, ok := what.(replica.Arrival); ok && a.Batch != nil && n.links[a.Session] != nil {
		n.links[a.Session].untried[a.Batch] = true
	}
	e := replica.Event{Now: time.Since(n.started).Milliseconds(), Wall: n.wall(), What: what}
	if err := n.replica.Step(e); err != nil {
		n.cfg.Log.Error("sync", "error", err)
	}
	for _, effect := range n.replica.Take() {
		n.effect(effect)
	}
	if c, ok := what.(replica.Closed); ok {
		n.parted(c.Session)
	}
}

// met takes note that there is a session with a device.
func (n *Node) met(id crdt.DeviceID) {
	n.meeting.Lock()
	defer n.meeting.Unlock()
	n.roster.met(id)
}

// parted forgets a session. If nobody said that it ends, the device is looked for.
func (n *Node) parted(id replica.Session) {
	l := n.links[id]
	delete(n.links, id)
	if l == nil || n.linkTo(l.stream.Peer()) != nil {
		return
	}
	if !l.said && l.trusted.Load() {
		n.cfg.Log.Info("session broke off", "device", l.stream.Peer(), "inbound", l.stream.Inbound(), "lasted", time.Since(l.began))
		n.meeting.Lock()
		n.roster.lost(l.stream.Peer(), time.Now())
		n.meeting.Unlock()
		if n.cfg.Finder != nil {
			n.cfg.Finder.Ask()
		}
	}
	n.hurry()
}

func (n *Node) effect(effect any) {
	switch e := effect.(type) {
	case replica.Send:
		n.queueTo(e.Session, e)
	case replica.Stream:
		n.queueTo(e.Session, e)
	case replica.End:
		if l := n.links[e.Session]; l != nil {
			l.said = true
			if e.Bye.Code == wire.ByeRule && l.trusted.Load() {
				n.penalties.breach(string(l.stream.Peer()), time.Now())
			}
			n.turnedAway(l.stream.Peer(), e.Bye)
			n.cfg.Log.Info("end session", "device", l.stream.Peer(), "code", e.Bye.Code, "reason", e.Bye.Text)
		}
		n.queueTo(e.Session, e)
	case replica.Trusted:
		if l := n.links[e.Session]; l != nil {
			member, _ := n.writer.Members.Member(l.stream.Peer())
			l.admission = member.Admission
			l.trusted.Store(true)
			n.met(l.stream.Peer())
		}
	case replica.Ingest:
		n.ingest = append(n.ingest, newIngestion(e))
	case replica.Remember:
		n.keep[e.Peer] = e.State
	case replica.Renew:
		n.renew()
	}
}

func (n *Node) queueTo(id replica.Session, effect any) {
	l := n.links[id]
	if l == nil {
		return
	}
	most := int64(queuedMin + 2*n.branches*headBytes)
	if l.queued.Add(weightOf(effect)) > most {
		l.close() // it does not read what it is sent
		return
	}
	select {
	case l.out <- effect:
	default:
		l.close() // likewise
	}
}

// weightOf is the memory that a frame takes while it waits: of those that are long.
func weightOf(effect any) int64 {
	send, _ := effect.(replica.Send)
	switch f := send.Frame.(type) {
	case *wire.Frontier:
		return int64(len(f.Heads)) * headBytes
	case *wire.Have:
		return int64(len(f.Heads)) * headBytes
	case *wire.Trail:
		return int64(len(f.Points)) * headBytes
	}
	return 0
}

// endSessions says goodbye to all.
func (n *Node) endSessions() {
	for id := range n.links {
		n.queueTo(id, replica.End{Session: id, Bye: wire.Bye{Code: wire.ByeStopping, Text: "the device stops"}})
	}
	late, cancel := context.WithTimeout(context.Background(), endTimeout)
	defer cancel()
	for _, l := range n.links {
		select {
		case <-l.ended:
		case <-late.Done():
			l.close()
		}
	}
}
