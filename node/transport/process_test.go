package transport_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"io"
	"net"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"musafir/crdt"
	"musafir/node/transport"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	pquic "github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/p2p/transport/quicreuse"
	ma "github.com/multiformats/go-multiaddr"
	multistream "github.com/multiformats/go-multistream"
	"github.com/quic-go/quic-go"
)

const process = "/musafir/process/1"

func newSame(t testing.TB, key ed25519.PrivateKey) *transport.Host {
	t.Helper()
	// That nobody is admitted makes no difference.
	return newHost(t, transport.Config{Key: key, Listen: []string{tcp0}, Admit: func(crdt.DeviceID) bool { return false }})
}

func wantCopy(t *testing.T, h *transport.Host, addr string, want bool) {
	t.Helper()
	got, err := h.IsCopy(within(t), addr)
	if err != nil || got != want {
		t.Errorf("at %s answers a copy: %v, %v; want %v", addr, got, err, want)
	}
}

func TestIsCopy(t *testing.T) {
	key := newKey(t)
	a, b, other := newSame(t, key), newSame(t, key), newEcho(t, tcp0)
	wantCopy(t, a, b.Addrs()[0], true)
	wantCopy(t, a, "localhost:"+portOf(b), true)
	wantCopy(t, a, other.Addrs()[0], false)
	wantCopy(t, a, "127.0.0.1:"+portOf(a), false)
	wantCopy(t, a, relay(t, portOf(a)), false)
	wantCopy(t, a, relay(t, portOf(b)), true)
}

func TestIsCopyFromBothSidesAtOnce(t *testing.T) {
	key := newKey(t)
	a, b := newSame(t, key), newSame(t, key)
	for range 10 {
		var calls sync.WaitGroup
		for range 3 {
			calls.Go(func() { wantCopy(t, a, b.Addrs()[0], true) })
			calls.Go(func() { wantCopy(t, b, a.Addrs()[0], true) })
			calls.Go(func() { wantCopy(t, a, a.Addrs()[0], false) })
		}
		calls.Wait()
	}
}

// relay passes bytes on to a port of this machine.
func relay(t *testing.T, port string) (addr string) {
	return serveTCP(t, func(from net.Conn) {
		to, err := net.Dial("tcp4", "127.0.0.1:"+port)
		if err != nil {
			from.Close()
			return
		}
		go func() { io.Copy(to, from); to.Close() }()
		go func() { io.Copy(from, to); from.Close() }()
	})
}

// TestIsCopyLeavesNothing: to the swarm, and to other connections, nothing happened.
func TestIsCopyLeavesNothing(t *testing.T) {
	key := newKey(t)
	a, b, member := newSame(t, key), newHost(t, transport.Config{Key: key, Listen: []string{tcp0}}), newEcho(t, tcp0)
	s := open(t, b, member, member.Addrs())
	check(t, exchange(s, "before"))
	for range 20 { // more than the limit of connections from one peer
		wantCopy(t, a, b.Addrs()[0], true)
		wantCopy(t, b, b.Addrs()[0], false)
	}
	check(t, exchange(s, "after"))
	if a.Conns() != 0 || b.Conns() != 1 {
		t.Errorf("there are %d and %d connections", a.Conns(), b.Conns())
	}
	if _, err := b.Open(within(t), b.ID(), a.Addrs(), echo); !errors.Is(err, transport.ErrSelf) {
		t.Errorf("opening to itself gives %v", err)
	}
	check(t, exchange(open(t, b, member, nil), "another stream"))
}

// TestProcessIsForOwnKey: strangers hear no nonce, and a copy nothing but that.
func TestProcessIsForOwnKey(t *testing.T) {
	key := newKey(t)
	b := newHost(t, transport.Hurried(transport.Config{Key: key, Listen: []string{tcp0}}, time.Second))
	b.Handle(echo, func(*transport.Stream) { t.Error("a copy was served") })
	stranger, err := rawConnect(t, newKey(t), portOf(b))
	check(t, err)
	if s, err := rawOpen(t, stranger, process); err == nil {
		t.Errorf("a stranger got %v", s)
	}
	double, err := rawConnect(t, key, portOf(b))
	check(t, err)
	if s, err := rawOpen(t, double, echo); err == nil {
		t.Errorf("a copy got %v", s)
	}
	until(t, "the copy's connection ends", double.IsClosed)
	if n := b.Conns(); n != 1 {
		t.Errorf("the host has %d connections, want that of the stranger", n)
	}
}

