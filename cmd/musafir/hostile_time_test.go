//go:build linux

package main

import (
	"context"
	"math"
	"net/http"
	"testing"
	"time"

	"musafir/crdt"
)

// TestHostileTimes: entries of any time are kept, of the far past, of the far future,
// and going backwards in a log. A time decides what is shown of two values that were
// written apart, and moves nobody's clock further than ten minutes.
func TestHostileTimes(t *testing.T) {
	t.Parallel()
	x := newSiege(t)
	a := x.daemons[0]
	a.patch("forged", "tie", map[string]any{"n": 1})
	x.settle()
	const never = crdt.Time(math.MaxUint64)
	t.Run("past", func(t *testing.T) {
		m := x.member(t, "past", "member")
		x.under(t, 0, toll{rssSlack, rssSlack}, func() string {
			fate := m.writesAt(x, "tie", 2, 0)
			x.ties(t, "tie", 1, 1)
			return fate
		})
	})
	t.Run("future", func(t *testing.T) {
		m := x.member(t, "future", "member")
		x.under(t, 0, toll{rssSlack, rssSlack}, func() string {
			fate := m.writesAt(x, "tie", 3, never)
			x.ties(t, "tie", 3, 2)
			return fate
		})
		a.patch("forged", "tie", map[string]any{"n": 4}) // having seen it
		x.ties(t, "tie", 4, 2)                           // the others it has not settled
		if ahead := x.ahead(t, "tie"); ahead > crdt.MaxAheadMs*time.Millisecond+time.Minute {
			t.Errorf("the clock of A ran away: it wrote %v ahead", ahead)
		}
	})
	t.Run("backwards", func(t *testing.T) {
		m := x.member(t, "backwards", "member")
		x.under(t, 0, toll{rssSlack, rssSlack}, func() string {
			fate := m.writesAt(x, "back", 9, never, timeNow(), 1, 0)
			// Written apart, as far as the entries say: the one of the greatest time is shown.
			x.ties(t, "back", 9, 3)
			return fate
		})
	})
}

// writesAt writes values of a record one after the other, at such times, in one log.
func (m *attacker) writesAt(x *siege, id string, n int64, times ...crdt.Time) string {
	l := m.meet(x.daemons[0])
	p := m.parcel()
	for i, at := range times {
		m.write(p, &m.log, m.entry(at, nil, id, n+int64(i)))
	}
	l.say(p)
	x.keeps(m.t, id, len(times))
	return l.fate()
}

// keeps waits until both honest devices have so many entries of a record at least.
func (x *siege) keeps(t *testing.T, id string, n int) {
	t.Helper()
	for _, d := range x.daemons {
		await(t, "the entries to be kept", func() bool {
			r, ok := d.find("forged", id)
			return ok && len(r.Conflicts["n"]) >= n-1
		})
	}
}

// ties waits until a value is shown, with so many others beside it.
func (x *siege) ties(t *testing.T, id string, n float64, others int) {
	t.Helper()
	for _, d := range x.daemons {
		await(t, "the value that is shown", func() bool {
			r, ok := d.find("forged", id)
			return ok && r.Fields["n"] == n && len(r.Conflicts["n"]) == others
		})
	}
}

// ahead is how far the newest entry of A on a record is ahead of this machine's clock.
func (x *siege) ahead(t *testing.T, id string) (most time.Duration) {
	t.Helper()
	doc, err := x.daemons[0].call(context.Background(), http.MethodGet, recordPath("forged", id, "history"), nil)
	check(t, err)
	var list struct {
		Entries []struct {
			Time, Device string
		}
	}
	mustUnmarshal(t, doc, &list)
	for _, e := range list.Entries {
		if e.Device != x.daemons[0].identity() {
			continue // its year may have five digits
		}
		at, err := time.Parse(apiTime, e.Time)
		check(t, err)
		most = max(most, time.Until(at))
	}
	return most
}
