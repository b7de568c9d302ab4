package transport

import (
	"io"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
)

const (
	negotiateTimeout = 10 * time.Second // to name the protocol of an inbound stream
	namelessMax      = 64               // streams that have not named theirs; the oldest give way
)

// Handle serves inbound streams of a protocol, each in its own goroutine. A stream
// that serve did not end when it returns is reset. Handle replaces what served the
// protocol before.
func (h *Host) Handle(proto string, serve func(*Stream)) {
	h.served.AddHandler(protocol.ID(proto), func(id protocol.ID, rwc io.ReadWriteCloser) error {
		raw := rwc.(network.Stream) // what accept gave
		if err := raw.SetProtocol(id); err != nil {
			return err
		}
		s := inbound(raw)
		serve(s)
		if !s.closed.Load() {
			s.Reset()
		}
		return nil
	})
}

// accept takes a stream from the other side until it is served.
func (h *Host) accept(raw network.Stream) {
	if !h.enter() {
		raw.Reset()
		return
	}
	defer h.work.Done()
	h.used(raw.Conn())
	if err := h.negotiate(raw); err != nil {
		raw.Reset()
		h.log.Debug("inbound stream refused", "device", raw.Conn().RemotePeer().String(), "error", err)
	}
}

func (h *Host) negotiate(raw network.Stream) error {
	if err := raw.SetDeadline(time.Now().Add(negotiateTimeout)); err != nil {
		return err
	}
	h.nameless(raw)
	proto, serve, err := h.served.Negotiate(raw)
	h.named(raw)
	if err != nil {
		return err
	}
	if err := raw.SetDeadline(time.Time{}); err != nil {
		return err
	}
	return serve(proto, raw)
}

// nameless takes note of a stream whose protocol is not known yet. Who opens many and
// says nothing would keep others from being heard: those name it at once.
func (h *Host) nameless(raw network.Stream) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.unnamed = append(h.unnamed, raw); len(h.unnamed) > namelessMax {
		h.unnamed[0].Reset()
		h.unnamed = h.unnamed[1:]
	}
}

func (h *Host) named(raw network.Stream) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.unnamed = slices.DeleteFunc(h.unnamed, func(s network.Stream) bool { return s == raw })
}
