package discovery

import "time"

const (
	pollPause = time.Second // between two looks at the interfaces

	pauseMin   = time.Second // between two questions, however often somebody asks for one
	slowMin    = 20 * time.Second
	slowMax    = 30 * time.Second
	eagerMin   = 4 * time.Second
	eagerMax   = 5 * time.Second
	surveyEach = 5 * time.Minute // for what else answers on a network

	// resumeGap is how much longer than pollPause a pause is if the device slept.
	resumeGap = 10 * time.Second
)

// quick are the questions at a beginning: when a network appears, when the device
// wakes up, when somebody waits. Packets are lost most while a link comes up.
var quick = [...]time.Duration{0, time.Second, 2 * time.Second, 3 * time.Second, 5 * time.Second, 8 * time.Second}

// A schedule says when to ask on one interface. It is a value; times come from
// outside.
type schedule struct {
	begun time.Time
	asks  int // since then
	last  time.Time
	slack float64 // where in the slow pause the next one falls, 0 to 1
}

// begin starts the quick questions anew.
func (s *schedule) begin(now time.Time) { s.begun, s.asks = now, 0 }

// asked notes a question. The slack is a random number from 0 to 1: devices that
// were turned on together drift apart.
func (s *schedule) asked(now time.Time, slack float64) {
	s.asks++
	s.last, s.slack = now, slack
}

// due is when to ask next.
func (s *schedule) due(eager bool) time.Time {
	if s.asks >= len(quick) {
		return s.last.Add(s.pause(eager))
	}
	at := s.begun.Add(quick[s.asks])
	if earliest := s.last.Add(pauseMin); at.Before(earliest) && !s.last.IsZero() {
		return earliest
	}
	return at
}

func (s *schedule) pause(eager bool) time.Duration {
	low, high := slowMin, slowMax
	if eager {
		low, high = eagerMin, eagerMax
	}
	return low + time.Duration(s.slack*float64(high-low))
}

// resumed tells from the time between two looks whether the device slept. While it
// does the wall clock goes on; the monotonic one stands still on some systems. A
// wall clock that was set says the same, and costs a question.
func resumed(wall, monotonic time.Duration) bool {
	return max(wall, monotonic) > pollPause+resumeGap
}
