package crdt

import "time"

// A Time is a hybrid logical time: milliseconds since 1970 UTC in the upper 48
// bits, a counter in the lower 16 that carries into them.
type Time uint64

// MaxAheadMs is how far a remote time, or our own past, may push the clock
// beyond the device's own: 10 minutes.
const MaxAheadMs = 10 * 60 * 1000

const msMax = 1<<48 - 1

// TimeAt is the first hybrid time of a millisecond, or the nearest there is.
func TimeAt(ms int64) Time { return Time(min(max(ms, 0), msMax)) << 16 }

// Ms is the wall-clock part, in milliseconds since 1970 UTC.
func (t Time) Ms() int64 { return int64(t >> 16) }

// latestMs is the end of the year 9999: RFC 3339 writes none later.
const latestMs = 253_402_300_799_999

// Wall is the wall-clock part as a time in UTC, at the latest the end of the year 9999.
func (t Time) Wall() time.Time { return time.UnixMilli(min(t.Ms(), latestMs)).UTC() }

// A Clock yields hybrid times. The device's own time is an argument.
// After Kulkarni et al., "Logical Physical Clocks" (2014), with a bound.
type Clock struct {
	Last Time
}

// Next is the time of an entry written now. It grows, unless the clock was set
// back by more than MaxAheadMs: order inside a log is by sequence, so nothing
// depends on it.
func (c *Clock) Next(nowMs int64) Time {
	c.Last = min(max(c.Last+1, TimeAt(nowMs)), TimeAt(nowMs+MaxAheadMs))
	return c.Last
}

// Observe takes note of another device's time.
func (c *Clock) Observe(remote Time, nowMs int64) {
	c.Last = max(c.Last, min(remote, TimeAt(nowMs+MaxAheadMs)))
}
