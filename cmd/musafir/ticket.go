package main

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"musafir/node/access"
	"musafir/node/transport"
)

// A ticket is all that a device needs to join: the code, and where to hand it in.
// As text it is musafir:CODE?peer=MULTIADDR&peer=MULTIADDR.
type ticket struct {
	code  access.Code
	peers []string
}

const (
	ticketScheme = "musafir:"
	ticketPeers  = 3 // more make a QR code that a terminal hardly shows
)

// String writes addresses as they are: nothing in a multiaddr needs an escape.
func (t ticket) String() string {
	text := ticketScheme + string(t.code)
	for i, p := range t.peers {
		text += map[bool]string{true: "?", false: "&"}[i == 0] + "peer=" + p
	}
	return text
}

// parseTicket reads a ticket, or a code alone.
func parseTicket(s string) (t ticket, err error) {
	s = strings.TrimSpace(s)
	if len(s) >= len(ticketScheme) && strings.EqualFold(s[:len(ticketScheme)], ticketScheme) {
		s = s[len(ticketScheme):]
	}
	code, query, _ := strings.Cut(s, "?")
	if t.code, err = access.ParseCode(code); err != nil {
		return ticket{}, err
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return ticket{}, errors.New("what follows the code is not complete: copy all of it, or give --peer ADDR instead")
	}
	t.peers = values["peer"]
	for _, p := range t.peers {
		if _, err := transport.ParseAddr(p); err != nil {
			return ticket{}, fmt.Errorf("what follows the code: %w", err)
		}
	}
	return t, nil
}

// nearest are the addresses worth a place in a ticket: TCP, and those that other
// machines can dial where there are any.
func nearest(addrs []string) []string {
	var tcp, far []string
	for _, s := range addrs {
		if p, ok := parsePlace(s); ok && !p.quic {
			tcp = append(tcp, s)
			if !p.at.Addr().IsLoopback() {
				far = append(far, s)
			}
		}
	}
	for _, some := range [][]string{far, tcp, addrs} {
		if len(some) > 0 {
			return slices.Clone(some[:min(len(some), ticketPeers)])
		}
	}
	return nil
}
