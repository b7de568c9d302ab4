package crdt

import (
	"math"
	"testing"
	"time"
)

// Whatever time an entry claims, it can be written and read again.
func TestWall(t *testing.T) {
	for _, at := range []Time{0, TimeAt(1767225600000), Time(latestMs << 16), Time(latestMs+1) << 16, math.MaxUint64} {
		text := at.Wall().Format(time.RFC3339Nano)
		if _, err := time.Parse(time.RFC3339Nano, text); err != nil {
			t.Errorf("%d is written %s: %v", uint64(at), text, err)
		}
	}
	if got := TimeAt(1767225600000).Wall().UnixMilli(); got != 1767225600000 {
		t.Errorf("an ordinary time is %d", got)
	}
}
