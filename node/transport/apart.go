package transport

import (
	core "github.com/libp2p/go-libp2p/core/transport"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	ma "github.com/multiformats/go-multiaddr"
)

// An apartTCP is libp2p's TCP, but connections whose other end proved our own key do
// not come to the swarm: it would take them for a peer that Open and Disconnect know,
// and forget our key when they end. They are there for IsCopy, and for nothing else.
type apartTCP struct {
	*tcp.TcpTransport
	host *Host
}

func (t *apartTCP) Listen(at ma.Multiaddr) (core.Listener, error) {
	l, err := t.TcpTransport.Listen(at)
	if err != nil {
		return nil, err
	}
	return &apartListener{Listener: l, host: t.host}, nil
}

type apartListener struct {
	core.Listener
	host *Host
}

func (l *apartListener) Accept() (core.CapableConn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil || c.RemotePeer() != l.host.self {
			return c, err
		}
		l.host.answerOwn(c)
	}
}
