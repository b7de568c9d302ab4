package discovery

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

func boardWith(keys ...string) *board {
	return &board{
		notice: func() (Notice, bool) { return someNotice(), true },
		keys: func() (all [][]byte) {
			for _, k := range keys {
				all = append(all, keyNamed(k))
			}
			return all
		},
	}
}

// opens counts the strings that a key opens.
func opens(t testing.TB, key string, texts []string) (n int) {
	t.Helper()
	l, err := newLock(keyNamed(key))
	check(t, err)
	for _, s := range texts {
		sealed, ok := unwrap(s)
		if !ok {
			t.Errorf("%q has another form", s)
			continue
		}
		if _, ok := l.open(sealed); ok {
			n++
		}
	}
	return n
}

// TestThreeStrings checks that there are three whatever the keys are, and that each
// key gets its turn.
func TestThreeStrings(t *testing.T) {
	for n := range 21 {
		var names []string
		for i := range n {
			names = append(names, fmt.Sprint("key", i))
		}
		b := boardWith(names...)
		now := time.Now()
		count := map[string]int{}
		for range maxSealKeys {
			_, texts := b.read(now)
			if len(texts) != 3 {
				t.Fatalf("%d keys: %d strings", n, len(texts))
			}
			for _, k := range names {
				count[k] += opens(t, k, texts)
			}
			now = now.Add(fresh)
		}
		for i, k := range names {
			switch {
			case (i == 0 || n <= 3) && count[k] != maxSealKeys:
				t.Errorf("of %d keys the %d. sealed %d times of %d", n, i+1, count[k], maxSealKeys)
			case i < maxSealKeys && count[k] == 0:
				t.Errorf("of %d keys the %d. never had its turn", n, i+1)
			case i >= maxSealKeys && count[k] != 0:
				t.Errorf("of %d keys the %d. was used", n, i+1)
			}
		}
	}
}

// TestOrder checks that the camp's string does not always stand in one place.
func TestOrder(t *testing.T) {
	b := boardWith("camp")
	now := time.Now()
	places := map[int]bool{}
	for range 100 {
		_, texts := b.read(now)
		places[slices.IndexFunc(texts, func(s string) bool { return opens(t, "camp", []string{s}) == 1 })] = true
		now = now.Add(fresh)
	}
	if len(places) != 3 {
		t.Errorf("places %v", places)
	}
}

func TestWrongKeySizes(t *testing.T) {
	b := boardWith("camp")
	b.keys = func() [][]byte { return [][]byte{nil, keyNamed("camp")[:31], keyNamed("camp")} }
	if _, texts := b.read(time.Now()); len(texts) != 3 || opens(t, "camp", texts) != 1 {
		t.Errorf("strings %q", texts)
	}
}

// TestFlood checks that a flood of questions costs one sealing a second.
func TestFlood(t *testing.T) {
	b := boardWith("camp")
	asked := 0
	b.notice = func() (Notice, bool) { asked++; return someNotice(), true }
	now := time.Now()
	for second := range 3 {
		for question := range 100 {
			at := now.Add(time.Duration(second)*fresh + time.Duration(question)*fresh/100)
			if _, strings := b.read(at); len(strings) != texts {
				t.Fatal("no answer")
			}
		}
	}
	if asked != 3 {
		t.Errorf("sealed %d times in 3 seconds", asked)
	}
	now = now.Add(3*fresh - 1)
	for range 2 {
		b.setAddrs(ips("10.0.0.9"))
		b.read(now)
		b.setAddrs(ips("10.0.0.8"))
		b.read(now)
	}
	if asked != 7 {
		t.Errorf("sealed %d times after the addresses changed four times", asked)
	}
}

// TestManyQuestions checks that answers have a limit, too.
func TestManyQuestions(t *testing.T) {
	b := boardWith("camp")
	now := time.Now()
	for range 2 {
		given := 0
		for range 10 * maxGiven {
			if _, texts := b.read(now); texts != nil {
				given++
			}
		}
		if given != maxGiven {
			t.Errorf("gave %d answers within %s", given, fresh)
		}
		now = now.Add(fresh)
	}
}

func TestNothingToAdvertise(t *testing.T) {
	question := dns.Question{Name: serviceName, Qtype: dns.TypePTR, Qclass: dns.ClassINET}
	closed := boardWith("camp")
	closed.close()
	mute := boardWith("camp")
	mute.notice = func() (Notice, bool) { return someNotice(), false }
	deaf := boardWith("camp")
	deaf.notice = func() (Notice, bool) { return Notice{Device: deviceNamed("a")}, true }
	for name, b := range map[string]*board{"closed": closed, "not yet": mute, "no port": deaf, "nobody": {}} {
		z := &zone{board: b, shown: ips("10.0.0.1")[0], answered: func() { t.Errorf("%s: answered", name) }}
		if r := z.Records(question); r != nil {
			t.Errorf("%s: %v", name, r)
		}
	}
}

