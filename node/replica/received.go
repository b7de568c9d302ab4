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

	cost  int   // of a commit
	fresh int   // how many of the items were not held
	since int64 // when it began to wait for what it builds on; 0: it does not
}

// Split is the batch alone: since only its end is sealed it is written whole, and
// no batch is so large that it does not fit into one commit.
func (r *Received) Split(int) []*Received { return []*Received{r} }
