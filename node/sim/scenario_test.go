package sim_test

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"musafir/crdt"
	"musafir/node/sim"
)

var update = flag.Bool("update", false, "write the transcripts and costs in testdata anew")

// golden compares with a file, or writes it.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatalf("write %s: %v", path, err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("read %s: %v", path, err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs (go test ./node/sim -update writes it anew); it is now\n%s", path, got)
	}
}

// A stage is a quiet world and the machines in it.
type stage struct {
	*testing.T
	*sim.World
}

func newStage(t *testing.T) *stage { return &stage{T: t, World: sim.New(sim.Quiet(7))} }

// join admits a machine that is not connected with anybody yet.
func (s *stage) join(by *sim.Machine) (joined *sim.Machine) {
	s.Helper()
	s.World.Join(by, crdt.RoleMember, func(m *sim.Machine) { joined = m })
	s.pass(50)
	if joined == nil {
		s.Fatalf("nobody joined")
	}
	return joined
}

// pass lets time pass.
func (s *stage) pass(ms int64) {
	s.Helper()
	s.World.Run(ms)
	if err := s.World.Err(); err != nil {
		s.Fatalf("%v\n%s", err, strings.Join(s.Last(), ""))
	}
}

// meet connects machines in a chain, and leaves them time to be in sync.
func (s *stage) meet(machines ...*sim.Machine) {
	s.Helper()
	for i := 1; i < len(machines); i++ {
		s.Connect(machines[i-1], machines[i])
	}
	s.pass(4_000)
	if !s.Same(machines...) {
		s.Fatalf("they met and do not hold the same")
	}
}

func (s *stage) part(machines ...*sim.Machine) {
	s.Helper()
	for i := 1; i < len(machines); i++ {
		s.Disconnect(machines[i-1], machines[i])
	}
	s.pass(500)
}

// A scenario prepares a world and gives what is to be shown.
type scenario func(s *stage) (show func())

var scenarios = map[string]scenario{
	"in-sync":      inSync,
	"one-write":    oneWrite,
	"initial-sync": initialSync,
	"both-edited":  bothEdited,
	"chain":        chain,
	"clone":        cloned,
	"fork":         fork,
	"crash":        crashed,
}

// inSync: two devices that hold the same meet again.
func inSync(s *stage) func() {
	a := s.Found()
	b := s.join(a)
	a.Import(1000)
	s.pass(1_000)
	s.meet(a, b)
	s.part(a, b)
	return func() { s.meet(a, b) }
}

// oneWrite: a write on one of two connected devices.
func oneWrite(s *stage) func() {
	a := s.Found()
	b := s.join(a)
	s.meet(a, b)
	return func() { a.Put("rahima", "Rahima"); s.pass(500) }
}

// initialSync: a new device gets all there is.
func initialSync(s *stage) func() {
	a := s.Found()
	a.Import(3000)
	s.pass(1_000)
	b := s.join(a)
	return func() { s.meet(a, b) }
}

// bothEdited: both wrote the same record while they were apart.
func bothEdited(s *stage) func() {
	a := s.Found()
	b := s.join(a)
	a.Put("rahima", "Rahima")
	s.meet(a, b)
	s.part(a, b)
	for i := range 3 {
		a.Put("rahima", fmt.Sprint("Rahima Begum ", i))
		b.Put("rahima", fmt.Sprint("Rahima Khatun ", i))
	}
	s.pass(100)
	return func() { s.meet(a, b) }
}

// chain: a write at one end of three.
func chain(s *stage) func() {
	a := s.Found()
	b, c := s.join(a), s.join(a)
	s.meet(a, b, c)
	return func() { a.Put("rahima", "Rahima"); s.pass(1_000) }
}

// cloned: a copy of a disk is used beside the first, both write, and meet the same
// third device.
func cloned(s *stage) func() {
	a := s.Found()
	b := s.join(a)
	s.meet(a, b)
	s.part(a, b)
	twin := s.Copy(b)
	b.Put("rahima", "Rahima")
	s.pass(50)
	s.meet(a, b)
	twin.Put("rahima", "Khatun")
	s.pass(50)
	return func() { s.Connect(a, twin); s.pass(8_000) }
}

// fork: two devices have got different branches of a third one's log.
func fork(s *stage) func() {
	a := s.Found()
	b, c, d := s.join(a), s.join(a), s.join(a)
	b.Import(40)
	s.meet(a, b)
	s.meet(a, c)
	s.meet(a, d)
	s.part(b, a, c)
	s.part(a, d)
	twin := s.Copy(b)
	for range 30 {
		b.Put("rahima", "Rahima")
		s.pass(2)
	}
	s.meet(b, c)
	s.part(b, c)
	for range 20 {
		twin.Put("rahima", "Khatun")
		s.pass(2)
	}
	s.meet(twin, d)
	s.part(twin, d)
	return func() { s.meet(c, d) }
}

// crashed: the power fails between a commit and telling of it.
func crashed(s *stage) func() {
	a := s.Found()
	b := s.join(a)
	s.meet(a, b)
	return func() {
		a.Put("rahima", "Rahima")
		s.pass(1)
		a.PowerCut()
		s.pass(500)
		a.Start()
		s.meet(a, b)
	}
}

// TestScenarios compares what is said, and what it costs, with what was written down.
func TestScenarios(t *testing.T) {
	var costs strings.Builder
	for _, name := range slices.Sorted(maps.Keys(scenarios)) {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			show := scenarios[name](s)
			var out bytes.Buffer
			s.Record(&out)
			show()
			if err := s.World.Err(); err != nil {
				t.Fatalf("%v", err)
			}
			golden(t, name+".txt", out.Bytes())
			fmt.Fprintf(&costs, "%-14s %s\n", name, s.Stats.Costs())
		})
	}
	golden(t, "costs.txt", []byte(costs.String()))
}
