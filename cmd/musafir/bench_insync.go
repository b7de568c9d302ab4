package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

const (
	inSyncWait = 20 * time.Second
	inSyncPoll = 500 * time.Microsecond
)

// An inSyncResult is what it costs two devices to find that they hold the same.
type inSyncResult struct {
	records int
	checks  []inSyncCheck
}

type inSyncCheck struct {
	took        time.Duration
	flow        traffic // with the handshakes
	there, back int     // bytes of frames
}

func (r *inSyncResult) title() string {
	return fmt.Sprintf("in-sync: two devices that hold the same connect anew; median of %d, handshakes included", len(r.checks))
}

func (r *inSyncResult) columns() []column {
	median := func(of func(inSyncCheck) float64) float64 {
		numbers := make([]float64, len(r.checks))
		for i, c := range r.checks {
			numbers[i] = of(c)
		}
		slices.Sort(numbers)
		return numbers[len(numbers)/2]
	}
	return []column{
		{"records", "records", float64(r.records), 0},
		{"ms", "milliseconds", median(func(c inSyncCheck) float64 { return millis(c.took) }), 1},
		{"frames there B", "frame_bytes_there", median(func(c inSyncCheck) float64 { return float64(c.there) }), 0},
		{"back", "frame_bytes_back", median(func(c inSyncCheck) float64 { return float64(c.back) }), 0},
		{"all bytes there", "bytes_there", median(func(c inSyncCheck) float64 { return float64(c.flow.there) }), 0},
		{"back", "bytes_back", median(func(c inSyncCheck) float64 { return float64(c.flow.back) }), 0},
		{"round trips", "round_trips", median(func(c inSyncCheck) float64 { return float64(c.flow.roundTrips) }), 0},
	}
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// inSync starts the second device again and again. Time runs from its connection to
// the first until that one, which runs all the while, knows that both hold the same.
func inSync(ctx context.Context, p *benchPair, plan benchPlan) (measured, error) {
	r := &inSyncResult{records: plan.records}
	for range plan.checks {
		if err := p.second.down(); err != nil {
			return nil, err
		}
		if _, err := p.first.awaitPeer(ctx, false); err != nil {
			return nil, err
		}
		p.relay.reset()
		c, err := p.checkOnce(ctx)
		if err != nil {
			return nil, err
		}
		r.checks = append(r.checks, c)
	}
	return r, nil
}

// checkOnce looks at the first device while the second one starts.
func (p *benchPair) checkOnce(ctx context.Context) (c inSyncCheck, err error) {
	started := make(chan error, 1)
	go func() { started <- p.second.up(ctx) }()
	peer, err := p.first.awaitPeer(ctx, true)
	c.flow, c.there, c.back = p.relay.traffic(), peer.Received, peer.Sent
	if failed := <-started; failed != nil {
		return c, failed
	}
	c.took = peer.at.Sub(c.flow.began)
	return c, err
}

// A benchPeer is what one device says of the other.
type benchPeer struct {
	Connected, Synced bool
	Received, Sent    int // bytes of frames
	at                time.Time
}

// awaitPeer tells when the device was in sync with another one, or when there was
// none any more.
func (d *localDevice) awaitPeer(ctx context.Context, synced bool) (benchPeer, error) {
	var doc struct{ Peers []benchPeer }
	for deadline := time.Now().Add(inSyncWait); time.Now().Before(deadline); {
		if err := d.get(ctx, "/v1/peers", &doc); err != nil {
			return benchPeer{}, err
		}
		now := time.Now()
		if len(doc.Peers) == 1 && doc.Peers[0].Connected == synced && doc.Peers[0].Synced == synced {
			p := doc.Peers[0]
			p.at = now
			return p, nil
		}
		if err := pause(ctx, inSyncPoll); err != nil {
			return benchPeer{}, err
		}
	}
	return benchPeer{}, fmt.Errorf("after %s the %s device does not see the other come or go: %+v", inSyncWait, d.name, doc.Peers)
}
