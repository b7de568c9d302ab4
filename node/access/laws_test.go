package access_test

import (
	"cmp"
	"crypto/ed25519"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"musafir/crdt"
	"musafir/node/access"
)

// An act is an entry as its author meant it, well or ill: the oracle judges by
// this and never looks at an entry.
type act struct {
	*sealed
	does  string // "birth", "admit", "record" or "unknown"
	log   *act   // the birth of its log
	names []*act // what it follows and depends on

	foreign    bool // a birth: of another camp
	kind       crdt.LogKind
	admission  *act
	key        int
	continues  *act
	vouchedFor bool // the proof is by the key of the continued log

	admits int // an admission: this key
	role   crdt.Role
}

// history is all the acts of a world, each behind those that it names.
type history struct {
	*world
	acts []*act
}

// drawHistory draws a camp whose devices do what they may, and what they may not.
func drawHistory(t *rapid.T) *history {
	w := newWorld(t)
	h := &history{world: w, acts: []*act{{sealed: w.first, does: "birth", kind: crdt.ControlLog}}}
	h.acts[0].log = h.acts[0]
	for range rapid.IntRange(1, 20).Draw(t, "acts") {
		w.now = crdt.Time(rapid.IntRange(1, 20).Draw(t, "time")) << 16
		h.acts = append(h.acts, h.draw(t))
	}
	return h
}

func (h *history) draw(t *rapid.T) *act {
	usually := func(what string) bool { return rapid.IntRange(0, 9).Draw(t, what) > 0 }
	some := func(what string, of func(*act) bool) *act {
		acts := h.acts
		if usually("a fitting " + what) {
			acts = slices.DeleteFunc(slices.Clone(acts), func(a *act) bool { return !of(a) })
		}
		if len(acts) == 0 {
			acts = h.acts
		}
		return rapid.SampledFrom(acts).Draw(t, what)
	}
	a := &act{does: rapid.SampledFrom([]string{"birth", "birth", "admit", "admit", "record", "unknown"}).Draw(t, "does")}
	if a.does == "birth" {
		a.admission = some("admission", func(a *act) bool { return a.does == "admit" || a.does == "unknown" || a == h.acts[0] })
		a.key = a.admission.admits
		if !usually("own key") {
			a.key = rapid.IntRange(0, 5).Draw(t, "key")
		}
		if rapid.IntRange(0, 5).Draw(t, "recovers") == 0 {
			a.admission, a.key = h.acts[0], recoveryKey
		}
		a.foreign = !usually("own camp")
		a.kind = rapid.SampledFrom([]crdt.LogKind{0, 0, 0, 1, 1, 7}).Draw(t, "kind")
		if usually("named") {
			a.names = append(a.names, a.admission)
		}
		if rapid.IntRange(0, 2).Draw(t, "goes on") == 0 {
			a.continues = some("continued", func(b *act) bool { return b.does == "birth" && b.admission == a.admission }).log
			a.key = rapid.SampledFrom([]int{0, 1, 2, 3, 4, 5, recoveryKey}).Draw(t, "new key")
			a.vouchedFor = usually("vouched for")
			if usually("continued is named") {
				a.names = append(a.names, a.continues)
			}
		}
	} else {
		behind := some("place", func(b *act) bool {
			return b.log.kind == crdt.ControlLog == (a.does == "admit") || b.does == "unknown"
		})
		a.log, a.names = behind.log, []*act{behind}
		a.admits = rapid.IntRange(0, 5).Draw(t, "admits")
		a.role = rapid.SampledFrom([]crdt.Role{1, 1, 1, 2, 2, 3, 4}).Draw(t, "role")
	}
	if rapid.IntRange(0, 3).Draw(t, "in touch") == 0 {
		a.names = append(a.names, rapid.SampledFrom(h.acts).Draw(t, "also named"))
	}
	h.make(a)
	return a
}

