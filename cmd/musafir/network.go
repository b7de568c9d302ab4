package main

import (
	"context"
	"crypto/ed25519"
	"log/slog"

	"musafir/crdt"
	"musafir/node"
	"musafir/node/transport"
)

// A network lets the node meet other devices through the transport.
type network struct{ *transport.Host }

func openNetwork(key ed25519.PrivateKey, listen []string, log *slog.Logger) (node.Network, error) {
	h, err := transport.New(transport.Config{Key: key, Listen: listen, Log: log})
	if err != nil {
		return nil, explainPlaces(listen, err)
	}
	return network{h}, nil
}

func (n network) Handle(protocol string, serve func(node.Stream)) {
	n.Host.Handle(protocol, func(s *transport.Stream) { serve(s) })
}

func (n network) Open(ctx context.Context, to crdt.DeviceID, addrs []string, protocol string) (node.Stream, error) {
	s, err := n.Host.Open(ctx, to, addrs, protocol)
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (n network) Resolve(addr string) (crdt.DeviceID, []string, error) {
	a, err := transport.ParseAddr(addr)
	return a.ID, a.Addrs, err
}
