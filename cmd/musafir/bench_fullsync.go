package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	fullSyncWait = 15 * time.Minute // for all records
	fullSyncPoll = 5 * time.Millisecond
)

// A fullSyncResult is how long an empty device took to hold everything durably.
type fullSyncResult struct {
	records, perEntry int
	jsonBytes         int // of the records
	wireBytes         int // both ways
	took              time.Duration
	memoryBytes       float64 // of the device that was empty
}

func (r *fullSyncResult) title() string {
	return fmt.Sprintf("full-sync: an empty device takes all records, %d to an entry", r.perEntry)
}

func (r *fullSyncResult) columns() []column {
	seconds := r.took.Seconds()
	return []column{
		{"records", "records", float64(r.records), 0},
		{"s", "seconds", seconds, 3},
		{"records/s", "records_per_second", float64(r.records) / seconds, 0},
		{"JSON MB/s", "json_megabytes_per_second", float64(r.jsonBytes) / 1e6 / seconds, 1},
		{"sent MB", "sent_megabytes", float64(r.wireBytes) / 1e6, 1},
		{"receiver's memory MiB", "receiver_memory_mebibytes", r.memoryBytes / (1 << 20), 0},
	}
}

// fullSync starts the second device, which is empty. Time runs from its connection
// to the first until it holds all records; a device counts only what is durable.
func fullSync(ctx context.Context, p *benchPair, plan benchPlan) (measured, error) {
	if err := p.second.up(ctx); err != nil {
		return nil, err
	}
	held, err := p.second.awaitRecords(ctx, uint64(plan.records))
	if err != nil {
		return nil, err
	}
	flow := p.relay.traffic()
	if flow.there+flow.back < plan.records {
		return nil, errors.New("the second device did not come through the relay")
	}
	r := &fullSyncResult{
		records: plan.records, perEntry: plan.perEntry, jsonBytes: p.bytes,
		wireBytes: flow.there + flow.back, took: held.Sub(flow.began), memoryBytes: residentBytes(p.second.pid),
	}
	_, err = p.camp.awaitEqual(ctx, uint64(plan.records))
	return r, err
}

// awaitRecords tells when the device held so many.
func (d *localDevice) awaitRecords(ctx context.Context, records uint64) (time.Time, error) {
	var s statusDoc
	for deadline := time.Now().Add(fullSyncWait); time.Now().Before(deadline); {
		if err := d.get(ctx, "/v1/status", &s); err != nil {
			return time.Time{}, err
		}
		if s.Counts.Records >= records {
			return time.Now(), nil
		}
		if err := pause(ctx, fullSyncPoll); err != nil {
			return time.Time{}, err
		}
	}
	return time.Time{}, fmt.Errorf("after %s the %s device holds %d records of %d", fullSyncWait, d.name, s.Counts.Records, records)
}

// residentBytes is the memory that a process has for itself. Mapped files are not
// in it: the system takes those back when it needs to.
func residentBytes(pid int) float64 {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if errors.Is(err, os.ErrNotExist) {
		return unknown // not Linux
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "RssAnon:"); ok {
			if kib, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 64); err == nil {
				return kib * 1024
			}
		}
	}
	return unknown
}
