package main

import (
	"context"
	"net/http"
	"strings"

	"golang.org/x/sync/errgroup"
)

// loadWriters is how many write at once while the first device is filled.
const loadWriters = 64

// A benchPair is the two devices between which a bench measures, and what the first
// one holds.
type benchPair struct {
	camp          *localCamp
	first, second *localDevice
	relay         *relay // the second one's way to the first
	records       benchRecords
	bytes         int // of all records as JSON
}

// newBenchPair fills the first device, and admits the second, which is still down.
func newBenchPair(ctx context.Context, camp *localCamp, plan benchPlan) (p *benchPair, err error) {
	p = &benchPair{camp: camp}
	if p.records, err = newBenchRecords(); err != nil {
		return nil, err
	}
	if p.first, err = camp.found(ctx, "bench", "first"); err != nil {
		return nil, err
	}
	if err := p.first.up(ctx); err != nil {
		return nil, err
	}
	if err := p.load(ctx, plan); err != nil {
		return nil, err
	}
	if p.relay, err = newRelay(p.first.address()); err != nil {
		return nil, err
	}
	// It remembers where it joined and comes back to there, so it is told no address
	// when it starts: it would take that for another way, and try both.
	if p.second, _, err = camp.join(ctx, p.first, p.relay.address, "second"); err != nil {
		p.relay.close()
		return nil, err
	}
	p.relay.reset()
	return p, nil
}

// load writes the records, so many in a transaction.
func (p *benchPair) load(ctx context.Context, plan benchPlan) error {
	writers, writing := errgroup.WithContext(ctx)
	writers.SetLimit(loadWriters)
	to := *p.first.client
	to.http = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: loadWriters}}
	defer to.http.CloseIdleConnections()
	for at := 0; at < plan.records && writing.Err() == nil; at += plan.perEntry {
		body := p.transaction(at, min(at+plan.perEntry, plan.records))
		writers.Go(func() error {
			resp, err := to.send(writing, http.MethodPost, "/v1/transactions", strings.NewReader(body), http.Header{"Content-Type": {"application/json"}})
			if err != nil {
				return err
			}
			return drain(resp)
		})
	}
	return writers.Wait()
}

// transaction sets the records of a range, and counts their bytes.
func (p *benchPair) transaction(from, to int) string {
	var b strings.Builder
	b.WriteString(`{"changes":[`)
	for i := from; i < to; i++ {
		if i > from {
			b.WriteByte(',')
		}
		r := p.records.record(i)
		p.bytes += len(r.line)
		b.WriteString(`{"collection":"` + r.Collection + `","id":"` + r.ID + `","set":` + string(r.Fields) + `}`)
	}
	b.WriteString("]}")
	return b.String()
}
