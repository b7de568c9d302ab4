package replica

import (
	"crypto/ed25519"
	"errors"
	"slices"

	"musafir/crdt"
	"musafir/node/wire"
)

// Logs reads what is stored.
type Logs interface {
	Branches() []crdt.Branch
	EntryID(branch uint32, seq uint64) (crdt.EntryID, error)
	Birth(crdt.LogID) (*crdt.Birth, error)
	Stream(ranges []crdt.Range, visit func(*crdt.Item) (bool, error)) error
}

// Rules of batches.
var (
	errRun   = errors.New("an entry does not follow the one before")
	errSeals = errors.New("a batch does not end on seals")
	errSeal  = errors.New("a seal in a batch is not over one of its entries, or not of its author")
)

// A Verifier turns the frames of one session's batches into what may be ingested.
// It runs where the frames are read, and reads the store only.
type Verifier struct {
	camp crdt.CampID
	logs Logs
	keys map[crdt.LogID]ed25519.PublicKey // of logs seen in this session
	ends map[crdt.LogID][]crdt.Head       // where this session's batches left a log
	next *Received
	tips map[crdt.LogID][]crdt.Head // of the batch under way: entries that none in it follows
	cost int
}

// NewVerifier makes a verifier for one session.
func NewVerifier(camp crdt.CampID, logs Logs) *Verifier {
	return &Verifier{camp: camp, logs: logs, keys: map[crdt.LogID]ed25519.PublicKey{}, ends: map[crdt.LogID][]crdt.Head{}}
}

// Add takes a frame. The result is a batch once its last frame is there. ErrGap:
// the batch goes on from an entry that is not held here, which may happen; any
// other error breaks a rule.
func (v *Verifier) Add(b *wire.Batch) (*Received, error) {
	if v.next == nil {
		v.next, v.tips, v.cost = &Received{}, map[crdt.LogID][]crdt.Head{}, 0
	}
	for i := range b.Runs {
		if err := v.run(&b.Runs[i]); err != nil {
			return nil, err
		}
	}
	if !b.End {
		return nil, nil
	}
	if err := v.seals(b.Seals); err != nil {
		return nil, err
	}
	done := v.next
	for log, tips := range v.tips {
		v.leave(log, tips)
	}
	v.Reset()
	return done, nil
}

// Reset forgets a batch that is under way, after ErrGap.
func (v *Verifier) Reset() { v.next, v.tips = nil, nil }

// run checks the entries of one run and how they hang together.
func (v *Verifier) run(r *wire.Run) error {
	at := crdt.Place{Log: r.Log, Seq: r.Seq}
	if r.Seq > 0 {
		prev, ok, err := v.before(r)
		if err != nil {
			return err
		}
		if !ok {
			return ErrGap
		}
		at.Prev = prev
	}
	for _, raw := range r.Entries {
		id, err := v.entry(at, raw)
		if err != nil {
			return err
		}
		at.Seq, at.Prev = at.Seq+1, id
	}
	return nil
}

// entry takes one entry at its place.
func (v *Verifier) entry(at crdt.Place, raw []byte) (id crdt.EntryID, err error) {
	if v.cost += cost(len(raw)); v.cost > MaxBatchCost {
		return id, &crdt.LimitError{What: "batch", Size: v.cost, Max: MaxBatchCost, Unit: "bytes, with what is kept beside each entry"}
	}
	e, err := crdt.ParseEntry(raw)
	if err != nil {
		return id, err
	}
	place := at
	if at.Seq == 0 {
		place = crdt.Place{} // a birth is written before its log has an id
	}
	id = e.ID(place)
	if at.Seq == 0 {
		if err := v.birth(at.Log, id, e); err != nil {
			return id, err
		}
	}
	v.next.Bytes += len(raw)
	v.next.Items = append(v.next.Items, &Arrived{At: place, ID: id, Entry: e})
	v.tip(at.Log, at.Prev, crdt.Head{Seq: at.Seq, ID: id})
	return id, nil
}

