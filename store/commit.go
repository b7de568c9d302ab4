package store

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"

	"musafir/crdt"
)

// Commit makes the batch durable and visible, or leaves nothing behind. Entries
// and view go into one transaction where they fit; else the entries go first, and
// the view follows in parts that open takes up again after a crash.
func (b *Batch) Commit() error {
	defer b.v.close()
	if err := b.s.Broken(); err != nil {
		return err
	}
	next := b.nextState()
	records := b.dirty()
	w := &viewWriter{b: b, state: next}
	for _, key := range records {
		w.add(key)
	}
	if len(b.entries) == 0 && len(records) == 0 {
		return nil
	}
	all := w.finish(slices.Clone(b.entries))
	if err := b.s.space(sizeOf(all)); err != nil {
		return err
	}
	if b.fits(all) {
		if err := b.s.engine.commit(all); err != nil {
			return err
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
	bytesMax, putsMax := b.s.engine.limits()
	return len(puts) <= putsMax && sizeOf(puts) <= bytesMax
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

// dirty lists the records that the batch changed, in order.
func (b *Batch) dirty() []crdt.RecordKey {
	keys := make([]crdt.RecordKey, 0, len(b.records))
	for key, c := range b.records {
		if c.dirty {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, func(x, y crdt.RecordKey) int {
		return bytes.Compare(recordKey(keyRow, x), recordKey(keyRow, y))
	})
	return keys
}

// A viewWriter collects the view's part of a commit.
type viewWriter struct {
	b       *Batch
	state   meta
	puts    []put
	buckets map[int]crdt.Sum // their differences
}

// add writes one record's row and what goes with it.
func (w *viewWriter) add(key crdt.RecordKey) {
	c := w.b.records[key]
	head := headOf(c.record)
	w.state.Position++
	head.position = w.state.Position
	row := recordKey(keyRow, key)
	w.put(row, appendRow(head, c.record))
	w.put(feedKey(head.position), row[1:])
	if head.conflicts > 0 && c.was.conflicts == 0 {
		w.put(recordKey(keyConflict, key), nil)
	}
	for _, t := range c.retired {
		w.put(retiredKey(key, t.Ref), retiredValue(t))
	}
	for _, t := range c.revived {
		w.puts = append(w.puts, put{key: retiredKey(key, t.Ref), del: true})
	}
	if !key.Internal() {
		w.state.Records += count(head.live()) - count(c.was.live())
		w.state.Conflicts += uint64(head.conflicts) - uint64(c.was.conflicts)
	}
	if c.root != (crdt.Sum{}) {
		if w.buckets == nil {
			w.buckets = map[int]crdt.Sum{}
		}
		sum := w.buckets[key.Bucket()]
		sum.Add(c.root)
		w.buckets[key.Bucket()] = sum
	}
}

func retiredValue(t *crdt.Touch) []byte {
	if t.Merged {
		return nil
	}
	return []byte{1}
}

func count(live bool) uint64 {
	if live {
		return 1
	}
	return 0
}

func (w *viewWriter) put(key, value []byte) { w.puts = append(w.puts, put{key: key, value: value}) }

// finish adds the buckets and the metadata, behind what is to go first.
func (w *viewWriter) finish(first []put) []put {
	puts := append(first, w.puts...)
	for n, diff := range w.buckets {
		sum := w.b.s.buckets[n]
		sum.Add(diff)
		value := sum.Bytes()
		puts = append(puts, put{key: bucketKey(n), value: value[:]})
	}
	return append(puts, put{key: []byte{keyMeta}, value: encode(w.state)})
}

// publish makes a commit visible to readers.
func (b *Batch) publish(m meta, buckets map[int]crdt.Sum) {
	s := b.s
	s.mu.Lock()
	defer s.mu.Unlock()
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
	for at, e := range b.fresh {
		s.cache.add(at, e)
	}
	close(s.changed)
	s.changed = make(chan struct{})
}

// commitParts commits what is too large for one transaction. Once the entries are
// stored the batch is a fact; if the view then fails to follow, only opening the
// store again helps.
func (b *Batch) commitParts(records []crdt.RecordKey) error {
	b.s.parts.Lock()
	defer b.s.parts.Unlock()
	state := b.nextState()
	if !b.replays {
		state.Lag = b.lagBehind()
		if err := b.commitEntries(state); err != nil {
			return err
		}
		b.publish(state, nil)
	}
	if err := b.commitView(records); err != nil {
		b.s.mu.Lock()
		b.s.broken = fmt.Errorf("the view did not follow the entries, restart musafir: %w", err)
		b.s.mu.Unlock()
		return b.s.broken
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
	puts := append(slices.Clone(b.entries), put{key: []byte{keyMeta}, value: encode(state)})
	if !b.fits(puts) {
		return fmt.Errorf("a batch of %d bytes is larger than one transaction", sizeOf(puts))
	}
	return b.s.engine.commit(puts)
}

// commitView lets the view follow in as many parts as it takes.
func (b *Batch) commitView(records []crdt.RecordKey) error {
	bytesMax, putsMax := b.s.engine.limits()
	for len(records) > 0 {
		w := &viewWriter{b: b, state: b.s.meta}
		n, size := 0, 0
		for n < len(records) {
			before := len(w.puts)
			w.add(records[n])
			n++
			size += sizeOf(w.puts[before:])
			// Room for one record more, with its bucket, and the metadata.
			if size+len(w.buckets)*(crdt.HashSize+putOverhead) > bytesMax/2 || len(w.puts) > putsMax/2 {
				break
			}
		}
		w.state.Lag = b.lagAfter(records[n-1], n == len(records))
		if err := b.s.engine.commit(w.finish(nil)); err != nil {
			return err
		}
		b.publish(w.state, w.buckets)
		records = records[n:]
	}
	return nil
}

// lagAfter is what is still behind once the view has followed up to a record.
func (b *Batch) lagAfter(key crdt.RecordKey, last bool) *lag {
	l := *b.s.meta.Lag
	if !last {
		l.Done = recordKey(keyRow, key)
		return &l
	}
	return b.s.lagBeyond(&l)
}
