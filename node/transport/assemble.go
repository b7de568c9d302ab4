package transport

import (
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/sec"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"
	"github.com/libp2p/go-libp2p/p2p/host/peerstore/pstoremem"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/libp2p/go-libp2p/p2p/net/upgrader"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	"github.com/libp2p/go-libp2p/p2p/transport/quicreuse"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
)

// A builder holds what the parts of a host share while it is put together.
type builder struct {
	host    *Host
	key     crypto.PrivKey
	gate    *gate
	limits  network.ResourceManager
	sockets *quicreuse.ConnManager
}

// assemble makes the parts in the order in which they stand on each other; closing
// goes back. A step that fails leaves what is there to be closed.
func (h *Host) assemble(cfg Config) error {
	key, err := crypto.UnmarshalEd25519PrivateKey(cfg.Key)
	if err != nil {
		return err
	}
	if h.self, err = peer.IDFromPrivateKey(key); err != nil {
		return err
	}
	b := &builder{host: h, key: key, gate: &gate{self: h.self, admit: cfg.Admit, log: h.log}}
	for _, step := range []func() error{b.addLimits, b.addSockets, b.addSwarm, b.addTCP, b.addQUIC} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) addLimits() (err error) {
	if b.limits, err = newLimits(b.host.tuning.connsInbound); err != nil {
		return err
	}
	b.host.atClose(b.limits.Close)
	return nil
}

// addSwarm makes what keeps the connections.
func (b *builder) addSwarm() error {
	peers, err := pstoremem.NewPeerstore()
	if err != nil {
		return err
	}
	b.host.atClose(peers.Close)
	s, err := swarm.NewSwarm(b.host.self, peers, eventbus.NewBus(),
		swarm.WithConnectionGater(b.gate),
		swarm.WithResourceManager(b.limits),
		swarm.WithDialRanker(rankTCPFirst),
		// A network without internet is no black hole.
		swarm.WithUDPBlackHoleSuccessCounter(nil),
		swarm.WithIPv6BlackHoleSuccessCounter(nil))
	if err != nil {
		return err
	}
	b.host.swarm = s
	b.host.atClose(s.Close)
	return nil
}

// addTCP gives the swarm its first transport. It is secured by Noise alone: TLS is
// a little faster, but one security is less to go wrong, no choice between two has
// to be negotiated, and Noise has no certificates, whose dates need a right clock.
func (b *builder) addTCP() error {
	muxers := []upgrader.StreamMuxer{{ID: yamux.ID, Muxer: newMuxer()}}
	security, err := noise.New(noise.ID, b.key, muxers)
	if err != nil {
		return err
	}
	if b.host.noise, err = security.WithSessionOptions(noise.DisablePeerIDCheck()); err != nil {
		return err
	}
	up, err := upgrader.New([]sec.SecureTransport{security}, muxers, nil, b.limits, b.gate)
	if err != nil {
		return err
	}
	// Sharing ports would let a second program listen on ours, and get half of the
	// connections, without an error for either.
	t, err := tcp.NewTCPTransport(up, b.limits, nil, tcp.DisableReuseport())
	if err != nil {
		return err
	}
	return b.host.swarm.AddTransport(&apartTCP{TcpTransport: t, host: b.host})
}
