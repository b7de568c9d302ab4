package discovery

import (
	"bytes"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// Whatever decodes re-encodes to the same bytes. The seeds are the vectors, and the
// targets fail without them.

func FuzzNotice(f *testing.F) {
	v := readVectors(f)
	if len(v.Notices) == 0 || len(v.Refused) == 0 {
		f.Fatalf("%d seeds of notices, %d of refused ones", len(v.Notices), len(v.Refused))
	}
	for _, x := range v.Notices {
		f.Add([]byte(x.Plain))
	}
	for _, x := range v.Refused {
		f.Add([]byte(x.Plain))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := decode(b)
		if err != nil {
			return
		}
		again, err := n.encode()
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%x became %x, %v", b, again, err)
		}
		for _, a := range n.Addrs {
			if kindOf(a) == undialable {
				t.Fatalf("address %s", a)
			}
		}
		n.Multiaddrs()
		ranked(n.Addrs, []link{newLink("eth0", up, "10.0.0.1/24")}, "eth0")
	})
}

func FuzzText(f *testing.F) {
	v := readVectors(f)
	if len(v.Notices) == 0 {
		f.Fatal("no seeds")
	}
	for _, x := range v.Notices {
		f.Add(x.Text)
	}
	l, err := newLock(v.Notices[0].Key)
	check(f, err)
	f.Fuzz(func(t *testing.T, s string) {
		sealed, ok := unwrap(s)
		if !ok {
			return
		}
		if again := text.EncodeToString(sealed); again != s {
			t.Fatalf("%q became %q", s, again)
		}
		if plain, ok := l.open(sealed); ok {
			if again := l.seal(plain, [nonceSize]byte(sealed[1:])); again != s {
				t.Fatalf("%q sealed again is %q", s, again)
			}
		}
	})
}

// packets are answers as devices and other things give them.
func packets(t testing.TB) [][]byte {
	z := &zone{board: boardWith("camp"), shown: ips("10.0.0.1")[0], answered: func() {}}
	ours := z.Records(dns.Question{Name: serviceName, Qtype: dns.TypePTR})
	printer := []dns.RR{
		&dns.PTR{Hdr: header(surveyName, dns.TypePTR), Ptr: "_ipp._tcp.local."},
		&dns.TXT{Hdr: header("Printer._ipp._tcp.local.", dns.TypeTXT), Txt: []string{`"q"`, "\xff"}},
	}
	question, err := questionPacket(serviceName)
	check(t, err)
	return [][]byte{
		packetOf(t, ours), packetOf(t, printer), packetOf(t, append(printer, ours...)), packetOf(t, nil), question,
		packetOf(t, []dns.RR{&dns.TXT{Hdr: header("X"+instanceSuffix, dns.TypeTXT), Txt: make([]string, 50)}}),
	}
}

func FuzzPacket(f *testing.F) {
	seeds := packets(f)
	if len(seeds) == 0 {
		f.Fatal("no seeds")
	}
	for _, s := range seeds {
		f.Add(s)
		f.Add(s[:len(s)-1])
	}
	f.Fuzz(func(t *testing.T, packet []byte) {
		answers, err := parseAnswers(packet)
		if err == nil && len(answers) == 0 || len(answers) > maxInstances {
			t.Fatalf("%d answers, %v", len(answers), err)
		}
		h := newHearing([][]byte{keyNamed("camp")}, nobody)
		for _, a := range answers {
			if len(a.texts) > maxTexts {
				t.Fatalf("%d strings", len(a.texts))
			}
			h.take(a)
		}
		if h.tries > maxInstances*maxTexts {
			t.Fatalf("%d tries", h.tries)
		}
	})
}

// FuzzQuestion gives the zone what strangers may ask.
func FuzzQuestion(f *testing.F) {
	for _, name := range []string{serviceName, surveyName, "", ".", "_MuSaFiR._tcp.local.", "\xff"} {
		f.Add(name, dns.TypePTR, uint16(dns.ClassINET))
	}
	z := &zone{board: boardWith("camp"), shown: ips("10.0.0.1")[0], answered: func() {}}
	z.board.face(time.Now())
	f.Fuzz(func(t *testing.T, name string, kind, class uint16) {
		r := z.Records(dns.Question{Name: name, Qtype: kind, Qclass: class})
		if len(r) > 0 && lower(name) != serviceName {
			t.Fatalf("answered %q", name)
		}
	})
}

func TestParseAnswers(t *testing.T) {
	seeds := packets(t)
	for i, tt := range []struct {
		name     string
		ours     int
		refused  bool
		instance string
	}{
		{name: "a device", ours: 1}, {name: "a printer"}, {name: "both at once", ours: 1},
		{name: "nothing", refused: true}, {name: "a question", refused: true}, {name: "many strings", ours: 1},
	} {
		answers, err := parseAnswers(seeds[i])
		ours := 0
		for _, a := range answers {
			if a.instance != "" {
				ours++
			}
		}
		if (err != nil) != tt.refused || ours != tt.ours {
			t.Errorf("%s: %+v, %v", tt.name, answers, err)
		}
	}
	many := make([]dns.RR, maxRecords+1)
	for i := range many {
		many[i] = &dns.TXT{Hdr: header("x"+instanceSuffix, dns.TypeTXT), Txt: []string{"x"}}
	}
	if _, err := parseAnswers(packetOf(t, many)); err == nil {
		t.Errorf("took %d records", len(many))
	}
	if a, err := parseAnswers(packetOf(t, many[1:])); err != nil || len(a) != maxInstances {
		t.Errorf("of %d records took %d, %v", len(many)-1, len(a), err)
	}
	good := seeds[0]
	for name, change := range map[string]func([]byte){
		"of another operation": func(b []byte) { b[2] |= 0x08 },
		"cut off":              func(b []byte) { b[2] |= 0x02 },
		"an error":             func(b []byte) { b[3] |= 0x03 },
	} {
		b := bytes.Clone(good)
		change(b)
		if _, err := parseAnswers(b); err == nil {
			t.Errorf("took an answer that is %s", name)
		}
	}
	if _, err := parseAnswers(make([]byte, maxPacketBytes+1)); err == nil {
		t.Error("took a packet that is too long")
	}
}
