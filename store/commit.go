package store

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"musafir/crdt"
)

var errEnded = errors.New("the batch was committed or discarded before")

// Commit makes the batch durable and visible, or leaves nothing behind. Entries
// and view go into one transaction where they fit; else the entries go first, and
// the view follows in parts that open takes up again after a crash.
func (b *Batch) Commit() error {
	if b.ended {
		return errEnded
	}
	defer b.Discard()
	if err := b.s.Broken(); err != nil {
		return err
	}
	next := b.nextState()
	records, err := b.dirty()
	if err != nil {
		return err
	}
	w := &viewWriter{b: b, state: next}
	for _, c := range records {
		w.add(c)
	}
	if len(b.entries) == 0 && len(records) == 0 {
		return nil
	}
	all := append(w.finish(slices.Clone(b.entries)), w.state.put())
	if err := b.s.space(sizeOf(all)); err != nil {
		return err
	}
	if b.fits(all) {
		if err := b.s.engine.commit(all); err != nil {
			return b.s.unsure(err)
		}
		b.publish(w.state, w.buckets)
		return nil
	}
	return b.commitParts(records)
}

func sizeOf(puts []put) (n int) {
	for _, p := range puts {
		n += p.size()
	}
	return n
}

func (b *Batch) fits(puts []put) bool {
	l := b.s.engine.limits()
	return len(puts) <= l.puts && sizeOf(puts) <= l.bytes
}

// nextState is the metadata after the batch, but for what the view adds to it.
func (b *Batch) nextState() meta {
	m := b.s.meta // only the writer changes it, and it is us
	if !b.replays {
		m.Entries += uint64(len(b.marks))
		m.Held += uint64(len(b.heldNow))
	}
	m.Graph = slices.SortedFunc(maps.Values(b.graph), func(x, y crdt.Dep) int {
		return cmp.Or(bytes.Compare(x.Log[:], y.Log[:]), bytes.Compare(x.ID[:], y.ID[:]))
	})
	return m
}

// dirty lists the records that the batch changed, in order of their rows.
func (b *Batch) dirty() ([]*change, error) {
	changes := make([]*change, 0, len(b.records))
	for _, c := range b.records {
		if !c.dirty {
			continue
		}
		if err := c.settle(b.s.engine.limits().whole); err != nil {
			return nil, err
		}
		changes = append(changes, c)
	}
	slices.SortFunc(changes, func(x, y *change) int { return bytes.Compare(x.row, y.row) })
	return changes, nil
}

// A viewWriter collects the view's part of a commit.
type viewWriter struct {
	b       *Batch
	state   meta
	puts    []put
	run     feedRun // begun
	buckets bucketDiff
	before  bucketDiff // of the parts that went before
}

// add writes one record's row and what goes with it.
func (w *viewWriter) add(c *change) {
	key := c.parts.key
	head := c.head()
	w.state.Position++
	head.position = w.state.Position
	w.put(c.row, c.appendRow(head))
	w.run.add(head.position, c.row[1:])
	if w.run.full() {
		w.endRun()
	}
	if head.conflicts > 0 && c.was.conflicts == 0 {
		w.put(recordKey(keyConflict, key), nil)
	}
	w.puts = append(w.puts, c.parts.puts...)
	if !key.Internal() {
		w.state.Records += count(head.live()) - count(c.was.live())
		w.state.Conflicts += uint64(head.conflicts) - uint64(c.was.conflicts)
	}
	if c.root != (crdt.Sum{}) {
		if w.buckets == nil {
			w.buckets = bucketDiff{}
		}
		w.buckets.add(key.Bucket(), c.root)
	}
}

func (w *viewWriter) endRun() {
	if w.run.n > 0 {
		w.puts = append(w.puts, w.run.put())
		w.run = feedRun{}
	}
}

func count(live bool) uint64 {
	if live {
		return 1
	}
	return 0
}

func (w *viewWriter) put(key, value []byte) { w.puts = append(w.puts, put{key: key, value: value}) }

// finish adds the buckets, behind what is to go first.
func (w *viewWriter) finish(first []put) []put {
	w.endRun()
	puts := append(first, w.puts...)
	return append(puts, w.buckets.puts(w.b.s.buckets, w.before)...)
}

