package access

import (
	"bytes"

	"musafir/crdt"
)

// A way leads from a key to the camp's first entry, the newest step first. Each step
// rests on the next: a log on the one that it continues, a log that continues none
// on its admission, and an admission on the log in which it stands. The camp's first
// entry is no step: it needs no showing.

// A step is an entry to be shown.
type step struct {
	at    crdt.Place
	entry crdt.Dep
	kind  crdt.LogKind // of the log that the entry begins, or stands in
}

// way is the shortest of a key: it may be admitted more than once, and more than one
// log may continue to it.
func (c *Camp) way(of crdt.DeviceID) (best []step, err error) {
	err = ErrNotAdmitted
	try := func(way []step) {
		if err != nil || shorter(way, best) {
			best, err = way, nil
		}
	}
	for _, a := range c.admissions {
		if a.device == of && !a.newer {
			try(c.walk(a, nil))
		}
	}
	for _, l := range c.logs {
		if l.device == of && !l.Newer && l.admission != c.recovery {
			try(c.walk(l.admission, l))
		}
	}
	return best, err
}

// walk is the way from a log, or from an admission if there is no log. It goes no
// further than a proof can.
func (c *Camp) walk(a *admission, l *log) (way []step) {
	for len(way) < maxProofItems {
		switch {
		case l != nil && l.id == crdt.LogID(c.id), l == nil && a.by == nil:
			return way
		case l != nil:
			way = append(way, step{entry: crdt.Dep{Log: l.id, ID: crdt.EntryID(l.id)}, kind: l.Kind})
			a, l = l.admission, l.from // which is of the same admission
		default:
			way = append(way, step{at: a.at, entry: a.dep(), kind: a.by.Kind})
			l = a.by
		}
	}
	return way
}

// shorter prefers, of ways of the same length, the one by control logs: those are
// synced first, so more of it is held elsewhere. Of equal ones it takes always the same.
func shorter(v, w []step) bool {
	if len(v) != len(w) || len(v) == 0 {
		return len(v) < len(w)
	}
	if v[0].kind != w[0].kind {
		return v[0].kind == crdt.ControlLog
	}
	return bytes.Compare(v[0].entry.ID[:], w[0].entry.ID[:]) < 0
}
