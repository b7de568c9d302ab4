package store

import (
	"bytes"
	"context"
	"fmt"

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
	c := &checker{snapshot: v, ctx: ctx, report: &Report{}, progress: progress}
	return c.report, c.run()
}

type checker struct {
	*snapshot
	ctx      context.Context
	report   *Report
	progress func(float64)
	steps    float64
	done     float64

	sums               [crdt.RootBuckets]crdt.Sum
	records, conflicts uint64            // as counted in ordinary collections
	feed               map[uint64][]byte // of one pass: which record has which position
	conflicted         map[string]bool   // of one pass: the keys that the index of conflicts lacks
}

func (c *checker) problem(format string, args ...any) {
	if len(c.report.Problems) < problemsMax {
		c.report.Problems = append(c.report.Problems, fmt.Sprintf(format, args...))
	}
}

func (c *checker) run() error {
	passes := int(c.meta.Position/recordsPerPass) + 1
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
	c.counts()
	return c.buckets()
}

func (c *checker) counts() {
	if c.report.Entries != c.meta.Entries {
		c.problem("%d entries were stored, %d are there", c.meta.Entries, c.report.Entries)
	}
	if c.records != c.meta.Records || c.conflicts != c.meta.Conflicts {
		c.problem("the counts of records or of conflicts are wrong")
	}
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
	if b.From > 0 {
		prev, err := c.s.entry(c, b.Parent, b.From-1)
		if err != nil {
			c.problem("log %s: the entry before its branch at %d is missing", b.Log, b.From)
			return nil
		}
		at.Prev = prev.id
	}
	err := c.scan(branchKey(keyEntry, n), nil, true, func(k, value []byte) (bool, error) {
		_, seq, err := readEntryKey(k)
		if err != nil {
			return false, err
		}
		if seq != at.Seq {
			c.problem("log %s: entries %d to %d are missing", b.Log, at.Seq, seq-1)
			at.Prev = crdt.EntryID{}
		}
		at.Seq = seq
		at.Prev = c.entry(at, value)
		at.Seq++
		c.report.Entries++
		return true, c.ctx.Err()
	})
	if err != nil {
		return err
	}
	if head := b.head.Seq; at.Seq <= head {
		c.problem("log %s: entries %d to %d are missing", b.Log, at.Seq, head)
	}
	return c.seals(n, b.Log)
}

// entry checks one entry and returns its id.
func (c *checker) entry(at crdt.Place, value []byte) crdt.EntryID {
	stored, err := unpackEntry(value)
	id := stored.id
	if err != nil {
		c.problem("log %s: entry %d cannot be read: %v", at.Log, at.Seq, err)
		return id
	}
	e, err := crdt.ParseEntry(stored.raw)
	if err != nil {
		c.problem("log %s: entry %d is damaged: %v", at.Log, at.Seq, err)
		return id
	}
	log := at.Log
	if at.Seq == 0 {
		at.Log = crdt.LogID{} // a birth does not know the log it begins
	} else if at.Prev == (crdt.EntryID{}) {
		return id // the one before is missing, which was told
	}
	if e.ID(at) != id {
		c.problem("log %s: entry %d does not have its hash", log, at.Seq)
	}
	return id
}