// make writes the entry that the act describes.
func (h *history) make(a *act) {
	var deps []*sealed
	for _, n := range a.names {
		deps = append(deps, n.sealed)
	}
	if a.does == "birth" {
		a.log = a
		b := &crdt.Birth{Kind: a.kind, Device: public(a.key), Admission: a.admission.id, Incarnation: [16]byte{byte(len(h.acts)), 1}}
		if a.foreign {
			b.Camp = crdt.CampID{7}
		}
		if a.continues != nil {
			b.Continues = a.continues.sealed.log()
			signer := a.continues.key
			if !a.vouchedFor {
				signer = 9
			}
			b.Proof = crdt.ContinuationProof(keys[signer], h.camp, b.Continues, b.Device, b.Incarnation)
		}
		a.sealed = h.birth(a.key, b, deps...)
		return
	}
	change := recordChange(h)
	switch a.does {
	case "admit":
		c, err := (&crdt.Admission{Device: public(a.admits), Role: a.role, Name: fmt.Sprint("tablet ", len(h.acts))}).Change()
		if err != nil {
			h.Fatalf("%v", err)
		}
		change = c
	case "unknown":
		change = unknown(h)
	}
	a.sealed = h.write(next(a.names[0].sealed), a.log.key, deps[1:], change)
}

// The oracle. It holds nothing: everything follows from the acts again and again.

// grounded tells whether all that an act names may stand.
func grounded(a *act) bool {
	return !slices.ContainsFunc(a.names, func(n *act) bool { return !stands(n) })
}

// stands tells whether an act may stand, and all that it names.
func stands(a *act) bool {
	if !grounded(a) {
		return false
	}
	if a.does != "birth" {
		fits := a.does == "unknown" || (a.does == "admit") == (a.log.kind == crdt.ControlLog)
		return (newerLog(a.log) || fits) && restsOnActs(a)
	}
	if a.admission == nil {
		return true // the camp's first
	}
	if a.foreign || !slices.Contains(a.names, a.admission) || !isAdmission(a.admission) {
		return false
	}
	return (newer(a.admission) || rightKey(a) && rightRole(a)) && restsOnActs(a)
}

// restsOnActs tells whether what stands in a control log names only what stands in
// such logs.
func restsOnActs(a *act) bool {
	elsewhere := func(n *act) bool { return n.log.kind != crdt.ControlLog }
	return a.log.kind != crdt.ControlLog || !slices.ContainsFunc(a.names, elsewhere)
}

// isAdmission tells whether an act that stands admits somebody, or may.
func isAdmission(a *act) bool {
	return a.does == "birth" && a.admission == nil ||
		(a.does == "admit" || a.does == "unknown") && a.log.kind == crdt.ControlLog
}

// newer tells whether only a newer program knows what an admission says.
func newer(a *act) bool {
	return a.does == "unknown" || a.does == "admit" && (a.role > 3 || newerLog(a.log))
}

func newerLog(log *act) bool { return log.kind == 7 || log.admission != nil && newer(log.admission) }

func rightKey(a *act) bool {
	if a.continues == nil {
		return a.key == a.admission.admits || recovers(a)
	}
	if recovers(a) != recovers(a.continues) {
		return false
	}
	inDeps := slices.ContainsFunc(a.names, func(n *act) bool { return n.log == a.continues })
	sameAdmission := a.continues.admission == a.admission || a.continues.admission == nil && a.admission.admission == nil && a.admission.does == "birth"
	return inDeps && sameAdmission && a.vouchedFor
}

func rightRole(a *act) bool {
	role := a.admission.role
	if recovers(a) {
		return a.kind != crdt.RecordLog
	}
	return a.admission.does == "birth" || a.kind == 7 || role == 1 || role == 2 && a.kind == crdt.RecordLog
}

// recoveryKey is the number of the camp's recovery key.
const recoveryKey = 47

// recovers tells of a birth whether it is by the recovery key.
func recovers(a *act) bool {
	return a.admission != nil && a.admission.does == "birth" && a.admission.admission == nil && a.key == recoveryKey
}

