package replica

import (
	"crypto/ed25519"
	"errors"
	"fmt"
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

// Limits of what a batch may hold until its end is there.
const (
	MaxBatchBytes   = 4 << 20
	MaxBatchEntries = 1 << 16
)

var (
	errRun   = errors.New("an entry does not follow the one before")
	errSeals = errors.New("a batch does not end on seals")
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
		v.next, v.tips = &Received{}, map[crdt.LogID][]crdt.Head{}
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
		e, err := crdt.ParseEntry(raw)
		if err != nil {
			return err
		}
		place := at
		if at.Seq == 0 {
			place = crdt.Place{}
		}
		id := e.ID(place)
		if at.Seq == 0 {
			if err := v.birth(r.Log, id, e); err != nil {
				return err
			}
		}
		v.next.Bytes += len(raw)
		if v.next.Bytes > MaxBatchBytes || len(v.next.Items) >= MaxBatchEntries {
			return fmt.Errorf("a batch has more than %d bytes or %d entries", MaxBatchBytes, MaxBatchEntries)
		}
		v.next.Items = append(v.next.Items, &Arrived{At: place, ID: id, Entry: e})
		v.tip(r.Log, at.Prev, crdt.Head{Seq: at.Seq, ID: id})
		at.Seq, at.Prev = at.Seq+1, id
	}
	return nil
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

// seals checks that the last entry of each log in the batch is sealed by its
// author.
func (v *Verifier) seals(seals []wire.SealAt) error {
	proved := 0
	for _, s := range seals {
		head, err := v.sealed(s)
		if err != nil {
			return err
		}
		proved++
		v.next.Seals = append(v.next.Seals, SealAt{Log: s.Log, Head: head, Seal: s.Seal})
	}
	for _, tips := range v.tips {
		proved -= len(tips)
	}
	if proved != 0 {
		return errSeals
	}
	return nil
}

// sealed finds which of the tips a seal is over, and that no other seal was.
func (v *Verifier) sealed(s wire.SealAt) (crdt.Head, error) {
	key, err := v.key(s.Log)
	if err != nil {
		return crdt.Head{}, err
	}
	for _, head := range v.tips[s.Log] {
		if head.Seq != s.Seq || slices.Contains(v.next.Seals, SealAt{Log: s.Log, Head: head, Seal: s.Seal}) {
			continue
		}
		if s.Seal.Verify(key, v.camp, head.ID) == nil {
			return head, nil
		}
	}
	return crdt.Head{}, errSeals
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
