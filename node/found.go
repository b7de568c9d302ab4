package node

import (
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"time"

	"musafir/crdt"
	"musafir/node/access"
)

// Founded is a new camp: its first entry, which admits the founding device, and
// the birth of that device's record log.
type Founded struct {
	Camp     crdt.CampID
	Recovery ed25519.PrivateKey // to be kept on paper, outside of any device
}

// A Founder takes the first entries of a camp.
type Founder interface {
	Append(crdt.Place, crdt.EntryID, *crdt.Entry) error
	Seal(crdt.LogID, crdt.Head, crdt.Seal) error
}

// Found writes the first entries of a new camp into an empty store's batch.
func Found(b Founder, device ed25519.PrivateKey, campName, deviceName string) (*Founded, error) {
	public := device.Public().(ed25519.PublicKey)
	recoveryPublic, recovery, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make recovery key: %w", err)
	}
	founding := &crdt.Founding{Camp: campName, Device: deviceName, Recovery: recoveryPublic, Secret: secret()}
	first := &crdt.Birth{
		Kind: crdt.ControlLog, Device: public, Incarnation: access.FoundingMark(recovery, public, founding), Founding: founding,
	}
	campEntry, err := begin(b, first, device, crdt.CampID{}, nil)
	if err != nil {
		return nil, err
	}
	camp := crdt.CampID(campEntry.ID)
	records := &crdt.Birth{
		Camp: camp, Kind: crdt.RecordLog, Device: public,
		Admission: campEntry.ID, Incarnation: incarnation(), Ordinal: 1,
	}
	dep := crdt.Dep{Log: crdt.LogID(campEntry.ID), ID: campEntry.ID}
	if _, err := begin(b, records, device, camp, []crdt.Dep{dep}); err != nil {
		return nil, err
	}
	return &Founded{Camp: camp, Recovery: recovery}, nil
}

func secret() (x [crdt.SecretSize]byte) {
	rand.Read(x[:]) // never fails
	return x
}

func incarnation() (x [16]byte) {
	rand.Read(x[:]) // never fails
	return x
}

// begin writes and seals a log's birth. A zero camp is the one that it founds.
func begin(b Founder, birth *crdt.Birth, device ed25519.PrivateKey, camp crdt.CampID, deps []crdt.Dep) (crdt.Head, error) {
	change, err := birth.Change()
	if err != nil {
		return crdt.Head{}, &crdt.EditError{Err: err}
	}
	e, err := crdt.NewEntry(crdt.TimeAt(time.Now().UnixMilli()), deps, "", "", []crdt.Change{change})
	if err != nil {
		return crdt.Head{}, &crdt.EditError{Err: err}
	}
	at := crdt.Place{}
	id := e.ID(at)
	if camp == (crdt.CampID{}) {
		camp = crdt.CampID(id)
	}
	if err := b.Append(at, id, e); err != nil {
		return crdt.Head{}, err
	}
	head := crdt.Head{ID: id}
	return head, b.Seal(crdt.LogID(id), head, crdt.SealEntry(device, camp, id))
}
