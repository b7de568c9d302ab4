package discovery_test

import (
	"context"
	"fmt"
	"net/netip"

	"musafir/crdt"
	"musafir/discovery"
)

func ExampleNotice_Multiaddrs() {
	n := discovery.Notice{TCP: 7668, UDP: 7668, Addrs: []netip.Addr{netip.MustParseAddr("192.168.43.7"), netip.MustParseAddr("fd00::7")}}
	for _, place := range n.Multiaddrs() {
		fmt.Println(place)
	}
	// Output:
	// /ip4/192.168.43.7/tcp/7668
	// /ip6/fd00::7/tcp/7668
	// /ip4/192.168.43.7/udp/7668/quic-v1
	// /ip6/fd00::7/udp/7668/quic-v1
}

// A member of a camp is found and finds. A device that joins would leave out Notice
// and Seal, and open with the invitation's key.
func ExampleFinder() {
	var self crdt.DeviceID
	var campKey []byte
	f := discovery.New(discovery.Config{
		Notice: func() (discovery.Notice, bool) {
			return discovery.Notice{Device: self, TCP: 7668, UDP: 7668}, true
		},
		Seal: func() [][]byte { return [][]byte{campKey} },
		Open: func() [][]byte { return [][]byte{campKey} },
		Heard: func(h discovery.Heard) {
			fmt.Println(h.Device, "may be at", h.Multiaddrs())
		},
	})
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // when the program ends
	if err := f.Run(ctx); err != nil {
		fmt.Println(err)
	}
	// Output:
}
