package replica_test

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"musafir/crdt"
	"musafir/node/replica"
	"musafir/node/wire"
)

// A crowd is a replica with many sessions over many logs, all in sync.
type crowd struct {
	b        *testing.B
	r        *replica.Replica
	writer   *replica.Writer
	branches []crdt.Branch
	own      int
	now      int64
}

func (c *crowd) step(what any) []any {
	c.now++
	if err := c.r.Step(replica.Event{Now: c.now, Wall: c.now, What: what}); err != nil {
		c.b.Fatalf("step: %v", err)
	}
	return c.r.Take()
}

func newCrowd(b *testing.B, sessions, logs int) *crowd {
	a := found(b)
	c := &crowd{b: b, writer: a.writer, branches: a.store.Branches()}
	c.own = slices.IndexFunc(c.branches, func(x crdt.Branch) bool { return x.Log == a.writer.Records.Log })
	for n := range logs {
		c.branches = append(c.branches, crdt.Branch{Log: sha256.Sum256(fmt.Append(nil, "log ", n)), Head: head(n, 7)})
	}
	ids := make([]crdt.DeviceID, sessions)
	for n := range ids {
		ids[n] = crdt.DeviceIDOf(public(keyOf(n + 2)))
		a.commit(func(g *replica.Group) error {
			_, err := g.Admit(crdt.Admission{Device: public(keyOf(n + 2)), Role: crdt.RoleMember, Name: "device"}, incarnation(n), 0)
			return err
		})
	}
	c.writer = a.writer
	c.r = replica.New(replica.Config{Logs: a.store, Writer: c.writer, Branches: c.branches})
	f := crdt.Frontier{}
	for _, x := range c.branches {
		f[x.Log] = append(f[x.Log], x.Head)
	}
	for n, id := range ids {
		c.step(replica.Opened{Session: replica.Session(n + 1), Peer: id})
		c.step(replica.Framed{Session: replica.Session(n + 1), Frame: &wire.Hello{Version: wire.Version, Nonce: [8]byte{byte(n)}, Digest: f.Digest()}})
	}
	if !c.r.Quiet() || len(c.r.Sessions()) != sessions {
		b.Fatal("they are not in sync")
	}
	return c
}

// head makes a head of a log.
func head(log int, seq uint64) crdt.Head {
	return crdt.Head{Seq: seq, ID: sha256.Sum256(binary.AppendUvarint(fmt.Append(nil, log, " "), seq))}
}

// moved is what is held after an entry more of one branch.
func (c *crowd) moved(branch int) replica.Committed {
	c.branches = slices.Clone(c.branches)
	b := &c.branches[branch]
	b.Head = head(branch, b.Head.Seq+1)
	if branch == c.own {
		w := *c.writer
		w.Records = crdt.ResumeAuthor(b.Log, b.Head, 0, 0)
		c.writer = &w
	}
	return replica.Committed{Writer: c.writer, Branches: c.branches}
}

const (
	benchSessions = 50
	benchLogs     = 200
)

// BenchmarkHave: another device says what it holds.
func BenchmarkHave(b *testing.B) {
	c := newCrowd(b, benchSessions, benchLogs)
	x := c.branches[20]
	have := &wire.Have{Heads: []wire.Head{{Log: crdt.EntryID(x.Log).Short(), Seq: x.Head.Seq, Hash: x.Head.ID[:8]}}}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		c.step(replica.Framed{Session: replica.Session(i%benchSessions + 1), Frame: have})
	}
}

// BenchmarkCommitOwn: a write here is pushed to all and acknowledged by all.
func BenchmarkCommitOwn(b *testing.B) {
	c := newCrowd(b, benchSessions, benchLogs)
	b.ReportAllocs()
	for b.Loop() {
		for _, effect := range c.step(c.moved(c.own)) {
			s, ok := effect.(replica.Stream)
			if !ok {
				b.Fatalf("a write brings a %T", effect)
			}
			g := s.Ranges[0]
			c.step(replica.Streamed{Session: s.Session, Epoch: s.Epoch, Sent: replica.Sent{Next: map[uint32]uint64{g.Branch: g.To + 1}, Bytes: 100}})
		}
		x := c.branches[c.own]
		have := &wire.Have{Heads: []wire.Head{{Log: crdt.EntryID(x.Log).Short(), Seq: x.Head.Seq, Hash: x.Head.ID[:8]}}}
		for n := range benchSessions {
			c.step(replica.Framed{Session: replica.Session(n + 1), Frame: have})
		}
	}
}

// BenchmarkCommitOther: what came from one device is announced to all.
func BenchmarkCommitOther(b *testing.B) {
	c := newCrowd(b, benchSessions, benchLogs)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if got := len(c.step(c.moved(10 + i%benchLogs/2))); got != benchSessions {
			b.Fatalf("%d effects, want one for each session", got)
		}
	}
}

// BenchmarkTick: nothing happens.
func BenchmarkTick(b *testing.B) {
	c := newCrowd(b, benchSessions, benchLogs)
	b.ReportAllocs()
	for b.Loop() {
		c.now--
		c.step(replica.Tick{})
	}
}
