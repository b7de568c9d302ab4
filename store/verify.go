package store

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"musafir/crdt"
)

// A Report is what Verify found.
type Report struct {
	Entries  uint64
	Seals    uint64
	Records  uint64
	Problems []string // what is wrong, in words that name it; at most problemsMax
}

const problemsMax = 100

// recordsPerPass bounds what Verify holds in memory: it goes over the entries
// once for so many records.
const recordsPerPass = 50_000

// Verify reads every entry, checks its hash chain and seals, makes the merged
// view again in memory and compares it with the one on disk byte for byte.
// progress, if not nil, is told the share done, 0 to 1.
func (s *Store) Verify(ctx context.Context, progress func(share float64)) (*Report, error) {
	v, err := s.snapshot()
	if err != nil {
		return nil, err
	}
	defer v.close()
	c := &checker{s: s, v: v, ctx: ctx, report: &Report{}, progress: progress}
	s.mu.RLock()
	c.branches = slices.Clone(s.branches)
	c.camp = s.identity.Camp
	c.records = s.meta.Position
	s.mu.RUnlock()
	return c.report, c.run()
}

type checker struct {
	s        *Store
	v        view
	ctx      context.Context
	report   *Report
	progress func(float64)
	branches []branch
	camp     crdt.CampID
	records  uint64 // at most so many rows
	steps    float64
	done     float64
	root     crdt.Sum
}

func (c *checker) problem(format string, args ...any) {
	if len(c.report.Problems) < problemsMax {
		c.report.Problems = append(c.report.Problems, fmt.Sprintf(format, args...))
	}
}

func (c *checker) run() error {
	passes := int(c.records/recordsPerPass) + 1
	c.steps = float64(passes + 1)
	for n := range c.branches {
		if err := c.chain(uint32(n)); err != nil {
			return err
		}
	}
	c.step()
	for i := range passes {
		lo, hi := crdt.RootBuckets*i/passes, crdt.RootBuckets*(i+1)/passes
		if err := c.pass(lo, hi); err != nil {
			return err
		}
		c.step()
	}
	return c.buckets()
}

func (c *checker) step() {
	c.done++
	if c.progress != nil {
		c.progress(c.done / c.steps)
	}
}

// chain checks the hashes and seals of one branch.
func (c *checker) chain(n uint32) error {
	b := c.branches[n]
	at := crdt.Place{Log: b.Log, Seq: b.From}
	var device []byte
	if b.From > 0 {
		prev, err := c.s.entry(c.v, b.Parent, b.From-1)
		if err != nil {
			c.problem("log %s: the entry before its branch at %d is missing", b.Log, b.From)
			return nil
		}
		at.Prev = prev.id
	}
	if birth, err := c.s.Birth(b.Log); err == nil {
		device = birth.Device
	} else {
		c.problem("log %s: %v", b.Log, err)
	}
	next := b.From
	err := c.v.scan(branchKey(keyEntry, n), nil, true, func(k, value []byte) (bool, error) {
		_, seq, err := readEntryKey(k)
		if err != nil {
			return false, err
		}
		if seq != next {
			c.problem("log %s: entries %d to %d are missing", b.Log, next, seq-1)
			at.Prev = crdt.EntryID{}
		}
		next = seq + 1
		at.Seq = seq
		at.Prev = c.entry(at, value)
		c.report.Entries++
		return true, c.ctx.Err()
	})
	if err != nil {
		return err
	}
	return c.seals(n, b.Log, device)
}

// entry checks one entry and returns its id.
func (c *checker) entry(at crdt.Place, value []byte) crdt.EntryID {
	if len(value) < crdt.HashSize {
		c.problem("log %s: entry %d is cut off", at.Log, at.Seq)
		return crdt.EntryID{}
	}
	id := crdt.EntryID(value[:crdt.HashSize])
	e, err := crdt.ParseEntry(value[crdt.HashSize:])
	if err != nil {
		c.problem("log %s: entry %d is damaged: %v", at.Log, at.Seq, err)
		return id
	}
	place := at
	if at.Seq == 0 {
		place.Log = crdt.LogID{} // a birth does not know the log it begins
	}
	if e.ID(place) != id {
		c.problem("log %s: entry %d does not have its hash", at.Log, at.Seq)
	}
	return id
}

func (c *checker) seals(n uint32, log crdt.LogID, device []byte) error {
	return c.v.scan(branchKey(keySeal, n), nil, true, func(k, value []byte) (bool, error) {
		_, seq, err := readEntryKey(k)
		if err != nil {
			return false, err
		}
		c.report.Seals++
		e, err := c.s.entry(c.v, n, seq)
		if err != nil || len(value) != len(crdt.Seal{}) {
			c.problem("log %s: the seal of entry %d stands alone", log, seq)
			return true, nil
		}
		if err := crdt.Seal(value).Verify(device, c.camp, e.id); err != nil {
			c.problem("log %s: entry %d: %v", log, seq, err)
		}
		return true, nil
	})
}

