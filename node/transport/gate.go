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
	admit func(crdt.DeviceID) bool
	log   *slog.Logger
}

var _ connmgr.ConnectionGater = (*gate)(nil)

func (g *gate) admits(p peer.ID) bool {
	id, ok := deviceOf(p)
	return ok && (g.admit == nil || g.admit(id))
}

func (g *gate) InterceptPeerDial(p peer.ID) bool { return g.admits(p) }

func (g *gate) InterceptSecured(_ network.Direction, p peer.ID, at network.ConnMultiaddrs) bool {
	if g.admits(p) {
		return true
	}
	g.log.Debug("connection refused", "device", p.String(), "address", at.RemoteMultiaddr().String())
	return false
}

func (*gate) InterceptAddrDial(peer.ID, ma.Multiaddr) bool                    { return true }
func (*gate) InterceptAccept(network.ConnMultiaddrs) bool                     { return true }
func (*gate) InterceptUpgraded(network.Conn) (bool, control.DisconnectReason) { return true, 0 }
