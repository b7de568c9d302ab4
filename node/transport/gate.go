package transport

import (
	"log/slog"

	"musafir/crdt"

	"github.com/libp2p/go-libp2p/core/connmgr"
	"github.com/libp2p/go-libp2p/core/control"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

// A gate asks admit before a peer is dialled, and again for every connection once
// the key at its other end is proven. Keys that no device has never pass.
type gate struct {
	self  peer.ID
	admit func(crdt.DeviceID) bool
	log   *slog.Logger
}

var _ connmgr.ConnectionGater = (*gate)(nil)

func (g *gate) admits(p peer.ID) bool {
	id, ok := deviceOf(p)
	return ok && p != g.self && (g.admit == nil || g.admit(id))
}

func (g *gate) InterceptPeerDial(p peer.ID) bool { return g.admits(p) }

func (g *gate) InterceptSecured(dir network.Direction, p peer.ID, at network.ConnMultiaddrs) bool {
	if g.isQuestion(dir, p, at) || g.admits(p) {
		return true
	}
	g.log.Debug("connection refused", "device", p.String(), "address", at.RemoteMultiaddr().String())
	return false
}

// isQuestion says whether a connection is one of IsCopy, which apartTCP takes. Over
// QUIC nobody would.
func (g *gate) isQuestion(dir network.Direction, p peer.ID, at network.ConnMultiaddrs) bool {
	return p == g.self && dir == network.DirInbound && isTCP(at.LocalMultiaddr())
}

func (*gate) InterceptAddrDial(peer.ID, ma.Multiaddr) bool                    { return true }
func (*gate) InterceptAccept(network.ConnMultiaddrs) bool                     { return true }
func (*gate) InterceptUpgraded(network.Conn) (bool, control.DisconnectReason) { return true, 0 }
