package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	differingWait    = 20 * time.Second
	differingPoll    = 500 * time.Microsecond
	differingChanges = 100 // on each device
	differingField   = "bench"
)

// A differingResult is what it cost two devices to have each other's changes.
type differingResult struct {
	records, changes int
	took             time.Duration
	flow             traffic
}

func (r *differingResult) title() string {
	return fmt.Sprintf("differing: %d changes on each of two devices that were apart, one by one, until both have all", r.changes)
}

func (r *differingResult) columns() []column {
	return []column{
		{"records", "records", float64(r.records), 0},
		{"ms", "milliseconds", millis(r.took), 1},
		{"bytes there", "bytes_there", float64(r.flow.there), 0},
		{"bytes back", "bytes_back", float64(r.flow.back), 0},
	}
}

// differing cuts the devices off from each other, changes other records on each, and
// lets them meet. Time runs from their connection until both hold the same, durably;
// handshakes are included.
func differing(ctx context.Context, p *benchPair, plan benchPlan) (measured, error) {
	r := &differingResult{records: plan.records, changes: min(differingChanges, plan.records/2)}
	if r.changes == 0 {
		return nil, errors.New("it takes two records or more")
	}
	p.relay.cut()
	if _, err := p.first.awaitPeer(ctx, false); err != nil {
		return nil, err
	}
	var writing errgroup.Group
	writing.Go(func() error { return p.change(ctx, p.first, 0, r.changes) })
	writing.Go(func() error { return p.change(ctx, p.second, r.changes, 2*r.changes) })
	if err := writing.Wait(); err != nil {
		return nil, err
	}
	p.relay.reset()
	p.relay.mend()
	same, err := p.awaitSame(ctx)
	r.flow = p.relay.traffic()
	r.took = same.Sub(r.flow.began)
	return r, err
}

// change changes one field of each record of a range.
func (p *benchPair) change(ctx context.Context, d *localDevice, from, to int) error {
	for i := from; i < to; i++ {
		r := p.records.record(i)
		body := map[string]any{differingField: fmt.Sprintf("%s, change %d", d.name, i)}
		if _, err := d.call(ctx, http.MethodPatch, recordPath(r.Collection, r.ID), body); err != nil {
			return err
		}
	}
	return nil
}

// awaitSame tells when both devices held the same.
func (p *benchPair) awaitSame(ctx context.Context) (time.Time, error) {
	var first, second statusDoc
	for deadline := time.Now().Add(differingWait); time.Now().Before(deadline); {
		if err := errors.Join(p.first.get(ctx, "/v1/status", &first), p.second.get(ctx, "/v1/status", &second)); err != nil {
			return time.Time{}, err
		}
		now := time.Now()
		if first.Digest == second.Digest && first.StateRoot == second.StateRoot {
			return now, nil
		}
		if err := pause(ctx, differingPoll); err != nil {
			return time.Time{}, err
		}
	}
	return time.Time{}, fmt.Errorf("after %s the devices do not hold the same", differingWait)
}
