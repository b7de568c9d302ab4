package node

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"musafir/node/replica"
)

// suspect has it checked whether a copy of this device runs at one of the addresses.
func (n *Node) suspect(addrs []string) {
	select {
	case n.suspects <- addrs:
	default: // it will be heard again
	}
}

// checkCopy asks who is at addresses that are not ours. Whoever proves to have this
// device's key there is a copy of it: two that are one to the network would never
// have a session. Each place is believed once, so that a network that leads back here
// in some roundabout way does not cost a new key again and again.
func (n *Node) checkCopy(ctx context.Context, net Network, addrs []string) {
	own, self := net.Addrs(), n.standing.Load().ID()
	for _, addr := range addrs {
		at := placeOf(addr)
		if at == "" || leadsHere(at, own) || !n.copiesAt.first(at) {
			continue
		}
		if id, err := whois(ctx, net, at); err != nil || id != self {
			n.copiesAt.forget(at)
			continue
		}
		n.cfg.Log.Warn("a copy of this device runs elsewhere", "address", at)
		n.post(replica.Twin{})
		return
	}
}

// placeOf is a TCP multiaddr without the device's id; "" if it is another kind, or has
// a name, which may be our own.
func placeOf(addr string) string {
	at := bare(addr)
	parts := strings.Split(at, "/")
	if len(parts) != 5 || parts[3] != "tcp" || parts[1] != "ip4" && parts[1] != "ip6" {
		return ""
	}
	return at
}

// leadsHere tells whether a place is this device's own. All of 127.0.0.0/8 is.
func leadsHere(at string, own []string) bool {
	parts := strings.Split(at, "/")
	ip, err := netip.ParseAddr(parts[2])
	if err != nil {
		return true
	}
	return slices.ContainsFunc(own, func(o string) bool {
		o = placeOf(o)
		return o == at || ip.IsLoopback() && strings.HasSuffix(o, "/tcp/"+parts[4])
	})
}

// A placeSet says which places are new to it. The zero value is empty.
type placeSet struct {
	mu   sync.Mutex
	seen map[string]bool
}

// first adds a place; false if it is there already.
func (s *placeSet) first(at string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen[at] {
		return false
	}
	if s.seen == nil {
		s.seen = map[string]bool{}
	}
	s.seen[at] = true
	return true
}

func (s *placeSet) forget(at string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.seen, at)
}
