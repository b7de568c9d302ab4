package replica

import (
	"crypto/ed25519"
	"maps"

	"musafir/crdt"
	"musafir/node/access"
)

// A Writer is what a device knows that writes its logs. It is changed by commits
// that succeeded and by nothing else, so it is a value that is copied and swapped.
type Writer struct {
	Camp    crdt.CampID
	Device  ed25519.PrivateKey
	Members *access.Camp
	Records crdt.Author // of the record log; a reader has none
	Control crdt.Author // of the control log; a device that never admitted anybody has none
	Graph   crdt.Graph  // heads of all entries
	Acts    crdt.Graph  // heads of the control logs alone: acts rest on acts, so that they can go ahead of records
	Clock   crdt.Clock
}

// Public is the device's public key.
func (w *Writer) Public() ed25519.PublicKey { return w.Device.Public().(ed25519.PublicKey) }

// ID is the device's id.
func (w *Writer) ID() crdt.DeviceID { return crdt.DeviceIDOf(w.Public()) }

// grow takes an entry into the graphs; the membership knows it already.
func (w *Writer) grow(at crdt.Place, id crdt.EntryID, e *crdt.Entry) {
	if at.Seq == 0 {
		at.Log = crdt.LogID(id)
	}
	w.Graph.Add(at, id, e.Deps)
	if l, ok := w.Members.Log(at.Log); ok && l.Kind == crdt.ControlLog {
		w.Acts.Add(at, id, e.Deps)
	}
}

// fork is a copy whose commit may fail.
func (w *Writer) fork() Writer {
	c := *w
	c.Graph, c.Acts = maps.Clone(w.Graph), maps.Clone(w.Acts)
	return c
}
