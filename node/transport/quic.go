package transport

import (
	"context"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"math"
	"math/big"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	ptls "github.com/libp2p/go-libp2p/p2p/security/tls"
	pquic "github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/p2p/transport/quicreuse"
	"github.com/quic-go/quic-go"
)

// addSockets makes the UDP side. Inbound connections are counted before their
// handshake, and after a restart the device still knows its own tokens.
func (b *builder) addSockets() error {
	var reset quic.StatelessResetKey
	var token quic.TokenGeneratorKey
	if err := b.derive(reset[:], "musafir quic stateless reset"); err != nil {
		return err
	}
	if err := b.derive(token[:], "musafir quic token generator"); err != nil {
		return err
	}
	sockets, err := quicreuse.NewConnManager(reset, token,
		quicreuse.ConnContext(b.countInbound),
		quicreuse.VerifySourceAddress(b.limits.VerifySourceAddress),
		// Only a host that listens on single addresses would ask the routing table
		// where to dial from, and where the table cannot be read that crashes.
		quicreuse.OverrideSourceIPSelector(func() (quicreuse.SourceIPSelector, error) { return nil, nil }))
	if err != nil {
		return err
	}
	b.sockets = sockets
	b.host.atClose(sockets.Close)
	return nil
}

// addQUIC gives the swarm its second transport.
func (b *builder) addQUIC() error {
	certificate := ptls.WithCertTemplate(timelessCertificate())
	t, err := pquic.NewTransport(b.key, b.sockets, nil, b.gate, b.limits, pquic.WithTLSIdentityOption(certificate))
	if err != nil {
		return err
	}
	return b.host.swarm.AddTransport(t)
}

// derive fills out with bytes that only the holder of the device key can make.
func (b *builder) derive(out []byte, purpose string) error {
	raw, err := b.key.Raw()
	if err != nil {
		return err
	}
	made, err := hkdf.Key(sha256.New, raw, nil, purpose, len(out))
	copy(out, made)
	return err
}

func (b *builder) countInbound(ctx context.Context, from *quic.ClientInfo) (context.Context, error) {
	addr, err := quicreuse.ToQuicMultiaddr(from.RemoteAddr, quic.Version1)
	if err != nil {
		addr = nil // the limits decide about it all the same
	}
	scope, err := b.limits.OpenConnection(network.DirInbound, false, addr)
	if err != nil {
		return ctx, err
	}
	ctx = network.WithConnManagementScope(ctx, scope)
	context.AfterFunc(ctx, scope.Done)
	return ctx, nil
}

// timelessCertificate is good at any time. libp2p's own begins an hour before its
// maker's now, so that a device whose clock is behind would refuse it. What proves
// the device is the signature inside, and that has no date.
func timelessCertificate() *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: randomSerial(),
		Subject:      pkix.Name{SerialNumber: randomSerial().String()}, // one is demanded
		NotBefore:    time.Unix(0, 0),
		NotAfter:     time.Date(9999, time.December, 31, 23, 59, 59, 0, time.UTC),
	}
}

func randomSerial() *big.Int {
	n, err := rand.Int(rand.Reader, big.NewInt(math.MaxInt64))
	if err != nil {
		panic(err) // the system's randomness never fails
	}
	return n
}
