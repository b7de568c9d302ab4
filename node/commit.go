package node

import (
	"crypto/rand"
	"errors"
	"time"

	"musafir/crdt"
	"musafir/node/replica"
)

// chunkBytes is how much of a batch goes into a commit at once: a batch may be
// larger than the store can write in one piece.
const chunkBytes = 192 << 10

// keepBytes is how much of what is known of others goes into a commit.
const keepBytes = 64 << 10

// An ingestion is a batch of another device on its way into the store.
type ingestion struct {
	session replica.Session
	batch   *replica.Received
	left    []*replica.Received // parts still to be written; the last has the seals
	err     error
}

func newIngestion(e replica.Ingest) *ingestion {
	return &ingestion{session: e.Session, batch: e.Batch, left: e.Batch.Split(chunkBytes)}
}

// commit does the first transaction, if there is one, and all that wait behind it
// or came from others, up to a size. Writers that come while it syncs form the next
// group.
func (n *Node) commit(first *request) {
	g := replica.NewGroup(n.cfg.Begin(), n.writer)
	requests := n.gather(g, first)
	ended := n.gatherIngest(g)
	kept := n.gatherKeep(g)
	writer, err := g.Commit()
	if err == nil {
		n.writer = writer
		n.standing.Store(writer)
		for _, id := range kept {
			delete(n.keep, id)
		}
	}
	n.wrote = time.Now()
	for _, r := range requests {
		if err != nil && !isEditError(r.err) {
			r.receipt, r.err = crdt.Receipt{}, err
		}
		close(r.done)
	}
	n.committed(writer, ended, err)
}

// keepNow stores what is known of others, if that changed.
func (n *Node) keepNow() {
	for left := len(n.keep) + 1; 0 < len(n.keep) && len(n.keep) < left; {
		left = len(n.keep)
		n.commit(nil)
	}
}

// gatherKeep brings what is known of others into the group, as much as leaves room
// for records.
func (n *Node) gatherKeep(g *replica.Group) (kept []crdt.DeviceID) {
	size := 0
	for id, state := range n.keep {
		if size += len(state); size > keepBytes && len(kept) > 0 {
			break
		}
		g.SetPeer(id, state)
		kept = append(kept, id)
	}
	return kept
}

func isEditError(err error) bool {
	var e *crdt.EditError
	return errors.As(err, &e)
}

// gather brings what was written here into the group.
func (n *Node) gather(g *replica.Group, first *request) (requests []*request) {
	for r := first; r != nil; {
		requests = append(requests, r)
		n.do(g, r)
		r = nil
		if !g.Full() {
			select {
			case r = <-n.queue:
			default:
			}
		}
	}
	return requests
}

func (n *Node) do(g *replica.Group, r *request) {
	if r.act != nil {
		r.receipt, r.err = r.act(g)
		return
	}
	salts := make([]byte, len(r.tx.Edits)*crdt.SaltSize)
	rand.Read(salts) // never fails
	r.receipt, r.err = g.Write(&r.tx, salts, n.wall())
}

// gatherIngest brings what came from others into the group, as far as it takes it.
// The result are the batches that are done with, one way or the other.
func (n *Node) gatherIngest(g *replica.Group) (ended []*ingestion) {
	for len(n.ingest) > 0 && !g.Full() && g.Takes(n.ingest[0].left[0]) {
		in := n.ingest[0]
		in.err = g.Ingest(in.left[0], n.wall())
		in.left = in.left[1:]
		if in.err != nil || len(in.left) == 0 {
			ended = append(ended, in)
			n.ingest = n.ingest[1:]
		}
	}
	return ended
}

// committed tells the replica.
func (n *Node) committed(writer *replica.Writer, ended []*ingestion, err error) {
	e := replica.Committed{Writer: writer, Branches: n.cfg.Logs.Branches()}
	n.branches = len(e.Branches)
	for _, in := range ended {
		if err != nil && in.err == nil {
			in.err = err
		}
		if l := n.links[in.session]; l != nil {
			l.tried(in.batch)
		}
		e.Batches = append(e.Batches, replica.Outcome{Session: in.session, Batch: in.batch, Err: in.err})
	}
	if err != nil {
		n.cfg.Log.Error("write", "error", err)
		n.dropIngest() // whoever sent it will send it again
	}
	n.step(e)
}

// dropIngest forgets what came from others and is not written.
func (n *Node) dropIngest() {
	for _, in := range n.ingest {
		if l := n.links[in.session]; l != nil {
			l.tried(in.batch)
		}
	}
	n.ingest = nil
}
