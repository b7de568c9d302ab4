//go:build linux

package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"musafir/crdt"
	"musafir/node"
	"musafir/node/wire"
)

const (
	tinyLogs  = 3000
	manyForks = 3000
	perBatch  = 500 // entries: a batch holds some 800 of them
)

// TestHostileLogs: a member begins thousands of logs. All of them are valid and kept;
// what it costs is bounded, and the others go on.
func TestHostileLogs(t *testing.T) {
	notUnderRace(t)
	t.Parallel()
	x := newSiege(t)
	x.daemons[0].load("patients", 0, 200)
	x.settle()
	t.Run("tiny logs", func(t *testing.T) {
		m := x.member(t, "many logs", "member")
		x.under(t, 0, toll{192 << 20, 96 << 20}, func() string {
			l := m.meet(x.daemons[0])
			for n := 0; n < tinyLogs; n += perBatch {
				l.say(m.births(n, perBatch))
			}
			x.holdsAtLeast(t, tinyLogs)
			return l.fate()
		})
	})
	t.Run("answers nobody reads", func(t *testing.T) {
		m := x.member(t, "talks and does not listen", "member")
		x.under(t, 0, toll{128 << 20, 96 << 20}, func() string {
			l := m.meet(x.daemons[0])
			heads := l.held
			s, err := m.open(x.daemons[0], node.SyncProtocol)
			check(t, err)
			fate := m.mute(x, s, &wire.Frontier{Heads: heads})
			if !strings.HasPrefix(fate, "hung up on") {
				t.Errorf("who does not read %s", fate)
			}
			return fate
		})
	})
}

// TestHostileForks: two entries of a member follow one, or thousands do. All are kept
// on every device, whichever it heard of first.
func TestHostileForks(t *testing.T) {
	notUnderRace(t)
	t.Parallel()
	x := newSiege(t)
	t.Run("two follow one", func(t *testing.T) {
		m := x.member(t, "two faces", "member")
		x.under(t, 0, toll{rssSlack, rssSlack}, func() string {
			// One is told to A, the other to B.
			first, second := m.log, m.log
			p, q := m.parcel(), m.parcel()
			m.write(p, &first, m.entry(timeNow(), nil, "face", 1))
			m.write(q, &second, m.entry(timeNow(), nil, "face", 2))
			a, b := m.meet(x.daemons[0]), m.meet(x.daemons[1])
			a.say(p)
			b.say(q)
			for _, d := range x.daemons {
				await(t, "both branches", func() bool {
					r, ok := d.find("forged", "face")
					return ok && len(r.Conflicts["n"]) == 1
				})
			}
			return a.fate()
		})
	})
	t.Run("many forks", func(t *testing.T) {
		m := x.member(t, "many faces", "member")
		x.under(t, 0, toll{192 << 20, 96 << 20}, func() string {
			l := m.meet(x.daemons[0])
			before := x.daemons[0].status().Counts.Entries
			for n := 0; n < manyForks; n += perBatch {
				l.say(m.forks(n, perBatch))
			}
			x.holdsAtLeast(t, int(before)+manyForks)
			return l.fate()
		})
	})
	t.Run("forks on both sides", func(t *testing.T) {
		m := x.member(t, "faces everywhere", "member")
		x.under(t, 0, toll{192 << 20, 96 << 20}, func() string {
			before := x.daemons[0].status().Counts.Entries
			a, b := m.meet(x.daemons[0]), m.meet(x.daemons[1])
			for n := 0; n < manyForks/2; n += perBatch {
				a.say(m.forks(n, perBatch))
				b.say(m.forks(1<<16+n, perBatch))
			}
			x.holdsAtLeast(t, int(before)+manyForks)
			return a.fate()
		})
	})
	t.Run("seals in another order", func(t *testing.T) {
		m := x.member(t, "seals to be sought", "member")
		x.under(t, 0, toll{96 << 20, rssSlack}, func() string {
			l := m.meet(x.daemons[0])
			p := m.forks(0, perBatch)
			slices.Reverse(p.Seals)
			l.say(p)
			return l.end()
		})
	})
}

// births is a batch of that many logs of one entry each.
func (m *attacker) births(from, n int) *parcel {
	p := &parcel{wire.Batch{End: true}}
	for i := range n {
		birth, log := m.born(crdt.RecordLog, from+i+1)
		p.run(crdt.Place{Log: log}, birth.Encoded())
		p.seal(log, 0, crdt.SealEntry(m.key, m.camp, crdt.EntryID(log)))
	}
	return p
}

// forks is a batch of entries that all follow the birth of the attacker's log.
func (m *attacker) forks(from, n int) *parcel {
	p := m.parcel()
	for i := range n {
		branch := m.log
		m.write(p, &branch, m.entry(timeNow(), nil, fmt.Sprintf("fork-%d", from+i), int64(from+i)))
	}
	return p
}

// holdsAtLeast waits until both honest devices hold so many entries.
func (x *siege) holdsAtLeast(t *testing.T, n int) {
	t.Helper()
	for _, d := range x.daemons {
		await(t, "all that is valid to be kept", func() bool { return int(d.status().Counts.Entries) >= n })
	}
}
