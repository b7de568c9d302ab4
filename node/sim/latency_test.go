package sim_test

import (
	"fmt"
	"testing"

	"musafir/crdt"
	"musafir/node/sim"
)

// TestOneTrip: a new write is with all connected devices after one trip.
func TestOneTrip(t *testing.T) {
	s, ms := newMesh(t, 20, sim.Quiet(5))
	ms[7].Put("rahima", "Rahima")
	s.pass(500)
	if s.Stats.Trips != 1 || !s.Same(ms...) {
		t.Errorf("it took %d trips", s.Stats.Trips)
	}
}

// TestChainKeepsUp: along a chain entries go on as they come, however many.
func TestChainKeepsUp(t *testing.T) {
	cfg := lan(4)
	cfg.Commit = [2]int64{1_000, 30_000}
	s := &stage{T: t, World: sim.New(cfg)}
	first := s.Found()
	for len(s.Machines) < 5 {
		s.join(first)
	}
	ms := s.Machines
	s.meet(ms...)
	s.Record(nil)
	for i := range 300 {
		ms[0].Put(fmt.Sprint("a", i%7), fmt.Sprint(i))
		ms[4].Put(fmt.Sprint("e", i%5), fmt.Sprint(i))
		s.pass(int64(1 + i%20))
	}
	s.pass(1_000)
	t.Logf("the slowest took %d ms", s.Stats.SlowestMs)
	// Four links, three trips of up to 5 ms on each but the first, and the commits.
	if !s.Same(ms...) || s.Stats.SlowestMs > 400 {
		t.Errorf("all the same: %v, the slowest took %d ms", s.Same(ms...), s.Stats.SlowestMs)
	}
}

// TestFailedCommit: what could not be written comes again soon.
func TestFailedCommit(t *testing.T) {
	s := newStage(t)
	a := s.Found()
	b := s.join(a)
	s.meet(a, b)
	s.Record(nil)
	b.FailCommits(1)
	a.Put("rahima", "Rahima")
	s.pass(3_000)
	if !s.Same(a, b) {
		t.Error("it did not come again")
	}
}

// TestReturn: a device that was away gets what it lacks in the first round trip
// after the frontiers, whoever wrote it.
func TestReturn(t *testing.T) {
	s := newStage(t)
	a := s.Found()
	b, c := s.join(a), s.join(a)
	s.meet(a, b)
	s.meet(b, c)
	s.part(a, b)
	for i := range 50 {
		b.Put(fmt.Sprint("b", i), "b")
		c.Put(fmt.Sprint("c", i), "c")
	}
	s.pass(1_000)
	s.Record(nil)
	s.meet(a, b)
	// Hello, hello and frontier, frontier, grant, entries.
	if s.Stats.Trips > 5 {
		t.Errorf("it took %d trips", s.Stats.Trips)
	}
}

// TestInSync: that two devices hold the same they learn in one round trip and 100
// bytes each way, however much it is.
func TestInSync(t *testing.T) {
	for _, records := range []int{1, 1_000, 20_000} {
		s := newStage(t)
		a := s.Found()
		b := s.join(a)
		for range 1 + records/1_000 {
			a.Import(records / (1 + records/1_000))
			s.pass(100)
		}
		s.meet(a, b)
		s.part(a, b)
		s.Record(nil)
		s.meet(a, b)
		frames, _ := s.Stats.Total()
		there, back := s.Stats.Sent[[2]string{"A", "B"}], s.Stats.Sent[[2]string{"B", "A"}]
		if frames != 3 || there > 100 || back > 100 {
			t.Errorf("%d records: %d frames, %d bytes there and %d back", records, frames, there, back)
		}
	}
}

// TestHeadsOnly: what differs costs at most 36 bytes for each log that differs,
// however many there are that do not.
func TestHeadsOnly(t *testing.T) {
	s, ms := newMesh(t, 30, lan(3))
	for _, m := range ms {
		for _, other := range ms[:2] {
			s.Disconnect(other, m)
		}
	}
	s.pass(500)
	s.World.Join(ms[2], crdt.RoleMember, nil) // so that the control log differs too
	for range 5 {
		ms[0].Put("rahima", fmt.Sprint(s.Stats.Acked))
	}
	s.pass(500)
	s.Record(nil)
	s.Connect(ms[0], ms[1])
	s.pass(4_000)
	frames, bytes := s.Stats.Frontiers()
	if !s.Same(ms[:2]...) || frames != 2 || bytes > 36+2*16 {
		t.Errorf("%d frontiers of %d bytes for one log", frames, bytes)
	}
}
