package replica

import (
	"cmp"
	"maps"
	"slices"

	"musafir/crdt"
	"musafir/node/wire"
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
	c := &cutter{logs: logs, budget: budget, send: send, done: Sent{Next: map[uint32]uint64{}}, open: map[uint32]bool{}, control: map[crdt.LogID]bool{}}
	c.begin()
	err := logs.Stream(ranges, func(it *crdt.Item) (bool, error) {
		err := c.add(it)
		return !c.done.More, err
	})
	if err == nil && c.cost > 0 {
		err = c.end()
	}
	return c.done, err
}

// A cutter gathers a batch, stretch by stretch: the entries up to where each log
// that stands in them is sealed.
type cutter struct {
	logs    Logs
	budget  int
	send    func(*wire.Batch) error
	done    Sent
	control map[crdt.LogID]bool // logs whose every entry is shown with its seal

	stretch []*crdt.Item    // not yet sealed
	open    map[uint32]bool // branches whose last entry in it has no seal

	// The batch, of whole stretches.
	cost  int
	bytes int
	frame wire.Batch // that is not out yet
	size  int        // of its entries
	last  *crdt.Item
	tips  map[uint32]tip // the last entry of each branch
	kept  []wire.SealAt  // of others that are to be shown on their own
	next  map[uint32]uint64

	number int // of entries in it
}

// A tip is the last entry of a branch in a batch, with its seal.
type tip struct {
	wire.SealAt
	number int // among the entries of the batch
}

func (c *cutter) begin() {
	c.cost, c.bytes, c.last, c.kept = 0, 0, nil, nil
	c.tips, c.next = map[uint32]tip{}, map[uint32]uint64{}
	c.number = 0
}

func cost(bytes int) int { return bytes + entryBeside }

// whole is what a batch costs, with the seals and branches that it brings.
func whole(cost, lines int) int { return cost + lines*lineBeside }

// add takes an entry. At the end of a stretch it goes into the batch, or begins the
// next one.
func (c *cutter) add(it *crdt.Item) error {
	c.stretch = append(c.stretch, it)
	if it.Seal == nil {
		c.open[it.Branch] = true
		return nil
	}
	delete(c.open, it.Branch)
	if len(c.open) > 0 {
		return nil
	}
	return c.close()
}

// close puts the stretch into the batch.
func (c *cutter) close() error {
	size, branches := 0, map[uint32]bool{}
	for _, it := range c.stretch {
		size += cost(len(it.Raw))
		branches[it.Branch] = true
	}
	lines := len(c.tips) + len(c.kept)
	tooMuch := c.cost+size > MaxBatchCost || whole(c.cost+size, lines+len(branches)) > commitCost || lines > sealsMax
	if c.cost > 0 && tooMuch {
		if err := c.end(); err != nil {
			return err
		}
	}
	for _, it := range c.stretch {
		if err := c.put(it); err != nil {
			return err
		}
	}
	c.stretch = c.stretch[:0]
	if c.done.Bytes+c.bytes < c.budget {
		return nil
	}
	c.done.More = true
	return nil
}

// put puts an entry into the frame.
func (c *cutter) put(it *crdt.Item) error {
	if c.size > 0 && c.size+len(it.Raw) > frameBytes {
		if err := c.flush(); err != nil {
			return err
		}
	}
	log := it.At.Log
	if it.At.Seq == 0 {
		log = crdt.LogID(it.ID)
	}
	if last := c.last; last == nil || len(c.frame.Runs) == 0 || last.Branch != it.Branch || last.At.Seq+1 != it.At.Seq {
		c.frame.Runs = append(c.frame.Runs, wire.Run{Log: log, Seq: it.At.Seq, Prev: [8]byte(it.At.Prev[:8])})
	}
	run := &c.frame.Runs[len(c.frame.Runs)-1]
	run.Entries = append(run.Entries, it.Raw)
	c.last = it
	c.size += len(it.Raw)
	c.bytes += len(it.Raw)
	c.cost += cost(len(it.Raw))
	c.next[it.Branch] = it.At.Seq + 1
	c.number++
	return c.seal(log, it)
}

// seal takes note of an entry's seal. Births and acts keep theirs: a proof of
// admission shows them alone.
func (c *cutter) seal(log crdt.LogID, it *crdt.Item) error {
	if before, ok := c.tips[it.Branch]; ok {
		shown, err := c.shown(before.SealAt)
		if err != nil {
			return err
		}
		if shown {
			c.kept = append(c.kept, before.SealAt)
		}
		delete(c.tips, it.Branch)
	}
	if it.Seal != nil {
		c.tips[it.Branch] = tip{wire.SealAt{Log: log, Seq: it.At.Seq, Seal: *it.Seal}, c.number}
	}
	return nil
}

func (c *cutter) shown(s wire.SealAt) (bool, error) {
	if s.Seq == 0 {
		return true, nil
	}
	control, ok := c.control[s.Log]
	if ok {
		return control, nil
	}
	birth, err := c.logs.Birth(s.Log)
	if err != nil {
		return false, err
	}
	c.control[s.Log] = birth.Kind == crdt.ControlLog
	return c.control[s.Log], nil
}

// flush sends a frame after which the batch goes on.
func (c *cutter) flush() error {
	err := c.send(&c.frame)
	c.frame, c.size = wire.Batch{}, 0
	return err
}

// end sends the last frame of a batch, with the seals.
func (c *cutter) end() error {
	c.frame.End = true
	c.frame.Seals = c.kept
	// In the order of the entries: so a reader finds them at the first try.
	for _, t := range slices.SortedFunc(maps.Values(c.tips), func(a, b tip) int { return cmp.Compare(a.number, b.number) }) {
		c.frame.Seals = append(c.frame.Seals, t.SealAt)
	}
	if err := c.flush(); err != nil {
		return err
	}
	c.done.Bytes += c.bytes
	maps.Copy(c.done.Next, c.next)
	c.begin()
	return nil
}
