//go:build linux

package main

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"
	"time"

	"musafir/crdt"
	"musafir/node"
	"musafir/node/wire"
)

// floodFor is how long a flood goes on.
const floodFor = 1500 * time.Millisecond

// flood says frames without a pause, as long as somebody takes them.
func (l *line) flood(frame func(n int) wire.Frame) (said int) {
	l.t.Helper()
	for late := time.Now().Add(floodFor); time.Now().Before(late) && l.lasts(); {
		var b []byte
		for len(b) < 64<<10 {
			var err error
			b, err = wire.Append(b, frame(said))
			check(l.t, err)
			said++
		}
		if !l.raw(b) {
			break
		}
	}
	return said
}

// fateOf is what became of somebody who flooded: the session may go on.
func (l *line) fateOf(said int) string {
	l.t.Helper()
	return fmt.Sprintf("%s after %d frames", l.fate(), said)
}

// TestHostileFloods: a member says as much as it can. It costs bounded memory, and
// nobody else has to wait.
func TestHostileFloods(t *testing.T) {
	notUnderRace(t)
	t.Parallel()
	x := newSiege(t)
	x.daemons[0].load("patients", 0, 3000)
	x.settle()
	for name, flood := range floods {
		t.Run(name, func(t *testing.T) {
			m := x.member(t, name, "member")
			x.under(t, 0, toll{64 << 20, rssSlack}, func() string { return flood(x, m) })
		})
	}
}

var floods = map[string]func(x *siege, m *attacker) string{
	"beats": func(x *siege, m *attacker) string {
		l := m.meet(x.daemons[0])
		return l.fateOf(l.flood(func(n int) wire.Frame { return &wire.Beat{Time: uint64(n)} }))
	},
	"grants": func(x *siege, m *attacker) string {
		l := m.meet(x.daemons[0])
		return l.fateOf(l.flood(func(int) wire.Frame { return &wire.Grant{Bytes: wire.MaxGrantBytes} }))
	},
	"frontiers of nothing": func(x *siege, m *attacker) string {
		l := m.meet(x.daemons[0])
		return l.fateOf(l.flood(func(int) wire.Frame { return &wire.Frontier{} }))
	},
	"frontiers with grants": func(x *siege, m *attacker) string {
		l := m.meet(x.daemons[0])
		return l.fateOf(l.flood(func(n int) wire.Frame {
			if n%2 == 0 {
				return &wire.Frontier{}
			}
			return &wire.Grant{Bytes: wire.MaxGrantBytes}
		}))
	},
	"heads of logs that nobody has": func(x *siege, m *attacker) string {
		// An honest device may hold as many logs, so it is no breach: what cannot be
		// remembered is passed over, and the memory that it takes has a bound.
		l := m.meet(x.daemons[0])
		said := l.flood(func(n int) wire.Frame { return &wire.Have{Heads: madeUp(n, 12_000)} })
		if !l.lasts() || l.broken || said < 16 {
			m.t.Errorf("who names %d heads that nobody holds %s", said*12_000, l.fate())
		}
		return l.fateOf(said)
	},
	"heads in the log of A": func(x *siege, m *attacker) string {
		log, head := x.logOf(m, 0)
		heads := make([]wire.Head, 0, 12_000)
		for i := range cap(heads) {
			hash := binary.BigEndian.AppendUint64(nil, uint64(i))
			heads = append(heads, wire.Head{Log: crdt.EntryID(log).Short(), Seq: max(1, head.Seq/2), Hash: hash})
		}
		l := m.meet(x.daemons[0])
		return l.fateOf(l.flood(func(int) wire.Frame { return &wire.Have{Heads: heads} }))
	},
	"trails of logs that nobody has": func(x *siege, m *attacker) string {
		l := m.meet(x.daemons[0])
		return l.fateOf(l.flood(func(n int) wire.Frame {
			return &wire.Trail{Log: crdt.ShortID{0xff, byte(n >> 16), byte(n >> 8), byte(n)}, Points: []wire.Point{{Seq: 1}}}
		}))
	},
	"replies nobody reads": func(x *siege, m *attacker) string {
		s, err := m.open(x.daemons[0], node.SyncProtocol)
		check(m.t, err)
		return m.mute(x, s, &wire.Frontier{})
	},
	"sessions": func(x *siege, m *attacker) string {
		var lines []*line
		for range 160 {
			l := m.call(x.daemons[0], node.SyncProtocol)
			l.say(m.hail(x.daemons[0]), m.hello())
			l.next(wire.KindHello)
			lines = append(lines, l)
		}
		left := lines
		awaitTrue(m.t, "one device has no more than 8 sessions", func() bool {
			left = slices.DeleteFunc(left, func(l *line) bool { return !l.lasts() })
			return len(left) <= 8
		})
		if len(left) == 0 {
			m.t.Error("the youngest sessions gave way too")
		}
		return fmt.Sprintf("%d of 160 last, the oldest gave way", len(left))
	},
}

// madeUp are heads of logs that do not exist.
func madeUp(n, count int) []wire.Head {
	heads := make([]wire.Head, count)
	for i := range heads {
		heads[i] = wire.Head{Log: crdt.ShortID{0xff}, Seq: 3, Hash: make([]byte, 8)}
		binary.BigEndian.PutUint64(heads[i].Log[1:], uint64(n*count+i))
	}
	return heads
}

// mute says a frame on and on and reads nothing.
func (m *attacker) mute(x *siege, s node.Stream, f wire.Frame) string {
	l := &line{t: m.t, stream: s, gone: make(chan struct{})}
	defer s.Reset()
	l.say(m.hail(x.daemons[0]), m.hello())
	n := l.flood(func(int) wire.Frame { return f })
	if l.broken {
		return fmt.Sprintf("hung up on after %d frames", n)
	}
	return fmt.Sprintf("goes on after %d frames", n)
}
