//go:build linux

package main

import (
	"crypto/ed25519"
	"slices"
	"strings"
	"testing"

	"musafir/crdt"
	"musafir/node/wire"
)

// TestHostileNewer: a reader pretends to run a newer program. It begins a log of a kind
// that nobody knows, which may stand; admits in it, which makes no member; and begins a
// control log under that, which would go ahead of what it rests on: it is refused. New
// devices join, one that was away comes back, and a restart changes no device's mind.
func TestHostileNewer(t *testing.T) {
	t.Parallel()
	x := newSiege(t)
	x.daemons[0].load("patients", 0, 20)
	x.settle()
	away := x.admit("device C", "member")
	m := x.member(t, "a reader", "reader")
	x.under(t, 0, toll{rssSlack, rssSlack}, func() string {
		l := m.meet(x.daemons[0])
		newer, act := m.newerLog()
		l.say(newer)
		x.holdsNewer(t)
		l.say(m.controlLogUnder(act))
		fate := l.end()
		if l.bye == nil || l.bye.Code != wire.ByeRule || !strings.Contains(l.bye.Text, "not held, or is none") {
			t.Errorf("it ended with %s", fate)
		}
		return fate
	})
	x.admitsNobody(t)
	x.raise(x.admit("late", "member"), "--peer", x.listen[0])
	x.raise(away, "--peer", x.listen[0])
	x.daemons[1].end()
	again := x.dirs[1]
	x.dirs, x.listen, x.daemons = slices.Delete(x.dirs, 1, 2), slices.Delete(x.listen, 1, 2), slices.Delete(x.daemons, 1, 2)
	x.raise(again, "--peer", x.listen[0])
	x.daemons[0].load("patients", 20, 40)
	x.settle()
}

// newerLog is a log of a kind that nobody knows, with an admission in it.
func (m *attacker) newerLog() (*parcel, crdt.Dep) {
	birth, log := m.born(99, 1)
	p := &parcel{wire.Batch{End: true}}
	p.run(crdt.Place{Log: log}, birth.Encoded())
	p.seal(log, 0, crdt.SealEntry(m.key, m.camp, crdt.EntryID(log)))
	author := crdt.ResumeAuthor(log, crdt.Head{ID: crdt.EntryID(log)}, 0, 0)
	at, id := m.write(p, &author, m.made(timeNow(), nil, m.admissionOf(stranger(m.t))))
	return p, crdt.Dep{Log: at.Log, Seq: at.Seq, ID: id}
}

func (m *attacker) controlLogUnder(act crdt.Dep) wire.Frame {
	b := &crdt.Birth{
		Camp: m.camp, Kind: crdt.ControlLog, Device: m.key.Public().(ed25519.PublicKey),
		Admission: act.ID, Incarnation: [16]byte{9}, Ordinal: 3,
	}
	return m.birthFrames(b, act)[0]
}

// holdsNewer waits until both devices hold the log that they do not understand.
func (x *siege) holdsNewer(t *testing.T) {
	t.Helper()
	await(t, "the log of an unknown kind to be held", func() bool {
		for _, d := range x.daemons {
			if d.status().Counts.Quarantined == 0 {
				return false
			}
		}
		return true
	})
}
