package transport_test

import (
	"fmt"
	"testing"
	"time"

	"musafir/node/transport"
)

const idle = 500 * time.Millisecond // in these tests

func TestIdleConnectionCloses(t *testing.T) {
	for _, sweeper := range []string{"inbound", "outbound"} {
		t.Run(sweeper, func(t *testing.T) {
			bothTransports(t, func(t *testing.T, listen string) {
				t.Parallel()
				from, to := transport.Config{}, transport.Config{Listen: []string{listen}}
				if sweeper == "inbound" {
					to = transport.Swept(to, idle, 100)
				} else {
					from = transport.Swept(from, idle, 100)
				}
				a, b := newHost(t, from), newHost(t, to)
				b.Handle(echo, serveEcho)
				s := open(t, a, b, b.Addrs())
				check(t, exchange(s, "x"))
				awaitSweeps(t, sweeper == "inbound", a, b)
				check(t, exchange(s, "a connection with a stream stays"))
				check(t, s.Close())
				wantCloses(t, a, b)
				check(t, exchange(open(t, a, b, b.Addrs()), "and another one comes"))
			})
		})
	}
}

// awaitSweeps waits until the side that sweeps has closed a connection that is
// younger than all others: that of one more host, which has no stream.
func awaitSweeps(t *testing.T, inbound bool, a, b *transport.Host) {
	t.Helper()
	if inbound {
		a = newHost(t, transport.Config{})
	} else {
		b = newEcho(t, tcp0)
	}
	s := open(t, a, b, b.Addrs())
	check(t, exchange(s, "x"))
	check(t, s.Close())
	other := map[bool]*transport.Host{true: a, false: b}[inbound]
	until(t, "the younger connection closes", func() bool { return other.Conns() == 0 })
}

// wantCloses wants that the only connection goes on both sides, not before its time.
func wantCloses(t *testing.T, a, b *transport.Host) {
	t.Helper()
	start := time.Now()
	until(t, "both sides close", func() bool { return a.Conns()+b.Conns() == 0 })
	took := time.Since(start)
	if took < idle*9/10 || took > 6*idle {
		t.Errorf("it took %s", took)
	}
	t.Logf("closed after %s", took)
}

// TestUsedConnectionStays: streams that no sweep sees count as well.
func TestUsedConnectionStays(t *testing.T) {
	t.Parallel()
	a := newHost(t, transport.Swept(transport.Config{}, idle, 100))
	b := newHost(t, transport.Swept(transport.Config{Listen: []string{tcp0}}, idle, 100))
	b.Handle(echo, serveEcho)
	local := ""
	b.Handle("/test/where/1", func(s *transport.Stream) { fmt.Fprintln(s, s.Remote()); s.Close() })
	use := time.NewTicker(idle / 3)
	defer use.Stop()
	for range 10 {
		s, err := a.Open(within(t), b.ID(), b.Addrs(), "/test/where/1")
		check(t, err)
		var where string
		_, err = fmt.Fscanln(s, &where)
		check(t, err)
		check(t, s.Close())
		if local != "" && where != local {
			t.Fatalf("the connection from %s was replaced by one from %s", local, where)
		}
		local = where
		<-use.C
	}
}

// TestOpenWhileSwept opens around the moment at which the connection is closed. The
// side that sweeps is the one that opens, so nothing may fail.
func TestOpenWhileSwept(t *testing.T) {
	t.Parallel()
	a := newHost(t, transport.Swept(transport.Config{}, 20*time.Millisecond, 100))
	b := newEcho(t, tcp0)
	beat := time.NewTicker(22500 * time.Microsecond) // it drifts along the sweeps
	defer beat.Stop()
	for range 100 {
		s := open(t, a, b, b.Addrs())
		check(t, exchange(s, "x"))
		check(t, s.Close())
		<-beat.C
	}
}

// TestStrangersDoNotKeepMembersOut fills a small host with idle connections.
func TestStrangersDoNotKeepMembersOut(t *testing.T) {
	t.Parallel()
	const limit = 80
	b := newHost(t, transport.Swept(transport.Config{Listen: []string{tcp0}}, 8*idle, limit))
	b.Handle(echo, serveEcho)
	member := newHost(t, transport.Config{})
	s := open(t, member, b, b.Addrs())
	check(t, exchange(s, "x"))
	for range limit - 1 {
		_, err := rawConnect(t, newKey(t), portOf(b))
		check(t, err)
	}
	full := time.Now()
	late := newHost(t, transport.Config{})
	if s, err := late.Open(within(t), b.ID(), b.Addrs(), echo); err == nil && exchange(s, "x") == nil {
		t.Fatal("the host was not full")
	}
	until(t, "a member comes in", func() bool {
		s, err := late.Open(within(t), b.ID(), b.Addrs(), echo)
		return err == nil && exchange(s, "x") == nil
	})
	took := time.Since(full)
	if took > 12*idle {
		t.Errorf("a member was kept out for %s", took)
	}
	t.Logf("a member was kept out for %s", took)
	check(t, exchange(s, "the session from before goes on"))
}

// TestRoomForSessions: 128 sessions and 100 strangers fit, and a member besides.
func TestRoomForSessions(t *testing.T) {
	b := newEcho(t, tcp0)
	for i := range 228 {
		c, err := rawConnect(t, newKey(t), portOf(b))
		check(t, err)
		if i < 128 {
			_, err := rawOpen(t, c, echo)
			check(t, err)
		}
	}
	member := newHost(t, transport.Config{})
	check(t, exchange(open(t, member, b, b.Addrs()), "x"))
	if n := b.Conns(); n < 129 {
		t.Errorf("there are %d connections", n)
	}
}
