package crdt

// A Transaction is what somebody wants to happen at once: it becomes one entry,
// or nothing.
type Transaction struct {
	Edits  []*Edit // of different records
	Author string  // the person
	Phone  string
	Note   *Note
}

// A Note is a local remark that is stored together with a transaction, so that a
// repeated request is recognised after a crash. It is not replicated.
type Note struct {
	Key   [HashSize]byte
	Value []byte
}

// A Receipt says what became of a transaction, once that is durable.
type Receipt struct {
	Entry    EntryID // zero if nothing had to change
	Time     Time    // zero if the transaction is a repeated one
	Repeated []byte  // the note of the earlier transaction with the same key, whose entry this is
}

// An EditError says that a transaction cannot be done as it was asked for. It is
// the asker's to mend.
type EditError struct {
	Key RecordKey // zero if it is not about one record
	Err error
}

func (e *EditError) Error() string {
	if e.Key == (RecordKey{}) {
		return e.Err.Error()
	}
	return e.Key.String() + ": " + e.Err.Error()
}

func (e *EditError) Unwrap() error { return e.Err }
