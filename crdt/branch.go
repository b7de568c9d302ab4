package crdt

// A Branch is a line of entries in a log: those from From up to the head, behind
// entry From-1 of the parent branch. A log has more than one where a clone made it
// a tree. Branches are numbered from 0 in the order in which they were begun here.
type Branch struct {
	Log    LogID
	Parent uint32
	From   uint64
	Head   Head
}

// A Range is the entries of a branch from one sequence to another, both included.
type Range struct {
	Branch   uint32
	From, To uint64
}

// An Item is one entry on its way to another device.
type Item struct {
	Branch uint32
	At     Place
	ID     EntryID
	Raw    []byte // valid after the visit too
	Seal   *Seal
}
