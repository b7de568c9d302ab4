package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"
)

const oneWriteWait = 10 * time.Second // for one write to be seen, and all others before it

// A oneWriteResult is how long each write took to be seen on the other device.
type oneWriteResult struct {
	took []time.Duration // sorted
}

func (r *oneWriteResult) title() string {
	return fmt.Sprintf("one-write: one of %d writes, until both devices have it on disk and the other one shows it", len(r.took))
}

func (r *oneWriteResult) columns() []column {
	return []column{
		{"p50 ms", "p50_milliseconds", millis(r.took[len(r.took)/2]), 2},
		{"p99 ms", "p99_milliseconds", millis(r.took[len(r.took)*99/100]), 2},
	}
}

// oneWriteCollection has nothing in it before.
const oneWriteCollection = "bench"

// oneWrite puts one record after the other on the first device. Time runs from the
// request until it is answered and the change feed of the second shows the record.
// The relay is left out: it would be a part of the way.
func oneWrite(ctx context.Context, p *benchPair, plan benchPlan) (measured, error) {
	if err := p.connectDirectly(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(plan.writes+1)*oneWriteWait)
	defer cancel()
	resp, err := p.second.send(ctx, http.MethodGet, "/v1/changes?follow=true&collection="+oneWriteCollection, nil, nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	feed := bufio.NewScanner(resp.Body)
	r := &oneWriteResult{}
	for i := range plan.writes + 1 {
		took, err := p.writeAndSee(ctx, feed, p.records.record(plan.records+i))
		if err != nil {
			return nil, err
		}
		if i > 0 { // the first waits for the feed to come up to it
			r.took = append(r.took, took)
		}
	}
	slices.Sort(r.took)
	return r, nil
}

// connectDirectly starts the second device again, without the relay.
func (p *benchPair) connectDirectly(ctx context.Context) error {
	if err := p.second.down(); err != nil {
		return err
	}
	p.relay.close()
	if _, err := p.first.awaitPeer(ctx, false); err != nil {
		return err
	}
	if err := p.second.up(ctx, p.first.address()); err != nil {
		return err
	}
	_, err := p.first.awaitPeer(ctx, true)
	return err
}

func (p *benchPair) writeAndSee(ctx context.Context, feed *bufio.Scanner, r benchRecord) (time.Duration, error) {
	path := recordPath(oneWriteCollection, r.ID)
	body := map[string]json.RawMessage{"fields": r.Fields}
	began := time.Now()
	if _, err := p.first.call(ctx, http.MethodPut, path, body); err != nil {
		return 0, err
	}
	for feed.Scan() {
		var seen struct{ ID string }
		if err := json.Unmarshal(feed.Bytes(), &seen); err != nil {
			return 0, fmt.Errorf("read the change feed: %w", err)
		}
		if seen.ID == r.ID {
			return time.Since(began), nil
		}
	}
	if ctx.Err() != nil {
		return 0, fmt.Errorf("a write was not seen: %w", ctx.Err())
	}
	return 0, fmt.Errorf("the change feed ended: %w", feed.Err())
}
