package main

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"

	"musafir/discovery"
)

// defaultPhones is where phones are served unless told otherwise: the port is the one
// that Hikma's own hub has.
const defaultPhones = "0.0.0.0:4001"

// A phoneAddress is where phones are served.
type phoneAddress struct {
	host string // a name or an address; "": all addresses
	port uint16 // 0: a free one
}

func parsePhoneAddress(text string) (phoneAddress, error) {
	host, number, err := net.SplitHostPort(text)
	if err != nil {
		return phoneAddress{}, fmt.Errorf("%q is not HOST:PORT, such as %s", text, defaultPhones)
	}
	port, err := strconv.ParseUint(number, 10, 16)
	if err != nil {
		return phoneAddress{}, fmt.Errorf("%q is not HOST:PORT, such as %s: a port is a number up to 65535", text, defaultPhones)
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.Zone() != "" {
		return phoneAddress{}, fmt.Errorf("%q names an interface of this machine, which a phone does not know", text)
	}
	return phoneAddress{host, uint16(port)}, nil
}

func (a phoneAddress) String() string { return net.JoinHostPort(a.host, strconv.Itoa(int(a.port))) }

// isAll tells whether it is all addresses of this machine.
func (a phoneAddress) isAll() bool {
	ip, err := netip.ParseAddr(a.host)
	return a.host == "" || err == nil && ip.IsUnspecified()
}

// takes4 tells of all addresses whether those of IPv4 are meant alone.
func (a phoneAddress) takes4() bool {
	ip, err := netip.ParseAddr(a.host)
	return err == nil && ip.Is4()
}

// url is the address as a phone dials it, without a slash at the end. own are the
// addresses of this machine, best first.
func (a phoneAddress) url(own []netip.Addr) string {
	if a.isAll() {
		a.host = a.dialled(own).String()
	}
	u := url.URL{Scheme: "http", Host: a.String()}
	return u.String()
}

// dialled is the address of this machine to dial where all of them are served. Phones
// know IPv4 best.
func (a phoneAddress) dialled(own []netip.Addr) netip.Addr {
	if i := slices.IndexFunc(own, netip.Addr.Is4); i >= 0 {
		return own[i]
	}
	if len(own) > 0 && !a.takes4() {
		return own[0]
	}
	return netip.AddrFrom4([4]byte{127, 0, 0, 1})
}

// ownAddrs are those of this machine now, best first; none where the system does not
// tell.
func ownAddrs() []netip.Addr {
	own, err := discovery.Addrs()
	if err != nil {
		return nil
	}
	return own
}

// isNearOnly tells of a URL whether only this machine reaches it.
func isNearOnly(text string) bool {
	u, err := url.Parse(text)
	return err == nil && isLocal(u.Host)
}
