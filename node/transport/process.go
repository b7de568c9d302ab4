package transport

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"

	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/core/sec"
	core "github.com/libp2p/go-libp2p/core/transport"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	multistream "github.com/multiformats/go-multistream"
)

// processProtocol is how a process asks another with the same key which one it is.
// Whoever accepts the stream writes its nonce and closes.
const processProtocol = "/musafir/process/1"

// A processNonce tells a host from another one with the same key.
type processNonce [16]byte

func newProcessNonce() (n processNonce) {
	rand.Read(n[:]) // never fails
	return n
}

// IsCopy says whether another process that has this device's own key answers at a
// TCP address, given as [ParseAddr] takes it; an id in it is ignored. Two copies of
// a data directory are that. It is not enough that our key answers: ports are
// forwarded and gateways relay, so the address may lead back to this process.
//
// Another device is no copy. An error says that nobody answered, or that it stays
// unknown which process did.
func (h *Host) IsCopy(ctx context.Context, addr string) (bool, error) {
	copied := false
	err := h.ask(ctx, "which process answers at", addr, func(ctx context.Context, c sec.SecureConn) error {
		if c.RemotePeer() != h.self {
			return nil
		}
		nonce, err := askProcess(ctx, c)
		copied = err == nil && nonce != h.process
		return err
	})
	return copied, err
}

// askProcess goes on where the handshake ended, as any dialler would.
func askProcess(ctx context.Context, c sec.SecureConn) (nonce processNonce, err error) {
	if _, err := multistream.SelectOneOf([]protocol.ID{yamux.ID}, c); err != nil {
		return nonce, err
	}
	muxed, err := newMuxer().NewConn(c, false, nil)
	if err != nil {
		return nonce, err
	}
	defer muxed.Close()
	s, err := muxed.OpenStream(ctx)
	if err != nil {
		return nonce, err
	}
	if _, err := multistream.SelectOneOf([]protocol.ID{processProtocol}, s); err != nil {
		return nonce, err
	}
	if _, err = io.ReadFull(s, nonce[:]); err != nil {
		return nonce, fmt.Errorf("its nonce: %w", err)
	}
	return nonce, nil
}

// answerOwn begins to answer IsCopy on a connection whose other end proved our key.
func (h *Host) answerOwn(c core.CapableConn) {
	ctx, leave, err := h.call(context.Background())
	if err != nil {
		c.Close()
		return
	}
	go func() {
		defer leave()
		ctx, cancel := context.WithTimeout(ctx, h.tuning.askTimeout)
		defer cancel()
		if err := h.tellProcess(ctx, c); err != nil {
			h.log.Debug("own key not answered", "address", c.RemoteMultiaddr().String(), "error", err)
		}
	}()
}

// tellProcess serves one stream. It lets the other side hang up first, since what is
// under way when a connection closes is lost.
func (h *Host) tellProcess(ctx context.Context, c core.CapableConn) error {
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	s, err := c.AcceptStream()
	if err != nil {
		return err
	}
	offer := multistream.NewMultistreamMuxer[protocol.ID]()
	offer.AddHandler(processProtocol, nil)
	if _, _, err := offer.Negotiate(s); err != nil {
		s.Reset()
		return err
	}
	if _, err := s.Write(h.process[:]); err != nil {
		return err
	}
	if err := s.Close(); err != nil {
		return err
	}
	c.AcceptStream() // fails once the other side has hung up
	return nil
}
