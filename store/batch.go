package store

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"

	"musafir/crdt"
)

// A Batch is what one commit will add. It reads its own appends. Only one may be
// open at a time; it ends with Commit or Discard.
type Batch struct {
	s     *Store
	v     view
	ended bool

	entries  []put
	marks    []mark // of the appended entries
	bytes    int
	branches []branch // changed copy
	byLog    map[crdt.LogID][]uint32
	graph    crdt.Graph
	fresh    map[mark]*heldEntry // appended here, not in the database yet
	heldNow  map[mark]string
	records  map[crdt.RecordKey]*change
	identity *Identity
	load     loader // touches, those of the batch included
	replays  bool   // the entries are stored already: only the view follows
	done     []byte // of a replay: records up to this one are in the view
}

// A change is one record as the batch leaves it.
type change struct {
	record *crdt.Record // nil: it is kept in parts
	spread *crdt.Spread
	parts  parts
	row    []byte // its key
	was    rowHead
	dirty  bool
	root   crdt.Sum
}

// Begin opens a batch.
func (s *Store) Begin() *Batch {
	s.mu.RLock()
	defer s.mu.RUnlock()
	v := view(closedView{})
	if !errors.Is(s.broken, ErrClosed) {
		v = s.current.use()
	}
	b := &Batch{
		s: s, v: v,
		branches: slices.Clone(s.branches), byLog: maps.Clone(s.byLog), graph: maps.Clone(s.graph),
		fresh: map[mark]*heldEntry{}, heldNow: map[mark]string{}, records: map[crdt.RecordKey]*change{},
	}
	b.load = b.touch
	return b
}

// Discard ends the batch and leaves nothing behind. After Commit it does nothing.
func (b *Batch) Discard() {
	if !b.ended {
		b.ended = true
		b.v.close()
	}
}

// Full says that another entry might not fit into one transaction with these.
func (b *Batch) Full() bool {
	return b.bytes+crdt.MaxEntryBytes+batchRoom+len(b.graph)*depBytes > b.s.engine.limits().bytes
}

const (
	batchRoom = 16 << 10 // for metadata and what stands beside an entry
	depBytes  = 80       // of a head of the entry graph, in the metadata
)

// Record is the record's state with the batch's appends. It must not be changed.
func (b *Batch) Record(key crdt.RecordKey) (*crdt.Record, error) {
	c, err := b.change(key)
	if err != nil {
		return nil, err
	}
	if c.record == nil {
		return readParts(&c.parts, key, c.spread.Totals, b.s.engine.limits().read, b.load)
	}
	return c.record, nil
}

func (b *Batch) change(key crdt.RecordKey) (*change, error) {
	if c, ok := b.records[key]; ok {
		return c, nil
	}
	c := &change{row: recordKey(keyRow, key), parts: parts{layer: layer{reads: b.v}, key: key, load: b.load}}
	if err := c.read(); err != nil {
		return nil, err
	}
	b.records[key] = c
	return c, nil
}

// read finds the record as it is before the batch.
func (c *change) read() error {
	key := c.parts.key
	row, ok, err := c.parts.reads.get(c.row)
	if err != nil {
		return err
	}
	if !ok {
		c.record = &crdt.Record{Key: key}
		return nil
	}
	head, state, err := readRowHead(row)
	if err != nil {
		return fmt.Errorf("read row of %s: %w", key, err)
	}
	c.was = head
	if !head.spread {
		c.record, err = readWhole(key, state, c.parts.load)
		return err
	}
	n, err := readTotals(state)
	c.spread = &crdt.Spread{Key: key, Totals: n, Parts: &c.parts}
	return err
}

func (b *Batch) touch(ref crdt.Ref) (*crdt.Touch, error) {
	at := mark{Branch: ref.Branch, Seq: ref.Seq}
	if e, ok := b.fresh[at]; ok {
		change, err := crdt.ChangeAt(e.raw, int(ref.Offset))
		if err != nil {
			return nil, err
		}
		rc, err := change.Record()
		if err != nil {
			return nil, err
		}
		return b.newTouch(e, ref, rc), nil
	}
	return b.s.touch(b.v, ref)
}

func (b *Batch) newTouch(e *heldEntry, ref crdt.Ref, rc *crdt.RecordChange) *crdt.Touch {
	return &crdt.Touch{
		Ref: ref, Log: b.branches[ref.Branch].Log, Entry: e.id,
		Time: e.header.Time, Author: e.header.Author, Phone: e.header.Phone,
		Merged: !b.isHeld(mark{Branch: ref.Branch, Seq: ref.Seq}), Change: rc,
	}
}

