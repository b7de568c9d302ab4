package access

import (
	"bytes"
	"cmp"
	"crypto/ed25519"
	"slices"

	"musafir/crdt"
)

// A Member is a device that was admitted.
type Member struct {
	Admission crdt.EntryID
	Name      string // several may have the same
	Role      crdt.Role
	Key       ed25519.PublicKey   // that was admitted
	Keys      []ed25519.PublicKey // Key, then those that continue it, oldest first
	Renewals  []Renewal           // of each of Keys but the first
	By        crdt.DeviceID       // who admitted it; empty for the camp's first device
	Time      crdt.Time           // of the admission
	Logs      []crdt.LogID        // oldest first
}

// Members are all of them, by the time of their admission.
func (c *Camp) Members() []Member {
	logs := make(map[crdt.EntryID][]*log, len(c.admissions))
	for _, l := range c.logs {
		logs[l.Admission] = append(logs[l.Admission], l)
	}
	var all []*admission
	for _, a := range c.admissions {
		if !a.newer {
			all = append(all, a)
		}
	}
	slices.SortFunc(all, (*admission).compare)
	members := make([]Member, len(all))
	for i, a := range all {
		members[i] = a.member(logs[a.id])
	}
	return members
}

// Member finds a member by any of its keys. Of several admissions of a key the
// latest counts.
func (c *Camp) Member(id crdt.DeviceID) (Member, bool) {
	a := c.find(id)
	if a == nil {
		return Member{}, false
	}
	var logs []*log
	for _, l := range c.logs {
		if l.Admission == a.id {
			logs = append(logs, l)
		}
	}
	return a.member(logs), true
}

// find gives the latest admission of a key, or nil.
func (c *Camp) find(id crdt.DeviceID) *admission {
	var found *admission
	take := func(a *admission) {
		if !a.newer && (found == nil || found.compare(a) < 0) {
			found = a
		}
	}
	for _, a := range c.admissions {
		if a.device == id {
			take(a)
		}
	}
	for _, l := range c.logs {
		if l.device == id && !l.Newer {
			take(l.admission)
		}
	}
	return found
}

func (a *admission) compare(b *admission) int {
	return cmp.Or(cmp.Compare(a.time, b.time), bytes.Compare(a.id[:], b.id[:]))
}

// compare orders the logs of one admission. A log comes after the one that it
// continues, whatever the clocks say.
func (l *log) compare(m *log) int {
	return cmp.Or(cmp.Compare(l.generation, m.generation), cmp.Compare(l.time, m.time), bytes.Compare(l.id[:], m.id[:]))
}

func (a *admission) member(logs []*log) Member {
	m := Member{Admission: a.id, Name: a.name, Role: a.role, Key: a.key, Time: a.time, Keys: []ed25519.PublicKey{a.key}}
	if a.by != nil {
		m.By = a.by.device
	}
	slices.SortFunc(logs, (*log).compare)
	known := map[crdt.DeviceID]bool{a.device: true}
	for _, l := range logs {
		m.Logs = append(m.Logs, l.id)
		if l.Newer || known[l.device] {
			continue
		}
		known[l.device] = true
		m.Keys, m.Renewals = append(m.Keys, l.Device), append(m.Renewals, l.renewal())
	}
	return m
}
