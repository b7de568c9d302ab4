package transport

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"musafir/crdt"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/core/sec"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	multistream "github.com/multiformats/go-multistream"
)

// Errors that callers tell apart. See also [WrongDeviceError].
var (
	ErrClosed  = errors.New("the host is closed")
	ErrSelf    = errors.New("that is this device itself")
	ErrRefused = errors.New("this device does not admit it")
)

// Config is what a host is made of.
type Config struct {
	Key ed25519.PrivateKey // of the device: its identity

	// Listen are multiaddrs, such as /ip4/0.0.0.0/tcp/7668 and
	// /ip4/0.0.0.0/udp/7668/quic-v1. Port 0 takes a free one. None: dial only.
	Listen []string

	// Admit is asked about a device before it is dialled, and once its key is
	// proven. It is asked from many goroutines and must not block. Nil admits all.
	// An answer that changes closes nothing: see Disconnect.
	Admit func(crdt.DeviceID) bool

	Log *slog.Logger // nil: none

	tuning *tuning // nil outside tests
}

// A Host is a device on the network.
type Host struct {
	id      crdt.DeviceID
	self    peer.ID      // the same for libp2p
	process processNonce // of this host alone, where others have the same key
	tuning  *tuning
	log     *slog.Logger
	swarm   *swarm.Swarm
	noise   sec.SecureTransport // with whoever answers, for Whois and IsCopy
	served  *multistream.MultistreamMuxer[protocol.ID]
	ends    []func() error // undo what New did, last first

	mu      sync.Mutex // guards what follows
	closed  bool
	work    sync.WaitGroup             // calls and serving functions that Close waits for
	dialing map[peer.ID]int            // calls of Open that are under way
	unnamed []network.Stream           // inbound, whose protocol is not known yet, the oldest first
	idle    map[network.Conn]time.Time // since when they have no stream, as sweeps saw it
}

// New makes a host that listens already. Each address that it is to listen on is
// bound, or New fails and names the one that is not: with [syscall.EADDRINUSE]
// where another program has the port.
func New(cfg Config) (*Host, error) {
	if len(cfg.Key) != ed25519.PrivateKeySize {
		return nil, fmt.Errorf("device key has %d bytes, not %d", len(cfg.Key), ed25519.PrivateKeySize)
	}
	h := &Host{
		id:      crdt.DeviceIDOf(cfg.Key.Public().(ed25519.PublicKey)),
		process: newProcessNonce(),
		tuning:  cfg.tuning,
		log:     cfg.Log,
		served:  multistream.NewMultistreamMuxer[protocol.ID](),
		dialing: map[peer.ID]int{},
	}
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	if h.tuning == nil {
		h.tuning = usualTuning()
	}
	h.atClose(tapLibrary(h.log))
	if err := h.start(cfg); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
}

func (h *Host) start(cfg Config) error {
	if err := h.assemble(cfg); err != nil {
		return fmt.Errorf("assemble host: %w", err)
	}
	h.swarm.SetStreamHandler(h.accept)
	h.swarm.Notify(&network.NotifyBundle{
		ConnectedF: h.connected, DisconnectedF: h.disconnected, ListenCloseF: h.listenerEnded,
	})
	h.work.Go(h.sweepLoop)
	return h.listen(cfg.Listen)
}

func (h *Host) atClose(end func() error) { h.ends = append(h.ends, end) }

// ID is this device.
func (h *Host) ID() crdt.DeviceID { return h.id }

// Disconnect closes all connections to a device, with their streams.
func (h *Host) Disconnect(id crdt.DeviceID) {
	p, err := peerOf(id)
	if err != nil {
		return // no such device can be connected
	}
	if err := h.swarm.ClosePeer(p); err != nil {
		h.log.Debug("close connection", "device", id, "error", err)
	}
}

// Close ends all connections and waits for all that the host started, serving
// functions included: their streams fail by then. Not to be called from one of them.
func (h *Host) Close() error {
	h.mu.Lock()
	again := h.closed
	h.closed = true
	h.mu.Unlock()
	if again {
		return nil
	}
	var err error
	for i := len(h.ends) - 1; i >= 0; i-- {
		err = errors.Join(err, h.ends[i]())
	}
	h.work.Wait()
	return err
}

// enter begins what Close waits for; false once the host is closed.
func (h *Host) enter() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false
	}
	h.work.Add(1)
	return true
}

// call begins a call of ours. Its context ends with the host, and with leave.
func (h *Host) call(ctx context.Context) (_ context.Context, leave func(), err error) {
	if !h.enter() {
		return nil, nil, ErrClosed
	}
	ctx, cancel := context.WithCancelCause(ctx)
	h.work.Go(func() {
		select {
		case <-h.swarm.Done():
			cancel(ErrClosed)
		case <-ctx.Done():
		}
	})
	return ctx, func() { cancel(nil); h.work.Done() }, nil
}

func (h *Host) connected(_ network.Network, c network.Conn) { h.logConn("connected", c) }

func (h *Host) disconnected(n network.Network, c network.Conn) {
	h.logConn("disconnected", c)
	if p := c.RemotePeer(); n.Connectedness(p) != network.Connected {
		n.Peerstore().RemovePeer(p) // its key, else strangers would fill the memory
	}
}

func (h *Host) logConn(what string, c network.Conn) {
	h.log.Debug(what, "device", c.RemotePeer().String(), "address", c.RemoteMultiaddr().String(),
		"inbound", c.Stat().Direction == network.DirInbound)
}
