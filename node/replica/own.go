package replica

import "musafir/crdt"

// checkOwn looks whether somebody else writes the logs that we write: then this
// device was cloned, or came back from an old copy of its disk. What others say is
// no proof of that; entries that our own key has sealed are.
func (r *Replica) checkOwn() {
	for _, b := range r.index.branches {
		if r.foreign(&r.writer.Records, &b) || r.foreign(&r.writer.Control, &b) {
			r.forked = true
		}
	}
}

func (r *Replica) foreign(own *crdt.Author, b *crdt.Branch) bool {
	return own.Log == b.Log && own.Head.ID != b.Head.ID
}

// renew asks for a new key.
func (r *Replica) renew() {
	r.renewed = r.now
	r.do(Renew{})
}
