package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"musafir/crdt"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
	multistream "github.com/multiformats/go-multistream"
)

const whoisTimeout = 10 * time.Second

// Whois asks who answers at an address, given as [ParseAddr] takes it; an id in it
// is ignored. It connects by TCP, proves the other side's key and hangs up. Admit is
// not asked. This device itself may be the answer.
func (h *Host) Whois(ctx context.Context, addr string) (crdt.DeviceID, error) {
	parsed, err := ParseAddr(addr)
	if err != nil {
		return "", err
	}
	ctx, leave, err := h.call(ctx)
	if err != nil {
		return "", err
	}
	defer leave()
	ctx, cancel := context.WithTimeout(ctx, whoisTimeout)
	defer cancel()
	id, err := h.whois(ctx, parsed)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return "", fmt.Errorf("who answers at %s: %w", addr, err)
	}
	return id, nil
}

func (h *Host) whois(ctx context.Context, addr Addr) (crdt.DeviceID, error) {
	if len(addr.Addrs) == 0 || !isTCP(ma.StringCast(addr.Addrs[0])) {
		return "", errors.New("only a TCP address can be asked")
	}
	network, at, err := manet.DialArgs(ma.StringCast(addr.Addrs[0]))
	if err != nil {
		return "", err
	}
	var d net.Dialer // it looks up names, and tries all that they have
	conn, err := d.DialContext(ctx, network, at)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	p, err := h.handshake(ctx, conn)
	if err != nil {
		return "", fmt.Errorf("what answers is no device of ours: %w", err)
	}
	id, ok := deviceOf(p)
	if !ok {
		return "", fmt.Errorf("what answers is no device of ours: its id is %s", p)
	}
	return id, nil
}

// handshake does what a connection begins with, up to where the other key is proven.
func (h *Host) handshake(ctx context.Context, conn net.Conn) (peer.ID, error) {
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	offer := []protocol.ID{h.noise.ID()}
	if _, err := multistream.SelectOneOf(offer, conn); err != nil {
		return "", err
	}
	secured, err := h.noise.SecureOutbound(ctx, conn, "")
	if err != nil {
		return "", err
	}
	return secured.RemotePeer(), nil
}