func (c *checker) seals(n uint32, log crdt.LogID) error {
	var device []byte
	if birth, err := c.birth(log); err == nil {
		device = birth.Device
	} else {
		c.problem("log %s: its first entry cannot be read: %v", log, err)
	}
	return c.scan(branchKey(keySeal, n), nil, true, func(k, value []byte) (bool, error) {
		_, seq, err := readEntryKey(k)
		if err != nil {
			return false, err
		}
		c.report.Seals++
		e, err := c.s.entry(c, n, seq)
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
	c.feed, c.conflicted = map[uint64][]byte{}, map[string]bool{}
	want := map[string][]byte{}
	for key, ts := range touches {
		c.expect(key, ts, want)
		c.sums[key.Bucket()].Add(crdt.RootOf(key, ts))
	}
	for _, letter := range []byte{keyRow, keyRetired, keyLiving, keyWaiting, keyCounter} {
		if err := c.compare(letter, lo, hi, want); err != nil {
			return err
		}
	}
	for k := range want {
		c.lacks([]byte(k[1:]), "the view lacks it, or a part of its history")
	}
	return c.indexes()
}

// lacks tells of a record by collection 0 id, and what may stand behind that.
func (c *checker) lacks(name []byte, what string) {
	key, err := readRecordKey(recordName(name))
	if err != nil {
		c.problem("a key of the database is none of ours")
		return
	}
	c.problem("record %s: %s", key, what)
}

// indexes looks for the entries that feed and conflict index should have.
func (c *checker) indexes() error {
	err := c.scan([]byte{keyFeed}, nil, true, func(k, value []byte) (bool, error) {
		_, err := eachInRun(k, value, func(position uint64, name []byte) (bool, error) {
			if bytes.Equal(c.feed[position], name) {
				delete(c.feed, position)
			}
			return true, nil
		})
		if err != nil {
			c.problem("a part of the feed is damaged")
		}
		return true, c.ctx.Err()
	})
	if err != nil {
		return err
	}
	err = c.scan([]byte{keyConflict}, nil, false, func(k, _ []byte) (bool, error) {
		delete(c.conflicted, string(k))
		return true, c.ctx.Err()
	})
	for _, name := range c.feed {
		c.lacks(name, "the feed lacks it")
	}
	for k := range c.conflicted {
		c.lacks([]byte(k[1:]), "the list of conflicts lacks it")
	}
	return err
}

// touches collects what the entries did to the records of some buckets.
func (c *checker) touches(lo, hi int) (map[crdt.RecordKey][]*crdt.Touch, error) {
	touches := map[crdt.RecordKey][]*crdt.Touch{}
	err := c.scan([]byte{keyEntry}, nil, true, func(k, value []byte) (bool, error) {
		n, seq, err := readEntryKey(k)
		if err != nil {
			return false, err
		}
		e, err := newHeldEntry(bytes.Clone(value))
		if err != nil {
			return true, c.ctx.Err() // told by chain
		}
		parsed, err := crdt.ParseEntry(e.raw)
		if err != nil {
			return true, c.ctx.Err()
		}
		for i := range parsed.Changes {
			rc := parsed.Record(i)
			if rc == nil || rc.Key.Bucket() < lo || rc.Key.Bucket() >= hi {
				continue
			}
			ref := crdt.Ref{Branch: n, Seq: seq, Offset: uint32(parsed.Offset(i))}
			t, err := c.s.newTouch(e.id, parsed, ref, rc)
			if err != nil {
				return false, err
			}
			touches[rc.Key] = append(touches[rc.Key], t)
		}
		return true, c.ctx.Err()
	})
	return touches, err
}

// expect lists the keys that a record has in the view, with the row but for its
// place in the feed.
func (c *checker) expect(key crdt.RecordKey, touches []*crdt.Touch, want map[string][]byte) {
	r := crdt.Refold(key, touches)
	p := parts{key: key, layer: layer{reads: closedView{}}}
	if n := r.Totals(); n.Weight > c.s.engine.limits().whole {
		r.Spread(&p)
		want[string(recordKey(keyRow, key))] = appendSpreadRow(spreadHead(n), n)
	} else {
		want[string(recordKey(keyRow, key))] = appendRow(headOf(r), r)
	}
	living := map[crdt.Ref]bool{}
	for _, t := range r.Living() {
		living[t.Ref] = true
	}
	for _, t := range touches {
		if !living[t.Ref] {
			p.retire(t)
		}
	}
	for _, put := range p.puts {
		want[string(put.key)] = put.value
	}
}

func (c *checker) compare(letter byte, lo, hi int, want map[string][]byte) error {
	return c.scan([]byte{letter}, nil, true, func(k, value []byte) (bool, error) {
		name := recordName(k[1:])
		key, err := readRecordKey(name)
		if err != nil {
			if lo == 0 {
				c.problem("a key of the database is none of ours")
			}
			return true, nil
		}
		if b := key.Bucket(); b < lo || b >= hi {
			return true, c.ctx.Err()
		}
		expected, ok := want[string(k)]
		delete(want, string(k))
		if letter == keyRow {
			value = c.row(key, bytes.Clone(name), value)
		}
		if !ok || !bytes.Equal(expected, value) {
			c.problem("record %s: the view differs from its entries", key)
		}
		return true, nil
	})
}

// row takes note of what a row's head says and gives the row without its place in
// the feed.
func (c *checker) row(key crdt.RecordKey, name, row []byte) []byte {
	c.report.Records++
	head, state, err := readRowHead(row)
	if err != nil {
		return nil
	}
	c.feed[head.position] = name
	if head.conflicts > 0 {
		c.conflicted[string(recordKey(keyConflict, key))] = true
	}
	if !key.Internal() {
		c.records += count(head.live())
		c.conflicts += uint64(head.conflicts)
	}
	head.position = 0
	return append(appendRowHead(nil, head), state...)
}

// buckets compares the state root, part by part.
func (c *checker) buckets() error {
	stored := new(bucketSums)
	err := c.scan([]byte{keyBucket}, nil, true, func(k, value []byte) (bool, error) {
		if readPage(k, value, stored) != nil {
			c.problem("a part of the state root is damaged")
		}
		return true, nil
	})
	for n := range c.sums {
		if c.sums[n] != stored[n] {
			c.problem("part %d of the state root on disk is not that of the entries", n)
		}
	}
	return err
}
