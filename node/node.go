package node

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"musafir/crdt"
	"musafir/node/access"
	"musafir/node/replica"
)

// Config is what a node works on.
type Config struct {
	Begin   func() replica.Batch                     // one at a time
	Logs    replica.Logs                             // what is stored
	Sweep   func(from []byte) (next []byte, _ error) // tidies the store a little; nil: nothing to tidy
	Writer  *replica.Writer                          // as the store has it
	Peers   map[crdt.DeviceID]*replica.Peer          // what is remembered of other devices
	Program string                                   // and version, for other devices to see
	Network Network                                  // nil: the device writes and meets nobody
	Finder  Finder                                   // nil: nobody looks
	Dial    []string                                 // addresses of other devices, as people write them
	Rekey   *Rekey                                   // nil: the device keeps its key, come what may
	Ahead   time.Duration                            // how far the device's clock is set ahead of the machine's, for tests
	Log     *slog.Logger
}

const (
	queueMax   = 1024        // transactions waiting; more wait in their writers
	idleBefore = time.Minute // without a write before the store is tidied
	sweepPause = 50 * time.Millisecond
	tickEvery  = 100 * time.Millisecond
	keepAfter  = 5 * time.Minute // without a commit what is known of others is stored on its own
)

// ErrStopped says that the node takes no writes any more.
var ErrStopped = errors.New("musafir is stopping")

// A Node is the loop of one device: it writes what comes from here and from other
// devices, and keeps its sessions.
type Node struct {
	cfg     Config
	started time.Time
	queue   chan *request
	calls   chan func() // run in the loop, between commits
	events  chan any    // of the sessions
	stopped chan struct{}

	standing atomic.Pointer[replica.Writer]  // for readers
	holders  atomic.Pointer[replica.Holders] // for readers; at most a tick old
	digest   atomic.Pointer[[8]byte]         // likewise, the first bytes of it

	findKeys atomic.Pointer[findKeys] // likewise

	meeting sync.Mutex // guards the roster
	roster  roster
	hurried chan struct{}

	suspects chan []string // addresses where a copy of this device may run

	// The rest belongs to the loop.
	writer    *replica.Writer
	replica   *replica.Replica
	links     map[replica.Session]*link
	branches  int // that are held
	ingest    []*ingestion
	keep      map[crdt.DeviceID][]byte // to be stored with the next commit
	wrote     time.Time                // the last one
	sessions  replica.Session          // the last number given
	invites   access.Invitations
	penalties penalties // by device
	knocks    knocks
	doorstep  doorstep
	network   Network
	renewing  chan struct{} // closed when the network must be opened anew
}

type request struct {
	tx      crdt.Transaction
	act     func(*replica.Group) (crdt.Receipt, error) // instead of a transaction
	done    chan struct{}
	receipt crdt.Receipt
	err     error
}

// New makes a node. It does nothing before Run.
func New(cfg Config) *Node {
	n := &Node{
		cfg: cfg, writer: cfg.Writer, started: time.Now(),
		queue: make(chan *request, queueMax), calls: make(chan func()), events: make(chan any, eventsMax),
		stopped: make(chan struct{}), hurried: make(chan struct{}, 1), suspects: make(chan []string, 1), penalties: penalties{}, links: map[replica.Session]*link{}, keep: map[crdt.DeviceID][]byte{},
	}
	maps.DeleteFunc(cfg.Peers, func(id crdt.DeviceID, _ *replica.Peer) bool {
		_, ok := cfg.Writer.Members.Member(id)
		return !ok
	})
	n.network, n.renewing = cfg.Network, make(chan struct{})
	n.begin(cfg.Peers)
	n.standing.Store(n.writer)
	n.publish()
	n.acquaint()
	return n
}

// begin makes a replica that knows of no session.
func (n *Node) begin(peers map[crdt.DeviceID]*replica.Peer) {
	var nonce [8]byte
	rand.Read(nonce[:]) // never fails
	branches := n.cfg.Logs.Branches()
	n.branches = len(branches)
	n.replica = replica.New(replica.Config{
		Nonce: nonce, Program: n.cfg.Program, Logs: n.cfg.Logs, Writer: n.writer,
		Branches: branches, Peers: peers,
	})
}

