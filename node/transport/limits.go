package transport

import (
	"net/netip"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/x/rate"
)

// What one host takes at most. libp2p's own limits are made for the open internet:
// eight connections per address and one new one per five seconds, and all IPv6
// devices of a LAN count as one address.
const (
	memoryMax        = 64 << 20 // bytes that the limits are scaled to; they end at twice that
	descriptorsMax   = 512
	connsPerAddress  = 16
	connsInbound     = 256 // 128 sessions, and as many strangers, who are swept out
	connsOutbound    = 128
	handshakes       = 128 // inbound, under way: each may be a silent one, for a while
	newPerSecond     = 50  // connections, from all addresses
	newBurst         = 200
	newPerAddress    = 2 // connections per second
	newAddressBurst  = 32
	streamsPerDevice = 16  // inbound; a session and a request to join take one each
	streamsOutbound  = 256 // to one device
	negotiations     = 512 // of inbound streams, under way: more than there are before the oldest give way
)

// A dead peer is noticed within ten seconds.
const (
	keepAliveInterval = 5 * time.Second
	rttInterval       = time.Minute
	writeTimeout      = 5 * time.Second
)

// newLimits makes the resource manager. Loopback is not counted: several devices
// run on one machine in a demo, and in tests.
func newLimits(inbound int) (network.ResourceManager, error) {
	limits := rcmgr.DefaultLimits
	limits.SystemBaseLimit.ConnsInbound = inbound
	limits.SystemBaseLimit.Conns = inbound + connsOutbound
	limits.SystemLimitIncrease.ConnsInbound = 0
	limits.TransientBaseLimit.ConnsInbound = handshakes
	limits.TransientBaseLimit.Conns = 2 * handshakes
	limits.TransientBaseLimit.FD = 2 * handshakes
	limits.ProtocolPeerBaseLimit.StreamsInbound = streamsPerDevice
	limits.ProtocolPeerBaseLimit.StreamsOutbound = streamsOutbound
	limits.PeerBaseLimit.StreamsInbound = streamsPerDevice // or one stranger would take all that there are
	limits.PeerLimitIncrease.StreamsInbound = 0
	limits.TransientBaseLimit.StreamsInbound = negotiations
	return rcmgr.NewResourceManager(
		rcmgr.NewFixedLimiter(limits.Scale(memoryMax, descriptorsMax)),
		rcmgr.WithMetricsDisabled(),
		rcmgr.WithLimitPerSubnet(
			[]rcmgr.ConnLimitPerSubnet{{PrefixLength: 32, ConnCount: connsPerAddress}},
			[]rcmgr.ConnLimitPerSubnet{{PrefixLength: 128, ConnCount: connsPerAddress}}),
		rcmgr.WithConnRateLimiters(newConnRate()))
}

func newConnRate() *rate.Limiter {
	perAddress := rate.Limit{RPS: newPerAddress, Burst: newAddressBurst}
	return &rate.Limiter{
		NetworkPrefixLimits: []rate.PrefixLimit{ // the zero limit is none
			{Prefix: netip.MustParsePrefix("127.0.0.0/8")},
			{Prefix: netip.MustParsePrefix("::1/128")},
		},
		GlobalLimit: rate.Limit{RPS: newPerSecond, Burst: newBurst},
		SubnetRateLimiter: rate.SubnetLimiter{
			GracePeriod:      time.Minute,
			IPv4SubnetLimits: []rate.SubnetLimit{{PrefixLength: 32, Limit: perAddress}},
			IPv6SubnetLimits: []rate.SubnetLimit{{PrefixLength: 128, Limit: perAddress}},
		},
	}
}

// newMuxer is yamux, quick to notice that nobody is there any more.
func newMuxer() *yamux.Transport {
	config := *yamux.DefaultTransport.Config()
	config.KeepAliveInterval = keepAliveInterval
	config.MeasureRTTInterval = rttInterval
	config.ConnectionWriteTimeout = writeTimeout
	return (*yamux.Transport)(&config)
}
