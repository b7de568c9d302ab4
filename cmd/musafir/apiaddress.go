package main

import (
	"fmt"
	"net"
)

// An apiAddress is where the API listens.
type apiAddress struct {
	text string // HOST:PORT
	open bool   // it may be in the network
}

// check keeps the API, which is not encrypted, on this machine unless it is asked not to.
func (at apiAddress) check() error {
	host, _, err := net.SplitHostPort(at.text)
	if err != nil {
		return usage(fmt.Errorf("--http %s is not HOST:PORT: %w", at.text, err))
	}
	if ip := net.ParseIP(host); at.open || host == "localhost" || ip != nil && ip.IsLoopback() {
		return nil
	}
	return usage(withHint(fmt.Errorf("--http %s would put the API on the network, unencrypted", at.text),
		"Use 127.0.0.1:PORT or localhost:PORT. With --http-open it is done all the same: everybody in the network can then read along, records and tokens, because the API is not encrypted."))
}

// hosts are the names that the API answers to beside those of this machine.
func (at apiAddress) hosts() []string {
	host, _, err := net.SplitHostPort(at.text)
	if err != nil || host == "" {
		return nil
	}
	return []string{host}
}

// isOpen tells whether others than this machine reach an address.
func isOpen(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return ok && !tcp.IP.IsLoopback()
}

// fromHere is the address by which this machine reaches a listener.
func fromHere(addr net.Addr) string {
	if tcp, ok := addr.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		return (&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: tcp.Port}).String()
	}
	return addr.String()
}