// Write does a transaction and returns once it is durable.
func (n *Node) Write(ctx context.Context, tx crdt.Transaction) (crdt.Receipt, error) {
	wait, err := n.Submit(ctx, tx)
	if err != nil {
		return crdt.Receipt{}, err
	}
	return wait()
}

// Submit queues a transaction; those of one goroutine are done in their order.
// wait returns once it is durable, or failed.
func (n *Node) Submit(ctx context.Context, tx crdt.Transaction) (wait func() (crdt.Receipt, error), err error) {
	return n.submit(ctx, &request{tx: tx, done: make(chan struct{})})
}

func (n *Node) submit(ctx context.Context, r *request) (wait func() (crdt.Receipt, error), err error) {
	select {
	case <-n.stopped:
		return nil, ErrStopped
	default:
	}
	select {
	case n.queue <- r:
		return func() (crdt.Receipt, error) { return n.wait(r) }, nil
	case <-n.stopped:
		return nil, ErrStopped
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// wait does not end with the writer's patience: once queued a transaction will be
// done, and only its outcome is the truth about it.
func (n *Node) wait(r *request) (crdt.Receipt, error) {
	select {
	case <-r.done:
	case <-n.stopped:
		select {
		case <-r.done:
		default:
			return crdt.Receipt{}, ErrStopped
		}
	}
	return r.receipt, r.err
}

// call runs f in the loop and returns once it is done.
func (n *Node) call(ctx context.Context, f func()) error {
	done := make(chan struct{})
	select {
	case n.calls <- func() { f(); close(done) }:
	case <-n.stopped:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
	<-done
	return nil
}

// Run commits what is written and keeps the sessions until ctx ends; what is
// queued by then is still committed.
func (n *Node) Run(ctx context.Context) error {
	meeting, leave := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { n.meet(meeting) })
	err := n.loop(ctx)
	leave()
	close(n.stopped)
	wg.Wait()
	return err
}

func (n *Node) loop(ctx context.Context) error {
	idle := time.NewTimer(idleBefore)
	defer idle.Stop()
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	var sweepFrom []byte
	for {
		select {
		case r := <-n.queue:
			n.commit(r)
			sweepFrom = nil
			idle.Reset(idleBefore)
		case e := <-n.events:
			n.take(e)
		case f := <-n.calls:
			f()
		case <-tick.C:
			n.step(replica.Tick{})
			n.publish()
			if time.Since(n.wrote) > keepAfter {
				n.keepNow()
			}
		case <-idle.C:
			if sweepFrom = n.sweep(sweepFrom); sweepFrom != nil {
				idle.Reset(sweepPause)
			}
		case <-ctx.Done():
			n.drain()
			n.step(replica.Stopping{})
			n.keepNow()
			n.endSessions()
			return nil
		}
		for len(n.ingest) > 0 {
			n.commit(nil)
			n.commitWaiting() // whoever writes here does not wait for all that others sent
		}
	}
}

// commitWaiting commits what was written here, if anything was.
func (n *Node) commitWaiting() {
	select {
	case r := <-n.queue:
		n.commit(r)
	default:
	}
}

// publish shows readers how the device stands.
func (n *Node) publish() {
	n.holders.Store(n.replica.Holders())
	digest := n.replica.Digest()
	n.digest.Store((*[8]byte)(digest[:8]))
	n.findKeys.Store(n.findKeys.Load().update(n.invites.List(n.monotonic())))
}

// acquaint lists the addresses that were typed, and where devices were before.
func (n *Node) acquaint() {
	for _, addr := range n.cfg.Dial {
		n.roster.place(addr, false)
	}
	for id, p := range n.cfg.Peers {
		if addr := p.Remote(); addr != "" {
			n.roster.remember(id, addr)
		}
	}
}

// wall is the device's own time, in milliseconds since 1970.
func (n *Node) wall() int64 { return time.Now().Add(n.cfg.Ahead).UnixMilli() }

func (n *Node) drain() {
	for {
		select {
		case r := <-n.queue:
			n.commit(r)
		default:
			return
		}
	}
}

func (n *Node) sweep(from []byte) []byte {
	if n.cfg.Sweep == nil {
		return nil
	}
	next, err := n.cfg.Sweep(from)
	if err != nil {
		n.cfg.Log.Warn("tidy the store", "error", err)
		return nil
	}
	return next
}
