package node

import (
	"context"
	"io"
	"time"

	"musafir/crdt"
)

// Protocols that a device speaks on streams to others.
const (
	SyncProtocol = "/musafir/sync/1"
	JoinProtocol = "/musafir/join/1"
)

// A Network carries streams between devices, each proven by its key.
type Network interface {
	Addrs() []string                            // where others reach this device
	Prune()                                     // ends connections from addresses that this device no longer has
	Handle(protocol string, serve func(Stream)) // serve has the stream until it returns
	Open(ctx context.Context, to crdt.DeviceID, addrs []string, protocol string) (Stream, error)
	Resolve(addr string) (id crdt.DeviceID, addrs []string, err error) // an address as people write it; id is "" if it names none
	Whois(ctx context.Context, addr string) (crdt.DeviceID, error)     // who answers there
	IsCopy(ctx context.Context, addr string) (bool, error)             // whether another process has this device's key there
	Close() error                                                      // waits for those who serve
}

// A Finder looks for devices on the local network. What it hears goes to
// [Node.Sighted]. Its methods do not block.
type Finder interface {
	Ask()              // look soon
	Eager(bool)        // whether to look often, since a device is missing
	Guesses() []string // addresses where a device may be although it was not heard
}

// A Stream is a connection to one device for one purpose.
type Stream interface {
	io.ReadWriteCloser
	Reset() error
	SetDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
	CloseWrite() error // what was written arrives still, and then an EOF
	Peer() crdt.DeviceID
	Remote() string
	Inbound() bool
}
