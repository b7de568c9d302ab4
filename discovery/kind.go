package discovery

import "net/netip"

// A kind of address, better ones first.
type kind int

const (
	private4   kind = iota // RFC 1918
	local6                 // fc00::/7: made for networks without internet
	global                 // all else that one device can have alone
	linkLocal4             // 169.254.0.0/16: no router has given one
	undialable             // names no one device, or none that libp2p can dial
)

// prefixes tells the kinds apart; the first that fits counts.
var prefixes = []struct {
	netip.Prefix
	kind
}{
	{netip.MustParsePrefix("10.0.0.0/8"), private4},
	{netip.MustParsePrefix("172.16.0.0/12"), private4},
	{netip.MustParsePrefix("192.168.0.0/16"), private4},
	{netip.MustParsePrefix("169.254.0.0/16"), linkLocal4},
	{netip.MustParsePrefix("0.0.0.0/8"), undialable},
	{netip.MustParsePrefix("127.0.0.0/8"), undialable},
	{netip.MustParsePrefix("224.0.0.0/3"), undialable}, // multicast, reserved, broadcast
	{netip.MustParsePrefix("0.0.0.0/0"), global},
	{netip.MustParsePrefix("fc00::/7"), local6},
	{netip.MustParsePrefix("2000::/3"), global},
}

// kindOf looks at an address of either family. IPv6 link-local is undialable: its
// zone has a meaning on one device only, and libp2p dials none.
func kindOf(a netip.Addr) kind {
	a = a.Unmap()
	if a.Zone() != "" {
		return undialable
	}
	for _, p := range prefixes {
		if p.Contains(a) {
			return p.kind
		}
	}
	return undialable
}
