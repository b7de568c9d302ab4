package transport

import (
	"time"

	"github.com/libp2p/go-libp2p/core/network"
)

const (
	// idleMax is how long a connection stays without a stream. Strangers that connect
	// and do nothing would use up the limit otherwise.
	idleMax = 10 * time.Second

	sweepInterval = 2 * time.Second // so that idleMax means up to two of these more
)

// sweepLoop ends idle connections until the host ends.
func (h *Host) sweepLoop() {
	tick := time.NewTicker(h.tuning.sweepInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			h.sweep(time.Now())
		case <-h.swarm.Done():
			return
		}
	}
}

// sweep closes what was idle for too long, and notes what is idle now. It holds the
// lock while it closes, so that a call of Open either was seen, or finds the
// connection gone and dials. Closing waits for no other side.
func (h *Host) sweep(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	idle := map[network.Conn]time.Time{}
	for _, c := range h.swarm.Conns() {
		if c.Stat().NumStreams > 0 || h.dialing[c.RemotePeer()] > 0 {
			continue
		}
		since, known := h.idle[c]
		if !known {
			since = now
		}
		if now.Sub(since) < h.tuning.idleMax {
			idle[c] = since
			continue
		}
		h.closeConn("it was idle", c)
	}
	h.idle = idle
}

// used says that a connection has a stream now, which may end before the next sweep.
func (h *Host) used(c network.Conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.idle, c)
}

func (h *Host) closeConn(why string, c network.Conn) {
	h.logConn(why, c)
	if err := c.Close(); err != nil {
		h.log.Debug("close connection", "device", c.RemotePeer().String(), "error", err)
	}
}
