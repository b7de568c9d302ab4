package sim_test

import (
	"fmt"
	"testing"

	"musafir/crdt"
	"musafir/node/sim"
)

// newMesh is a camp of so many machines that all know each other, in sync.
func newMesh(t *testing.T, n int, cfg sim.Config) (*stage, []*sim.Machine) {
	s := &stage{T: t, World: sim.New(cfg)}
	first := s.Found()
	for len(s.Machines) < n {
		s.World.Join(first, crdt.RoleMember, nil)
		s.pass(20)
	}
	s.Arrange(sim.Mesh)
	s.pass(2_000)
	s.Converge(60_000)
	s.pass(1_000)
	s.Record(nil)
	return s, s.Machines
}

// lan is a network in which nothing goes wrong and nothing goes at once.
func lan(seed uint64) sim.Config {
	return sim.Config{Seed: seed, Latency: [2]int64{500, 5_000}, Commit: [2]int64{500, 5_000}, Tick: 100_000, BytesPerMs: 5_000}
}

// TestDuplicates: in a camp of 20 in which all are connected with all, entries come
// once, but for a few.
func TestDuplicates(t *testing.T) {
	const most = 1.3
	cases := map[string]func(*stage, []*sim.Machine){
		"an import on one": func(s *stage, ms []*sim.Machine) {
			for range 20 {
				ms[3].Import(500)
				s.pass(100)
			}
		},
		"live writes on all": func(s *stage, ms []*sim.Machine) {
			for i := range 25 {
				for _, m := range ms {
					m.Put(fmt.Sprint("p", i), m.Name)
					s.pass(3)
				}
			}
		},
		"writes on all at once": func(s *stage, ms []*sim.Machine) {
			for i := range 10 {
				for _, m := range ms {
					m.Put(fmt.Sprint("p", i), m.Name)
				}
				s.pass(500)
			}
		},
		"one comes back": func(s *stage, ms []*sim.Machine) {
			ms[5].PowerCut()
			for _, m := range ms {
				m.Import(50)
			}
			s.pass(1_000)
			s.Record(nil)
			ms[5].Start()
		},
	}
	for name, happen := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, ms := newMesh(t, 20, lan(11))
			happen(s, ms)
			s.pass(1_000)
			s.Converge(100_000)
			s.pass(1_000)
			ratio := float64(s.Stats.Payload) / float64(s.Stats.Useful)
			t.Logf("%d bytes came, %d of them new: %.3f\n%s", s.Stats.Payload, s.Stats.Useful, ratio, s.Stats.String())
			if s.Stats.Useful == 0 || ratio > most {
				t.Errorf("duplicates: %.2f times what is new came, %.1f is the limit", ratio, most)
			}
		})
	}
}
