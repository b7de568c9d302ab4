package access_test

import (
	"testing"

	"musafir/crdt"
	"musafir/node/access"
)

func BenchmarkCheckRecord(b *testing.B) {
	s := newStaff(b)
	c := s.holding(s.all...)
	x := s.record(1, s.records)
	for b.Loop() {
		if err := c.Check(x.at, x.id, x.e); err != nil {
			b.Fatal(err)
		}
		c.Add(x.at, x.id, x.e)
	}
}

// manyMembers is a camp of 500 devices with a log each.
func manyMembers(b *testing.B) *access.Camp {
	w := newWorld(b)
	last := w.first
	for range 500 {
		last = w.admit(0, last, 1, crdt.RoleMember)
		w.begin(1, crdt.RecordLog, last)
	}
	return w.holding(w.all...)
}

func BenchmarkClone(b *testing.B) {
	c := manyMembers(b)
	for b.Loop() {
		_ = c.Clone()
	}
}

func BenchmarkMember(b *testing.B) {
	c, id := manyMembers(b), device(0)
	for b.Loop() {
		if _, ok := c.Member(id); !ok {
			b.Fatal("no founder")
		}
	}
}

func BenchmarkVerifyTen(b *testing.B) {
	w, c := chain(b, 10, false)
	items, first := w.proof(c, 10), w.holding(w.first)
	for b.Loop() {
		if err := first.Verify(items, device(10)); err != nil {
			b.Fatal(err)
		}
	}
}
