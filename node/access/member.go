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

// Members are all of them, each once, by the time of their admission.
func (c *Camp) Members() []Member {
	logs := make(map[*admission][]*log, len(c.admissions))
	for _, l := range c.logs {
		logs[l.admission] = append(logs[l.admission], l)
	}
	var all []*admission
	for _, a := range c.admissions {
		if !a.newer {
			all = append(all, a)
		}
	}
	slices.SortFunc(all, (*admission).compare)
	counts := c.counting()
	var members []Member
	for _, a := range all {
		m := a.member(logs[a])
		if slices.ContainsFunc(m.Current(), func(id crdt.DeviceID) bool { return counts[id] == a }) {
			members = append(members, m)
		}
	}
	return members
}

// counting are the admissions that count, by key: a device that was admitted again is
// one member.
func (c *Camp) counting() map[crdt.DeviceID]*admission {
	counts := make(map[crdt.DeviceID]*admission, len(c.admissions))
	take := func(id crdt.DeviceID, a *admission) {
		if old := counts[id]; !a.newer && a != c.recovery && (old == nil || old.counts(a) < 0) {
			counts[id] = a
		}
	}
	for _, a := range c.admissions {
		take(a.device, a)
	}
	for _, l := range c.logs {
		if !l.Newer {
			take(l.device, l.admission)
		}
	}
	return counts
}

// Member finds a member by any of its keys. Of several admissions of a key the one to
// the role that may most counts, and of those the latest.
func (c *Camp) Member(id crdt.DeviceID) (Member, bool) {
	a := c.find(id)
	if a == nil {
		return Member{}, false
	}
	var logs []*log
	for _, l := range c.logs {
		if l.admission == a {
			logs = append(logs, l)
		}
	}
	return a.member(logs), true
}

// find gives the admission of a key that counts, or nil. The recovery key is no device's.
func (c *Camp) find(id crdt.DeviceID) *admission {
	var found *admission
	take := func(a *admission) {
		if !a.newer && a != c.recovery && (found == nil || found.counts(a) < 0) {
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

// counts is less than 0 if of two admissions of one key the other counts.
func (a *admission) counts(b *admission) int {
	return cmp.Or(cmp.Compare(b.role, a.role), a.compare(b))
}

func (a *admission) compare(b *admission) int {
	return cmp.Or(cmp.Compare(a.time, b.time), bytes.Compare(a.id[:], b.id[:]))
}

// compare orders the logs of one admission. A log comes after the one that it
// continues, whatever the clocks say.
func (l *log) compare(m *log) int {
	return cmp.Or(cmp.Compare(l.generation, m.generation), cmp.Compare(l.time, m.time), bytes.Compare(l.id[:], m.id[:]))
}

// LogsOf are the logs that a key seals and whose kind is known: those under the
// admission that counts last, and of those the newest.
func (c *Camp) LogsOf(id crdt.DeviceID) []crdt.LogID {
	counts := c.find(id)
	var logs []*log
	for _, l := range c.logs {
		if l.device == id && !l.Newer {
			logs = append(logs, l)
		}
	}
	slices.SortFunc(logs, func(l, m *log) int {
		return cmp.Or(compareBool(l.admission == counts, m.admission == counts), l.compare(m))
	})
	ids := make([]crdt.LogID, len(logs))
	for i, l := range logs {
		ids[i] = l.id
	}
	return ids
}

// compareBool puts false before true.
func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
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
