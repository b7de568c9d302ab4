package transport_test

import (
	"crypto/ed25519"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/core/sec"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	multistream "github.com/multiformats/go-multistream"
)

// rawNoise is the security of a device that is no Host.
func rawNoise(t testing.TB, key ed25519.PrivateKey) sec.SecureTransport {
	t.Helper()
	private, err := crypto.UnmarshalEd25519PrivateKey(key)
	check(t, err)
	plain, err := noise.New(noise.ID, private, nil)
	check(t, err)
	anybody, err := plain.WithSessionOptions(noise.DisablePeerIDCheck())
	check(t, err)
	return anybody
}

// rawConnect is a connection that does nothing by itself.
func rawConnect(t testing.TB, key ed25519.PrivateKey, port string) (network.MuxedConn, error) {
	t.Helper()
	c, err := net.Dial("tcp4", "127.0.0.1:"+port)
	check(t, err)
	t.Cleanup(func() { c.Close() })
	check(t, c.SetDeadline(time.Now().Add(patience)))
	if _, err := multistream.SelectOneOf([]protocol.ID{noise.ID}, c); err != nil {
		return nil, err
	}
	secured, err := rawNoise(t, key).SecureOutbound(within(t), c, "")
	if err != nil {
		return nil, err
	}
	if _, err := multistream.SelectOneOf([]protocol.ID{yamux.ID}, secured); err != nil {
		return nil, err
	}
	check(t, c.SetDeadline(time.Time{}))
	muxed, err := yamux.DefaultTransport.NewConn(secured, false, nil)
	check(t, err)
	t.Cleanup(func() { muxed.Close() })
	return muxed, nil
}

// rawOpen asks for a protocol on a new stream.
func rawOpen(t testing.TB, c network.MuxedConn, proto protocol.ID) (network.MuxedStream, error) {
	t.Helper()
	s, err := c.OpenStream(within(t))
	if err != nil {
		return nil, err
	}
	check(t, s.SetDeadline(time.Now().Add(patience)))
	if _, err := multistream.SelectOneOf([]protocol.ID{proto}, s); err != nil {
		return nil, fmt.Errorf("select %s: %w", proto, err)
	}
	return s, nil
}
