package access

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"

	"musafir/crdt"
)

// MaxProofBytes is the longest proof, as encoded.
const MaxProofBytes = 4 << 10

// maxProofItems bounds the work of making a proof: each item has a seal.
const maxProofItems = MaxProofBytes / ed25519.SignatureSize

// Errors of proofs.
var (
	ErrNotAdmitted  = errors.New("the device is not admitted to the camp")
	ErrProofTooLong = fmt.Errorf("the proof of admission takes more than %d bytes: too many coordinators stand between the device and the camp's first", MaxProofBytes)
)

// An Item is an entry of a proof, sealed on its own.
type Item struct {
	Place crdt.Place // all zero for a birth
	Entry []byte
	Seal  crdt.Seal
}

// Proof gathers the fewest entries that show to somebody who holds the camp's first
// entry that a key is admitted: for each admission on the way, from the founder's
// on, the birth of the control log in which it stands and the admission itself, and
// the births by which keys continue. read gives an entry as encoded, and the seal
// over it alone.
func (c *Camp) Proof(of crdt.DeviceID, read func(crdt.Dep) ([]byte, crdt.Seal, error)) ([]Item, error) {
	steps, err := c.plan(of)
	items := make([]Item, 0, len(steps))
	for i := 0; err == nil && i < len(steps); i++ {
		it := Item{Place: steps[i].at}
		it.Entry, it.Seal, err = read(steps[i].entry)
		items = append(items, it)
	}
	if err == nil {
		_, err = EncodeProof(items)
	}
	if err != nil {
		return nil, fmt.Errorf("prove that %s is admitted: %w", of, err)
	}
	return items, nil
}

// A step is an entry to be shown.
type step struct {
	at    crdt.Place
	entry crdt.Dep
}

// plan is the shortest way to show a key: it may be admitted more than once, and
// more than one log may continue to it.
func (c *Camp) plan(of crdt.DeviceID) ([]step, error) {
	var best *planner
	try := func(a *admission, l *log) {
		p := &planner{seen: map[crdt.EntryID]bool{crdt.EntryID(c.id): true}}
		p.admission(a)
		if l != nil {
			p.log(l)
		}
		if best == nil || p.before(best) {
			best = p
		}
	}
	for _, a := range c.admissions {
		if a.device == of && !a.newer {
			try(a, nil)
		}
	}
	for _, l := range c.logs {
		if l.device == of && !l.Newer {
			try(l.admission, l)
		}
	}
	switch {
	case best == nil:
		return nil, ErrNotAdmitted
	case best.tooLong():
		return nil, ErrProofTooLong
	}
	return best.steps, nil
}

// A planner collects steps, each behind those that it rests on.
type planner struct {
	seen  map[crdt.EntryID]bool // the camp's first entry needs no showing
	steps []step
}

func (p *planner) tooLong() bool { return len(p.seen)-1 > maxProofItems }

// before prefers the shorter way, and of equal ones always the same.
func (p *planner) before(q *planner) bool {
	if len(p.seen) != len(q.seen) || len(p.steps) == 0 || len(q.steps) == 0 {
		return len(p.seen) < len(q.seen)
	}
	a, b := p.steps[len(p.steps)-1].entry.ID, q.steps[len(q.steps)-1].entry.ID
	return bytes.Compare(a[:], b[:]) < 0
}

func (p *planner) admission(a *admission) {
	if !p.visit(a.id) {
		return
	}
	p.log(a.by)
	p.steps = append(p.steps, step{a.at, a.dep()})
}

func (p *planner) log(l *log) {
	if !p.visit(crdt.EntryID(l.id)) {
		return
	}
	p.admission(l.admission)
	if l.from != nil {
		p.log(l.from)
	}
	p.steps = append(p.steps, step{entry: crdt.Dep{Log: l.id, ID: crdt.EntryID(l.id)}})
}

// visit tells whether an entry is to be shown and was not visited yet. It goes no
// further than a proof can.
func (p *planner) visit(id crdt.EntryID) bool {
	if p.seen[id] || p.tooLong() {
		return false
	}
	p.seen[id] = true
	return true
}

// Verify checks that with what is held and these items, in their order, a key is
// admitted: hashes, seals, and that each entry may stand where it does. The camp
// stays as it is.
func (c *Camp) Verify(items []Item, id crdt.DeviceID) error {
	_, err := EncodeProof(items)
	try := c.Clone()
	for i := 0; err == nil && i < len(items); i++ {
		err = try.take(&items[i])
	}
	if err == nil && try.find(id) == nil {
		err = ErrNotAdmitted
	}
	if err != nil {
		return fmt.Errorf("verify that %s is admitted: %w", id, err)
	}
	return nil
}

// take adds an item if it stands up to every check.
func (c *Camp) take(it *Item) error {
	e, err := crdt.ParseEntry(it.Entry)
	if err != nil {
		return err
	}
	id := e.ID(it.Place)
	if err := c.Check(it.Place, id, e); err != nil {
		return err
	}
	var key ed25519.PublicKey
	if b := e.Birth(); b != nil {
		key = b.Device
	} else {
		key = c.logs[it.Place.Log].Device
	}
	if err := it.Seal.Verify(key, c.id, id); err != nil {
		return err
	}
	c.Add(it.Place, id, e)
	return nil
}
