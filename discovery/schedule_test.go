package discovery

import (
	"testing"
	"time"
)

func TestSchedule(t *testing.T) {
	start := time.Now()
	var s schedule
	s.begin(start)
	for i, want := range []time.Duration{0, 1, 2, 3, 5, 8, 8 + 25, 8 + 50} {
		want *= time.Second
		if got := s.due(false).Sub(start); got != want {
			t.Errorf("question %d is due after %s, not %s", i, got, want)
		}
		s.asked(start.Add(want), 0.5)
	}
}

func TestSlowPause(t *testing.T) {
	now := time.Now()
	for _, tt := range []struct {
		slack float64
		eager bool
		want  time.Duration
	}{
		{0, false, 20 * time.Second}, {1, false, 30 * time.Second},
		{0, true, 4 * time.Second}, {1, true, 5 * time.Second},
	} {
		s := schedule{begun: now, asks: len(quick)}
		s.asked(now, tt.slack)
		if got := s.due(tt.eager).Sub(now); got != tt.want {
			t.Errorf("slack %v, eager %t: %s", tt.slack, tt.eager, got)
		}
	}
}

// TestAskOften checks that whoever asks all the time does not flood the network.
func TestAskOften(t *testing.T) {
	start := time.Now()
	now := start
	var s schedule
	asked := 0
	for range 1000 {
		s.begin(now)
		if !s.due(false).After(now) {
			asked++
			s.asked(now, 0)
		}
		now = now.Add(10 * time.Millisecond)
	}
	if asked != 10 {
		t.Errorf("asked %d times in %s", asked, now.Sub(start))
	}
}

// TestLate checks that questions that were missed do not follow at once.
func TestLate(t *testing.T) {
	start := time.Now()
	var s schedule
	s.begin(start)
	late := start.Add(time.Minute)
	for i := range len(quick) - 1 {
		s.asked(late, 0)
		if got := s.due(false).Sub(late); got != pauseMin {
			t.Errorf("after question %d, late, the next is due after %s", i, got)
		}
	}
}

func TestResumed(t *testing.T) {
	for _, tt := range []struct {
		wall, monotonic time.Duration
		want            bool
	}{
		{pollPause, pollPause, false},
		{8 * time.Second, 8 * time.Second, false}, // a busy machine
		{time.Hour, pollPause, true},              // the monotonic clock stood still
		{time.Hour, time.Hour, true},              // it did not
		{-time.Hour, pollPause, false},            // the clock was set back
	} {
		if resumed(tt.wall, tt.monotonic) != tt.want {
			t.Errorf("%s by the wall, %s by the stopwatch: not %t", tt.wall, tt.monotonic, tt.want)
		}
	}
}
