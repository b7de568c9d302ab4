package transport

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/libp2p/go-libp2p/core/network"
	ma "github.com/multiformats/go-multiaddr"
)

// listen binds every address. The swarm's own Listen is content with one of them.
func (h *Host) listen(addrs []string) error {
	for _, s := range addrs {
		place, err := ma.NewMultiaddr(s)
		if err == nil {
			err = checkPlace(place, bound)
		}
		if err == nil {
			err = h.swarm.AddListenAddr(place)
		}
		if err != nil {
			return fmt.Errorf("listen on %s: %w", s, portInUse(err))
		}
	}
	return nil
}

// winAddrInUse is what Windows says for EADDRINUSE. No other system has this number.
const winAddrInUse = syscall.Errno(10048)

func portInUse(err error) error {
	if errors.Is(err, winAddrInUse) {
		return fmt.Errorf("%w: %w", syscall.EADDRINUSE, err)
	}
	return err
}

// listenerEnded tells of a listener that ended although nobody closed the host.
func (h *Host) listenerEnded(_ network.Network, at ma.Multiaddr) {
	select {
	case <-h.swarm.Done():
	default:
		h.log.Error("a listener ended", "address", at.String())
	}
}