func (b *Batch) isHeld(at mark) bool {
	if _, ok := b.heldNow[at]; ok {
		return true
	}
	_, ok := b.s.held[at] // only the writer changes it, and it is us
	return ok
}

// Touches are all held entries that touched the record, those of the batch
// included, in order of their refs.
func (b *Batch) Touches(key crdt.RecordKey) ([]*crdt.Touch, error) {
	c, err := b.change(key)
	if err != nil {
		return nil, err
	}
	return b.s.touches(&c.parts, key, c.record, b.load)
}

// SetIdentity says which camp's store it is, once.
func (b *Batch) SetIdentity(id Identity) {
	b.identity = &id
	b.put(put{key: []byte{keyIdentity}, value: encode(id)})
}

// SetPeer remembers something about another device.
func (b *Batch) SetPeer(id crdt.DeviceID, value []byte) {
	b.put(put{key: append([]byte{keyPeer}, id...), value: value})
}

// SetNote stores a local remark under a hash.
func (b *Batch) SetNote(n crdt.Note) {
	b.put(put{key: append([]byte{keyNote}, n.Key[:]...), value: n.Value})
}

// Note reads a remark that was stored before.
func (b *Batch) Note(key [crdt.HashSize]byte) ([]byte, bool, error) {
	k := append([]byte{keyNote}, key[:]...)
	for _, p := range b.entries {
		if string(p.key) == string(k) {
			return p.value, true, nil
		}
	}
	return b.v.get(k)
}

func (b *Batch) put(p put) {
	b.entries = append(b.entries, p)
	b.bytes += p.size()
}

// Append adds an entry whose place and id the caller has verified, and merges it.
// The entry before it must be held (ErrGap), and so must those it depends on,
// which the caller sees to; one that is held already is ErrHeld. Entries of kinds
// that this program does not know are held, not merged. After any other error the
// batch can only be discarded.
func (b *Batch) Append(at crdt.Place, id crdt.EntryID, e *crdt.Entry) error {
	n, err := b.place(at, id)
	if err != nil {
		return err
	}
	b.branches[n].head = crdt.Head{Seq: at.Seq, ID: id}
	if at.Seq == 0 {
		at.Log = crdt.LogID(id) // a birth is written before its log has an id
	}
	b.graph.Add(at, id, e.Deps)
	b.put(put{key: entryKey(keyEntry, n, at.Seq), value: packEntry(id, b.s.meta.Entries+uint64(len(b.marks)), e.Encoded())})
	where := mark{Branch: n, Seq: at.Seq}
	b.marks = append(b.marks, where)
	held := &heldEntry{id: id, raw: bytes.Clone(e.Encoded()), header: headerOf(e)}
	b.fresh[where] = held
	if !e.Known() {
		b.hold(where, "written by a newer version of musafir: upgrade this device")
	}
	return b.merge(where, held, e)
}

func (b *Batch) hold(at mark, reason string) {
	b.heldNow[at] = reason
	b.put(put{key: entryKey(keyHeld, at.Branch, at.Seq), value: []byte(reason)})
}

// place finds the branch that an entry goes on, or begins one.
func (b *Batch) place(at crdt.Place, id crdt.EntryID) (uint32, error) {
	if at.Seq == 0 {
		if _, ok := b.byLog[crdt.LogID(id)]; ok {
			return 0, ErrHeld
		}
		return b.newBranch(branchInfo{Log: crdt.LogID(id)}), nil
	}
	for _, n := range b.byLog[at.Log] {
		if b.branches[n].head == (crdt.Head{Seq: at.Seq - 1, ID: at.Prev}) {
			return n, nil
		}
	}
	for _, n := range b.byLog[at.Log] {
		if held, err := b.holds(n, at.Seq, id); err != nil || held {
			return 0, heldOr(err)
		}
	}
	for _, n := range b.byLog[at.Log] {
		if fork, err := b.holds(n, at.Seq-1, at.Prev); err != nil {
			return 0, err
		} else if fork {
			return b.newBranch(branchInfo{Log: at.Log, Parent: n, From: at.Seq}), nil
		}
	}
	return 0, ErrGap
}

