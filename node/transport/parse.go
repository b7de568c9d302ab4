package transport

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"musafir/crdt"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

// DefaultPort is where devices listen, TCP and UDP, unless told otherwise.
const DefaultPort = 7668

// An Addr is where a device may be reached.
type Addr struct {
	ID    crdt.DeviceID // "" where it is not known: see [Host.Whois]
	Addrs []string      // multiaddrs without /p2p; none where only the id was given
}

// ParseAddr reads an address as people type it: HOST, HOST:PORT or a multiaddr,
// with or without /p2p/ID. HOST is a name or an IP address, with an IPv6 address in
// brackets where a port follows. HOST alone means TCP at [DefaultPort]. Names are
// looked up when they are dialled. An error names s and what is accepted.
func ParseAddr(s string) (Addr, error) {
	parse := parseHostPort
	if strings.HasPrefix(s, "/") {
		parse = parseMultiaddr
	}
	addr, err := parse(s)
	if err != nil {
		return Addr{}, fmt.Errorf("address %q: %w; give HOST, HOST:PORT, or a multiaddr such as "+
			"/ip4/192.168.1.20/tcp/%d with or without /p2p/ID", s, err, DefaultPort)
	}
	return addr, nil
}

func parseMultiaddr(s string) (Addr, error) {
	whole, err := ma.NewMultiaddr(s)
	if err != nil {
		return Addr{}, err
	}
	place, p := peer.SplitAddr(whole)
	var addr Addr
	if p != "" {
		id, ok := deviceOf(p)
		if !ok {
			return Addr{}, errors.New("the id after /p2p is not that of a device")
		}
		addr.ID = id
	}
	if len(place) == 0 {
		return addr, nil
	}
	if err := checkPlace(place, dialed); err != nil {
		return Addr{}, err
	}
	addr.Addrs = []string{place.String()}
	return addr, nil
}

// What the first part of an address may be.
var (
	bound  = []int{ma.P_IP4, ma.P_IP6}
	dialed = []int{ma.P_IP4, ma.P_IP6, ma.P_DNS, ma.P_DNS4, ma.P_DNS6}
)

// checkPlace wants IP or name, then TCP or QUIC. A place to dial must be one.
func checkPlace(place ma.Multiaddr, first []int) error {
	if !isTCP(place) && !isQUIC(place) || !slices.Contains(first, place[0].Code()) {
		return errors.New("only TCP and QUIC over IP are supported (/ip4/…/tcp/…, /ip4/…/udp/…/quic-v1, the same with /ip6)")
	}
	if slices.Equal(first, bound) {
		return nil
	}
	if place[1].Value() == "0" {
		return errors.New("port 0 cannot be dialled")
	}
	if ip, err := netip.ParseAddr(place[0].Value()); err == nil {
		return checkIP(ip)
	}
	return checkName(place[0].Value())
}

func isTCP(place ma.Multiaddr) bool { return len(place) == 2 && place[1].Code() == ma.P_TCP }

func isQUIC(place ma.Multiaddr) bool {
	return len(place) == 3 && place[1].Code() == ma.P_UDP && place[2].Code() == ma.P_QUIC_V1
}

// parseHostPort makes TCP addresses only: that a device listens for QUIC at the same
// port is likely, not certain, and TCP is what is dialled first in any case.
func parseHostPort(s string) (Addr, error) {
	host, port, err := splitHostPort(s)
	if err != nil {
		return Addr{}, err
	}
	kind := "dns"
	if ip, err := netip.ParseAddr(host); err == nil {
		if err := checkIP(ip); err != nil {
			return Addr{}, err
		}
		kind, host = kindOf(ip), ip.Unmap().String()
	} else if err := checkName(host); err != nil {
		return Addr{}, err
	}
	return Addr{Addrs: []string{fmt.Sprintf("/%s/%s/tcp/%d", kind, host, port)}}, nil
}

func kindOf(ip netip.Addr) string {
	if ip.Unmap().Is4() {
		return "ip4"
	}
	return "ip6"
}

// splitHostPort takes host, host:port, [ip6], [ip6]:port, and ip6 bare.
func splitHostPort(s string) (host string, port uint16, err error) {
	rest := ""
	if inner, ok := strings.CutPrefix(s, "["); ok {
		if host, rest, ok = strings.Cut(inner, "]"); !ok {
			return "", 0, errors.New("the closing bracket is missing")
		}
		if _, err := netip.ParseAddr(host); err != nil {
			return "", 0, errors.New("brackets are for IPv6 addresses")
		}
	} else if strings.Count(s, ":") > 1 {
		host = s
	} else if i := strings.IndexByte(s, ':'); i >= 0 {
		host, rest = s[:i], s[i:]
	} else {
		host = s
	}
	if rest == "" {
		return host, DefaultPort, nil
	}
	port, err = parsePort(rest)
	return host, port, err
}

func parsePort(s string) (uint16, error) {
	digits, ok := strings.CutPrefix(s, ":")
	port, err := strconv.ParseUint(digits, 10, 16)
	if !ok || err != nil || port == 0 {
		return 0, errors.New("the port is not a number from 1 to 65535")
	}
	return uint16(port), nil
}

// checkIP refuses what cannot be dialled, or is nobody's.
func checkIP(ip netip.Addr) error {
	switch {
	case ip.IsUnspecified():
		return errors.New("it stands for all addresses of a device; give one of them")
	case ip.IsMulticast() || ip == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return errors.New("it is the address of many devices; give that of one")
	case ip.Zone() != "" || isLinkLocal6(ip):
		return errors.New("IPv6 link-local addresses cannot be dialled; give an IPv4 or another IPv6 address of the device")
	}
	return nil
}

func isLinkLocal6(ip netip.Addr) bool { return ip.Unmap().Is6() && ip.IsLinkLocalUnicast() }

// checkName wants a host name as resolvers take it, and tells likely mistakes.
func checkName(name string) error {
	labels := strings.Split(strings.TrimSuffix(name, "."), ".")
	last := labels[len(labels)-1]
	switch {
	case name == "":
		return errors.New("the host is missing")
	case len(name) > 253 || slices.ContainsFunc(labels, badLabel):
		return errors.New("it is no host name")
	case strings.Trim(last, "0123456789") == "":
		return errors.New("it is no IP address")
	}
	if _, err := peerOf(crdt.DeviceID(name)); err == nil {
		return errors.New("it is the id of a device, which says not where it is (alone it is written /p2p/ID)")
	}
	return nil
}

func badLabel(label string) bool {
	return label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' ||
		strings.ContainsFunc(label, func(r rune) bool {
			return r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
		})
}