func (m meta) put() put { return put{key: []byte{keyMeta}, value: encode(m)} }

// unsure looks whether a failed write left it open what the database holds.
func (s *Store) unsure(err error) error {
	if errors.Is(err, errUnsure) {
		return s.fail(err)
	}
	return err
}

// publish makes a commit visible to readers.
func (b *Batch) publish(m meta, buckets bucketDiff) {
	s := b.s
	s.refresh(func() {
		s.meta = m
		s.branches, s.byLog, s.graph = b.branches, b.byLog, b.graph
		maps.Copy(s.held, b.heldNow)
		for n, diff := range buckets {
			s.buckets[n].Add(diff)
			s.root.Add(diff)
		}
		if b.identity != nil {
			s.identity = *b.identity
		}
		close(s.changed)
		s.changed = make(chan struct{})
	})
	for at, e := range b.fresh {
		s.cache.add(at, e)
	}
}

// commitParts commits what is too large for one transaction; readers see it when
// all of it is there. Once the entries are stored the batch is a fact; if the view
// then fails to follow, only opening the store again helps.
func (b *Batch) commitParts(records []*change) error {
	state := b.nextState()
	state.Lag = b.lagBehind()
	if err := b.commitEntries(state); err != nil {
		return b.s.unsure(err)
	}
	if err := b.commitView(state, records); err != nil {
		return b.s.fail(fmt.Errorf("the view did not follow the entries, restart musafir: %w", err))
	}
	return nil
}

// lagBehind says that none of the batch's entries are in the view.
func (b *Batch) lagBehind() *lag {
	l := &lag{}
	first, last := map[uint32]uint64{}, map[uint32]uint64{}
	for _, m := range b.marks {
		if _, ok := first[m.Branch]; !ok {
			first[m.Branch] = m.Seq
		}
		last[m.Branch] = m.Seq
	}
	for n := range first {
		l.From = append(l.From, mark{Branch: n, Seq: first[n]})
		l.To = append(l.To, mark{Branch: n, Seq: last[n]})
	}
	return l
}

// commitEntries stores the entries alone. They fit into one transaction: a batch
// is closed before they do not.
func (b *Batch) commitEntries(state meta) error {
	puts := append(slices.Clone(b.entries), state.put())
	if !b.fits(puts) {
		return fmt.Errorf("a batch of %d bytes is larger than one transaction", sizeOf(puts))
	}
	return b.s.engine.commit(puts)
}

// commitView lets the view follow in as many parts as it takes.
func (b *Batch) commitView(state meta, records []*change) error {
	sums := bucketDiff{}
	for len(records) > 0 {
		w := &viewWriter{b: b, state: state, before: sums}
		n := w.fill(records)
		w.state.Lag = b.lagAfter(state.Lag, records[n-1].row, n == len(records))
		if err := b.commitPart(w.finish(nil), w.state); err != nil {
			return err
		}
		state, records = w.state, records[n:]
		for n, diff := range w.buckets {
			sums.add(n, diff)
		}
	}
	b.publish(state, sums)
	return nil
}

// fill adds as many of the records as a part takes, at least one.
func (w *viewWriter) fill(records []*change) (n int) {
	l := w.b.s.engine.limits()
	size := 0
	for n < len(records) {
		if n > 0 && sizeOf(records[n].parts.puts) > l.bytes/8 {
			break
		}
		before := len(w.puts)
		w.add(records[n])
		n++
		size += sizeOf(w.puts[before:]) + len(records[n-1].row)
		// Room for one record more, for the buckets, and for the metadata.
		if size+len(w.buckets.pages())*(pageBytes+putOverhead) > l.bytes/2 || len(w.puts) > l.puts/2 {
			break
		}
	}
	return n
}

// commitPart commits a part of the view. One record may be more than fits.
func (b *Batch) commitPart(puts []put, state meta) error {
	if all := append(puts, state.put()); b.fits(all) {
		return b.s.engine.commit(all)
	}
	return b.s.commitLarge(puts, state)
}

// lagAfter is what is still behind once the view has followed up to a record.
func (b *Batch) lagAfter(l *lag, row []byte, last bool) *lag {
	if last {
		return b.lagBeyond(l)
	}
	next := *l
	next.Done = row
	return &next
}