func heldOr(err error) error {
	if err != nil {
		return err
	}
	return ErrHeld
}

// Holds tells whether an entry is held, those of the batch included.
func (b *Batch) Holds(log crdt.LogID, seq uint64, id crdt.EntryID) (bool, error) {
	for _, n := range b.byLog[log] {
		if held, err := b.holds(n, seq, id); err != nil || held {
			return held, err
		}
	}
	return false, nil
}

// holds tells whether the branch itself, not one it forked from, has that entry.
func (b *Batch) holds(n uint32, seq uint64, id crdt.EntryID) (bool, error) {
	br := &b.branches[n]
	if seq < br.From || seq > br.head.Seq {
		return false, nil
	}
	if seq == br.head.Seq {
		return br.head.ID == id, nil
	}
	e, err := b.entry(mark{Branch: n, Seq: seq})
	if err != nil {
		return false, err
	}
	return e.id == id, nil
}

func (b *Batch) entry(at mark) (*heldEntry, error) {
	if e, ok := b.fresh[at]; ok {
		return e, nil
	}
	return b.s.entry(b.v, at.Branch, at.Seq)
}

func (b *Batch) newBranch(info branchInfo) uint32 {
	n := uint32(len(b.branches))
	b.branches = append(b.branches, branch{branchInfo: info})
	b.byLog[info.Log] = append(slices.Clone(b.byLog[info.Log]), n)
	b.put(put{key: branchKey(keyBranch, n), value: encode(info)})
	return n
}

// Seal stores the author's signature over an entry that the batch appended last
// to its log.
func (b *Batch) Seal(log crdt.LogID, head crdt.Head, seal crdt.Seal) error {
	for _, n := range b.byLog[log] {
		if held, err := b.holds(n, head.Seq, head.ID); err != nil {
			return err
		} else if held {
			b.put(put{key: entryKey(keySeal, n, head.Seq), value: seal[:]})
			return nil
		}
	}
	return fmt.Errorf("seal entry %d of log %s: %w", head.Seq, log, ErrGap)
}

// merge brings an entry's changes into the batch's records.
func (b *Batch) merge(at mark, e *heldEntry, parsed *crdt.Entry) error {
	for i := range parsed.Changes {
		rc := parsed.Record(i)
		if rc == nil {
			continue
		}
		if b.done != nil && string(recordKey(keyRow, rc.Key)) <= string(b.done) {
			continue
		}
		ref := crdt.Ref{Branch: at.Branch, Seq: at.Seq, Offset: uint32(parsed.Offset(i))}
		if err := b.mergeTouch(b.newTouch(e, ref, rc)); err != nil {
			return err
		}
	}
	return nil
}

func (b *Batch) mergeTouch(t *crdt.Touch) error {
	key := t.Change.Key
	c, err := b.change(key)
	if err != nil {
		return err
	}
	if !c.dirty {
		c.dirty = true
		b.bytes += 4*putOverhead + 3*len(key.Collection) + 3*len(key.ID) + 64
	}
	effect := c.merge(t)
	c.root.Add(effect.Root)
	for _, gone := range effect.Retired {
		c.parts.retire(gone)
	}
	if c.record != nil && c.record.Totals().Weight > b.s.engine.limits().whole {
		c.record, c.spread = nil, c.record.Spread(&c.parts)
	}
	return c.parts.err
}

func (c *change) merge(t *crdt.Touch) crdt.Effect {
	if !t.Merged {
		defer c.parts.retire(t)
	}
	switch {
	case c.record == nil && t.Merged:
		return c.spread.Apply(t, c.parts.held)
	case c.record == nil:
		return c.spread.Hold(t, c.parts.held)
	case t.Merged:
		return c.record.Apply(t, c.parts.held)
	}
	return c.record.Hold(t, c.parts.held)
}

// settle makes a record whole again that has become light enough: how it is kept
// depends on nothing but its entries.
func (c *change) settle(wholeMax uint64) (err error) {
	if c.record == nil && c.spread.Weight <= wholeMax {
		c.record, err = c.parts.gather()
	}
	return err
}

func (c *change) head() rowHead {
	if c.record == nil {
		return spreadHead(c.spread.Totals)
	}
	return headOf(c.record)
}

func (c *change) appendRow(h rowHead) []byte {
	if c.record == nil {
		return appendSpreadRow(h, c.spread.Totals)
	}
	return appendRow(h, c.record)
}
