package replica

import (
	"slices"

	"musafir/crdt"
	"musafir/node/access"
)

// checkOwn looks whether somebody else writes the logs that we write: then this
// device was cloned, or came back from an old copy of its disk. What others say is
// no proof of that; entries that our own key has sealed are, as is a Twin.
func (r *Replica) checkOwn() {
	for _, b := range r.index.branches {
		if r.foreign(&r.writer.Records, &b) || r.foreign(&r.writer.Control, &b) {
			r.forked = true
		}
	}
	self, ok := r.writer.Members.Member(r.writer.ID())
	if ok && slices.ContainsFunc(self.Renewals, func(x access.Renewal) bool { return x.From == r.writer.ID() }) {
		r.forked = true // a copy went on from our key to one of its own
	}
}

func (r *Replica) foreign(own *crdt.Author, b *crdt.Branch) bool {
	return own.Log == b.Log && own.Head.ID != b.Head.ID
}

// twin: the device was cloned, and its copy runs too. They cannot have a session,
// since both are one device to the network.
func (r *Replica) twin(of crdt.DeviceID) {
	self, ok := r.writer.Members.Member(r.writer.ID())
	if r.forked || of != r.writer.ID() || !ok || self.Role == crdt.RoleReader { // a reader writes nothing that could fork
		return
	}
	r.forked = true
	r.renew()
}

// renew asks for a new key.
func (r *Replica) renew() {
	r.renewed = r.now
	r.do(Renew{})
}
