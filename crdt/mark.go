package crdt

import "cmp"

// A Mark names an entry for who holds it and all before it in its log. Of ids it has
// the first bytes, which tell entries apart as they do in changes: whoever has to
// remember marks remembers many.
type Mark struct {
	Log, Head ShortID
	Seq       uint64
}

// MarkOf is the mark of the head of a log, or of one branch of it.
func MarkOf(log LogID, head Head) Mark {
	return Mark{Log: log.Short(), Head: head.ID.Short(), Seq: head.Seq}
}

// Compare orders marks by log, sequence, entry.
func (m Mark) Compare(o Mark) int {
	return cmp.Or(m.Log.Compare(o.Log), cmp.Compare(m.Seq, o.Seq), m.Head.Compare(o.Head))
}
