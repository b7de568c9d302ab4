package discovery

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"musafir/crdt"
)

// A Notice is what a device tells about itself.
type Notice struct {
	Device   crdt.DeviceID
	TCP, UDP uint16  // ports that it listens on; 0: it does not
	Digest   [8]byte // of what it holds

	// Addrs are its addresses, best first, at most six. Discovery fills them in
	// when it advertises; of a notice that was heard they are what the other said.
	Addrs []netip.Addr
}

// Multiaddrs are the places to dial, TCP before QUIC, each in the order of Addrs.
func (n Notice) Multiaddrs() []string {
	var places []string
	if n.TCP != 0 {
		for _, a := range n.Addrs {
			places = append(places, fmt.Sprintf("/%s/%s/tcp/%d", family(a), a, n.TCP))
		}
	}
	if n.UDP != 0 {
		for _, a := range n.Addrs {
			places = append(places, fmt.Sprintf("/%s/%s/udp/%d/quic-v1", family(a), a, n.UDP))
		}
	}
	return places
}

func family(a netip.Addr) string {
	if a.Is4() {
		return "ip4"
	}
	return "ip6"
}

// A notice is written in a fixed number of bytes, so that its length says nothing;
// see FORMAT.md.
const (
	maxAddrs = 6

	keyAt     = 0
	tcpAt     = keyAt + 32
	udpAt     = tcpAt + 2
	digestAt  = udpAt + 2
	addrsAt   = digestAt + 8
	addrSize  = 16
	plainSize = addrsAt + maxAddrs*addrSize // 140 bytes
)

var (
	errNoPort  = errors.New("the notice names no port")
	errAddress = errors.New("the notice has an address that nobody can dial")
	errSize    = errors.New("the notice has the wrong size")
)

// encode writes a notice. Addresses beyond the sixth, and those that others could
// not dial, are left out.
func (n Notice) encode() ([]byte, error) {
	key, err := n.Device.PublicKey()
	if err != nil {
		return nil, err
	}
	if n.TCP == 0 && n.UDP == 0 {
		return nil, errNoPort
	}
	b := make([]byte, addrsAt, plainSize)
	copy(b[keyAt:], key)
	binary.BigEndian.PutUint16(b[tcpAt:], n.TCP)
	binary.BigEndian.PutUint16(b[udpAt:], n.UDP)
	copy(b[digestAt:], n.Digest[:])
	for _, a := range n.Addrs {
		if len(b) < plainSize && kindOf(a) != undialable {
			x := a.Unmap().As16()
			b = append(b, x[:]...)
		}
	}
	return b[:plainSize], nil
}

// decode reads a notice. Whatever it takes, encode writes again as the same bytes.
func decode(b []byte) (Notice, error) {
	if len(b) != plainSize {
		return Notice{}, errSize
	}
	n := Notice{
		Device: crdt.DeviceIDOf(bytes.Clone(b[keyAt:tcpAt])),
		TCP:    binary.BigEndian.Uint16(b[tcpAt:]),
		UDP:    binary.BigEndian.Uint16(b[udpAt:]),
		Digest: [8]byte(b[digestAt:addrsAt]),
	}
	if n.TCP == 0 && n.UDP == 0 {
		return Notice{}, errNoPort
	}
	var err error
	n.Addrs, err = decodeAddrs(b[addrsAt:])
	return n, err
}

// decodeAddrs reads addresses up to the first that is all zero. After that one all
// must be.
func decodeAddrs(b []byte) (addrs []netip.Addr, err error) {
	for len(b) > 0 && [addrSize]byte(b) != [addrSize]byte{} {
		a := netip.AddrFrom16([addrSize]byte(b)).Unmap()
		if kindOf(a) == undialable {
			return nil, errAddress
		}
		addrs = append(addrs, a)
		b = b[addrSize:]
	}
	if len(bytes.Trim(b, "\x00")) > 0 {
		return nil, errAddress
	}
	return addrs, nil
}
