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
	past     history // of the record that is being merged
	identity *Identity
	replays  bool   // the entries are stored already: only the view follows
	done     []byte // of a replay: records up to this one are in the view
}

// A change is one record as the batch leaves it.
type change struct {
	record  *crdt.Record
	row     []byte // its key
	was     rowHead
	dirty   bool
	root    crdt.Sum
	retired []*crdt.Touch
}

// Begin opens a batch.
func (s *Store) Begin() *Batch {
	s.mu.RLock()
	defer s.mu.RUnlock()
	v := view(closedView{})
	if !errors.Is(s.broken, ErrClosed) {
		v = s.current.use()
	}
	return &Batch{
		s: s, v: v,
		branches: slices.Clone(s.branches), byLog: maps.Clone(s.byLog), graph: maps.Clone(s.graph),
		fresh: map[mark]*heldEntry{}, heldNow: map[mark]string{}, records: map[crdt.RecordKey]*change{},
	}
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
	bytesMax, _ := b.s.engine.limits()
	return b.bytes+crdt.MaxEntryBytes+batchRoom > bytesMax
}

const batchRoom = 16 << 10 // for metadata and what stands beside an entry

// Record is the record's state with the batch's appends. It must not be changed.
func (b *Batch) Record(key crdt.RecordKey) (*crdt.Record, error) {
	c, err := b.change(key)
	if err != nil {
		return nil, err
	}
	return c.record, nil
}

func (b *Batch) change(key crdt.RecordKey) (*change, error) {
	if c, ok := b.records[key]; ok {
		return c, nil
	}
	row := recordKey(keyRow, key)
	head, r, err := b.s.readRow(b.v, key, row, b.touch)
	if err != nil {
		return nil, err
	}
	if r == nil {
		r = &crdt.Record{Key: key}
	}
	c := &change{record: r, row: row, was: head}
	b.records[key] = c
	return c, nil
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
	refs, err := retiredRefs(b.v, key)
	if err != nil {
		return nil, err
	}
	for _, t := range c.retired {
		refs[t.Ref] = true
	}
	return loadTouches(c.record, refs, b.touch)
}

// retiredRefs are the touches that do not stand in the record's row.
func retiredRefs(v view, key crdt.RecordKey) (map[crdt.Ref]bool, error) {
	refs := map[crdt.Ref]bool{}
	prefix := retiredPrefix(key)
	err := v.scan(prefix, nil, false, func(k, _ []byte) (bool, error) {
		ref, err := readRef(k[len(prefix):])
		refs[ref] = true
		return true, err
	})
	return refs, err
}

// loadTouches joins the living touches of a record with the retired ones.
func loadTouches(r *crdt.Record, refs map[crdt.Ref]bool, load func(crdt.Ref) (*crdt.Touch, error)) ([]*crdt.Touch, error) {
	var touches []*crdt.Touch
	if r != nil {
		touches = r.Living()
	}
	for _, t := range touches {
		delete(refs, t.Ref)
	}
	for ref := range refs {
		t, err := load(ref)
		if err != nil {
			return nil, err
		}
		touches = append(touches, t)
	}
	slices.SortFunc(touches, func(x, y *crdt.Touch) int { return x.Ref.Compare(y.Ref) })
	return touches, nil
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
	b.past = history{b: b, key: key}
	var effect crdt.Effect
	if t.Merged {
		effect = c.record.Apply(t, b.past.held)
	} else {
		effect = c.record.Hold(t, b.past.held)
		c.retired = append(c.retired, t)
	}
	if b.past.err != nil {
		return b.past.err
	}
	c.root.Add(effect.Root)
	c.retired = append(c.retired, effect.Retired...)
	return nil
}

// A history looks up, once asked, the entries behind a record that no longer
// show.
type history struct {
	b     *Batch
	key   crdt.RecordKey
	byID  map[crdt.ShortID]*crdt.Touch
	asked bool
	err   error
}

func (h *history) held(name crdt.ShortID) (*crdt.Touch, bool) {
	if !h.asked {
		h.asked = true
		touches, err := h.b.Touches(h.key)
		h.err = err
		h.byID = make(map[crdt.ShortID]*crdt.Touch, len(touches))
		for _, t := range touches {
			h.byID[t.Entry.Short()] = t
		}
	}
	t, ok := h.byID[name]
	return t, ok
}
