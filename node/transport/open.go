package transport

import (
	"context"
	"fmt"
	"time"

	"musafir/crdt"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	ma "github.com/multiformats/go-multiaddr"
)

const (
	addrsMax = 32 // taken by one call of Open

	// addrsKept is how long addresses stay known after they were given.
	addrsKept = 10 * time.Minute

	// quicDelay is the head start of TCP. Nothing waits for it where there is no TCP
	// address, or where all failed.
	quicDelay = 250 * time.Millisecond
)

// Open opens a stream to a device, over the connection that there is, else by
// dialling the addresses: TCP first, all at once. They are multiaddrs or whatever
// [ParseAddr] takes, at most 32. They replace those that were known before, and end
// the back-off after earlier failures. Without any, the known ones are dialled.
//
// It returns once the stream is open on this side: that the other side speaks the
// protocol, or is still there, shows at the first Read.
//
// Errors: [ErrSelf], [ErrRefused], [ErrClosed], a [WrongDeviceError] for each
// address where another device answered, and what the network says.
func (h *Host) Open(ctx context.Context, to crdt.DeviceID, addrs []string, proto string) (*Stream, error) {
	ctx, leave, err := h.call(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	s, err := h.open(ctx, to, addrs)
	if err != nil {
		return nil, openError(ctx, to, err)
	}
	if err := s.SetProtocol(protocol.ID(proto)); err != nil {
		s.Reset()
		return nil, openError(ctx, to, err)
	}
	return outbound(s, proto), nil
}

func (h *Host) open(ctx context.Context, to crdt.DeviceID, addrs []string) (network.Stream, error) {
	p, err := peerOf(to)
	if err != nil {
		return nil, err
	}
	if to == h.id {
		return nil, ErrSelf
	}
	places, err := placesOf(to, addrs)
	if err != nil {
		return nil, err
	}
	if places, err = resolve(ctx, places); err != nil {
		return nil, err
	}
	h.offer(p, places)
	defer h.withdraw(p)
	s, err := h.swarm.NewStream(ctx, p)
	if err == nil {
		h.used(s.Conn())
	}
	return s, err
}

// placesOf reads the addresses of one device.
func placesOf(to crdt.DeviceID, addrs []string) ([]ma.Multiaddr, error) {
	if len(addrs) > addrsMax {
		return nil, fmt.Errorf("%d addresses are more than the %d that one call takes", len(addrs), addrsMax)
	}
	var places []ma.Multiaddr
	for _, s := range addrs {
		addr, err := ParseAddr(s)
		if err != nil {
			return nil, err
		}
		if addr.ID != "" && addr.ID != to {
			return nil, fmt.Errorf("address %q is that of another device", s)
		}
		for _, place := range addr.Addrs {
			places = append(places, ma.StringCast(place)) // ParseAddr made it
		}
	}
	return places, nil
}

// offer makes the addresses known. Older ones are forgotten, but not while another
// call may be about to dial them.
func (h *Host) offer(p peer.ID, places []ma.Multiaddr) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.dialing[p]++
	if len(places) == 0 {
		return
	}
	if h.dialing[p] == 1 {
		h.swarm.Peerstore().ClearAddrs(p)
	}
	h.swarm.Peerstore().AddAddrs(p, places, addrsKept)
	h.swarm.Backoff().Clear(p)
}

func (h *Host) withdraw(p peer.ID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.dialing[p]--; h.dialing[p] == 0 {
		delete(h.dialing, p)
	}
}

// rankTCPFirst says how long the dial of each address waits.
func rankTCPFirst(places []ma.Multiaddr) []network.AddrDelay {
	delays := make([]network.AddrDelay, len(places))
	for i, place := range places {
		delays[i].Addr = place
		if isQUIC(place) {
			delays[i].Delay = quicDelay
		}
	}
	return delays
}
