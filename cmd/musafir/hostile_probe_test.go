//go:build linux

package main

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"musafir/crdt"
	"musafir/node"
)

// others are protocols by which libp2p's devices tell of themselves: who they are, what
// program they run, where they listen, whom they know. A device of a camp has none of
// them.
var others = []string{
	"/ipfs/id/1.0.0", "/ipfs/id/push/1.0.0", "/ipfs/ping/1.0.0", "/ipfs/kad/1.0.0", "/ipfs/lan/kad/1.0.0",
	"/libp2p/circuit/relay/0.2.0/hop", "/libp2p/circuit/relay/0.2.0/stop", "/libp2p/autonat/1.0.0", "/libp2p/autonat/2/dial-request",
	"/libp2p/dcutr", "/meshsub/1.1.0", "/floodsub/1.0.0", "/ipfs/bitswap/1.2.0", "/http/1.1",
	"/musafir/process/1", // this one is only for who has the device's own key
	"ls", "/musafir/sync/2", "/musafir/join/2", "/musafir",
}

// TestHostileProbe: whoever speaks libp2p to a device and has nothing of the camp's
// learns its public key, and that it speaks the protocols whose names are asked for by
// name. It is asked nothing, and told nothing else.
func TestHostileProbe(t *testing.T) {
	t.Parallel()
	x := newSiege(t)
	a := x.daemons[0]
	run, err := readRunFile(a.dir)
	check(t, err)
	x.under(t, 0, toll{rssSlack, rssSlack}, func() string {
		for _, at := range run.Listen {
			m := stranger(t)
			var asked atomic.Int32
			for _, p := range others {
				m.net.Handle(p, func(node.Stream) { asked.Add(1) })
			}
			for _, p := range others {
				if n, err := m.probe(a, at, p, []byte("a")); n > 0 || err == nil || !strings.Contains(err.Error(), "not supported") {
					t.Errorf("%s at %s answers with %d bytes and %v", p, at, n, err)
				}
			}
			for _, p := range []string{node.SyncProtocol, node.JoinProtocol} {
				for _, say := range [][]byte{nil, {0}, bytes.Repeat([]byte{0xff}, 100), []byte("GET / HTTP/1.1\r\n\r\n")} {
					if n, err := m.probe(a, at, p, say); n > 0 || err == nil {
						t.Errorf("%s at %s answers %q with %d bytes and %v", p, at, say, n, err)
					}
				}
			}
			if n := asked.Load(); n > 0 {
				t.Errorf("at %s the device asked %d times itself", at, n)
			}
		}
		return "learns the public key"
	})
	t.Run("in the clear", func(t *testing.T) {
		place, _ := parsePlace(x.listen[0])
		for _, ask := range []string{"ls", "/tls/1.0.0", "/plaintext/2.0.0", "/yamux/1.0.0", node.SyncProtocol} {
			if got := inTheClear(t, place.at.String(), ask); got != "/multistream/1.0.0\nna\n" {
				t.Errorf("asked for %q in the clear, the device says %q", ask, got)
			}
		}
	})
}

// probe opens a stream of a protocol and tells what comes back, the names of protocols
// apart. Who is not spoken to says nothing either.
func (m *attacker) probe(d *daemon, at, protocol string, say []byte) (n int, err error) {
	m.t.Helper()
	s, err := m.openAt(crdt.DeviceID(d.identity()), []string{at}, protocol)
	check(m.t, err)
	defer s.Reset()
	s.SetDeadline(time.Now().Add(500 * time.Millisecond))
	_, _ = s.Write(say)
	return s.Read(make([]byte, 4096))
}

// inTheClear asks for a protocol before anything is encrypted.
func inTheClear(t *testing.T, at, ask string) string {
	t.Helper()
	c, err := net.Dial("tcp", at)
	check(t, err)
	defer c.Close()
	check(t, c.SetDeadline(time.Now().Add(500*time.Millisecond)))
	var b []byte
	for _, line := range []string{"/multistream/1.0.0", ask} {
		b = append(append(binary.AppendUvarint(b, uint64(len(line)+1)), line...), '\n')
	}
	_, err = c.Write(b)
	check(t, err)
	got, _ := io.ReadAll(c)
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' || r == 0xfffd {
			return -1 // lengths
		}
		return r
	}, string(got))
}