// oracleMembers are the members by all the acts that stand: of several admissions of
// one key the one that may most, and of those the latest. One that counts for none of
// the keys that it goes on under is left out.
func oracleMembers(acts []*act) (counting []access.Member, of func(key int) access.Member) {
	members := oracleAdmitted(acts)
	of = func(key int) (best access.Member) {
		for _, m := range members {
			if hasKey(m, key) && (best.Key == nil || m.Role <= best.Role) {
				best = m
			}
		}
		return best
	}
	for _, m := range members {
		if slices.ContainsFunc(m.Current(), func(id crdt.DeviceID) bool {
			return slices.ContainsFunc(allKeys, func(k int) bool { return device(k) == id && of(k).Admission == m.Admission })
		}) {
			counting = append(counting, m)
		}
	}
	return counting, of
}

var allKeys = []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, recoveryKey}

// oracleAdmitted are all admissions, the earliest first.
func oracleAdmitted(acts []*act) []access.Member {
	var members []access.Member
	for _, a := range acts {
		if !stands(a) || a.does == "record" || a.does == "unknown" || a.does == "birth" && a.admission != nil || newer(a) {
			continue
		}
		if a.does == "admit" && a.log.kind != crdt.ControlLog {
			continue
		}
		m := access.Member{Admission: a.id, Role: crdt.RoleCoordinator, Name: "registration desk", Key: public(a.admits), Time: a.e.Time}
		if a.does == "admit" {
			m.Role, m.Name, m.By = a.role, a.e.Admission().Name, device(a.log.key)
		}
		m.Keys = append(m.Keys, m.Key)
		logs := slices.DeleteFunc(slices.Clone(acts), func(b *act) bool {
			return b.does != "birth" || !stands(b) || b.admission != a && b != a || recovers(b)
		})
		generation := func(l *act) (n int) {
			for ; l.continues != nil; l = l.continues {
				n++
			}
			return n
		}
		slices.SortFunc(logs, func(x, y *act) int {
			return cmp.Or(generation(x)-generation(y), cmp.Compare(x.e.Time, y.e.Time), slices.Compare(x.id[:], y.id[:]))
		})
		for _, l := range logs {
			m.Logs = append(m.Logs, crdt.LogID(l.id))
			if l.kind != 7 && !hasKey(m, l.key) {
				m.Keys = append(m.Keys, public(l.key))
				m.Renewals = append(m.Renewals, oracleRenewal(l))
			}
		}
		members = append(members, m)
	}
	slices.SortFunc(members, func(x, y access.Member) int {
		return cmp.Or(cmp.Compare(x.Time, y.Time), slices.Compare(x.Admission[:], y.Admission[:]))
	})
	return members
}

// oracleRenewal says from which key a log's went on.
func oracleRenewal(l *act) access.Renewal {
	from := l.continues
	for from.continues != nil && (from.key == l.key || from.kind == 7) {
		from = from.continues
	}
	return access.Renewal{From: device(from.key), To: device(l.key), Time: l.e.Time}
}

func hasKey(m access.Member, key int) bool {
	return slices.ContainsFunc(m.Keys, func(k ed25519.PublicKey) bool { return k.Equal(public(key)) })
}

// Whatever the causal order, the same entries are refused and the same devices are
// members.
func TestLawOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := drawHistory(t)
		want, of := oracleMembers(h.acts)
		for range 2 {
			c := access.New(h.camp)
			for _, a := range drawOrder(t, h.acts) {
				if !grounded(a) {
					continue
				}
				err := c.Check(a.at, a.id, a.e)
				if (err == nil) != stands(a) {
					t.Fatalf("act %d, a %s: %v", slices.Index(h.acts, a), a.does, err)
				}
				if err == nil {
					c.Add(a.at, a.id, a.e)
				}
			}
			sameMembers(t, c, want, of)
			for _, a := range h.acts { // again
				if stands(a) {
					c.Add(a.at, a.id, a.e)
				}
			}
			sameMembers(t, c, want, of)
		}
	})
}

