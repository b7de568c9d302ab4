package access_test

import (
	"bytes"
	"cmp"
	"crypto/ed25519"
	"fmt"
	"slices"
	"testing"

	"musafir/crdt"
	"musafir/node/access"
)

// tb is what *testing.T and *rapid.T have in common.
type tb interface {
	Helper()
	Fatalf(string, ...any)
}

var keys [48]ed25519.PrivateKey

func init() {
	for i := range keys {
		keys[i] = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{byte(i + 1)}, ed25519.SeedSize))
	}
}

func public(key int) ed25519.PublicKey { return keys[key].Public().(ed25519.PublicKey) }

func device(key int) crdt.DeviceID { return crdt.DeviceIDOf(public(key)) }

// A sealed entry is what devices hold and send, sealed on its own.
type sealed struct {
	at   crdt.Place
	id   crdt.EntryID
	e    *crdt.Entry
	seal crdt.Seal
}

func (s *sealed) dep() crdt.Dep {
	d := crdt.Dep{Log: s.at.Log, Seq: s.at.Seq, ID: s.id}
	if s.at.Seq == 0 {
		d.Log = crdt.LogID(s.id)
	}
	return d
}

func (s *sealed) log() crdt.LogID { return s.dep().Log }

// A world makes the entries of a camp.
type world struct {
	tb
	camp  crdt.CampID
	first *sealed
	all   []*sealed
	now   crdt.Time
}

// newWorld is a camp that key 0 founded.
func newWorld(t tb) *world {
	w := &world{tb: t, now: 1 << 40}
	w.first = w.birth(0, &crdt.Birth{
		Founding: &crdt.Founding{Camp: "Kutupalong 4", Device: "registration desk", Recovery: public(47), Secret: [32]byte{1, 2, 3}},
	})
	return w
}

// write makes the entry at a place and seals it.
func (w *world) write(at crdt.Place, key int, deps []*sealed, changes ...crdt.Change) *sealed {
	w.Helper()
	w.now += 1 << 16
	var named []crdt.Dep
	for _, d := range deps {
		named = append(named, d.dep())
	}
	slices.SortFunc(named, func(a, b crdt.Dep) int {
		return cmp.Or(bytes.Compare(a.Log[:], b.Log[:]), bytes.Compare(a.ID[:], b.ID[:]))
	})
	e, err := crdt.NewEntry(w.now, slices.Compact(named), "", "", changes)
	if err != nil {
		w.Fatalf("write an entry: %v", err)
	}
	s := &sealed{at: at, id: e.ID(at), e: e}
	if len(w.all) == 0 {
		w.camp = crdt.CampID(s.id)
	}
	s.seal = crdt.SealEntry(keys[key], w.camp, s.id)
	w.all = append(w.all, s)
	return s
}

// birth begins a log of a key, which the birth need not name.
func (w *world) birth(key int, b *crdt.Birth, deps ...*sealed) *sealed {
	w.Helper()
	if b.Founding == nil && b.Camp == (crdt.CampID{}) {
		b.Camp = w.camp
	}
	if b.Device == nil {
		b.Device = public(key)
	}
	if b.Incarnation == [16]byte{} {
		b.Incarnation = [16]byte{byte(len(w.all)), byte(len(w.all) >> 8), 1}
	}
	c, err := b.Change()
	if err != nil {
		w.Fatalf("write a birth: %v", err)
	}
	return w.write(crdt.Place{}, key, deps, c)
}

// begin begins a log under an admission as a device does.
func (w *world) begin(key int, kind crdt.LogKind, admission *sealed) *sealed {
	w.Helper()
	return w.birth(key, &crdt.Birth{Kind: kind, Admission: admission.id}, admission)
}

// goOn begins a log that continues another under a new key.
func (w *world) goOn(oldKey, key int, kind crdt.LogKind, admission, old *sealed) *sealed {
	w.Helper()
	b := &crdt.Birth{Kind: kind, Admission: admission.id, Continues: old.log(), Incarnation: [16]byte{byte(len(w.all)), 2}}
	b.Proof = crdt.ContinuationProof(keys[oldKey], w.camp, b.Continues, public(key), b.Incarnation)
	return w.birth(key, b, admission, old)
}

// next is the place behind an entry.
func next(s *sealed) crdt.Place {
	return crdt.Place{Log: s.log(), Seq: s.at.Seq + 1, Prev: s.id}
}

// admit writes an admission behind an entry of a log.
func (w *world) admit(key int, behind *sealed, admitted int, role crdt.Role) *sealed {
	w.Helper()
	a := &crdt.Admission{Device: public(admitted), Role: role, Name: fmt.Sprint("tablet ", admitted)}
	c, err := a.Change()
	if err != nil {
		w.Fatalf("write an admission: %v", err)
	}
	return w.write(next(behind), key, nil, c)
}