// TestNamesDoNotLast checks that a stranger cannot follow a device for long.
func TestNamesDoNotLast(t *testing.T) {
	b := boardWith("camp")
	now := time.Now()
	first, _ := b.read(now)
	if again, _ := b.read(now.Add(renameEach - 1)); again != first {
		t.Error("another name within the hour")
	}
	second, _ := b.read(now.Add(renameEach))
	if second.instance == first.instance || second.host == first.host {
		t.Errorf("still called %q after an hour", second.instance)
	}
	if !b.ours(first.instance) || !b.ours(second.instance) || b.ours("other"+instanceSuffix) {
		t.Error("does not know its own names")
	}
	if strings.Count(first.instance, ".") != strings.Count(instanceSuffix, ".") {
		t.Errorf("name %q", first.instance)
	}
}

// packetOf is the answer as the library sends it.
func packetOf(t testing.TB, records []dns.RR) []byte {
	t.Helper()
	m := dns.Msg{MsgHdr: dns.MsgHdr{Response: true, Authoritative: true}, Compress: true, Answer: records}
	b, err := m.Pack()
	check(t, err)
	return b
}

func TestZone(t *testing.T) {
	for _, shown := range ips("10.0.0.1", "fd00::1", "fe80::1") {
		counted := 0
		b := boardWith("camp", "one", "two", "three")
		z := &zone{board: b, shown: shown, answered: func() { counted++ }}
		for _, q := range []dns.Question{
			{Name: "_musafir._tcp.local.", Qtype: dns.TypePTR, Qclass: dns.ClassINET},
			{Name: "_MUSAFIR._tcp.Local.", Qtype: dns.TypeANY, Qclass: dns.ClassINET | 1<<15},
		} {
			packet := packetOf(t, z.Records(q))
			if len(packet) >= 1200 {
				t.Errorf("%d bytes", len(packet))
			}
			answers, err := parseAnswers(packet)
			check(t, err)
			if len(answers) != 1 || !b.ours(answers[0].instance) || opens(t, "camp", answers[0].texts) != 1 {
				t.Errorf("answers %+v", answers)
			}
		}
		if counted != 2 {
			t.Errorf("%d answers", counted)
		}
		g := b.face(time.Now())
		z.Records(dns.Question{Name: g.mark.put(serviceName), Qtype: dns.TypePTR})
		if counted != 2 {
			t.Error("counted its own question")
		}
		for _, q := range []dns.Question{
			{Name: "_other._tcp.local.", Qtype: dns.TypePTR}, {Name: surveyName, Qtype: dns.TypePTR},
			{Name: serviceName, Qtype: dns.TypeTXT}, {Name: g.instance, Qtype: dns.TypeANY}, {Name: g.host, Qtype: dns.TypeA}, {},
		} {
			if r := z.Records(q); r != nil {
				t.Errorf("%v was answered: %v", q, r)
			}
		}
	}
}

// TestAnswerInClear checks that two devices with nothing in common differ in random
// names and the shown address only.
func TestAnswerInClear(t *testing.T) {
	clear := func(b *board) []byte {
		z := &zone{board: b, shown: ips("10.0.0.1")[0], answered: func() {}}
		g := b.face(time.Now())
		records := z.Records(dns.Question{Name: serviceName, Qtype: dns.TypePTR})
		for _, s := range records[3].(*dns.TXT).Txt {
			if _, ok := unwrap(s); !ok {
				t.Errorf("%q has another form", s)
			}
		}
		records[3].(*dns.TXT).Txt = []string{"sealed"}
		packet := packetOf(t, records)
		for _, name := range []string{g.instance, g.host} {
			label, _, _ := strings.Cut(name, ".")
			packet = bytes.ReplaceAll(packet, []byte(label), []byte("name"))
		}
		return packet
	}
	a, b := boardWith("camp"), boardWith("other", "invitation")
	b.notice = func() (Notice, bool) {
		return Notice{Device: deviceNamed("b"), TCP: 1, Digest: [8]byte{9}}, true
	}
	b.setAddrs(ips("192.168.1.1", "fd00::9"))
	if x, y := clear(a), clear(b); !bytes.Equal(x, y) {
		t.Errorf("a stranger tells %q from %q", x, y)
	}
}

func TestMark(t *testing.T) {
	const name = "_musafir._tcp.local."
	if name != serviceName {
		t.Fatalf("the service is %q", serviceName)
	}
	for m := range mark(1 << 15) {
		marked := m.put(name)
		if lower(marked) != name || !m.in(marked) || m != 0 && m.in(name) || (m ^ 1).in(marked) {
			t.Fatalf("mark %b gave %q", m, marked)
		}
	}
}
