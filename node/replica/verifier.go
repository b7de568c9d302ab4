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
	seen map[crdt.LogID]*passed // logs of this session's batches
	past map[crdt.LogID]*passed // likewise, before seen was begun anew
	next *Received
	tips map[crdt.LogID][]crdt.Head // of the batch under way: entries that none in it follows
	cost int

	stored   []crdt.Branch           // as the store had them when the frame came; nil: nobody asked
	branches map[crdt.LogID][]uint32 // of stored
	sought   map[sealed][]crdt.Head  // what the seals of the batch may be over; nil: nobody asked
	misses   int                     // seals tried in vain, in the batch
}

// A passed is a log as a session's batches have left it: they may not be stored yet.
type passed struct {
	key  ed25519.PublicKey // nil: its birth did not pass
	ends []crdt.Head
}

// A sealed is what a seal names.
type sealed struct {
	log crdt.LogID
	seq uint64
}

// NewVerifier makes a verifier for one session.
func NewVerifier(camp crdt.CampID, logs Logs) *Verifier {
	return &Verifier{camp: camp, logs: logs, seen: map[crdt.LogID]*passed{}}
}

// Add takes a frame. The result is a batch once its last frame is there. ErrGap:
// the batch goes on from an entry that is not held here, which may happen; any
// other error breaks a rule.
func (v *Verifier) Add(b *wire.Batch) (*Received, error) {
	if v.next == nil {
		v.next, v.tips, v.cost = &Received{}, map[crdt.LogID][]crdt.Head{}, 0
		v.sought, v.misses = nil, 0
	}
	v.stored, v.branches = nil, nil
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
	if err := v.weigh(); err != nil {
		return nil, err
	}
	done := v.next
	for log, tips := range v.tips {
		v.leave(log, tips)
	}
	v.Reset()
	return done, nil
}

// weigh makes sure that the batch fits into one commit.
func (v *Verifier) weigh() error {
	lines := 0
	for _, tips := range v.tips {
		lines += len(tips)
	}
	v.next.cost = whole(v.cost, max(lines, len(v.next.Seals)))
	if v.next.cost > commitCost {
		return &crdt.LimitError{What: "batch", Size: v.next.cost, Max: commitCost, Unit: "bytes, with what is kept beside each entry, seal and branch"}
	}
	return nil
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
	for _, known := range [][]crdt.Head{v.tips[r.Log], v.passed(r.Log).ends} {
		if i := slices.IndexFunc(known, fits); i >= 0 {
			return known[i].ID, true, nil
		}
	}
	for _, n := range v.branchesOf(r.Log) {
		if b := &v.stored[n]; r.Seq-1 < b.From || r.Seq-1 > b.Head.Seq {
			continue
		}
		id, err := v.logs.EntryID(n, r.Seq-1)
		if err != nil {
			return id, false, err
		}
		if fits(crdt.Head{Seq: r.Seq - 1, ID: id}) {
			return id, true, nil
		}
	}
	return v.middle(r, fits)
}

// branchesOf are the stored branches of a log. A frame may have thousands of runs, and
// the store thousands of branches: it is asked once.
func (v *Verifier) branchesOf(log crdt.LogID) []uint32 {
	if v.stored == nil {
		v.stored, v.branches = v.logs.Branches(), map[crdt.LogID][]uint32{}
		for n, b := range v.stored {
			v.branches[b.Log] = append(v.branches[b.Log], uint32(n))
		}
	}
	return v.branches[log]
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
	v.note(log).key = b.Device
	return nil
}

func (v *Verifier) key(log crdt.LogID) (ed25519.PublicKey, error) {
	if key := v.passed(log).key; key != nil {
		return key, nil
	}
	birth, err := v.logs.Birth(log)
	if err != nil {
		return nil, err
	}
	v.note(log).key = birth.Device
	return birth.Device, nil
}

// passed is what is known of a log.
func (v *Verifier) passed(log crdt.LogID) passed {
	for _, logs := range []map[crdt.LogID]*passed{v.seen, v.past} {
		if p := logs[log]; p != nil {
			return *p
		}
	}
	return passed{}
}

// note is the same, to be changed. What did not come up for long is forgotten: it is
// stored by now, or never will be.
func (v *Verifier) note(log crdt.LogID) *passed {
	if p := v.seen[log]; p != nil {
		return p
	}
	if len(v.seen) >= passedMax {
		v.seen, v.past = map[crdt.LogID]*passed{}, v.seen
	}
	p := v.passed(log)
	v.seen[log] = &p
	return &p
}

// seals checks that the last entry of each line in the batch is sealed by its
// author, and so all before it. There may be seals of others beside.
func (v *Verifier) seals(seals []wire.SealAt) error {
	proven := map[crdt.EntryID]bool{}
	for _, s := range seals {
		head, err := v.over(s, proven)
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

// over finds which entry a seal is over; no other one was.
func (v *Verifier) over(s wire.SealAt, proven map[crdt.EntryID]bool) (crdt.Head, error) {
	if len(v.tips[s.Log]) == 0 {
		return crdt.Head{}, errSeal
	}
	key, err := v.key(s.Log)
	if err != nil {
		return crdt.Head{}, err
	}
	for _, head := range v.lines(s) {
		if proven[head.ID] {
			continue
		}
		if s.Seal.Verify(key, v.camp, head.ID) == nil {
			return head, nil
		}
		if v.misses++; v.misses > missesMax {
			break
		}
	}
	return crdt.Head{}, errSeal
}

// lines are the entries of the batch that a seal may be over: the tip, or else any
// of that number, those that have to be sealed first.
func (v *Verifier) lines(s wire.SealAt) []crdt.Head {
	if tips := v.tips[s.Log]; len(tips) == 1 && tips[0].Seq == s.Seq {
		return tips
	}
	if v.sought == nil {
		v.sought = map[sealed][]crdt.Head{}
		tips := map[crdt.EntryID]bool{}
		for _, heads := range v.tips {
			for _, h := range heads {
				tips[h.ID] = true
			}
		}
		v.seek(func(id crdt.EntryID) bool { return tips[id] })
		v.seek(func(id crdt.EntryID) bool { return !tips[id] })
	}
	return v.sought[sealed{s.Log, s.Seq}]
}

// seek lists entries of the batch under what a seal calls them.
func (v *Verifier) seek(wanted func(crdt.EntryID) bool) {
	for _, a := range v.next.Items {
		if wanted(a.ID) {
			name := sealed{a.Log(), a.At.Seq}
			v.sought[name] = append(v.sought[name], crdt.Head{Seq: a.At.Seq, ID: a.ID})
		}
	}
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
	p := v.note(log)
	ends := append(p.ends[:len(p.ends):len(p.ends)], tips...)
	p.ends = slices.Clone(ends[max(0, len(ends)-most):])
}
