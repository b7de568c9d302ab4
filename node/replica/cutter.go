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
	tips  map[uint32]mark // the last entry of each branch
	shown []mark          // others, which are to be shown on their own
	kept  int             // seals over those
	next  map[uint32]uint64

	number int // of entries in it
}

// A mark is an entry of a batch, with its seal.
type mark struct {
	sealed
	seal   *crdt.Seal // nil: it has none
	number int        // among the entries of the batch
}

func (c *cutter) begin() {
	c.cost, c.bytes, c.last, c.shown, c.kept = 0, 0, nil, nil, 0
	c.tips, c.next = map[uint32]mark{}, map[uint32]uint64{}
	c.number = 0
}

// nameOf is what a seal over an entry calls it.
func nameOf(it *crdt.Item) sealed {
	if it.At.Seq == 0 {
		return sealed{crdt.LogID(it.ID), 0}
	}
	return sealed{it.At.Log, it.At.Seq}
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

// close puts the stretch into the batch, or into one of its own.
func (c *cutter) close() error {
	fits, err := c.fits()
	if err != nil {
		return err
	}
	if c.cost > 0 && !fits {
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

// fits tells whether the batch is still one that a reader takes, with the stretch.
func (c *cutter) fits() (bool, error) {
	size, lines, err := c.weight()
	size += c.cost
	lines += len(c.tips) + c.kept
	return size <= MaxBatchCost && whole(size, lines) <= commitCost && lines <= sealsMax, err
}

// weight is what the stretch costs, and how many seals it brings at most: one for
// each of its branches, and one for each entry before the last that keeps its own.
func (c *cutter) weight() (size, lines int, err error) {
	last := map[uint32]*crdt.Item{}
	for _, it := range c.stretch {
		size += cost(len(it.Raw))
		if before := last[it.Branch]; before != nil && before.Seal != nil {
			shown, err := c.isShown(nameOf(before))
			if err != nil {
				return 0, 0, err
			}
			if shown {
				lines++
			}
		}
		last[it.Branch] = it
	}
	return size, lines + len(last), nil
}

// put puts an entry into the frame.
func (c *cutter) put(it *crdt.Item) error {
	if c.size > 0 && c.size+len(it.Raw) > frameBytes {
		if err := c.flush(); err != nil {
			return err
		}
	}
	if last := c.last; last == nil || len(c.frame.Runs) == 0 || last.Branch != it.Branch || last.At.Seq+1 != it.At.Seq {
		c.frame.Runs = append(c.frame.Runs, wire.Run{Log: nameOf(it).log, Seq: it.At.Seq, Prev: [8]byte(it.At.Prev[:8])})
	}
	run := &c.frame.Runs[len(c.frame.Runs)-1]
	run.Entries = append(run.Entries, it.Raw)
	c.last = it
	c.size += len(it.Raw)
	c.bytes += len(it.Raw)
	c.cost += cost(len(it.Raw))
	c.next[it.Branch] = it.At.Seq + 1
	c.number++
	return c.mark(it)
}

// mark takes note of an entry as the last one of its branch. Of those before it
// births and acts keep their seals: a proof of admission shows them alone.
func (c *cutter) mark(it *crdt.Item) error {
	if before, ok := c.tips[it.Branch]; ok {
		shown, err := c.isShown(before.sealed)
		if err != nil {
			return err
		}
		if shown {
			c.shown = append(c.shown, before)
		}
		if shown && before.seal != nil {
			c.kept++
		}
	}
	c.tips[it.Branch] = mark{nameOf(it), it.Seal, c.number}
	return nil
}

func (c *cutter) isShown(s sealed) (bool, error) {
	if s.seq == 0 {
		return true, nil
	}
	control, ok := c.control[s.log]
	if ok {
		return control, nil
	}
	birth, err := c.logs.Birth(s.log)
	if err != nil {
		return false, err
	}
	c.control[s.log] = birth.Kind == crdt.ControlLog
	return c.control[s.log], nil
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
	c.frame.Seals = c.seals()
	if err := c.flush(); err != nil {
		return err
	}
	c.done.Bytes += c.bytes
	maps.Copy(c.done.Next, c.next)
	c.begin()
	return nil
}

// seals are those of the batch, in an order in which a reader finds each at the first
// try, as far as there is one: of the last entries first, since it tries those first.
func (c *cutter) seals() (list []wire.SealAt) {
	for _, t := range slices.SortedFunc(maps.Values(c.tips), byNumber) {
		list = append(list, t.at())
	}
	slices.SortFunc(c.shown, byNumber)
	room, misses := (commitCost-c.cost)/lineBeside, 0
	passed := map[sealed]int{} // entries of that name that a reader tries in vain
	for _, m := range c.shown {
		// A stretch may have got more seals later than a batch has room for.
		if m.seal == nil || len(list) >= room || misses+passed[m.sealed] > missesMax {
			passed[m.sealed]++
			continue
		}
		misses += passed[m.sealed]
		list = append(list, m.at())
	}
	return list
}

func byNumber(a, b mark) int { return cmp.Compare(a.number, b.number) }

func (m *mark) at() wire.SealAt { return wire.SealAt{Log: m.log, Seq: m.seq, Seal: *m.seal} }
