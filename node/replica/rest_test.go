package replica_test

import (
	"encoding/binary"
	"slices"
	"testing"

	"musafir/crdt"
	"musafir/node/replica"
	"musafir/node/wire"
)

const mostOffers = 1 << 16 // that are remembered of a peer

// A keeper is a replica of which only the heads of its logs are there, so that it may
// have very many.
type keeper struct {
	t         *testing.T
	r         *replica.Replica
	writer    *replica.Writer
	branches  []crdt.Branch
	held      map[crdt.LogID]bool
	other     *keeper
	left      *[]func()
	now       int64
	ended     bool
	frontiers int // that it told
	offers    int // the most that it remembered
}

// logNumber names logs in the order in which they are sent, so that those whose heads
// are remembered come first.
func logNumber(n int) (log crdt.LogID) {
	binary.BigEndian.PutUint64(log[:], uint64(n))
	return log
}

func newKeeper(t *testing.T, d *device, logs int, left *[]func()) *keeper {
	k := &keeper{t: t, writer: d.writer, branches: slices.Clone(d.store.Branches()), held: map[crdt.LogID]bool{}, left: left}
	for n := range logs {
		k.branches = append(k.branches, crdt.Branch{Log: logNumber(n), Head: head(n, 0)})
	}
	for _, b := range k.branches {
		k.held[b.Log] = true
	}
	k.r = replica.New(replica.Config{Nonce: [8]byte{byte(logs), 1}, Logs: d.store, Writer: k.writer, Branches: slices.Clone(k.branches)})
	return k
}

func (k *keeper) step(what any) {
	if err := k.r.Step(replica.Event{Now: k.now, Wall: k.now, What: what}); err != nil {
		k.t.Fatalf("step: %v", err)
	}
	for _, s := range k.r.Sessions() {
		k.offers = max(k.offers, s.Offers)
	}
	for _, effect := range k.r.Take() {
		*k.left = append(*k.left, func() { k.effect(effect) })
	}
}

func (k *keeper) effect(effect any) {
	switch e := effect.(type) {
	case replica.Send:
		if f, ok := e.Frame.(*wire.Frontier); ok && !f.More {
			k.frontiers++
		}
		if k.other != nil {
			k.other.step(replica.Framed{Session: 1, Frame: e.Frame})
		}
	case replica.End:
		k.ended = true
	case replica.Stream:
		k.stream(e)
	case replica.Ingest:
		for _, s := range e.Batch.Seals {
			if !k.held[s.Log] {
				k.held[s.Log] = true
				k.branches = append(k.branches, crdt.Branch{Log: s.Log, Head: s.Head})
			}
		}
		k.step(replica.Committed{Writer: k.writer, Branches: slices.Clone(k.branches), Batches: []replica.Outcome{{Session: 1, Batch: e.Batch}}})
	}
}

// stream sends logs as if each had entries of 100 bytes, in one batch.
func (k *keeper) stream(e replica.Stream) {
	batch, sent := &replica.Received{}, replica.Sent{Next: map[uint32]uint64{}}
	for _, g := range e.Ranges {
		if sent.More = sent.Bytes >= e.Budget; sent.More {
			break
		}
		b := k.branches[g.Branch]
		batch.Seals = append(batch.Seals, replica.SealAt{Log: b.Log, Head: b.Head})
		sent.Next[g.Branch] = g.To + 1
		sent.Bytes += 100
	}
	batch.Bytes = sent.Bytes
	k.other.step(replica.Arrival{Session: 1, Batch: batch})
	k.step(replica.Streamed{Session: 1, Epoch: e.Epoch, Sent: sent})
}

// settleAll does what there is to do.
func settleAll(left *[]func()) {
	for len(*left) > 0 {
		next := (*left)[0]
		*left = (*left)[1:]
		next()
	}
}

// TestMoreLogsThanOffers: a device that lacks more logs than it remembers offers gets
// all of them, bit by bit.
func TestMoreLogsThanOffers(t *testing.T) {
	a := found(t)
	b := a.admit(2, crdt.RoleMember)
	var left []func()
	full, empty := newKeeper(t, a, 2*mostOffers+100, &left), newKeeper(t, b, 0, &left)
	full.other, empty.other = empty, full
	empty.step(replica.Opened{Session: 1, Peer: a.writer.ID(), Inbound: true})
	full.step(replica.Opened{Session: 1, Peer: b.writer.ID()})
	settleAll(&left)
	for range 20 {
		if len(empty.branches) < len(full.branches) && empty.r.Quiet() {
			t.Errorf("with %d branches of %d it thinks that it has all", len(empty.branches), len(full.branches))
		}
		for _, k := range []*keeper{full, empty} {
			k.now += 1000
			k.step(replica.Tick{})
		}
		settleAll(&left)
	}
	if full.ended || empty.ended {
		t.Error("the session was ended")
	}
	if full.r.Digest() != empty.r.Digest() || !full.r.Quiet() || !empty.r.Quiet() {
		t.Errorf("one holds %d branches, the other %d", len(full.branches), len(empty.branches))
	}
	if empty.frontiers > 3 || empty.offers != mostOffers {
		t.Errorf("it told %d frontiers and remembered %d offers", empty.frontiers, empty.offers)
	}
}

// TestOffersThatNeverCome: who names heads for ever and sends nothing takes a bounded
// part of memory and little traffic, and is no breach: who is honest may hold as many.
func TestOffersThatNeverCome(t *testing.T) {
	a := found(t)
	b := a.admit(2, crdt.RoleMember)
	var left []func()
	k := newKeeper(t, b, 0, &left)
	k.step(replica.Opened{Session: 1, Peer: a.writer.ID()})
	k.step(replica.Framed{Session: 1, Frame: &wire.Hello{Version: wire.Version, Nonce: [8]byte{1}, Digest: [32]byte{1}}})
	k.step(replica.Framed{Session: 1, Frame: &wire.Frontier{}})
	for n := range 300 { // seconds
		var heads []wire.Head
		for i := range 1000 {
			heads = append(heads, wire.Head{Log: crdt.ShortID{0xff, byte(n >> 8), byte(n), byte(i >> 8), byte(i)}, Hash: make([]byte, 8)})
		}
		k.now += 1000
		k.step(replica.Framed{Session: 1, Frame: &wire.Have{Heads: heads}})
		k.step(replica.Tick{})
		settleAll(&left)
	}
	if k.ended || k.offers != mostOffers {
		t.Errorf("ended %v, %d offers", k.ended, k.offers)
	}
	if k.frontiers < 2 || k.frontiers > 25 || k.r.Quiet() {
		t.Errorf("it was told %d frontiers in 5 minutes, and all is quiet: %v", k.frontiers, k.r.Quiet())
	}
}
