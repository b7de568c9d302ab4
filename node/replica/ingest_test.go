package replica_test

import (
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"testing"

	"musafir/crdt"
	"musafir/node/access"
	"musafir/node/replica"
)

// TestIngestGap: entries whose ground is not held are not taken, none of them, and
// the group goes on.
func TestIngestGap(t *testing.T) {
	a := found(t)
	b := a.admit(2, crdt.RoleMember)
	a.put("rahima", "one")
	a.put("rahima", "two")
	batch := must(verify(a, a.store, a.cut(a.own(1))))[0] // it rests on a birth that b does not hold
	before := b.store.Frontier().Digest()
	b.commit(func(g *replica.Group) error {
		if err := g.Ingest(batch, b.now); !errors.Is(err, replica.ErrGap) {
			t.Errorf("ingest: %v", err)
		}
		return nil
	})
	if b.store.Frontier().Digest() != before {
		t.Error("something of it was taken")
	}
	b.commit(func(g *replica.Group) error { return g.Ingest(must(verify(a, a.store, a.cut(a.own(0))))[0], b.now) })
	b.commit(func(g *replica.Group) error { return g.Ingest(batch, b.now) }) // once more is no harm
	if entries, _, _, _ := b.store.Counts(); entries != 6 {
		t.Errorf("%d entries, want 6", entries)
	}
}

// TestIngestRefusal: what a reader writes is refused, with all that came with it.
func TestIngestRefusal(t *testing.T) {
	a := found(t)
	member, reader := a.admit(2, crdt.RoleMember), a.admit(3, crdt.RoleReader)
	if reader.writer.Records.Log != (crdt.LogID{}) {
		t.Fatal("a reader has a log")
	}
	// The reader's program begins a log all the same.
	self, _ := reader.writer.Members.Member(reader.writer.ID())
	admission, _ := reader.writer.Members.Admission(self.Admission)
	birth := &crdt.Birth{
		Camp: a.writer.Camp, Kind: crdt.RecordLog, Device: public(keyOf(3)), Admission: self.Admission, Incarnation: incarnation(9),
	}
	change, err := birth.Change()
	if err != nil {
		t.Fatalf("write a birth: %v", err)
	}
	e, err := crdt.NewEntry(1<<40, []crdt.Dep{admission}, "", "", []crdt.Change{change})
	if err != nil {
		t.Fatalf("write a birth: %v", err)
	}
	batch := must(verify(member, a.store, member.cut(member.own(0))))[0]
	batch.Items = append(batch.Items, &replica.Arrived{ID: e.ID(crdt.Place{}), Entry: e})

	before := a.store.Frontier().Digest()
	a.commit(func(g *replica.Group) error {
		var refusal *access.Refusal
		if err := g.Ingest(batch, a.now); !errors.As(err, &refusal) || refusal.Entry != e.ID(crdt.Place{}) {
			t.Errorf("ingest: %v", err)
		}
		return nil
	})
	if a.store.Frontier().Digest() != before {
		t.Error("something of it was taken")
	}
}

// TestReaderWrites: a reader's own writes are refused.
func TestReaderWrites(t *testing.T) {
	a := found(t)
	reader := a.admit(2, crdt.RoleReader)
	reader.commit(func(g *replica.Group) error {
		_, err := g.Write(put("rahima", "Rahima"), make([]byte, crdt.SaltSize), 0)
		if !errors.Is(err, replica.ErrReader) {
			t.Errorf("write: %v", err)
		}
		return nil
	})
}

// TestGroupSeals: however large what is written in one commit, no stretch between
// two seals is larger than a batch, and none is interrupted by what others wrote.
func TestGroupSeals(t *testing.T) {
	a := found(t)
	b := a.admit(2, crdt.RoleMember)
	b.put("noor", "Noor")
	batch := must(verify(b, a.store, b.cut(b.own(0))))[0]
	random := rand.NewChaCha8([32]byte{1})
	for _, size := range []int{15_000, 200, 30_000, 1} {
		a.commit(func(g *replica.Group) error {
			for !g.Full() {
				text := make([]byte, size)
				random.Read(text)
				if _, err := g.Write(put("rahima", hex.EncodeToString(text)), make([]byte, crdt.SaltSize), a.now); err != nil {
					return err
				}
			}
			return g.Ingest(batch, a.now)
		})
	}
	for _, got := range must(verify(a, newStore(t), a.cut(a.all()))) {
		if got.Bytes > replica.MaxBatchCost {
			t.Errorf("a batch of %d bytes", got.Bytes)
		}
	}
}

// A device that was admitted twice, by coordinators that did not know of each other, goes
// on with the log that it has, whichever admission counts.
func TestAdmittedTwice(t *testing.T) {
	for _, role := range []crdt.Role{crdt.RoleCoordinator, crdt.RoleMember, crdt.RoleReader} {
		a := found(t)
		b := a.admit(2, crdt.RoleMember)
		b.put("rahima", "one")
		a.now += 3_600_000
		a.commit(func(g *replica.Group) error {
			_, err := g.Admit(crdt.Admission{Device: public(keyOf(2)), Role: role, Name: "device 2 again"}, incarnation(200), a.now)
			return err
		})
		for _, batch := range must(verify(b, b.store, a.cut(a.all()))) {
			b.commit(func(g *replica.Group) error { return g.Ingest(batch, b.now) })
		}
		w, err := replica.LoadWriter(b.writer.Camp, keyOf(2), b.store)
		if err != nil {
			t.Fatal(err)
		}
		if w.Records.Log != b.writer.Records.Log || w.Records.Head != b.writer.Records.Head {
			t.Errorf("%v: after a restart it writes log %v, before %v", role, w.Records, b.writer.Records)
		}
		g := replica.NewGroup(b.store.Begin(), w)
		if _, err := g.Write(put("rahima", "two"), make([]byte, crdt.SaltSize), b.now); err != nil {
			t.Errorf("%v: a write after a restart: %v", role, err)
		}
		if err := g.Renew(keyOf(9), incarnation(201), b.now); err != nil {
			t.Errorf("%v: a new key: %v", role, err)
		}
		if _, err := g.Commit(); err != nil {
			t.Errorf("%v: %v", role, err)
		}
	}
}