// record changes a record behind an entry of a log.
func (w *world) record(key int, behind *sealed, more ...crdt.Change) *sealed {
	w.Helper()
	return w.write(next(behind), key, nil, append([]crdt.Change{recordChange(w)}, more...)...)
}

func recordChange(t tb) crdt.Change {
	rc := &crdt.RecordChange{
		Key:    crdt.RecordKey{Collection: "patients", ID: "rahima"},
		Writes: []crdt.Write{{Path: "age", Op: crdt.OpSet, Value: crdt.Int(34)}},
	}
	c, err := rc.Encode([crdt.SaltSize]byte{1})
	if err != nil {
		t.Fatalf("write a record: %v", err)
	}
	return c
}

// unknown is a change of a kind that nobody knows yet.
func unknown(t tb) crdt.Change {
	e, err := crdt.ParseEntry([]byte{1, 0x85, 0, 0x80, 0x60, 0x60, 0x81, 0x82, 9, 0x60})
	if err != nil {
		t.Fatalf("write a change of an unknown kind: %v", err)
	}
	return e.Changes[0]
}

// holding is a camp that took these entries, which are in causal order.
func (w *world) holding(entries ...*sealed) *access.Camp {
	w.Helper()
	c := access.New(w.camp)
	for _, s := range entries {
		w.take(c, s)
	}
	return c
}

func (w *world) take(c *access.Camp, s *sealed) {
	w.Helper()
	if err := c.Check(s.at, s.id, s.e); err != nil {
		w.Fatalf("%v", err)
	}
	c.Add(s.at, s.id, s.e)
}

// read finds entries for proofs.
func (w *world) read(d crdt.Dep) ([]byte, crdt.Seal, error) {
	for _, s := range w.all {
		if s.dep() == d {
			return s.e.Encoded(), s.seal, nil
		}
	}
	return nil, crdt.Seal{}, fmt.Errorf("entry %s is not held", d.ID)
}

// A staff is a camp with a device of each role.
type staff struct {
	*world
	coordinator, member, reader *sealed // admissions of keys 1, 2 and 3
	control, records            *sealed // logs of key 1
	founder                     *sealed // record log of key 0
}

func newStaff(t tb) *staff {
	w := newWorld(t)
	s := &staff{world: w}
	s.coordinator = w.admit(0, w.first, 1, crdt.RoleCoordinator)
	s.member = w.admit(0, s.coordinator, 2, crdt.RoleMember)
	s.reader = w.admit(0, s.member, 3, crdt.RoleReader)
	s.control = w.begin(1, crdt.ControlLog, s.coordinator)
	s.records = w.begin(1, crdt.RecordLog, s.coordinator)
	s.founder = w.begin(0, crdt.RecordLog, w.first)
	return s
}

func TestStaff(t *testing.T) {
	s := newStaff(t)
	c := s.holding(s.all...)
	var got []string
	for _, m := range c.Members() {
		got = append(got, fmt.Sprint(m.Name, ", ", m.Role, ", ", len(m.Keys), " key, ", len(m.Logs), " logs, by ", m.By))
	}
	by := string(device(0))
	want := []string{
		"registration desk, coordinator, 1 key, 2 logs, by ", "tablet 1, coordinator, 1 key, 2 logs, by " + by,
		"tablet 2, member, 1 key, 0 logs, by " + by, "tablet 3, reader, 1 key, 0 logs, by " + by,
	}
	if !slices.Equal(got, want) {
		t.Errorf("members\n%q, want\n%q", got, want)
	}
	if c.Name() != "Kutupalong 4" || access.New(s.camp).Name() != "" {
		t.Errorf("the camp is named %q", c.Name())
	}
	if l, ok := c.Log(s.control.log()); !ok || l.Kind != crdt.ControlLog || !l.Device.Equal(public(1)) || l.Admission != s.coordinator.id || l.Newer {
		t.Errorf("control log %+v, %v", l, ok)
	}
	if _, ok := c.Log(crdt.LogID{1}); ok {
		t.Error("a log of which nobody heard")
	}
	if d, ok := c.Admission(s.reader.id); !ok || d != s.reader.dep() {
		t.Errorf("the reader's admission is %v, %v", d, ok)
	}
	if d, ok := c.Admission(s.first.id); !ok || d != s.first.dep() {
		t.Errorf("the founder's admission is %v, %v", d, ok)
	}
	if _, ok := c.Admission(s.control.id); ok {
		t.Error("a birth admits")
	}
}
