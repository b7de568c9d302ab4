package replica

import "musafir/crdt"

// An Arrived entry came from another device; its hash was computed here.
type Arrived struct {
	At    crdt.Place
	ID    crdt.EntryID
	Entry *crdt.Entry
}

// Log is the log in which the entry stands, its own if it is a birth.
func (a *Arrived) Log() crdt.LogID {
	if a.At.Seq == 0 {
		return crdt.LogID(a.ID)
	}
	return a.At.Log
}

// membership tells whether the entry may change who takes part.
func (a *Arrived) membership() bool {
	return a.At.Seq == 0 || a.Entry.Changes[0].Kind != crdt.KindRecord
}

// A SealAt is a seal and the entry that it is over.
type SealAt struct {
	Log  crdt.LogID
	Head crdt.Head
	Seal crdt.Seal
}

// A Received batch was checked as far as that needs no store: form, hashes, and a
// seal over the last entry of each log, so over all of them.
type Received struct {
	Items []*Arrived // in the sender's order of arrival
	Seals []SealAt
	Bytes int
}

// Split cuts a batch into parts of about a size in bytes. The seals go with the
// last, which proves the others.
func (r *Received) Split(bytes int) []*Received {
	var parts []*Received
	part, size := &Received{}, 0
	for _, a := range r.Items {
		part.Items = append(part.Items, a)
		if size += len(a.Entry.Encoded()); size >= bytes {
			parts = append(parts, part)
			part, size = &Received{}, 0
		}
	}
	if len(part.Items) > 0 || len(parts) == 0 {
		parts = append(parts, part)
	}
	parts[len(parts)-1].Seals = r.Seals
	return parts
}
