package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"musafir/crdt"

	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/core/sec"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
	multistream "github.com/multiformats/go-multistream"
)

const askTimeout = 10 * time.Second // for Whois and IsCopy, and who answers them

// Whois asks who answers at an address, given as [ParseAddr] takes it; an id in it
// is ignored. It connects by TCP, proves the other side's key and hangs up. Admit is
// not asked. This device itself may be the answer: see [Host.IsCopy].
func (h *Host) Whois(ctx context.Context, addr string) (id crdt.DeviceID, err error) {
	err = h.ask(ctx, "who answers at", addr, func(_ context.Context, c sec.SecureConn) error {
		found, ok := deviceOf(c.RemotePeer())
		if !ok {
			return fmt.Errorf("what answers is no device of ours: its id is %s", c.RemotePeer())
		}
		id = found
		return nil
	})
	return id, err
}

// A question is asked on a connection on which the other key is proven. The
// connection closes when ctx ends.
type question func(ctx context.Context, c sec.SecureConn) error

// ask puts a question to whoever answers at an address; what names it in errors.
func (h *Host) ask(ctx context.Context, what, addr string, q question) error {
	parsed, err := ParseAddr(addr)
	if err != nil {
		return err
	}
	ctx, leave, err := h.call(ctx)
	if err != nil {
		return err
	}
	defer leave()
	ctx, cancel := context.WithTimeout(ctx, h.tuning.askTimeout)
	defer cancel()
	if err := h.meet(ctx, parsed, q); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return fmt.Errorf("%s %s: %w", what, addr, err)
	}
	return nil
}

func (h *Host) meet(ctx context.Context, addr Addr, q question) error {
	conn, err := dialTCP(ctx, addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	secured, err := h.handshake(ctx, conn)
	if err != nil {
		return fmt.Errorf("what answers is no device of ours: %w", err)
	}
	return q(ctx, secured)
}

func dialTCP(ctx context.Context, addr Addr) (net.Conn, error) {
	if len(addr.Addrs) == 0 || !isTCP(ma.StringCast(addr.Addrs[0])) {
		return nil, errors.New("only a TCP address can be asked")
	}
	network, at, err := manet.DialArgs(ma.StringCast(addr.Addrs[0]))
	if err != nil {
		return nil, err
	}
	var d net.Dialer // it looks up names, and tries all that they have
	return d.DialContext(ctx, network, at)
}

// handshake does what a connection begins with, up to where the other key is proven.
func (h *Host) handshake(ctx context.Context, conn net.Conn) (sec.SecureConn, error) {
	offer := []protocol.ID{h.noise.ID()}
	if _, err := multistream.SelectOneOf(offer, conn); err != nil {
		return nil, err
	}
	return h.noise.SecureOutbound(ctx, conn, "")
}
