package node

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"log/slog"
	"time"

	"musafir/crdt"
)

// A Batch is what the store commits at once. It reads its own appends.
type Batch interface {
	Record(crdt.RecordKey) (*crdt.Record, error)
	Touches(crdt.RecordKey) ([]*crdt.Touch, error)
	Append(crdt.Place, crdt.EntryID, *crdt.Entry) error
	Seal(crdt.LogID, crdt.Head, crdt.Seal) error
	Note(key [crdt.HashSize]byte) ([]byte, bool, error)
	SetNote(crdt.Note)
	Full() bool
	Commit() error
	Discard()
}

// Config is what a node works on.
type Config struct {
	Begin  func() Batch                             // one at a time
	Sweep  func(from []byte) (next []byte, _ error) // tidies the store a little; nil: nothing to tidy
	Camp   crdt.CampID
	Device ed25519.PrivateKey // seals the log
	Author crdt.Author        // the device's record log
	Graph  crdt.Graph
	Last   crdt.Time // of the log's last entry
	Log    *slog.Logger
}

const (
	queueMax   = 1024        // transactions waiting; more wait in their writers
	idleBefore = time.Minute // without a write before the store is tidied
	sweepPause = 50 * time.Millisecond
)

// ErrStopped says that the node takes no writes any more.
var ErrStopped = errors.New("musafir is stopping")

// A Node writes one device's log.
type Node struct {
	cfg     Config
	state   state
	queue   chan *request
	stopped chan struct{} // closed when Run ends
}

// state is what a commit changes, and a failed one must not.
type state struct {
	author crdt.Author
	graph  crdt.Graph
	clock  crdt.Clock
}

type request struct {
	tx      crdt.Transaction
	done    chan struct{}
	receipt crdt.Receipt
	err     error
}