// TestOwnKeyOverQUIC: there nobody takes such a connection apart, so none comes in.
func TestOwnKeyOverQUIC(t *testing.T) {
	key := newKey(t)
	h := newHost(t, transport.Config{Key: key, Listen: []string{quic0}})
	private, err := crypto.UnmarshalEd25519PrivateKey(key)
	check(t, err)
	sockets, err := quicreuse.NewConnManager(quic.StatelessResetKey{}, quic.TokenGeneratorKey{})
	check(t, err)
	defer sockets.Close()
	double, err := pquic.NewTransport(private, sockets, nil, nil, nil)
	check(t, err)
	at, id := peer.SplitAddr(ma.StringCast(h.Addrs()[0]))
	c, err := double.Dial(within(t), at, id)
	if err != nil {
		return // refused before the handshake ended for us
	}
	until(t, "the connection ends", func() bool {
		if h.Conns() > 0 {
			t.Fatal("the connection came in")
		}
		return c.IsClosed()
	})
}

func TestIsCopyErrors(t *testing.T) {
	const timeout = 300 * time.Millisecond
	key := newKey(t)
	h := newHost(t, transport.Hurried(transport.Config{Key: key}, timeout))
	for _, tt := range []struct {
		name, addr string
		is         error
	}{
		{"nobody", closedPort(t), syscall.ECONNREFUSED},
		{"silent", serveTCP(t, func(net.Conn) {}), context.DeadlineExceeded},
		{"no device", serveTCP(t, func(c net.Conn) { io.WriteString(c, "HTTP/1.1 400 No\r\n\r\n"); c.Close() }), nil},
		{"silent with our key", silentDouble(t, key, false), context.DeadlineExceeded},
		{"silent with our key and a muxer", silentDouble(t, key, true), context.DeadlineExceeded},
		{"no address", "1.2.3", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			start := time.Now()
			copied, err := h.IsCopy(within(t), tt.addr)
			if copied || err == nil || tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("%v, %v; want error %v", copied, err, tt.is)
			}
			if took := time.Since(start); took > timeout+2*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}

// silentDouble proves the key and then answers nothing.
func silentDouble(t *testing.T, key ed25519.PrivateKey, muxed bool) (addr string) {
	return serveTCP(t, func(c net.Conn) {
		security := multistream.NewMultistreamMuxer[protocol.ID]()
		security.AddHandler(noise.ID, nil)
		if _, _, err := security.Negotiate(c); err != nil {
			t.Error(err)
			return
		}
		secured, err := rawNoise(t, key).SecureInbound(within(t), c, "")
		if err != nil || !muxed {
			return
		}
		muxer := multistream.NewMultistreamMuxer[protocol.ID]()
		muxer.AddHandler(yamux.ID, nil)
		if _, _, err := muxer.Negotiate(secured); err != nil {
			t.Error(err)
			return
		}
		m, err := yamux.DefaultTransport.NewConn(secured, true, nil)
		if err == nil {
			t.Cleanup(func() { m.Close() })
		}
	})
}

// TestSilentAskerIsCutOff: who has our key and asks nothing is not kept, and Close
// does not wait for it.
func TestSilentAskerIsCutOff(t *testing.T) {
	key := newKey(t)
	for name, timeout := range map[string]time.Duration{"by time": 200 * time.Millisecond, "by Close": time.Hour} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t, transport.Hurried(transport.Config{Key: key, Listen: []string{tcp0}}, timeout))
			c, err := rawConnect(t, key, portOf(h))
			check(t, err)
			if name == "by Close" {
				check(t, h.Close())
			}
			until(t, "the connection ends", c.IsClosed)
		})
	}
}

// TestIsCopyEnds shows that nothing outlives the hosts.
func TestIsCopyEnds(t *testing.T) {
	before, key := runtime.NumGoroutine(), newKey(t)
	a, b := newSame(t, key), newSame(t, key)
	wantCopy(t, a, b.Addrs()[0], true)
	check(t, errors.Join(a.Close(), b.Close()))
	if _, err := a.IsCopy(within(t), "127.0.0.1"); !errors.Is(err, transport.ErrClosed) {
		t.Errorf("a closed host asks with %v", err)
	}
	until(t, "goroutines end", func() bool { return runtime.NumGoroutine() <= before })
}
