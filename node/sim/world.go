package sim

import (
	"crypto/ed25519"
	"fmt"
	"io"
	"math/rand/v2"

	"musafir/crdt"
)

// Config says what a world is like. A span is from the first to the second, drawn
// anew each time; times are in microseconds.
type Config struct {
	Seed       uint64
	Latency    [2]int64 // of a frame, one way
	Commit     [2]int64 // of a commit
	Tick       int64    // between two ticks of a replica
	BytesPerMs int      // of a stream in one direction; 0: no limit
	Trace      io.Writer
	Blind      bool // what phones get is not checked, so that it takes less time
}

// Quiet is a world in which everything takes the time that one expects.
func Quiet(seed uint64) Config {
	return Config{Seed: seed, Latency: [2]int64{2_000, 2_000}, Commit: [2]int64{1_000, 1_000}, Tick: 100_000}
}

const epochMs = 1_767_225_600_000 // 2026-01-01, when each world begins

// A World is the machines and what is between them.
type World struct {
	Config
	Machines []*Machine
	Stats    Stats

	random   *rand.Rand
	now      int64 // microseconds since the world began
	queue    events
	serial   uint64
	camp     crdt.CampID
	book     *book
	trace    *trace
	edges    map[[2]int]bool // who may dial whom, lesser number first
	topology Topology
	cut      map[[2]int]bool // from, to: nothing gets through
	conns    []*conn         // open
	begun    int             // conns so far
	roots    map[[crdt.HashSize]byte]rootOf
	acked    set      // entries that were acknowledged and must be everywhere
	faulty   bool     // things may go wrong
	tasks    []func() // ends each
	ward     *ward    // nil: no phones
	err      error
}

// New makes an empty world.
func New(cfg Config) *World {
	w := &World{
		Config: cfg, random: rand.New(rand.NewPCG(cfg.Seed, 0x6d757361666972)),
		book: newBook(), edges: map[[2]int]bool{}, cut: map[[2]int]bool{}, roots: map[[crdt.HashSize]byte]rootOf{},
		Stats: newStats(),
	}
	w.trace = newTrace(cfg.Trace)
	return w
}

// Err is what was found, or nil.
func (w *World) Err() error { return w.err }

// fail takes note of the first thing that is not as it must be.
func (w *World) fail(format string, args ...any) {
	if w.err != nil {
		return
	}
	w.err = fmt.Errorf("after %s: %w", seconds(w.now), fmt.Errorf(format, args...))
	w.log("FAILED: %v", w.err)
}

func (w *World) span(s [2]int64) int64 {
	if s[1] <= s[0] {
		return s[0]
	}
	return s[0] + w.random.Int64N(s[1]-s[0])
}

// chance is true so many times of a hundred.
func (w *World) chance(percent int) bool { return w.random.IntN(100) < percent }

func (w *World) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(w.random.Uint32())
	}
	return b
}

func (w *World) key() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(w.bytes(ed25519.SeedSize)) }

func (w *World) incarnation() [16]byte { return [16]byte(w.bytes(16)) }

func edge(a, b *Machine) [2]int { return [2]int{min(a.n, b.n), max(a.n, b.n)} }

// Connect lets two machines find each other.
func (w *World) Connect(a, b *Machine) {
	if a != b {
		w.edges[edge(a, b)] = true
	}
}

// Disconnect ends that, and the streams between them.
func (w *World) Disconnect(a, b *Machine) {
	delete(w.edges, edge(a, b))
	for _, c := range w.between(a, b) {
		c.reset("the machines part")
	}
}

func (w *World) between(a, b *Machine) (list []*conn) {
	for _, c := range w.conns {
		if edge(c.ends[0].m, c.ends[1].m) == edge(a, b) {
			list = append(list, c)
		}
	}
	return list
}

// neighbours are the machines that one may dial, by number.
func (w *World) neighbours(m *Machine) (list []*Machine) {
	for _, other := range w.Machines {
		if other != m && w.edges[edge(m, other)] {
			list = append(list, other)
		}
	}
	return list
}
