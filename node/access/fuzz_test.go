package access_test

import (
	"bytes"
	"slices"
	"testing"

	"musafir/crdt"
	"musafir/node/access"
)

func FuzzDecodeProof(f *testing.F) {
	v := readVectors(f)
	if len(v.Proofs) == 0 {
		f.Fatal("no seeds")
	}
	for _, x := range v.Proofs {
		f.Add([]byte(x.Proof))
		f.Add([]byte(x.Proof[:len(x.Proof)/2]))
	}
	camp, _ := firstOf(f, v.Proofs[0].First)
	r := renew(f, 40)
	follower := r.holding(r.until[25]...)
	for _, key := range []int{2, 10, 41} {
		b, err := access.EncodeProof(r.proof(r.holding(r.all...), key))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(b[:len(b)/2])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		items, err := access.DecodeProof(b)
		if err != nil {
			return
		}
		again, err := access.EncodeProof(items)
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("read %x, written %x: %v", b, again, err)
		}
		_ = camp.Verify(items, device(1))
		last := func(it access.Item) bool { return bytes.Equal(it.Entry, r.births[40].e.Encoded()) }
		if follower.Verify(items, device(41)) == nil && !slices.ContainsFunc(items, last) {
			t.Fatal("proven without the birth of a log of that key")
		}
		if len(camp.Members()) != 1 || len(follower.Members()) != 2 {
			t.Fatal("a proof changed the camp")
		}
	})
}

// FuzzCheck puts whatever is an entry anywhere into a camp: nothing may panic, and
// that it is held does not make it better or worse.
func FuzzCheck(f *testing.F) {
	s := newStaff(f)
	for _, x := range append(s.all, s.admit(1, s.control, 5, crdt.RoleMember), s.record(1, s.records)) {
		f.Add(x.e.Encoded(), uint8(0), uint64(x.at.Seq))
		f.Add(x.e.Encoded(), uint8(4), uint64(1))
	}
	places := []crdt.LogID{{}, s.first.log(), s.control.log(), s.records.log(), s.founder.log()}
	f.Fuzz(func(t *testing.T, raw []byte, log uint8, seq uint64) {
		e, err := crdt.ParseEntry(raw)
		if err != nil {
			return
		}
		c := access.New(s.camp)
		for _, x := range s.all[:7] {
			c.Add(x.at, x.id, x.e)
		}
		at := crdt.Place{Log: places[int(log)%len(places)], Seq: seq}
		id := e.ID(at)
		err = c.Check(at, id, e)
		before := len(c.Members())
		c.Add(at, id, e)
		if again := c.Check(at, id, e); (err == nil) != (again == nil) {
			t.Fatalf("refused: %v, once it is held: %v", err, again)
		}
		for _, m := range c.Members() {
			if got, ok := c.Member(crdt.DeviceIDOf(m.Key)); !ok || got.Key == nil {
				t.Fatalf("%+v is found as %+v, %v", m, got, ok)
			}
		}
		if n := len(c.Members()); n < before || n > before+1 {
			t.Fatalf("%d members became %d", before, n)
		}
	})
}
