package transport

import (
	"net/netip"
	"slices"

	manet "github.com/multiformats/go-multiaddr/net"
)

// Prune ends connections from addresses that this machine no longer has: nothing
// comes through them any more, and finding that out takes longer.
func (h *Host) Prune() {
	ips := h.interfaceIPs()
	if len(ips) == 0 {
		return // every interface is down, perhaps for a moment only
	}
	for _, c := range h.swarm.Conns() {
		ip, err := manet.ToIP(c.LocalMultiaddr())
		if err != nil {
			continue
		}
		local, ok := netip.AddrFromSlice(ip)
		if !ok || local.IsUnspecified() || slices.Contains(ips, local.Unmap()) {
			continue
		}
		h.closeConn("its address is gone", c)
	}
}
