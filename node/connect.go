package node

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"musafir/crdt"
	"musafir/node/access"
	"musafir/node/replica"
)

const (
	dialTimeout  = 10 * time.Second
	pauseFirst   = 500 * time.Millisecond // after a failure, doubled up to pauseMax
	pauseMax     = 30 * time.Second
	sessionCount = 10 * time.Second // a session that lasted this long was a success
)

// ErrSelf says that an address is this device's own.
var ErrSelf = errors.New("that is this device itself")

// A target is somewhere to find another device: an address that somebody typed, or
// one where it was before.
type target struct {
	addr string
	mu   sync.Mutex
	id   crdt.DeviceID // who answered there last; "": nobody yet
	err  error         // of the last attempt
}

func (t *target) note(id crdt.DeviceID, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if id != "" {
		t.id = id
	}
	t.err = err
}

func (t *target) state() (crdt.DeviceID, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.id, t.err
}

// findTargets lists the addresses typed and those remembered, each place once.
func (n *Node) findTargets() []*target {
	var list []*target
	typed := map[string]bool{} // ids, and addresses without them
	for _, addr := range n.cfg.Dial {
		list = append(list, &target{addr: addr})
		if n.cfg.Network == nil {
			continue
		}
		id, addrs, err := n.cfg.Network.Resolve(addr)
		if err != nil {
			continue // told when it is dialled
		}
		typed[string(id)] = true
		for _, a := range addrs {
			typed[a] = true
		}
	}
	for _, id := range slices.Sorted(maps.Keys(n.cfg.Peers)) {
		if addr := n.cfg.Peers[id].Remote(); addr != "" && !typed[addr] && !typed[string(id)] {
			list = append(list, &target{addr: addr, id: id})
		}
	}
	return list
}

// pursue keeps a session with whoever is at an address, until ctx ends.
func (n *Node) pursue(ctx context.Context, net Network, t *target) {
	pause := pauseFirst
	for ctx.Err() == nil {
		began := time.Now()
		err := n.reach(ctx, net, t)
		t.note("", err)
		if errors.Is(err, ErrSelf) {
			return
		}
		if time.Since(began) > sessionCount {
			pause = pauseFirst
		}
		wait(ctx, pause/2+rand.N(pause))
		pause = min(2*pause, pauseMax)
	}
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// reach has one session with whoever is at an address.
func (n *Node) reach(ctx context.Context, net Network, t *target) error {
	id, addrs, err := net.Resolve(t.addr)
	if err != nil {
		return err
	}
	if id == "" {
		if id, err = n.whois(ctx, net, t.addr); err != nil {
			return err
		}
	}
	t.note(id, nil)
	self := false
	if err := n.call(ctx, func() { self = id == n.writer.ID() }); err != nil {
		return err
	}
	if self {
		return ErrSelf
	}
	if n.awaitApart(ctx, id); ctx.Err() != nil {
		return ctx.Err()
	}
	stream, err := open(ctx, net, id, addrs, SyncProtocol)
	if err != nil {
		return err
	}
	n.serve(ctx, stream)
	return nil
}

func (n *Node) whois(ctx context.Context, net Network, addr string) (crdt.DeviceID, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	return net.Whois(ctx, addr)
}

func open(ctx context.Context, net Network, id crdt.DeviceID, addrs []string, protocol string) (Stream, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	return net.Open(ctx, id, addrs, protocol)
}

// awaitApart waits until there is no session with a device.
func (n *Node) awaitApart(ctx context.Context, id crdt.DeviceID) {
	for ctx.Err() == nil {
		var there *link
		if n.call(ctx, func() { there = n.linkTo(id) }) != nil || there == nil {
			return
		}
		select {
		case <-there.ended:
		case <-ctx.Done():
		}
	}
}

func (n *Node) linkTo(id crdt.DeviceID) *link {
	for _, l := range n.links {
		if l.stream.Peer() == id {
			return l
		}
	}
	return nil
}

// A Peer is another device as this one knows it.
type Peer struct {
	replica.PeerStatus
	Addr string // the address that leads to it, if one was typed; where ID is "" nobody answered there yet
	Err  error  // of the last attempt to reach it

	Received, Sent uint64 // bytes of frames in the session that is open
}

// Peers lists the devices that this one knows, and the addresses at which nobody
// answers.
func (n *Node) Peers(ctx context.Context) ([]Peer, error) {
	var list []Peer
	var targets []*target
	err := n.call(ctx, func() {
		for _, p := range n.replica.Status() {
			peer := Peer{PeerStatus: p}
			if l := n.linkTo(p.ID); l != nil {
				peer.Received, peer.Sent = l.received.Load(), l.sent.Load()
			}
			list = append(list, peer)
		}
		targets = n.targets
	})
	for _, t := range targets {
		id, err := t.state()
		i := slices.IndexFunc(list, func(p Peer) bool { return id != "" && p.ID == id })
		if i < 0 {
			list = append(list, Peer{PeerStatus: replica.PeerStatus{ID: id}, Addr: t.addr, Err: err})
			continue
		}
		list[i].Addr = t.addr
		if !list[i].Connected {
			list[i].Err = err
		}
	}
	return list, err
}

// Copies tells how many other devices are known to hold all of those entries.
func (n *Node) Copies(at []crdt.Ref) int { return n.holders.Load().Copies(at) }

// Members is who takes part in the camp, and this device's id among them.
func (n *Node) Members() (members *access.Camp, self crdt.DeviceID) {
	w := n.standing.Load()
	return w.Members, w.ID()
}