// pass makes the view of the records in some buckets and compares it.
func (c *checker) pass(lo, hi int) error {
	touches, err := c.touches(lo, hi)
	if err != nil {
		return err
	}
	want := map[string][]byte{}
	for key, ts := range touches {
		c.expect(key, ts, want)
		c.root.Add(crdt.RootOf(key, ts))
	}
	for _, letter := range []byte{keyRow, keyRetired} {
		if err := c.compare(letter, lo, hi, want); err != nil {
			return err
		}
	}
	for k := range want {
		key, _ := readRecordKey([]byte(k[1:]))
		c.problem("record %s: the view lacks it, or a part of its history", key)
	}
	return nil
}

// touches collects what the entries did to the records of some buckets.
func (c *checker) touches(lo, hi int) (map[crdt.RecordKey][]*crdt.Touch, error) {
	touches := map[crdt.RecordKey][]*crdt.Touch{}
	load := c.s.loader(c.v)
	for n := range c.branches {
		err := c.v.scan(branchKey(keyEntry, uint32(n)), nil, true, func(k, value []byte) (bool, error) {
			_, seq, err := readEntryKey(k)
			if err != nil {
				return false, err
			}
			e, err := crdt.ParseEntry(bytes.Clone(value[min(crdt.HashSize, len(value)):]))
			if err != nil {
				return true, c.ctx.Err() // told by chain
			}
			for i := range e.Changes {
				rc := e.Record(i)
				if rc == nil || rc.Key.Bucket() < lo || rc.Key.Bucket() >= hi {
					continue
				}
				t, err := load(crdt.Ref{Branch: uint32(n), Seq: seq, Offset: uint32(e.Offset(i))})
				if err != nil {
					return false, err
				}
				touches[rc.Key] = append(touches[rc.Key], t)
			}
			return true, c.ctx.Err()
		})
		if err != nil {
			return nil, err
		}
	}
	return touches, nil
}

// expect lists the keys that a record has in the view, with the row but for its
// place in the feed.
func (c *checker) expect(key crdt.RecordKey, touches []*crdt.Touch, want map[string][]byte) {
	r := crdt.Refold(key, touches)
	want[string(recordKey(keyRow, key))] = appendRow(headOf(r), r)
	living := map[crdt.Ref]bool{}
	for _, t := range r.Living() {
		living[t.Ref] = true
	}
	for _, t := range touches {
		if !living[t.Ref] {
			want[string(retiredKey(key, t.Ref))] = retiredValue(t)
		}
	}
}

func (c *checker) compare(letter byte, lo, hi int, want map[string][]byte) error {
	return c.v.scan([]byte{letter}, nil, true, func(k, value []byte) (bool, error) {
		key, err := readRecordKey(k[1:])
		if letter == keyRetired && len(k) > refBytes+1 {
			key, err = readRecordKey(k[1 : len(k)-refBytes-1])
		}
		if err != nil {
			return false, err
		}
		if b := key.Bucket(); b < lo || b >= hi {
			return true, c.ctx.Err()
		}
		expected, ok := want[string(k)]
		delete(want, string(k))
		if letter == keyRow {
			c.report.Records++
			value = withoutPosition(value)
		}
		if !ok || !bytes.Equal(expected, value) {
			c.problem("record %s: the view differs from its entries", key)
		}
		return true, nil
	})
}

// withoutPosition is a row as appendRow writes it at position 0.
func withoutPosition(row []byte) []byte {
	head, state, err := readRowHead(row)
	if err != nil {
		return nil
	}
	head.position = 0
	return append(appendRow(head, &crdt.Record{})[:rowHeadSize(head)], state...)
}

func rowHeadSize(h rowHead) int {
	const emptyState = 3 // no sources, counters, pending claims
	return len(appendRow(h, &crdt.Record{})) - emptyState
}

// buckets compares the state root and its parts.
func (c *checker) buckets() error {
	var stored crdt.Sum
	err := c.v.scan([]byte{keyBucket}, nil, true, func(_, value []byte) (bool, error) {
		if len(value) == crdt.HashSize {
			stored.Add(crdt.SumOf([crdt.HashSize]byte(value)))
		}
		return true, nil
	})
	if err == nil && stored != c.root {
		c.problem("the state root on disk is not that of the entries")
	}
	return err
}
