package transport_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"

	"musafir/crdt"
	"musafir/node/transport"
)

// portOf is the port of a host that listens for TCP alone.
func portOf(h *transport.Host) string { return strings.Split(h.Addrs()[0], "/")[4] }

func TestWhois(t *testing.T) {
	a, b := newHost(t, transport.Config{Listen: []string{tcp0}}), newEcho(t, tcp0)
	for _, addr := range []string{
		"127.0.0.1:" + portOf(b), "localhost:" + portOf(b),
		"/ip4/127.0.0.1/tcp/" + portOf(b), "/dns4/localhost/tcp/" + portOf(b),
	} {
		id, err := a.Whois(within(t), addr)
		check(t, err)
		if id != b.ID() {
			t.Errorf("at %s answers %s, want %s", addr, id, b.ID())
		}
		s, err := a.Open(within(t), id, []string{addr}, echo)
		check(t, err)
		check(t, exchange(s, "x"))
		a.Disconnect(id)
	}
	if id, err := a.Whois(within(t), "127.0.0.1:"+portOf(a)); err != nil || id != a.ID() {
		t.Errorf("asking itself it heard %s, %v", id, err)
	}
}

// TestWhoisLeavesNothing shows that the other side has no connection afterwards.
func TestWhoisLeavesNothing(t *testing.T) {
	asked := make(chan crdt.DeviceID, 1)
	a := newHost(t, transport.Config{})
	b := newHost(t, transport.Config{Listen: []string{tcp0}, Admit: func(id crdt.DeviceID) bool { asked <- id; return true }})
	_, err := a.Whois(within(t), b.Addrs()[0])
	check(t, err)
	if id := <-asked; id != a.ID() {
		t.Errorf("the other side met %s", id)
	}
	if _, err := b.Open(within(t), a.ID(), nil, echo); err == nil {
		t.Error("a connection is left")
	}
}

func TestWhoisErrors(t *testing.T) {
	a, b := newHost(t, transport.Config{}), newHost(t, transport.Config{Listen: []string{quic0}})
	stranger := serveTCP(t, func(c net.Conn) { io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n"); c.Close() })
	for _, tt := range []struct {
		addr string
		is   error
		want string // part of the message
	}{
		{closedPort(t), syscall.ECONNREFUSED, "/ip4/127.0.0.1/tcp/"},
		{stranger, nil, "no device of ours"},
		{b.Addrs()[0], nil, "only a TCP address"},
		{"/p2p/" + string(b.ID()), nil, "only a TCP address"},
		{"nowhere.invalid", nil, "nowhere.invalid"},
		{"1.2.3", nil, `"1.2.3"`},
	} {
		if _, err := a.Whois(within(t), tt.addr); err == nil || tt.is != nil && !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("asking %s gives %v, want %v with %q", tt.addr, err, tt.is, tt.want)
		}
	}
}

func TestWhoisEndsWithContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	silent := serveTCP(t, func(net.Conn) { cancel() })
	if _, err := newHost(t, transport.Config{}).Whois(ctx, silent); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// serveTCP is a listener that is no device.
func serveTCP(t *testing.T, serve func(net.Conn)) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	check(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { c.Close() })
			serve(c)
		}
	}()
	return fmt.Sprint(l.Addr())
}
