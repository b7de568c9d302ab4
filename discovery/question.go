package discovery

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

const (
	mdnsPort = 5353

	// window is how long answers are waited for. Phones that sleep get a question
	// late.
	window = 1500 * time.Millisecond

	hops = 1 // a question stays on its network
)

var (
	group4 = net.IPv4(224, 0, 0, 251)
	group6 = net.ParseIP("ff02::fb")
)

// surveyName is asked to learn what else answers on a network. If printers do and no
// device of ours, the network lets multicast pass.
const surveyName = "_services._dns-sd._udp.local."

// A question is asked by our own hands. The library's client joins the IPv4 group
// without naming an interface; then the system takes the one of the default route,
// and where there is no such route, as on the networks that this is for, it refuses.
// Answers come to the socket that asked, so there is no group to join: the socket is
// told by which interface to send, and no route is needed.
type question struct {
	link link
	mark mark
	six  bool // by IPv6
	also bool // the survey too
}

// send opens a socket and sends the question from it. The answers come to it.
func (q question) send() (*net.UDPConn, error) {
	conn, to, err := q.socket()
	if err != nil {
		return nil, fmt.Errorf("open a socket: %w", err)
	}
	if err := q.write(conn, to); err != nil {
		conn.Close()
		return nil, fmt.Errorf("send a question: %w", err)
	}
	return conn, nil
}

func (q question) write(conn *net.UDPConn, to *net.UDPAddr) error {
	names := []string{q.mark.put(serviceName)}
	if q.also {
		names = append(names, surveyName)
	}
	for _, name := range names {
		packet, err := questionPacket(name)
		if err != nil {
			return err
		}
		if _, err := conn.WriteToUDP(packet, to); err != nil {
			return err
		}
	}
	return nil
}

func questionPacket(name string) ([]byte, error) {
	m := dns.Msg{Question: []dns.Question{{Name: name, Qtype: dns.TypePTR, Qclass: dns.ClassINET}}}
	return m.Pack()
}

// listen hands over what comes back, until the window closes or ctx ends. It closes
// the socket.
func listen(ctx context.Context, conn *net.UDPConn, take func(packet []byte, from netip.Addr)) error {
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if err := conn.SetReadDeadline(time.Now().Add(window)); err != nil {
		return err
	}
	packet := make([]byte, maxPacketBytes+1)
	for range maxPackets {
		n, from, err := conn.ReadFromUDPAddrPort(packet)
		if ctx.Err() != nil || errors.Is(err, os.ErrDeadlineExceeded) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read answers: %w", err)
		}
		take(packet[:n], from.Addr().Unmap())
	}
	return nil
}

// socket is one that sends to the group by the link.
func (q question) socket() (*net.UDPConn, *net.UDPAddr, error) {
	if q.six {
		return q.socket6()
	}
	return q.socket4()
}

// socket4 speaks from the link's address: some systems choose the interface by that.
func (q question) socket4() (*net.UDPConn, *net.UDPAddr, error) {
	from, _ := q.link.first4()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: from.AsSlice()})
	if err != nil {
		return nil, nil, err
	}
	p := ipv4.NewPacketConn(conn)
	err = errors.Join(p.SetMulticastInterface(q.link.system()), p.SetMulticastTTL(hops), p.SetMulticastLoopback(true))
	if err != nil {
		conn.Close()
		return nil, nil, err
	}
	return conn, &net.UDPAddr{IP: group4, Port: mdnsPort}, nil
}

func (q question) socket6() (*net.UDPConn, *net.UDPAddr, error) {
	conn, err := net.ListenUDP("udp6", &net.UDPAddr{})
	if err != nil {
		return nil, nil, err
	}
	p := ipv6.NewPacketConn(conn)
	err = errors.Join(p.SetMulticastInterface(q.link.system()), p.SetMulticastHopLimit(hops), p.SetMulticastLoopback(true))
	if err != nil {
		conn.Close()
		return nil, nil, err
	}
	return conn, &net.UDPAddr{IP: group6, Port: mdnsPort, Zone: strconv.Itoa(q.link.index)}, nil
}
