package api

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// clockTolerance is how far clocks may differ before people are told.
const clockTolerance = 2 * time.Minute

// warnings are what people should know, in words; the clock's stand with it, too.
func (s *Server) warnings(inTouch []Peer, held uint64) (clock, []string, error) {
	c, clocks := clockOf(inTouch)
	all := []string{}
	if s.cfg.Open {
		all = append(all, OpenAdvice.String())
	}
	for _, a := range clocks {
		all = append(all, a.String())
	}
	if s.cfg.Advice != nil {
		for _, a := range s.cfg.Advice() {
			all = append(all, a.String())
		}
	}
	heldBack, err := s.heldWarnings(held)
	return c, append(all, slices.Concat(s.versionWarnings(inTouch), heldBack)...), err
}

// Advice is what is the case, and what to do about it: a sentence each.
type Advice struct{ Text, Remedy string }

func (a Advice) String() string { return a.Text + " " + a.Remedy }

// OpenAdvice is for an API that answers the network.
var OpenAdvice = Advice{
	"The API answers everybody in the network and is not encrypted: whoever is in it can read along, records and tokens.",
	"To end this, start musafir without --http-open.",
}

// clockOf compares this device's clock with those of the devices in touch.
func clockOf(inTouch []Peer) (clock, []Advice) {
	c := clock{Now: nowText()}
	others := make([]int64, len(inTouch))
	for i, p := range inTouch {
		others[i] = p.ClockMs
	}
	c.AheadMs = -median(others)
	warnings := clockWarnings(inTouch, c.AheadMs)
	if len(warnings) > 0 {
		c.Warning = warnings[0].String()
	}
	return c, warnings
}

// clockWarnings tell which clocks are wrong, by the median of the others'. Of two
// nobody can tell which of them it is.
func clockWarnings(inTouch []Peer, ahead int64) (warnings []Advice) {
	const until = "until then times shown are wrong, no record is lost."
	if len(inTouch) == 1 && far(ahead) {
		return []Advice{{fmt.Sprintf("This device's clock is %s that of %s.", apart(ahead), inTouch[0].called()), "Set the one that is wrong; " + until}}
	}
	if far(ahead) {
		warnings = append(warnings, Advice{fmt.Sprintf("This device's clock is %s the other devices'.", apart(ahead)), "Set it; " + until})
	}
	for i := range inTouch {
		p := &inTouch[i]
		if off := p.ClockMs + ahead; far(off) {
			warnings = append(warnings, Advice{fmt.Sprintf("The clock of %s is %s the other devices'.", p.called(), apart(off)), "Set it; " + until})
		}
	}
	return warnings
}

func far(ms int64) bool {
	return max(ms, -ms) > clockTolerance.Milliseconds()
}

// apart says how far a clock is from another one, as "3 hours ahead of".
func apart(ms int64) string {
	word := "ahead of"
	if ms < 0 {
		ms, word = -ms, "behind"
	}
	return about(time.Duration(ms)*time.Millisecond) + " " + word
}

// about is a duration in its largest unit that makes at least two, or one that
// fits well enough.
func about(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d >= 2*day:
		return plural(uint64(d.Round(day)/day), "day", "days")
	case d >= 2*time.Hour:
		return plural(uint64(d.Round(time.Hour)/time.Hour), "hour", "hours")
	}
	return plural(uint64(d.Round(time.Minute)/time.Minute), "minute", "minutes")
}

func plural(n uint64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// median is 0 for none; of the two in the middle of an even number, the one nearer
// to this device's own clock.
func median(ms []int64) int64 {
	if len(ms) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(ms))
	low, high := sorted[(len(sorted)-1)/2], sorted[len(sorted)/2]
	if max(low, -low) <= max(high, -high) {
		return low
	}
	return high
}

// versionWarnings tell which devices run another version of the program.
func (s *Server) versionWarnings(inTouch []Peer) (warnings []string) {
	for i := range inTouch {
		if p := &inTouch[i]; p.Version != "" && p.Version != s.cfg.Version {
			warnings = append(warnings, fmt.Sprintf("Musafir %s runs on %s, and %s on this one. They work together; install the newer version on both.",
				p.Version, p.called(), s.cfg.Version))
		}
	}
	return warnings
}

// called is what people call a device.
func (p *Peer) called() string {
	if p.Name == "" {
		return "the device " + p.ID
	}
	return fmt.Sprintf("the device %q", p.Name)
}

// A heldBack is what was told of the entries that are held and not merged, for as
// long as their number stays: listing them reads each.
type heldBack struct {
	mu       sync.Mutex
	entries  uint64
	warnings []string
}

func (s *Server) heldWarnings(entries uint64) ([]string, error) {
	s.held.mu.Lock()
	defer s.held.mu.Unlock()
	if entries == s.held.entries {
		return s.held.warnings, nil
	}
	held, err := s.backend.Quarantined()
	if err != nil {
		return nil, err
	}
	reasons := map[string]uint64{}
	for _, h := range held {
		reasons[h.Reason]++
	}
	s.held.entries, s.held.warnings = entries, nil
	for _, reason := range slices.Sorted(maps.Keys(reasons)) {
		s.held.warnings = append(s.held.warnings, fmt.Sprintf("%s held back and not shown: %s.",
			plural(reasons[reason], "entry is", "entries are"), reason))
	}
	return s.held.warnings, nil
}
