package crdt

// A Transaction is what somebody wants to happen at once: it becomes one entry,
// or nothing.
type Transaction struct {
	Edits  []*Edit // of different records
	Author string
	Phone  string
	Note   *Note
}

// A Note is a local remark that is stored together with a transaction, so that
// repeating a request can be recognised after a crash. It is not replicated.
type Note struct {
	Key   [HashSize]byte
	Value []byte
}

// A Receipt says what became of a transaction. Entry is zero if nothing had to
// change.
type Receipt struct {
	Entry EntryID
	Time  Time
}
