package storetest

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"musafir/crdt"
)

// An Item is an entry at its place, as it travels between devices.
type Item struct {
	At    crdt.Place
	ID    crdt.EntryID
	Entry *crdt.Entry
}

// An Author writes a device's record log. Everything it makes follows from its
// seed.
type Author struct {
	crdt.Author
	Camp   crdt.CampID
	Key    ed25519.PrivateKey
	Births []Item // the device's control log and record log begin with these

	seed   byte
	salted uint64
}

// Found makes the first device of a camp.
func Found(seed byte) (*Author, error) {
	a := newAuthor(seed)
	public := a.Key.Public().(ed25519.PublicKey)
	control, err := a.birth(&crdt.Birth{
		Kind: crdt.ControlLog, Device: public, Incarnation: [16]byte{seed, 1},
		Founding: &crdt.Founding{Camp: "Camp", Device: fmt.Sprint("device ", seed), Recovery: public},
	})
	if err != nil {
		return nil, err
	}
	a.Camp = crdt.CampID(control)
	return a, a.begin(public, control)
}

// Join makes a further device of the camp. It has no control log of its own.
func (a *Author) Join(seed byte) (*Author, error) {
	b := newAuthor(seed)
	b.Camp = a.Camp
	return b, b.begin(b.Key.Public().(ed25519.PublicKey), crdt.EntryID(a.Camp))
}

func newAuthor(seed byte) *Author {
	return &Author{Key: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize)), seed: seed}
}

func (a *Author) begin(public ed25519.PublicKey, admission crdt.EntryID) error {
	id, err := a.birth(&crdt.Birth{
		Camp: a.Camp, Kind: crdt.RecordLog, Device: public, Admission: admission, Incarnation: [16]byte{a.seed, 2},
	})
	a.Author = crdt.Author{Log: crdt.LogID(id), Head: crdt.Head{ID: id}}
	return err
}

func (a *Author) birth(b *crdt.Birth) (crdt.EntryID, error) {
	change, err := b.Change()
	if err != nil {
		return crdt.EntryID{}, err
	}
	e, err := crdt.NewEntry(1, nil, "", "", []crdt.Change{change})
	if err != nil {
		return crdt.EntryID{}, err
	}
	id := e.ID(crdt.Place{})
	a.Births = append(a.Births, Item{ID: id, Entry: e})
	return id, nil
}

// Clone is the device as a copy of its disk would wake up, but for the salts it
// draws: what both write follows the same entry.
func (a *Author) Clone(seed byte) *Author {
	b := *a
	b.seed = seed
	return &b
}

// Encode gives a change its bytes, with a fresh salt.
func (a *Author) Encode(rc *crdt.RecordChange) (crdt.Change, error) {
	a.salted++
	sum := sha256.Sum256(binary.BigEndian.AppendUint64([]byte{a.seed}, a.salted))
	return rc.Encode([crdt.SaltSize]byte(sum[:]))
}

// Write makes the next entry of the log.
func (a *Author) Write(at crdt.Time, deps []crdt.Dep, changes ...crdt.Change) (Item, error) {
	e, err := crdt.NewEntry(at, deps, fmt.Sprint("author ", a.seed), "", changes)
	if err != nil {
		return Item{}, err
	}
	return a.place(e), nil
}

func (a *Author) place(e *crdt.Entry) Item {
	place, id := a.Next(e)
	return Item{At: place, ID: id, Entry: e}
}

// kindUnknown is a kind of change that no program knows yet.
const kindUnknown = 9

// WriteUnknown makes an entry whose last change is of a kind that this program
// does not know.
func (a *Author) WriteUnknown(at crdt.Time, deps []crdt.Dep, changes ...crdt.Change) (Item, error) {
	known, err := crdt.NewEntry(at, deps, fmt.Sprint("author ", a.seed), "", changes)
	if err != nil {
		return Item{}, err
	}
	raw := bytes.Clone(known.Encoded())
	raw[known.Offset(len(changes)-1)+1] = kindUnknown // behind the head of the change's array
	e, err := crdt.ParseEntry(raw)
	if err != nil {
		return Item{}, err
	}
	return a.place(e), nil
}

// Seal signs an entry of the log.
func (a *Author) Seal(id crdt.EntryID) crdt.Seal { return crdt.SealEntry(a.Key, a.Camp, id) }
