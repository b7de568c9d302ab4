//go:build linux

package main

import (
	"encoding/binary"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"musafir/crdt"
	"musafir/node"
	"musafir/node/wire"
)

// TestHostileDependencies: a member sends what depends on more than may be, on what
// nobody holds, and on chains that never begin.
func TestHostileDependencies(t *testing.T) {
	notUnderRace(t)
	t.Parallel()
	x := newSiege(t)
	a := x.daemons[0]
	t.Run("thousands of dependencies", func(t *testing.T) {
		m := x.member(t, "names thousands", "member")
		x.under(t, 0, toll{rssSlack, rssSlack}, func() string {
			l := m.meet(a)
			p := m.parcel()
			p.run(crdt.Place{Log: m.log.Log, Seq: 1, Prev: m.log.Head.ID}, namesMany(3000))
			l.say(p)
			fate := l.end()
			if l.bye == nil || l.bye.Code != wire.ByeRule {
				t.Errorf("it ended with %s", fate)
			}
			return fate
		})
		x.told(t, m, "list of dependencies")
	})
	t.Run("as many as may be", func(t *testing.T) {
		m := x.member(t, "names hundreds", "member")
		x.under(t, 0, toll{96 << 20, rssSlack}, func() string {
			l := m.meet(a)
			births := m.births(0, crdt.MaxDeps)
			l.say(births)
			var deps []crdt.Dep
			for i := range births.Runs {
				log := births.Runs[i].Log
				deps = append(deps, crdt.Dep{Log: log, ID: crdt.EntryID(log)})
			}
			deps = sortedDeps(deps)
			for n := range 100 {
				p := &parcel{wire.Batch{End: true}}
				if n == 0 {
					p = m.parcel()
				}
				m.write(p, &m.log, m.entry(timeNow(), deps, "deps", int64(n)))
				l.say(p)
			}
			x.keeps(t, "deps", 100)
			return l.fate()
		})
	})
	for name, parcel := range map[string]func(m *attacker, n int) *parcel{
		"never held": func(m *attacker, n int) *parcel {
			p, log := m.parcel(), m.log
			m.write(p, &log, m.entry(timeNow(), []crdt.Dep{nowhere(n)}, "f", int64(n)))
			return p
		},
		"never begun": func(m *attacker, n int) *parcel {
			p, log := m.parcel(), crdt.ResumeAuthor(m.log.Log, crdt.Head{Seq: uint64(n + 5), ID: nowhere(n).ID}, 0, 0)
			m.write(p, &log, m.entry(timeNow(), nil, "f", int64(n)))
			return p
		},
		"births never grounded": func(m *attacker, n int) *parcel {
			p := &parcel{wire.Batch{End: true}}
			for i := range 100 {
				birth, _ := m.born(crdt.RecordLog, 1)
				b := *birth.Birth()
				b.Incarnation = [16]byte{1, byte(n), byte(n >> 8), byte(i)}
				change, err := b.Change()
				check(m.t, err)
				e := m.made(timeNow(), sortedDeps([]crdt.Dep{m.admission, nowhere(n)}), change)
				log := crdt.LogID(e.ID(crdt.Place{}))
				p.run(crdt.Place{Log: log}, e.Encoded())
				p.seal(log, 0, crdt.SealEntry(m.key, m.camp, crdt.EntryID(log)))
			}
			return p
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := x.member(t, name, "member")
			x.under(t, 0, toll{96 << 20, rssSlack}, func() string {
				l := m.meet(a)
				return l.fateOf(l.flood(func(n int) wire.Frame { return parcel(m, n) }))
			})
			x.nothing(t, "f")
		})
	}
}

// nowhere is a dependency that nobody ever wrote.
func nowhere(n int) (d crdt.Dep) {
	d.Log[0], d.ID[0], d.Seq = 0xee, 0xee, 7
	binary.BigEndian.PutUint64(d.ID[1:], uint64(n))
	return d
}

func sortedDeps(deps []crdt.Dep) []crdt.Dep {
	slices.SortFunc(deps, func(x, y crdt.Dep) int { return strings.Compare(string(x.Log[:]), string(y.Log[:])) })
	return deps
}

// namesMany is an entry of more dependencies than there may be.
func namesMany(n int) []byte {
	b := crdt.AppendInt(crdt.AppendArray([]byte{crdt.EntryVersion}, 5), 1)
	b = crdt.AppendArray(b, n)
	for i := range n {
		d := nowhere(i)
		b = crdt.AppendBytes(crdt.AppendInt(crdt.AppendBytes(crdt.AppendArray(b, 3), d.Log[:]), 7), d.ID[:])
	}
	return b
}

