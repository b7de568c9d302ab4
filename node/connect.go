package node

import (
	"context"
	"errors"
	"slices"
	"time"

	"musafir/crdt"
	"musafir/node/access"
	"musafir/node/replica"
)

const dialTimeout = 10 * time.Second

// ErrSelf says that an address is this device's own.
var ErrSelf = errors.New("that is this device itself")

// dial has a session with an acquaintance, until it ends.
func (n *Node) dial(ctx context.Context, net Network, a *acquaintance) {
	stream, err := n.reach(ctx, net, a)
	lasted := time.Duration(0)
	if err == nil {
		began := time.Now()
		n.serve(ctx, stream)
		lasted = time.Since(began)
	}
	n.meeting.Lock()
	n.roster.ended(a, lasted, err, time.Now())
	n.meeting.Unlock()
	n.hurry()
}

// reach opens a stream to an acquaintance. Where only an address was typed, whoever
// answers there is it.
func (n *Node) reach(ctx context.Context, net Network, a *acquaintance) (Stream, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	n.meeting.Lock()
	id, typed, addrs := a.id, a.typed, a.addrs()
	a.stop, a.at = stop, addrs
	n.meeting.Unlock()
	defer func() {
		n.meeting.Lock()
		a.stop = nil
		n.meeting.Unlock()
	}()
	if typed != "" {
		var err error
		if id, addrs, err = whereabouts(ctx, net, typed); err != nil {
			return nil, err
		}
		if err := n.answered(ctx, a, id); err != nil {
			if errors.Is(err, ErrSelf) {
				n.suspect(addrs)
			}
			return nil, err
		}
	}
	return open(ctx, net, id, addrs, SyncProtocol)
}

// whereabouts tells who is at an address that somebody typed.
func whereabouts(ctx context.Context, net Network, addr string) (id crdt.DeviceID, addrs []string, err error) {
	if id, addrs, err = net.Resolve(addr); err != nil || id != "" {
		return id, addrs, err
	}
	id, err = whois(ctx, net, addr)
	return id, addrs, err
}

func whois(ctx context.Context, net Network, addr string) (crdt.DeviceID, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	return net.Whois(ctx, addr)
}

var errThere = errors.New("there is a session with it already")

// answered takes note of who is at an address.
func (n *Node) answered(ctx context.Context, a *acquaintance, id crdt.DeviceID) error {
	var self crdt.DeviceID
	there := false
	if err := n.call(ctx, func() { self, there = n.writer.ID(), n.linkTo(id) != nil }); err != nil {
		return err
	}
	n.meeting.Lock()
	a.id = id
	n.meeting.Unlock()
	switch {
	case id == self:
		return ErrSelf
	case there:
		return errThere
	}
	return nil
}

func open(ctx context.Context, net Network, id crdt.DeviceID, addrs []string, protocol string) (Stream, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	return net.Open(ctx, id, addrs, protocol)
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
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
	err := n.call(ctx, func() {
		for _, p := range n.replica.Status() {
			peer := Peer{PeerStatus: p}
			if l := n.linkTo(p.ID); l != nil {
				peer.Received, peer.Sent = l.received.Load(), l.sent.Load()
			}
			list = append(list, peer)
		}
	})
	n.meeting.Lock()
	defer n.meeting.Unlock()
	for _, a := range n.roster.list {
		i := slices.IndexFunc(list, func(p Peer) bool { return a.id != "" && p.ID == a.id })
		switch {
		case a.guess, i < 0 && a.typed == "":
			continue
		case i < 0:
			list = append(list, Peer{PeerStatus: replica.PeerStatus{ID: a.id}, Addr: a.typed, Err: a.err})
			continue
		case a.typed != "":
			list[i].Addr = a.typed
		}
		if !list[i].Connected && a.err != nil {
			list[i].Err = a.err
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
