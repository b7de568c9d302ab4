package access

import (
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
	ErrProofTooLong = fmt.Errorf("the proof of admission takes more than %d bytes", MaxProofBytes)
	ErrProofGap     = errors.New("the proof of admission rests on entries that are not held here: let either device first sync with one that holds them")
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
// the births by which keys continue. Where they take more bytes than a proof may, the
// oldest are left out: who follows the camp holds them already, and to others the
// rest shows nothing. read gives an entry as encoded, and the seal over it alone.
func (c *Camp) Proof(of crdt.DeviceID, read func(crdt.Dep) ([]byte, crdt.Seal, error)) ([]Item, error) {
	way, err := c.way(of)
	var items []Item
	if err == nil {
		items, err = readWay(way, read)
	}
	if err != nil {
		return nil, fmt.Errorf("prove that %s is admitted: %w", of, err)
	}
	return items, nil
}

// readWay reads the steps of a way, as many of the newest as fit, and puts the oldest
// of them first. Those left out are not read.
func readWay(way []step, read func(crdt.Dep) ([]byte, crdt.Seal, error)) (items []Item, err error) {
	for _, s := range way {
		it := Item{Place: s.at}
		if it.Entry, it.Seal, err = read(s.entry); err != nil {
			return nil, err
		}
		more := append([]Item{it}, items...)
		if _, err := EncodeProof(more); errors.Is(err, ErrProofTooLong) {
			break
		} else if err != nil {
			return nil, err
		}
		items = more
	}
	return items, nil
}

// Verify checks that with what is held and these items, in their order, a key is
// admitted: hashes, seals, and that each entry may stand where it does. An item rests
// on what is held or was just checked, so a proof of which the oldest part was left
// out shows no more than the same entries would if they were synced. (Save that an act
// is not seen to rest on a record log that is not held. No coordinator needs that to
// admit somebody, and nobody else can write an act.) The camp stays as it is.
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
		return c.gap(it.Place, e, err)
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

// gap tells an entry that is refused because it rests on what is not held, which may
// come, from one that is wrong.
func (c *Camp) gap(at crdt.Place, e *crdt.Entry, refused error) error {
	if c.grounds(at, e) {
		return refused
	}
	return fmt.Errorf("%w (%w)", ErrProofGap, refused)
}

// grounds tells whether all that the entry is judged by is held.
func (c *Camp) grounds(at crdt.Place, e *crdt.Entry) bool {
	b := e.Birth()
	if b == nil {
		return c.logs[at.Log] != nil
	}
	return c.admissions[b.Admission] != nil && (b.Proof == nil || c.logs[b.Continues] != nil)
}
