package replica

import (
	"crypto/ed25519"
	"fmt"

	"musafir/crdt"
	"musafir/node/access"
)

// Store is what a device has on disk.
type Store interface {
	Logs
	Graph() crdt.Graph
	Author(crdt.LogID) (crdt.Author, crdt.Time, error)
}

// LoadMembers reads the membership from the control logs and the births, and the
// heads of the control logs.
func LoadMembers(camp crdt.CampID, logs Logs) (*access.Camp, crdt.Graph, error) {
	members, acts := access.New(camp), crdt.Graph{}
	branches := logs.Branches()
	ranges := make([]crdt.Range, 0, len(branches))
	for n, b := range branches {
		birth, err := logs.Birth(b.Log)
		if err != nil {
			return nil, nil, fmt.Errorf("read the first entry of log %s: %w", b.Log, err)
		}
		r := crdt.Range{Branch: uint32(n), From: b.From, To: b.Head.Seq}
		if birth.Kind != crdt.ControlLog {
			if r.To = 0; r.From > 0 {
				continue
			}
		}
		ranges = append(ranges, r)
	}
	err := logs.Stream(ranges, func(it *crdt.Item) (bool, error) {
		e, err := crdt.ParseEntry(it.Raw)
		if err != nil {
			return false, err
		}
		members.Add(it.At, it.ID, e)
		at := it.At
		if at.Seq == 0 {
			at.Log = crdt.LogID(it.ID)
		}
		if l, ok := members.Log(at.Log); ok && l.Kind == crdt.ControlLog {
			acts.Add(at, it.ID, e.Deps)
		}
		return true, nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("read the control logs: %w", err)
	}
	return members, acts, nil
}

// LoadWriter makes a device ready to go on with its logs.
func LoadWriter(camp crdt.CampID, device ed25519.PrivateKey, s Store) (*Writer, error) {
	members, acts, err := LoadMembers(camp, s)
	if err != nil {
		return nil, err
	}
	w := &Writer{Camp: camp, Device: device, Members: members, Graph: s.Graph(), Acts: acts}
	if _, ok := members.Member(w.ID()); !ok {
		return nil, fmt.Errorf("this device, %s, is not admitted to the camp", w.ID())
	}
	// A device that was admitted twice goes on with the log that it has.
	for _, id := range members.LogsOf(w.ID()) {
		log, _ := members.Log(id)
		author, last, err := s.Author(id)
		if err != nil {
			return nil, fmt.Errorf("read this device's log: %w", err)
		}
		w.Clock.Last = max(w.Clock.Last, last)
		if log.Kind == crdt.ControlLog {
			w.Control = author
		} else {
			w.Records = author
		}
	}
	return w, nil
}
