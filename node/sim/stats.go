package sim

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"musafir/node/wire"
)

// Stats counts what happened in a world.
type Stats struct {
	Frames    map[wire.Kind]int
	Bytes     map[wire.Kind]int
	Sent      map[[2]string]int // bytes, by who sent them to whom
	Sessions  int
	Acked     int            // writes
	Lost      int            // of them, with a disk that nobody had a copy of
	Faults    map[string]int // by kind
	Payload   int            // bytes of entries that came
	Useful    int            // of them, of entries that were not held
	HealMs    int64          // from the end of the faults until all held the same
	Renewed   int
	SlowestMs int64          // from the disk of its author to that of another device
	Trips     int            // one way, until the last entry that was not held had come
	Phones    map[string]int // what phones did
}

func newStats() Stats {
	return Stats{Frames: map[wire.Kind]int{}, Bytes: map[wire.Kind]int{}, Faults: map[string]int{}, Sent: map[[2]string]int{}, Phones: map[string]int{}}
}

func (s *Stats) count(f wire.Frame, bytes int) {
	s.Frames[f.Kind()]++
	s.Bytes[f.Kind()] += bytes
}

// Total are all frames and their bytes.
func (s *Stats) Total() (frames, bytes int) {
	for k, n := range s.Frames {
		frames += n
		bytes += s.Bytes[k]
	}
	return frames, bytes
}

// Add sums up two worlds; of times it keeps the longer.
func (s *Stats) Add(o Stats) {
	for k, n := range o.Frames {
		s.Frames[k] += n
		s.Bytes[k] += o.Bytes[k]
	}
	for k, n := range o.Faults {
		s.Faults[k] += n
	}
	for k, n := range o.Phones {
		s.Phones[k] += n
	}
	s.Sessions += o.Sessions
	s.Acked += o.Acked
	s.Lost += o.Lost
	s.Payload += o.Payload
	s.Useful += o.Useful
	s.Renewed += o.Renewed
	s.SlowestMs = max(s.SlowestMs, o.SlowestMs)
	s.HealMs = max(s.HealMs, o.HealMs)
}

func (s *Stats) String() string {
	var b strings.Builder
	frames, bytes := s.Total()
	fmt.Fprintf(&b, "%d sessions, %d frames, %d bytes, %d writes, %d lost with their disk, %d renewed, healed within %d ms, payload %d, useful %d\n",
		s.Sessions, frames, bytes, s.Acked, s.Lost, s.Renewed, s.HealMs, s.Payload, s.Useful)
	for _, k := range slices.Sorted(maps.Keys(s.Frames)) {
		fmt.Fprintf(&b, "%9d %s, %d bytes\n", s.Frames[k], k, s.Bytes[k])
	}
	for _, k := range slices.Sorted(maps.Keys(s.Faults)) {
		fmt.Fprintf(&b, "%9d %s\n", s.Faults[k], k)
	}
	for _, k := range slices.Sorted(maps.Keys(s.Phones)) {
		fmt.Fprintf(&b, "%9d %s\n", s.Phones[k], k)
	}
	return b.String()
}

// Costs says in a line what was sent.
func (s *Stats) Costs() string {
	frames, bytes := s.Total()
	line := fmt.Sprintf("%d frames, %d bytes, %d trips one way", frames, bytes, s.Trips)
	for _, d := range slices.SortedFunc(maps.Keys(s.Sent), func(a, b [2]string) int { return slices.Compare(a[:], b[:]) }) {
		line += fmt.Sprintf("; %s -> %s %d", d[0], d[1], s.Sent[d])
	}
	return line
}

// Frontiers are how many were told, and their bytes.
func (s *Stats) Frontiers() (frames, bytes int) {
	return s.Frames[wire.KindFrontier], s.Bytes[wire.KindFrontier]
}