// Who reads only the control logs and the births knows the same camp, as a device does
// that starts: it judges every entry as one that never stopped.
func TestLawLoad(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := drawHistory(t)
		want, of := oracleMembers(h.acts)
		loaded := access.New(h.camp)
		for _, control := range []bool{true, false} { // control logs go ahead
			for _, a := range h.acts {
				if stands(a) && (a.does == "birth" || control) && control == (a.log.kind == crdt.ControlLog) {
					loaded.Add(a.at, a.id, a.e)
				}
			}
		}
		sameMembers(t, loaded, want, of)
		for _, a := range h.acts {
			if err := loaded.Check(a.at, a.id, a.e); grounded(a) && (err == nil) != stands(a) {
				t.Fatalf("act %d, a %s: %v", slices.Index(h.acts, a), a.does, err)
			}
		}
	})
}

// An entry is judged the same by somebody who holds its causal past and no more.
func TestLawPast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := drawHistory(t)
		for _, a := range h.acts {
			if !grounded(a) {
				continue
			}
			past := map[*act]bool{}
			reach(a, past)
			c := access.New(h.camp)
			for _, b := range h.acts {
				if past[b] && b != a {
					c.Add(b.at, b.id, b.e)
				}
			}
			if err := c.Check(a.at, a.id, a.e); (err == nil) != stands(a) {
				t.Fatalf("act %d, a %s: %v", slices.Index(h.acts, a), a.does, err)
			}
		}
	})
}

func reach(a *act, past map[*act]bool) {
	if past[a] {
		return
	}
	past[a] = true
	for _, n := range a.names {
		reach(n, past)
	}
}

// drawOrder draws an order in which each act comes behind those that it names.
func drawOrder(t *rapid.T, acts []*act) []*act {
	var order []*act
	for left := slices.Clone(acts); len(left) > 0; {
		ready := slices.DeleteFunc(slices.Clone(left), func(a *act) bool {
			return slices.ContainsFunc(a.names, func(n *act) bool { return slices.Contains(left, n) })
		})
		a := rapid.SampledFrom(ready).Draw(t, "next")
		order = append(order, a)
		left = slices.DeleteFunc(left, func(b *act) bool { return a == b })
	}
	return order
}

func sameMembers(t *rapid.T, c *access.Camp, want []access.Member, of func(int) access.Member) {
	t.Helper()
	if got := c.Members(); len(got) != len(want) || len(got) > 0 && !reflect.DeepEqual(got, want) {
		t.Fatalf("members\n%+v, want\n%+v", got, want)
	}
	for _, m := range want {
		sameDescent(t, &m)
	}
	for _, key := range allKeys {
		if got, ok := c.Member(device(key)); ok != (of(key).Key != nil) || !reflect.DeepEqual(got, of(key)) {
			t.Fatalf("key %d is\n%+v, want\n%+v", key, got, of(key))
		}
	}
}

// sameDescent looks at a member's ids in two ways.
func sameDescent(t *rapid.T, m *access.Member) {
	t.Helper()
	for _, key := range m.Keys {
		id := crdt.DeviceIDOf(key)
		wentOn := slices.ContainsFunc(m.Renewals, func(r access.Renewal) bool { return r.From == id })
		if slices.Contains(m.Current(), id) == wentOn {
			t.Fatalf("%s is among the current %v of %+v", id, m.Current(), m)
		}
		var former []crdt.DeviceID
		for at := id; ; {
			r, ok := m.Renewal(at)
			if !ok {
				break
			}
			at = r.From
			former = append([]crdt.DeviceID{at}, former...)
		}
		if !slices.Equal(m.Former(id), former) {
			t.Fatalf("%s was %v, not %v", id, former, m.Former(id))
		}
	}
}
