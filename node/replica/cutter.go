package replica

import (
	"maps"
	"slices"

	"musafir/crdt"
	"musafir/node/wire"
)

// Sizes of what goes out.
const (
	frameBytes = 128 << 10 // of entries in a frame, before compression
	batchBytes = 256 << 10 // a batch ends behind this much, as soon as all in it is sealed
)

// Sent is what a stream came to.
type Sent struct {
	Next  map[uint32]uint64 // per branch, the first sequence not sent
	Bytes int               // of entries
	More  bool              // the budget ended it
}

// Cut reads ranges from the logs and sends them as batches until they are done, or
// the budget of bytes is used up at the end of a batch. send gets frames ready for
// the stream.
func Cut(logs Logs, ranges []crdt.Range, budget int, send func(*wire.Batch) error) (Sent, error) {
	c := &cutter{send: send, done: Sent{Next: map[uint32]uint64{}}}
	c.begin()
	err := logs.Stream(ranges, func(it *crdt.Item) (bool, error) {
		if c.done.Bytes >= budget && c.empty() {
			c.done.More = true
			return false, nil
		}
		return true, c.add(it)
	})
	if err == nil && !c.empty() && len(c.open) == 0 {
		err = c.flush(true)
	}
	return c.done, err
}

// A cutter gathers a batch.
type cutter struct {
	send  func(*wire.Batch) error
	done  Sent
	frame wire.Batch
	size  int             // of the frame's entries
	total int             // of the batch's
	open  map[uint32]bool // branches whose last entry here has no seal
	seals map[uint32]wire.SealAt
	next  map[uint32]uint64
	run   *crdt.Item // the last entry
}

func (c *cutter) begin() {
	c.total, c.run = 0, nil
	c.open, c.seals, c.next = map[uint32]bool{}, map[uint32]wire.SealAt{}, map[uint32]uint64{}
}

func (c *cutter) empty() bool { return len(c.next) == 0 }

func (c *cutter) add(it *crdt.Item) error {
	if c.size > 0 && c.size+len(it.Raw) > frameBytes {
		if err := c.flush(false); err != nil {
			return err
		}
	}
	c.put(it)
	if c.total >= batchBytes && len(c.open) == 0 {
		return c.flush(true)
	}
	return nil
}

func (c *cutter) put(it *crdt.Item) {
	log := it.At.Log
	if it.At.Seq == 0 {
		log = crdt.LogID(it.ID)
	}
	if last := c.run; last == nil || len(c.frame.Runs) == 0 || last.Branch != it.Branch || last.At.Seq+1 != it.At.Seq {
		c.frame.Runs = append(c.frame.Runs, wire.Run{Log: log, Seq: it.At.Seq, Prev: [8]byte(it.At.Prev[:8])})
	}
	run := &c.frame.Runs[len(c.frame.Runs)-1]
	run.Entries = append(run.Entries, it.Raw)
	c.run = it
	c.size += len(it.Raw)
	c.total += len(it.Raw)
	c.next[it.Branch] = it.At.Seq + 1
	if it.Seal != nil {
		c.seals[it.Branch] = wire.SealAt{Log: log, Seq: it.At.Seq, Seal: *it.Seal}
		delete(c.open, it.Branch)
	} else {
		c.open[it.Branch] = true
	}
}

// flush sends the frame, and with the last one of a batch the seals.
func (c *cutter) flush(end bool) error {
	c.frame.End = end
	if end {
		for _, branch := range slices.Sorted(maps.Keys(c.seals)) {
			c.frame.Seals = append(c.frame.Seals, c.seals[branch])
		}
	}
	if err := c.send(&c.frame); err != nil {
		return err
	}
	c.done.Bytes += c.size
	c.frame, c.size, c.run = wire.Batch{}, 0, nil
	if end {
		for branch, next := range c.next {
			c.done.Next[branch] = next
		}
		c.begin()
	}
	return nil
}
