package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"

	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// lookups are the kinds of names, and what to look up for each.
var lookups = map[int]string{ma.P_DNS: "ip", ma.P_DNS4: "ip4", ma.P_DNS6: "ip6"}

// resolve replaces names by the addresses they have now. A name that has none is an
// error only if nothing else is left.
func resolve(ctx context.Context, places []ma.Multiaddr) ([]ma.Multiaddr, error) {
	var found []ma.Multiaddr
	var failed error
	for _, place := range places {
		kind, named := lookups[place[0].Code()]
		if !named {
			found = append(found, place)
			continue
		}
		ips, err := lookUp(ctx, kind, place[0].Value())
		failed = errors.Join(failed, err)
		for _, ip := range ips {
			found = append(found, withIP(ip, place))
		}
	}
	if len(found) == 0 {
		return nil, failed
	}
	return found, nil
}

func lookUp(ctx context.Context, kind, name string) ([]netip.Addr, error) {
	all, err := net.DefaultResolver.LookupNetIP(ctx, kind, name)
	if err != nil {
		return nil, err
	}
	var usable []netip.Addr
	for _, ip := range all {
		if err = checkIP(ip); err == nil {
			usable = append(usable, ip)
		}
	}
	if len(usable) == 0 {
		return nil, fmt.Errorf("%s has no address to dial: %w", name, err)
	}
	return usable, nil
}

// withIP puts ip in the first part's place.
func withIP(ip netip.Addr, place ma.Multiaddr) ma.Multiaddr {
	first, err := manet.FromIP(ip.Unmap().AsSlice())
	if err != nil {
		panic(err) // every address has 4 or 16 bytes
	}
	_, rest := ma.SplitFirst(place)
	return first.Encapsulate(rest)
}
