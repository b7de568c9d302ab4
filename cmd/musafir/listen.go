package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"musafir/node/transport"
)

// defaultListen is where other devices reach this one, unless told otherwise.
var defaultListen = []string{
	"/ip4/0.0.0.0/tcp/7668", "/ip6/::/tcp/7668",
	"/ip4/0.0.0.0/udp/7668/quic-v1", "/ip6/::/udp/7668/quic-v1",
}

// A place is what a multiaddr of ours says.
type place struct {
	at   netip.AddrPort
	quic bool
}

// parsePlace reads /ip4/IP/tcp/PORT and /ip4/IP/udp/PORT/quic-v1, the same with
// /ip6, and /p2p/ID behind it.
func parsePlace(s string) (p place, ok bool) {
	s, _, _ = strings.Cut(s, "/p2p/")
	s, p.quic = strings.CutSuffix(s, "/quic-v1")
	parts := strings.Split(s, "/")
	if len(parts) != 5 || parts[0] != "" || parts[3] != map[bool]string{false: "tcp", true: "udp"}[p.quic] {
		return place{}, false
	}
	ip, err := netip.ParseAddr(parts[2])
	if err != nil || parts[1] != map[bool]string{true: "ip4", false: "ip6"}[ip.Is4()] {
		return place{}, false
	}
	port, err := strconv.ParseUint(parts[4], 10, 16)
	p.at = netip.AddrPortFrom(ip, uint16(port))
	return p, err == nil
}

// free is the same with whatever port is free.
func (p place) free() string {
	family, kind := "ip6", "tcp/0"
	if p.at.Addr().Is4() {
		family = "ip4"
	}
	if p.quic {
		kind = "udp/0/quic-v1"
	}
	return fmt.Sprintf("/%s/%s/%s", family, p.at.Addr(), kind)
}

// check refuses addresses that cannot be right.
func (r reach) check() error {
	for _, s := range r.listen {
		if _, ok := parsePlace(s); !ok || strings.Contains(s, "/p2p/") {
			return usage(withHint(fmt.Errorf("--listen %s is no address to listen on", s),
				"Write it like /ip4/0.0.0.0/tcp/7668 or /ip4/0.0.0.0/udp/7668/quic-v1; port 0 takes a free one."))
		}
	}
	for _, s := range r.dial {
		if _, err := transport.ParseAddr(s); err != nil {
			return usage(fmt.Errorf("--peer: %w", err))
		}
	}
	return r.checkPhones()
}

func (r reach) checkPhones() error {
	if r.phones == "" {
		return nil
	}
	if _, err := parsePhoneAddress(r.phones); err != nil {
		return usage(withHint(fmt.Errorf("--phones: %w", err), "0.0.0.0 is all addresses of this device; port 0 takes a free one."))
	}
	return nil
}

// possible leaves out what this machine cannot have at all, such as IPv6.
func possible(listen []string) []string {
	return slices.DeleteFunc(slices.Clone(listen), func(s string) bool {
		p, ok := parsePlace(s)
		return ok && !canListen(p)
	})
}

// canListen tries a free port: one that is taken is another matter.
func canListen(p place) bool {
	kind := map[bool]string{true: "4", false: "6"}[p.at.Addr().Is4()]
	at := netip.AddrPortFrom(p.at.Addr(), 0).String()
	var err error
	if p.quic {
		var c net.PacketConn
		if c, err = net.ListenPacket("udp"+kind, at); err == nil {
			err = c.Close()
		}
	} else {
		var l net.Listener
		if l, err = net.Listen("tcp"+kind, at); err == nil {
			err = l.Close()
		}
	}
	return !isImpossible(err)
}

// Windows has numbers of its own for these errors.
const (
	winFamilyUnsupported = syscall.Errno(10047)
	winAddrNotAvailable  = syscall.Errno(10049)
)

func isImpossible(err error) bool {
	return errors.Is(err, syscall.EAFNOSUPPORT) || errors.Is(err, syscall.EPROTONOSUPPORT) ||
		errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, winFamilyUnsupported) || errors.Is(err, winAddrNotAvailable)
}

// explainPlaces says what to do about an address on which other devices cannot
// reach this one.
func explainPlaces(listen []string, err error) error {
	for _, s := range listen {
		if !strings.Contains(err.Error(), "listen on "+s+":") {
			continue
		}
		p, _ := parsePlace(s)
		switch {
		case errors.Is(err, syscall.EADDRINUSE):
			return withHint(fmt.Errorf("%s, where other devices would reach this one, is in use by another program (--listen %s)", p.at, s),
				"Choose another port: musafir up --listen %s takes a free one.", p.free())
		case isImpossible(err):
			return withHint(usage(fmt.Errorf("this machine does not have the address %s (--listen %s)", p.at.Addr(), s)),
				"Name one that it has, or all of them: --listen /ip4/0.0.0.0/tcp/7668")
		}
	}
	return err
}

// reachedAt is in words where other devices reach this one; "" if nowhere.
func reachedAt(addrs []string) string {
	var far, near []string
	for _, s := range addrs {
		p, ok := parsePlace(s)
		switch {
		case !ok:
		case p.at.Addr().IsLoopback():
			near = append(near, p.at.String())
		default:
			far = append(far, p.at.String())
		}
	}
	slices.Sort(far)
	if far = slices.Compact(far); len(far) > 0 {
		return strings.Join(far, ", ")
	}
	if len(near) == 0 {
		return ""
	}
	return near[0] + ", on this machine only"
}
