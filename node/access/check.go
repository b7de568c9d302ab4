package access

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"musafir/crdt"
)

// A Refusal says why an entry may not stand where it does. No device takes it.
type Refusal struct {
	Why   string
	Entry crdt.EntryID
	Log   crdt.LogID
}

func (r *Refusal) Error() string {
	return fmt.Sprintf("refuse entry %s of log %s: %s", r.Entry.Short(), r.Log, r.Why)
}

// Check says whether an entry may stand at its place: nil, or a [*Refusal]. All
// that the entry names must have been added.
func (c *Camp) Check(at crdt.Place, id crdt.EntryID, e *crdt.Entry) error {
	why := c.check(at, id, e)
	if why == "" {
		return nil
	}
	r := &Refusal{Why: why, Entry: id, Log: at.Log}
	if at.Seq == 0 {
		r.Log = crdt.LogID(id)
	}
	return r
}

// check gives the reason to refuse an entry, or nothing.
func (c *Camp) check(at crdt.Place, id crdt.EntryID, e *crdt.Entry) string {
	if b := e.Birth(); b != nil {
		if at.Seq != 0 || at.Prev != (crdt.EntryID{}) {
			return "a birth stands in the middle of a log"
		}
		return c.checkBirth(id, b, e.Deps)
	}
	l := c.logs[at.Log]
	switch {
	case at.Seq == 0:
		return "a log begins with something that is no birth"
	case l == nil:
		return "the birth of its log is not held"
	case l.Kind == crdt.ControlLog && l.Newer:
		return c.checkActs(e.Deps)
	case l.Newer:
		return ""
	case l.Kind == crdt.ControlLog:
		if why := refuseKind(e, crdt.KindRecord, "a control log holds acts of membership and no records"); why != "" {
			return why
		}
		return c.checkActs(e.Deps)
	}
	return refuseKind(e, crdt.KindAdmission, "a record log holds records and admits nobody")
}

func refuseKind(e *crdt.Entry, kind uint64, why string) string {
	for i := range e.Changes {
		if e.Changes[i].Kind == kind {
			return why
		}
	}
	return ""
}

func (c *Camp) checkBirth(id crdt.EntryID, b *crdt.Birth, deps []crdt.Dep) string {
	if b.Founding != nil && crdt.CampID(id) == c.id {
		return ""
	}
	if b.Camp != c.id {
		return "it belongs to another camp"
	}
	a := c.admissionOf(b)
	switch {
	case a == nil:
		return "the admission that it names is not held, or is none"
	case !slices.Contains(deps, a.dep()):
		return "it does not depend on the admission that it names"
	}
	why := ""
	if !a.newer {
		why = cmp.Or(c.checkKey(b, a, deps), c.checkRole(b.Kind, a))
	}
	if why != "" || b.Kind != crdt.ControlLog {
		return why
	}
	return c.checkActs(deps)
}

// checkActs sees to it that the control logs rest on nothing else, whoever wrote them,
// so that they can be read, and sent, before anything else.
func (c *Camp) checkActs(deps []crdt.Dep) string {
	for _, d := range deps {
		if l := c.logs[d.Log]; l != nil && l.Kind != crdt.ControlLog {
			return "it is an act of membership and depends on a log that is no control log"
		}
	}
	return ""
}

// checkKey sees to it that the key is the admitted one, or that a log of the same
// admission vouches for it.
func (c *Camp) checkKey(b *crdt.Birth, a *admission, deps []crdt.Dep) string {
	if b.Proof == nil {
		if !bytes.Equal(b.Device, a.key) {
			return "its key is not the one that was admitted"
		}
		return ""
	}
	from := c.logs[b.Continues]
	dep := func(d crdt.Dep) bool { return d.Log == b.Continues }
	switch {
	case from == nil || !slices.ContainsFunc(deps, dep):
		return "it does not depend on the log that it continues"
	case from.admission != a:
		return "it continues a log of another admission"
	case b.VerifyContinuation(from.Device) != nil:
		return "the log that it continues did not vouch for it"
	}
	return ""
}

// checkRole says which logs a role may begin.
func (c *Camp) checkRole(kind crdt.LogKind, a *admission) string {
	switch {
	case a == c.recovery && kind == crdt.RecordLog:
		return "the recovery key admits devices and writes no records"
	case !kind.Known() || a.role == crdt.RoleCoordinator:
		return ""
	case kind == crdt.ControlLog:
		return "its device is no coordinator and has no say in who takes part"
	case a.role == crdt.RoleReader:
		return "its device may read and not write"
	}
	return ""
}