// New makes a node. It does nothing before Run.
func New(cfg Config) *Node {
	return &Node{
		cfg:     cfg,
		state:   state{author: cfg.Author, graph: cfg.Graph, clock: crdt.Clock{Last: cfg.Last}},
		queue:   make(chan *request, queueMax),
		stopped: make(chan struct{}),
	}
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
	r := &request{tx: tx, done: make(chan struct{})}
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

// Run commits what is written until ctx ends; what is queued by then is still
// committed.
func (n *Node) Run(ctx context.Context) error {
	defer close(n.stopped)
	idle := time.NewTimer(idleBefore)
	defer idle.Stop()
	var sweepFrom []byte
	for {
		select {
		case r := <-n.queue:
			n.commitGroup(r)
			sweepFrom = nil
			idle.Reset(idleBefore)
		case <-idle.C:
			if sweepFrom = n.sweep(sweepFrom); sweepFrom != nil {
				idle.Reset(sweepPause)
			}
		case <-ctx.Done():
			n.drain()
			return nil
		}
	}
}

func (n *Node) drain() {
	for {
		select {
		case r := <-n.queue:
			n.commitGroup(r)
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

// commitGroup does the first transaction and all that wait behind it, up to a
// size, in one commit. Writers that come while it syncs form the next group.
func (n *Node) commitGroup(first *request) {
	g := &group{cfg: &n.cfg, batch: n.cfg.Begin(), state: n.state}
	g.state.graph = cloneGraph(n.state.graph)
	g.add(first)
	for g.err == nil && !g.batch.Full() {
		select {
		case r := <-n.queue:
			g.add(r)
			continue
		default:
		}
		break
	}
	if err := g.commit(); err == nil {
		n.state = g.state
	}
	for _, r := range g.requests {
		close(r.done)
	}
}

func cloneGraph(g crdt.Graph) crdt.Graph {
	c := make(crdt.Graph, len(g))
	for id, d := range g {
		c[id] = d
	}
	return c
}

// A group is the transactions of one commit.
type group struct {
	cfg      *Config
	batch    Batch
	state    state
	requests []*request
	err      error // of the store: concerns the whole group
}

func (g *group) add(r *request) {
	g.requests = append(g.requests, r)
	r.receipt, r.err = g.do(&r.tx)
}

func (g *group) commit() error {
	if g.err == nil {
		g.err = g.batch.Commit()
	} else {
		g.batch.Discard()
	}
	if g.err == nil {
		return nil
	}
	for _, r := range g.requests {
		if !isEditError(r.err) {
			r.receipt, r.err = crdt.Receipt{}, g.err
		}
	}
	return g.err
}

func isEditError(err error) bool {
	var e *crdt.EditError
	return errors.As(err, &e)
}

// do brings one transaction into the batch.
func (g *group) do(tx *crdt.Transaction) (crdt.Receipt, error) {
	if tx.Note != nil {
		value, found, err := g.batch.Note(tx.Note.Key)
		if err != nil || found {
			g.err = err
			return Repeated(value), err
		}
	}
	changes, err := g.compose(tx)
	if err != nil {
		return crdt.Receipt{}, err
	}
	var receipt crdt.Receipt
	if len(changes) > 0 {
		if receipt, err = g.append(tx, changes); err != nil {
			return crdt.Receipt{}, err
		}
	}
	if tx.Note != nil {
		g.batch.SetNote(crdt.Note{Key: tx.Note.Key, Value: append(receipt.Entry[:], tx.Note.Value...)})
	}
	return receipt, nil
}

// Repeated reads what the node stored of the transaction that is asked for again: its
// entry and its note.
func Repeated(stored []byte) crdt.Receipt {
	if len(stored) < crdt.HashSize {
		return crdt.Receipt{}
	}
	return crdt.Receipt{Entry: crdt.EntryID(stored[:crdt.HashSize]), Repeated: stored[crdt.HashSize:]}
}

// compose turns the edits into changes, against the records as this commit has
// left them so far.
func (g *group) compose(tx *crdt.Transaction) ([]crdt.Change, error) {
	salts := make([]byte, len(tx.Edits)*crdt.SaltSize)
	rand.Read(salts) // never fails
	changes := make([]crdt.Change, 0, len(tx.Edits))
	for i, edit := range tx.Edits {
		if err := edit.Key.Validate(); err != nil {
			return nil, &crdt.EditError{Err: err}
		}
		record, err := g.batch.Record(edit.Key)
		if err != nil {
			g.err = err
			return nil, err
		}
		rc, err := crdt.Compose(record, edit, func() ([]*crdt.Touch, error) { return g.batch.Touches(edit.Key) })
		if err != nil {
			return nil, err
		}
		if rc == nil {
			continue
		}
		change, err := rc.Encode([crdt.SaltSize]byte(salts[i*crdt.SaltSize:]))
		if err != nil {
			return nil, &crdt.EditError{Key: edit.Key, Err: err}
		}
		changes = append(changes, change)
	}
	return changes, nil
}

// append makes the entry, and a seal where one is due.
func (g *group) append(tx *crdt.Transaction, changes []crdt.Change) (crdt.Receipt, error) {
	s := &g.state
	t := s.clock.Next(time.Now().UnixMilli())
	e, err := crdt.NewEntry(t, s.graph.Deps(s.author.Head.ID), tx.Author, tx.Phone, changes)
	if err != nil {
		return crdt.Receipt{}, &crdt.EditError{Err: err}
	}
	at, id := s.author.Next(e)
	s.graph.Add(at, id, e.Deps)
	if err := g.batch.Append(at, id, e); err != nil {
		g.err = err
		return crdt.Receipt{}, err
	}
	if s.author.SealDue() {
		seal := crdt.SealEntry(g.cfg.Device, g.cfg.Camp, id)
		if err := g.batch.Seal(s.author.Log, s.author.Head, seal); err != nil {
			g.err = err
			return crdt.Receipt{}, err
		}
		s.author.Sealed()
	}
	return crdt.Receipt{Entry: id, Time: t}, nil
}