// TestHostileReaders: a member asks for everything and reads nothing, or next to
// nothing, in all sessions that it gets.
func TestHostileReaders(t *testing.T) {
	notUnderRace(t)
	t.Parallel()
	x := newSiege(t)
	x.daemons[0].load("patients", 0, 30_000)
	x.settle()
	for name, byByte := range map[string]bool{"reads nothing": false, "reads byte by byte": true} {
		t.Run(name, func(t *testing.T) {
			m := x.member(t, name, "member")
			x.under(t, 0, toll{128 << 20, 64 << 20}, func() string {
				for range 8 {
					s, err := m.open(x.daemons[0], node.SyncProtocol)
					check(t, err)
					l := &line{t: t, stream: s}
					l.say(m.hail(x.daemons[0]), m.hello(), &wire.Frontier{}, &wire.Grant{Bytes: wire.MaxGrantBytes})
					if byByte {
						go sip(s)
					}
					defer s.Reset()
				}
				x.newcomer()
				return "delayed; a newcomer got everything"
			})
		})
	}
}

// sip reads a byte now and then until the stream ends.
func sip(s node.Stream) {
	for b := make([]byte, 1); ; {
		if _, err := s.Read(b); err != nil {
			return
		}
		<-time.After(100 * time.Millisecond)
	}
}

// TestHostileSources: a member says that it holds what does not exist, and when it is
// asked sends nothing, and grants nothing. The others get everything from each other.
func TestHostileSources(t *testing.T) {
	t.Parallel()
	x := newSiege(t)
	a, b := x.daemons[0], x.daemons[1]
	m := x.member(t, "promises", "member")
	x.under(t, 1, toll{rssSlack, rssSlack}, func() string {
		dir := x.admit("device C", "member")
		c := launch(t, dir, "up", "--http", "127.0.0.1:0", "--listen", freeListen, "--peer", x.listen[0])
		var lines []*line
		for _, d := range []*daemon{a, b, c} {
			l := m.meet(d)
			l.say(&wire.Have{Heads: madeUp(0, 5000)})
			l.next(wire.KindGrant) // it is asked, and sends nothing
			lines = append(lines, l)
		}
		// C has no session with B: it gets this by asking A.
		b.patch("honest", "by way of A", map[string]any{"n": 1})
		began := time.Now()
		await(t, "C to have what B wrote", func() bool {
			_, ok := c.find("honest", "by way of A")
			return ok
		})
		took := time.Since(began)
		if took > writeWithin {
			t.Errorf("it took %v", took)
		}
		await(t, "C to hold what A does", func() bool { return c.status().Digest == a.status().Digest })
		c.end()
		return fmt.Sprintf("%s; what had to be asked for came after %v", lines[1].fate(), took.Round(time.Millisecond))
	})
}

// TestHostileConnections: somebody opens connections and does not go on with the
// handshake, or does and opens no stream. A newcomer joins all the same.
func TestHostileConnections(t *testing.T) {
	t.Parallel()
	x := newSiege(t)
	place, ok := parsePlace(x.listen[0])
	if !ok {
		t.Fatal("A does not say where it is")
	}
	x.under(t, 0, toll{96 << 20, rssSlack}, func() string {
		for range 100 {
			c, err := net.Dial("tcp", place.at.String())
			check(t, err)
			defer c.Close()
		}
		hosts := 0
		for range 40 {
			if s, err := stranger(t).open(x.daemons[0], node.SyncProtocol); err == nil {
				hosts++
				s.Reset()
			}
		}
		x.newcomer()
		return fmt.Sprintf("100 silent connections and %d idle ones; a newcomer joined", hosts)
	})
}

// TestHostileSiblings: a record that thousands wrote to apart.
func TestHostileSiblings(t *testing.T) {
	notUnderRace(t)
	t.Parallel()
	const siblings = 2000
	x := newSiege(t)
	m := x.member(t, "siblings", "member")
	x.under(t, 0, toll{192 << 20, 96 << 20}, func() string {
		l := m.meet(x.daemons[0])
		first := m.parcel()
		for n := 0; n < siblings; n += perBatch {
			p := first
			first = &parcel{wire.Batch{End: true}}
			for i := range perBatch {
				e := m.entry(timeNow(), nil, "family", int64(n+i))
				at, _ := m.log.Next(e)
				p.run(at, e.Encoded())
			}
			p.seal(m.log.Log, m.log.Head.Seq, crdt.SealEntry(m.key, m.camp, m.log.Head.ID))
			l.say(p)
		}
		x.keeps(t, "family", siblings)
		return l.fate()
	})
}
