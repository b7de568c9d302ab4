//go:build linux

package main

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"musafir/crdt"
	"musafir/node"
	"musafir/node/access"
	"musafir/node/wire"
)

// TestHostileReplays: what was said before, by whomever, is said again.
func TestHostileReplays(t *testing.T) {
	t.Parallel()
	x := newSiege(t)
	a, b := x.daemons[0], x.daemons[1]
	a.load("patients", 0, 300)
	x.settle()
	t.Run("a whole session", func(t *testing.T) {
		m := x.member(t, "says it again", "member")
		frames, _ := m.takeAll(a)
		entries := a.status().Counts.Entries
		x.under(t, 0, toll{rssSlack, rssSlack}, func() string {
			l := m.meet(a)
			for range 20 {
				for _, f := range frames {
					l.say(f)
				}
			}
			if l.next(wire.KindHave) == nil { // all that came again is held, and said so
				t.Error("A does not answer")
			}
			return l.fate()
		})
		if more := a.status().Counts.Entries - entries; more > 200 { // those of the honest writes meanwhile
			t.Errorf("A holds %d entries more", more)
		}
	})
	t.Run("the same process", func(t *testing.T) {
		m := x.member(t, "twice there", "member")
		x.under(t, 0, toll{rssSlack, rssSlack}, func() string {
			first, again := m.call(a, node.SyncProtocol), m.call(a, node.SyncProtocol)
			hello := m.hello()
			first.say(m.hail(a), hello)
			m.heads(first)
			again.say(m.hail(a), hello)
			fate := first.end()
			if first.bye == nil || first.bye.Code != wire.ByeBusy {
				t.Errorf("the first session ends with %s", fate)
			}
			return fate
		})
	})
	t.Run("the proof of B", func(t *testing.T) {
		m, insider := x.member(t, "asks for proofs", "member"), x.insider(t)
		x.under(t, 0, toll{rssSlack, rssSlack}, func() string {
			asked := m.call(b, node.SyncProtocol)
			asked.say(m.hail(b), m.hello(), &wire.Prove{MAC: wire.ProveMAC(m.discovery, m.id, crdt.DeviceID(b.identity()))})
			proof, ok := asked.next(wire.KindProof).(*wire.Proof)
			if !ok {
				t.Fatal("B does not prove itself to a member")
			}
			l := insider.call(a, node.SyncProtocol)
			l.say(insider.hail(a), insider.hello())
			l.next(wire.KindProve)
			l.say(proof)
			fate := l.end()
			if l.bye == nil || l.bye.Code != wire.ByeStranger {
				t.Errorf("with the proof of another an insider ends with %s", fate)
			}
			return fate
		})
	})
	t.Run("the knock of another", func(t *testing.T) {
		x.under(t, 0, toll{rssSlack, rssSlack}, func() string {
			doc, err := a.call(context.Background(), http.MethodPost, "/v1/invites", nil)
			check(t, err)
			var invite struct{ Code access.Code }
			mustUnmarshal(t, doc, &invite)
			honest, thief := stranger(t), stranger(t)
			knock := &wire.Knock{Invitation: invite.Code.Name(), Name: "tent", MAC: invite.Code.Request(honest.id, crdt.DeviceID(a.identity()), "tent")}
			l := thief.call(a, node.JoinProtocol)
			l.say(knock)
			fate := l.end()
			if l.bye == nil || l.bye.Code != wire.ByeRefused {
				t.Errorf("the knock of another ends with %s", fate)
			}
			// The code is as good as before for the one that it is meant for; but once only.
			for i, want := range []wire.Kind{wire.KindWelcome, wire.KindBye} {
				l := honest.call(a, node.JoinProtocol)
				l.say(knock)
				if l.next(want) == nil {
					t.Errorf("knock %d of who knows the code is not answered with %v", i+1, want)
				}
			}
			return fate
		})
	})
}

// TestHostileKnocks: somebody tries codes as fast as it can. After a few it is put off,
// and the devices of the camp go on.
func TestHostileKnocks(t *testing.T) {
	t.Parallel()
	x := newSiege(t)
	x.under(t, 0, toll{rssSlack, rssSlack}, func() string {
		m, put := stranger(t), 0
		var last *line
		for n := range 300 {
			last = m.call(x.daemons[0], node.JoinProtocol)
			last.say(&wire.Knock{Invitation: fmt.Sprintf("%04d", n), Name: "n", MAC: [32]byte{byte(n)}})
			if last.end(); last.bye != nil && last.bye.Text == node.TooManyWrong {
				put++
			}
			last.stream.Reset()
		}
		if put < 290 {
			t.Errorf("of 300 tries %d were put off", put)
		}
		return last.end()
	})
}