// before finds the entry that a run goes on from: in this batch, at the end of an
// earlier one of this session, or in the store.
func (v *Verifier) before(r *wire.Run) (crdt.EntryID, bool, error) {
	fits := func(h crdt.Head) bool { return h.Seq == r.Seq-1 && [8]byte(h.ID[:8]) == r.Prev }
	for _, known := range [][]crdt.Head{v.tips[r.Log], v.ends[r.Log]} {
		if i := slices.IndexFunc(known, fits); i >= 0 {
			return known[i].ID, true, nil
		}
	}
	for n, b := range v.logs.Branches() {
		if b.Log != r.Log || r.Seq-1 < b.From || r.Seq-1 > b.Head.Seq {
			continue
		}
		id, err := v.logs.EntryID(uint32(n), r.Seq-1)
		if err != nil {
			return id, false, err
		}
		if fits(crdt.Head{Seq: r.Seq - 1, ID: id}) {
			return id, true, nil
		}
	}
	return v.middle(r, fits)
}

// middle looks among the entries of this batch that another one follows already: a
// branch may leave its log anywhere.
func (v *Verifier) middle(r *wire.Run, fits func(crdt.Head) bool) (crdt.EntryID, bool, error) {
	for _, a := range v.next.Items {
		if a.Log() == r.Log && fits(crdt.Head{Seq: a.At.Seq, ID: a.ID}) {
			return a.ID, true, nil
		}
	}
	return crdt.EntryID{}, false, nil
}

// birth takes note of who seals a log.
func (v *Verifier) birth(log crdt.LogID, id crdt.EntryID, e *crdt.Entry) error {
	if crdt.LogID(id) != log || e.Changes[0].Kind != crdt.KindBirth {
		return errRun
	}
	b, err := e.Changes[0].Birth()
	if err != nil {
		return err
	}
	v.keys[log] = b.Device
	return nil
}

func (v *Verifier) key(log crdt.LogID) (ed25519.PublicKey, error) {
	if key, ok := v.keys[log]; ok {
		return key, nil
	}
	birth, err := v.logs.Birth(log)
	if err != nil {
		return nil, err
	}
	v.keys[log] = birth.Device
	return birth.Device, nil
}

// seals checks that the last entry of each line in the batch is sealed by its
// author, and so all before it. There may be seals of others beside.
func (v *Verifier) seals(seals []wire.SealAt) error {
	proven := map[crdt.EntryID]bool{}
	for _, s := range seals {
		head, err := v.sealed(s, proven)
		if err != nil {
			return err
		}
		proven[head.ID] = true
		v.next.Seals = append(v.next.Seals, SealAt{Log: s.Log, Head: head, Seal: s.Seal})
	}
	for _, tips := range v.tips {
		if slices.ContainsFunc(tips, func(h crdt.Head) bool { return !proven[h.ID] }) {
			return errSeals
		}
	}
	return nil
}

// sealed finds which entry a seal is over; no other one was.
func (v *Verifier) sealed(s wire.SealAt, proven map[crdt.EntryID]bool) (crdt.Head, error) {
	if len(v.tips[s.Log]) == 0 {
		return crdt.Head{}, errSeal
	}
	key, err := v.key(s.Log)
	if err != nil {
		return crdt.Head{}, err
	}
	for _, head := range v.lines(s) {
		if !proven[head.ID] && s.Seal.Verify(key, v.camp, head.ID) == nil {
			return head, nil
		}
	}
	return crdt.Head{}, errSeal
}

// lines are the entries of the batch that a seal may be over: the tip, or else any
// of that number.
func (v *Verifier) lines(s wire.SealAt) (heads []crdt.Head) {
	for _, head := range v.tips[s.Log] {
		if head.Seq == s.Seq {
			heads = append(heads, head)
		}
	}
	if len(heads) > 0 && len(v.tips[s.Log]) == 1 {
		return heads
	}
	for _, a := range v.next.Items {
		if a.At.Seq == s.Seq && a.Log() == s.Log {
			heads = append(heads, crdt.Head{Seq: s.Seq, ID: a.ID})
		}
	}
	return heads
}

// tip takes note of the last entry of a line; a log has more than one where it is
// a tree.
func (v *Verifier) tip(log crdt.LogID, prev crdt.EntryID, head crdt.Head) {
	tips := v.tips[log]
	if i := slices.IndexFunc(tips, func(h crdt.Head) bool { return h.ID == prev }); i >= 0 {
		tips[i] = head
		return
	}
	v.tips[log] = append(tips, head)
}

// leave remembers where a batch left a log: the next one may come before this one
// is stored.
func (v *Verifier) leave(log crdt.LogID, tips []crdt.Head) {
	const most = 8
	ends := append(v.ends[log], tips...)
	v.ends[log] = ends[max(0, len(ends)-most):]
}
