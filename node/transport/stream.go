package transport

import (
	"crypto/ed25519"
	"errors"
	"io"
	"sync/atomic"
	"time"

	"musafir/crdt"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
	multistream "github.com/multiformats/go-multistream"
)

// A Stream is a pipe of bytes to another device, in both directions, encrypted and
// in order. One goroutine may read while another writes; the rest is safe from any.
type Stream struct {
	raw    network.Stream
	rw     io.ReadWriter // raw, behind the negotiation where that is still to be done
	flush  func() error  // sends what the negotiation holds back
	key    ed25519.PublicKey
	peer   crdt.DeviceID
	closed atomic.Bool
}

// Read reads what has come. [io.EOF] comes after all that the other side wrote
// before its Close; every other error means that something may be missing.
func (s *Stream) Read(p []byte) (int, error) {
	n, err := s.rw.Read(p)
	return n, notEOF(err)
}

// notEOF hides the EOF of the socket, which the error of a lost connection may wrap:
// errors.Is would take it for that of the stream.
func notEOF(err error) error {
	if err != io.EOF && errors.Is(err, io.EOF) {
		return errors.New(err.Error())
	}
	return err
}

// Write sends p. That it returned says not that p arrived. It waits where the other
// side does not read.
func (s *Stream) Write(p []byte) (int, error) {
	n, err := s.rw.Write(p)
	return n, notEOF(err)
}

// Close ends both directions. What was written still arrives, if the connection
// lasts; what the other side writes from now on is thrown away, and over TCP it is
// not told, other than by the EOF that it reads.
func (s *Stream) Close() error {
	s.closed.Store(true)
	if err := s.flush(); err != nil {
		s.raw.Reset()
		return err
	}
	return s.raw.Close()
}

// CloseWrite ends our direction. What was written still arrives, and then EOF.
func (s *Stream) CloseWrite() error {
	if err := s.flush(); err != nil {
		s.raw.Reset()
		return err
	}
	return s.raw.CloseWrite()
}

// Reset ends both directions at once, on both sides. What is under way is lost.
func (s *Stream) Reset() error {
	s.closed.Store(true)
	return s.raw.Reset()
}

// SetDeadline sets both deadlines. A Read or Write that passes one fails with an
// error whose Timeout is true; zero is none. On a stream from Open, a Read deadline
// that passes before the other side first answered ends reading for good.
func (s *Stream) SetDeadline(t time.Time) error { return s.raw.SetDeadline(t) }

// SetReadDeadline is SetDeadline for Read alone.
func (s *Stream) SetReadDeadline(t time.Time) error { return s.raw.SetReadDeadline(t) }

// SetWriteDeadline is SetDeadline for Write alone.
func (s *Stream) SetWriteDeadline(t time.Time) error { return s.raw.SetWriteDeadline(t) }

// Peer is the device at the other end, proven.
func (s *Stream) Peer() crdt.DeviceID { return s.peer }

// PeerKey is its key, 32 bytes.
func (s *Stream) PeerKey() ed25519.PublicKey { return s.key }

// Remote is where it is, as a multiaddr without /p2p. For an inbound stream the port
// is a passing one, that nobody can dial.
func (s *Stream) Remote() string { return s.raw.Conn().RemoteMultiaddr().String() }

// Inbound says whether the other side opened the stream.
func (s *Stream) Inbound() bool { return s.raw.Stat().Direction == network.DirInbound }

// outbound negotiates the protocol on the way: the first Write carries it along, and
// the first Read takes the answer, so it costs no round trip.
func outbound(raw network.Stream, proto string) *Stream {
	lazy := multistream.NewMSSelect(raw, protocol.ID(proto))
	return newStream(raw, lazy, lazy.Flush)
}

func inbound(raw network.Stream) *Stream {
	return newStream(raw, raw, func() error { return nil })
}

func newStream(raw network.Stream, rw io.ReadWriter, flush func() error) *Stream {
	key, _ := deviceKey(raw.Conn().RemotePeer()) // the gate lets no others in
	return &Stream{raw: raw, rw: rw, flush: flush, key: key, peer: crdt.DeviceIDOf(key)}
}
