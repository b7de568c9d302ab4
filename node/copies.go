package node

import (
	"context"
	"slices"
	"strings"

	"musafir/node/replica"
)

// suspect has it checked whether a copy of this device runs at one of the addresses.
func (n *Node) suspect(addrs []string) {
	select {
	case n.suspects <- addrs:
	default: // it will be heard again
	}
}

// checkCopies looks at one suspicion after the other, until ctx ends.
func (n *Node) checkCopies(ctx context.Context, net Network) {
	for {
		select {
		case addrs := <-n.suspects:
			n.checkCopy(ctx, net, addrs)
		case <-ctx.Done():
			return
		}
	}
}

// checkCopy asks whether another process has this device's key at addresses that are
// not ours. Two that are one to the network would never have a session. An address
// that leads back here, over whatever, is no copy.
func (n *Node) checkCopy(ctx context.Context, net Network, addrs []string) {
	own, self := net.Addrs(), n.standing.Load().ID()
	for _, addr := range addrs {
		at := placeOf(addr)
		if at == "" || slices.ContainsFunc(own, func(o string) bool { return placeOf(o) == at }) {
			continue
		}
		if copied, err := net.IsCopy(ctx, at); err != nil || !copied {
			continue
		}
		n.cfg.Log.Warn("a copy of this device runs elsewhere", "address", at)
		n.post(replica.Twin{Of: self})
		return
	}
}

// placeOf is a TCP multiaddr without the device's id; "" if it is another kind.
func placeOf(addr string) string {
	at := bare(addr)
	parts := strings.Split(at, "/")
	if len(parts) != 5 || parts[3] != "tcp" {
		return ""
	}
	return at
}
