//go:build linux

package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"musafir/node"
	"musafir/node/wire"
)

// framed is a frame made by hand, with whatever length it says.
func framed(length uint64, kind wire.Kind, body []byte) []byte {
	return append(append(binary.AppendUvarint(nil, length), byte(kind)), body...)
}

func wholeFrame(kind wire.Kind, body []byte) []byte { return framed(uint64(len(body)+1), kind, body) }

// zipped is a batch frame whose payload comes out as n zero bytes; says is what it
// states, 0 what is true.
func zipped(t *testing.T, n int, says uint64) []byte {
	w, err := zstd.NewWriter(nil, zstd.WithSingleSegment(true))
	check(t, err)
	b := w.EncodeAll(make([]byte, n), nil)
	if says > 0 {
		// Behind the magic number stands a descriptor that says how long the size is.
		b = append(append([]byte{0x28, 0xb5, 0x2f, 0xfd, 0xe0}, binary.LittleEndian.AppendUint64(nil, says)...), b[6:]...)
	}
	return wholeFrame(wire.KindBatch, append([]byte{3}, b...))
}

// frames are bytes that no device says, and what a member is told.
var badFrames = map[string]struct {
	want  string
	bytes func(t *testing.T) []byte
}{
	"length of gigabytes": {"too large", func(*testing.T) []byte { return bytes.Repeat([]byte{0xff}, 10) }},
	"length above the limit": {"too large", func(*testing.T) []byte {
		return framed(wire.MaxFrameBytes+1, wire.KindBatch, make([]byte, 1000))
	}},
	"long beat":                {"too large", func(*testing.T) []byte { return wholeFrame(wire.KindBeat, make([]byte, 1000)) }},
	"length in too many bytes": {"malformed", func(*testing.T) []byte { return []byte{0x81, 0x00, 10} }},
	"no length":                {"malformed", func(*testing.T) []byte { return make([]byte, 64) }},
	"noise as a frontier":      {"malformed", func(*testing.T) []byte { return wholeFrame(wire.KindFrontier, bytes.Repeat([]byte{0x9f}, 300_000)) }},
	"deeply nested":            {"malformed", func(*testing.T) []byte { return wholeFrame(wire.KindHave, bytes.Repeat([]byte{0x81}, 300_000)) }},
	"frame that ends early":    {"malformed", func(*testing.T) []byte { return wholeFrame(wire.KindGrant, []byte{0x81, 0x1a, 0}) }},
	"bomb that tells":          {"too large", func(t *testing.T) []byte { return zipped(t, 100<<20, 0) }},
	"bomb that lies":           {"malformed", func(t *testing.T) []byte { return zipped(t, 10<<20, 4096) }},
	"bomb of largest size":     {"malformed", func(t *testing.T) []byte { return zipped(t, wire.MaxPayloadBytes, 0) }},
	"batch with counts of millions": {"too large", func(*testing.T) []byte {
		return wholeFrame(wire.KindBatch, binary.AppendUvarint([]byte{1}, 1<<40))
	}},
	"second hail": {"has no place here", func(t *testing.T) []byte {
		b, err := wire.Append(nil, &wire.Hail{Version: wire.Version})
		check(t, err)
		return b
	}},
	"knock in a session": {"has no place here", func(t *testing.T) []byte {
		b, err := wire.Append(nil, &wire.Knock{Invitation: "0000", Name: "n"})
		check(t, err)
		return b
	}},
}

// TestHostileFrames: frames that are too long, cut off, or compressed to burst. A member
// that says one is told, kept away and shown; nothing is allocated for it.
func TestHostileFrames(t *testing.T) {
	t.Parallel()
	x := newSiege(t)
	for name, tt := range badFrames {
		t.Run(name, func(t *testing.T) {
			m := x.member(t, name, "member")
			x.under(t, 0, toll{rssSlack, rssSlack}, func() string {
				l := m.meet(x.daemons[0])
				l.raw(tt.bytes(t))
				fate := l.end()
				if l.bye == nil || l.bye.Code != wire.ByeRule || !bytes.Contains([]byte(l.bye.Text), []byte(tt.want)) {
					t.Errorf("it ended with %s, want %q", fate, tt.want)
				}
				if !m.barred(x.daemons[0]) {
					t.Error("it was not kept away")
				}
				return fate
			})
			x.told(t, m, tt.want)
		})
	}
}

