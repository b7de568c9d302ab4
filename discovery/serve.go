package discovery

import (
	"errors"
	"fmt"
	"net"

	"github.com/hashicorp/mdns"
)

// A responder answers the questions that come in by one link, IPv4 and IPv6.
type responder struct {
	link   link
	zone   *zone
	server *mdns.Server // nil: it did not start
	deaf   error        // why nothing is heard by one of the families, or both
}

// start starts what does not run yet, and tells why it does not run whole.
func (r *responder) start() error {
	if r.server != nil && r.deaf == nil {
		return nil
	}
	deaf := deafness(r.link)
	if r.server != nil && deaf != nil {
		return deaf // half is better than nothing
	}
	r.stop()
	server, err := mdns.NewServer(&mdns.Config{Zone: r.zone, Iface: r.link.system(), Logger: silent})
	if err == nil {
		r.server = server
	}
	if r.deaf = deaf; deaf != nil {
		return deaf // says more than the library does
	}
	return err
}

func (r *responder) stop() {
	if r.server != nil {
		_ = r.server.Shutdown() // never gives an error
		r.server = nil
	}
}

// deafness tries what the library is about to do. It goes on without a word when it
// can listen by one family only, and it does not say what was wrong.
func deafness(l link) error {
	var errs []error
	if l.has4() {
		errs = append(errs, tryGroup("udp4", l, group4))
	}
	if l.has6() {
		errs = append(errs, tryGroup("udp6", l, group6))
	}
	return errors.Join(errs...)
}

func tryGroup(network string, l link, group net.IP) error {
	conn, err := net.ListenMulticastUDP(network, l.system(), &net.UDPAddr{IP: group, Port: mdnsPort})
	if err != nil {
		return fmt.Errorf("hear questions: %w", err)
	}
	return conn.Close()
}
