package crdt

// An Author writes one log, entry after entry. It holds no key: whoever does,
// seals when SealDue says so.
type Author struct {
	Log  LogID
	Head Head

	unsealed      int // entries since the last seal
	unsealedBytes int
}

// ResumeAuthor goes on with a log after its head. entries and bytes stand behind
// the last seal.
func ResumeAuthor(log LogID, head Head, entries, bytes int) Author {
	return Author{Log: log, Head: head, unsealed: entries, unsealedBytes: bytes}
}

// Next gives the place and the id of the entry that comes next, and moves on.
func (a *Author) Next(e *Entry) (Place, EntryID) {
	at := Place{Log: a.Log, Seq: a.Head.Seq + 1, Prev: a.Head.ID}
	id := e.ID(at)
	a.Head = Head{Seq: at.Seq, ID: id}
	a.unsealed++
	a.unsealedBytes += len(e.Encoded())
	return at, id
}

// SealDue tells whether the head must be sealed now.
func (a *Author) SealDue() bool {
	return a.unsealed >= SealEveryEntries || a.unsealedBytes >= SealEveryBytes
}

// Unsealed tells whether entries stand after the last seal.
func (a *Author) Unsealed() bool { return a.unsealed > 0 }

// Sealed takes note that the head was sealed.
func (a *Author) Sealed() { a.unsealed, a.unsealedBytes = 0, 0 }
