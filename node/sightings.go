package node

import (
	"time"

	"musafir/crdt"
	"musafir/node/wire"
)

// A Seen is a device that was heard on the local network, or was turned away.
type Seen struct {
	Device crdt.DeviceID

	At    time.Time // when it was heard last; zero: never
	On    string    // the interface
	Addrs []string  // where it said that it is, as multiaddrs; it may have said nothing
	Same  bool      // it held what this device does now

	Refused   string    // why this device turned it away; "": it did not
	RefusedAt time.Time // when it did last
}

// Seen lists those devices, in no order. Whoever has the camp's key may be among
// them: whether they take part in it is another matter.
func (n *Node) Seen() (list []Seen) {
	n.meeting.Lock()
	defer n.meeting.Unlock()
	return n.roster.seen(*n.digest.Load())
}

func (r *roster) seen(own [8]byte) (list []Seen) {
	for _, a := range r.list {
		if a.typed == "" && (!a.heardAt.IsZero() || a.refused != "") {
			list = append(list, Seen{
				Device: a.id, At: a.heardAt, On: a.heardOn, Addrs: a.heard, Same: a.digest == own && !a.heardAt.IsZero(),
				Refused: a.refused, RefusedAt: a.refusedAt,
			})
		}
	}
	return list
}

// refused takes note that this device turned another one away, so that people can
// see why. Who does not know the camp's key is turned away without a word.
func (r *roster) refused(id crdt.DeviceID, why string, now time.Time) {
	a := r.person(id)
	a.refused, a.refusedAt = why, now
}

// turnedAway does so for the end of a session.
func (n *Node) turnedAway(id crdt.DeviceID, bye wire.Bye) {
	switch bye.Code {
	case wire.ByeRule, wire.ByeVersion, wire.ByeStranger:
	default:
		return
	}
	if bye.Text == "" {
		return
	}
	n.meeting.Lock()
	defer n.meeting.Unlock()
	n.roster.refused(id, bye.Text, time.Now())
}