// TestHostileStrangers: whoever does not know the camp gets not one byte, whatever it
// says, and whoever knows it and is not admitted no more than a bye.
func TestHostileStrangers(t *testing.T) {
	t.Parallel()
	x := newSiege(t)
	a := x.daemons[0]
	insider := x.insider(t)
	hail := func(d *daemon, m *attacker) []byte {
		b, err := wire.Append(nil, m.hail(d))
		check(t, err)
		return b
	}
	for name, say := range map[string]func(m *attacker) []byte{
		"a hail with another key": func(m *attacker) []byte { m.discovery = make([]byte, 32); return hail(a, m) },
		"the hail of another":     func(*attacker) []byte { return hail(a, insider) },
		"a hello":                 func(m *attacker) []byte { b, _ := wire.Append(nil, m.hello()); return b },
		"a giant length":          func(*attacker) []byte { return framed(wire.MaxFrameBytes, wire.KindBatch, make([]byte, 8192)) },
		"a bomb":                  func(*attacker) []byte { return zipped(t, 100<<20, 0) },
		"a batch":                 func(*attacker) []byte { b, _ := wire.Append(nil, &wire.Batch{End: true}); return b },
		"noise":                   func(*attacker) []byte { return bytes.Repeat([]byte{0xa5}, 3000) },
		"half a hail":             func(*attacker) []byte { return hail(a, insider)[:9] },
		"nothing":                 func(*attacker) []byte { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			m := stranger(t)
			x.under(t, 0, toll{rssSlack, rssSlack}, func() string {
				l := m.call(a, node.SyncProtocol)
				l.raw(say(m))
				fate := l.end()
				if n := l.heard.Load(); n > 0 || l.bye != nil {
					t.Errorf("a stranger got %d bytes: %s", n, fate)
				}
				return fate
			})
		})
	}
	t.Run("an insider", func(t *testing.T) {
		x.under(t, 0, toll{rssSlack, rssSlack}, func() string {
			l := insider.call(a, node.SyncProtocol)
			l.say(insider.hail(a), insider.hello())
			if l.next(wire.KindProve) == nil {
				t.Error("an insider is not asked for its admission")
			}
			l.say(&wire.Proof{Packed: []byte{1}})
			fate := l.end()
			if l.bye == nil || l.bye.Code != wire.ByeStranger {
				t.Errorf("an insider without admission ends with %s", fate)
			}
			return fate
		})
	})
	t.Run("an insider with a giant frame", func(t *testing.T) {
		x.under(t, 0, toll{rssSlack, rssSlack}, func() string {
			l := insider.call(a, node.SyncProtocol)
			l.say(insider.hail(a), insider.hello())
			l.next(wire.KindProve)
			l.raw(framed(wire.MaxFrameBytes, wire.KindBatch, make([]byte, 8192)))
			fate := l.end()
			if l.bye == nil || l.bye.Code != wire.ByeRule {
				t.Errorf("an insider ends with %s", fate)
			}
			return fate
		})
	})
}

// TestHostileSilence: streams and connections that are opened and then say nothing or
// stop halfway, by strangers and members, more than there is room for. Honest devices
// find each other all the same.
func TestHostileSilence(t *testing.T) {
	t.Parallel()
	x := newSiege(t)
	a := x.daemons[0]
	const hosts, streams = 24, 20
	for name, protocol := range map[string]string{"sync": node.SyncProtocol, "join": node.JoinProtocol, "none": ""} {
		t.Run("strangers, "+name, func(t *testing.T) {
			x.under(t, 0, toll{96 << 20, rssSlack}, func() string {
				opened := 0
				for range hosts {
					m := stranger(t)
					for range streams {
						s, err := m.open(a, protocol)
						if err != nil {
							continue
						}
						s.SetWriteDeadline(time.Now().Add(time.Second))
						if _, err := s.Write([]byte{40}); err == nil { // the length of a frame
							opened++
						}
					}
				}
				x.newcomer()
				return fmt.Sprintf("%d streams opened; a newcomer joined", opened)
			})
		})
	}
	t.Run("a member halfway", func(t *testing.T) {
		m := x.member(t, "halfway", "member")
		x.under(t, 0, toll{96 << 20, rssSlack}, func() string {
			var lines []*line
			for range 20 {
				l := m.call(a, node.SyncProtocol)
				l.say(m.hail(a), m.hello())
				l.next(wire.KindHello)
				l.raw(framed(wire.MaxFrameBytes, wire.KindBatch, make([]byte, 1000)))
				lines = append(lines, l)
			}
			x.newcomer()
			lasting := 0
			for _, l := range lines {
				if l.lasts() {
					lasting++
				}
			}
			if lasting > 8 {
				t.Errorf("%d sessions of one device last", lasting)
			}
			return fmt.Sprintf("%d of 20 sessions last, the oldest gave way", lasting)
		})
	})
}

// newcomer is an honest device that joins now, and gets what the others hold.
func (x *siege) newcomer() {
	x.t.Helper()
	dir := x.admit("newcomer", "member")
	d := launch(x.t, dir, "up", "--http", "127.0.0.1:0", "--listen", freeListen, "--peer", x.listen[0])
	await(x.t, "the newcomer to have the records", func() bool {
		_, ok := d.find("honest", "pulse")
		return ok
	})
	d.end()
}
