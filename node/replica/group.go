package replica

import (
	"errors"

	"musafir/crdt"
	"musafir/node/access"
)

// A Batch is what the store commits at once. It reads its own appends.
type Batch interface {
	Record(crdt.RecordKey) (*crdt.Record, error)
	Touches(crdt.RecordKey) ([]*crdt.Touch, error)
	Holds(log crdt.LogID, seq uint64, id crdt.EntryID) (bool, error)
	Append(crdt.Place, crdt.EntryID, *crdt.Entry) error
	Seal(crdt.LogID, crdt.Head, crdt.Seal) error
	Note(key [crdt.HashSize]byte) ([]byte, bool, error)
	SetNote(crdt.Note)
	SetPeer(id crdt.DeviceID, value []byte)
	Full() bool
	Commit() error
	Discard()
}

// Errors of what cannot be written here.
var (
	ErrReader = errors.New("this device may only read: to write here, join the camp anew, with a member's invitation and an empty data directory")
	ErrGap    = errors.New("an entry on which these build is not held")
)

// A Group is the writes of one commit: what was written here, and what came from
// others. It ends with Commit.
type Group struct {
	batch  Batch
	next   Writer
	shared bool // next.Members is still the one that others read
	cost   int  // of all that was appended
	open   int  // of what stands behind the last seal of our record log
	err    error
}

// NewGroup begins a commit. The writer is left alone.
func NewGroup(b Batch, w *Writer) *Group {
	return &Group{batch: b, next: w.fork(), shared: true}
}

// Full says that the group takes no more. Until then it takes any batch whole.
func (g *Group) Full() bool { return g.err != nil || g.cost >= groupCost || g.batch.Full() }

// Takes tells whether a batch of another device still fits in. An empty group takes
// any.
func (g *Group) Takes(r *Received) bool { return g.cost == 0 || g.cost+r.cost <= commitCost }

// Discard ends the group and leaves nothing behind.
func (g *Group) Discard() { g.batch.Discard() }

// Commit seals what was written here, so that every commit ends on seals, and
// makes all of it durable. The result is the writer that goes on from here.
func (g *Group) Commit() (*Writer, error) {
	if g.err == nil {
		g.err = g.seal()
	}
	if g.err != nil {
		g.batch.Discard()
		return nil, g.err
	}
	if err := g.batch.Commit(); err != nil {
		return nil, err
	}
	return &g.next, nil
}

// SetPeer remembers something about another device.
func (g *Group) SetPeer(id crdt.DeviceID, value []byte) { g.batch.SetPeer(id, value) }

// seal seals what was written here.
func (g *Group) seal() error {
	if !g.next.Records.Unsealed() {
		return nil
	}
	g.next.Records.Sealed()
	g.open = 0
	head := g.next.Records.Head
	return g.batch.Seal(g.next.Records.Log, head, crdt.SealEntry(g.next.Device, g.next.Camp, head.ID))
}

// members is the membership to be changed.
func (g *Group) members() *access.Camp {
	if g.shared {
		g.next.Members, g.shared = g.next.Members.Clone(), false
	}
	return g.next.Members
}

// put appends an entry.
func (g *Group) put(at crdt.Place, id crdt.EntryID, e *crdt.Entry) error {
	g.cost += cost(len(e.Encoded()))
	return g.batch.Append(at, id, e)
}

// failed takes note of an error of the store, which concerns the whole group.
func (g *Group) failed(err error) error {
	if g.err == nil {
		g.err = err
	}
	return err
}
