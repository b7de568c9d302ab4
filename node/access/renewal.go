package access

import (
	"slices"

	"musafir/crdt"
)

// A Renewal is how a device came by a new key: its data had been copied, or came
// back from an old copy, so that its log was not its own any more.
type Renewal struct {
	From, To crdt.DeviceID
	Time     crdt.Time // of the birth of the first log under the new key
}

// renewal is what the first log of a key says. Logs that only a newer program
// understands make no key known and are passed over; the admitted key always is.
func (l *log) renewal() Renewal {
	r := Renewal{From: l.admission.device, To: l.device, Time: l.time}
	for from := l.from; from != nil; from = from.from {
		if !from.Newer && from.device != l.device {
			r.From = from.device
			break
		}
	}
	return r
}

// Renewal is how the device came by that key; false if it was admitted with it, or
// never had it.
func (m *Member) Renewal(id crdt.DeviceID) (Renewal, bool) {
	i := slices.IndexFunc(m.Renewals, func(r Renewal) bool { return r.To == id })
	if i < 0 {
		return Renewal{}, false
	}
	return m.Renewals[i], true
}

// Has tells whether that id is or was the device's.
func (m *Member) Has(id crdt.DeviceID) bool {
	_, renewed := m.Renewal(id)
	return renewed || crdt.DeviceIDOf(m.Key) == id
}

// Former are the ids that the device had before that one, oldest first.
func (m *Member) Former(id crdt.DeviceID) (ids []crdt.DeviceID) {
	// A key goes on from one that stands before it, so one pass backwards is enough.
	for _, r := range slices.Backward(m.Renewals) {
		if r.To == id {
			id = r.From
			ids = append(ids, id)
		}
	}
	slices.Reverse(ids)
	return ids
}

// maxCurrent keeps a member that makes keys without end from filling every list.
const maxCurrent = 16

// Current are the ids that did not go on under another: one, or several where each
// of several copies of the device's data did. Of more than 16 it gives the last, in the
// order of the keys.
func (m *Member) Current() (ids []crdt.DeviceID) {
	past := make(map[crdt.DeviceID]bool, len(m.Renewals))
	for _, r := range m.Renewals {
		past[r.From] = true
	}
	if first := crdt.DeviceIDOf(m.Key); !past[first] {
		ids = append(ids, first)
	}
	for _, r := range m.Renewals {
		if !past[r.To] {
			ids = append(ids, r.To)
		}
	}
	return ids[max(0, len(ids)-maxCurrent):]
}
