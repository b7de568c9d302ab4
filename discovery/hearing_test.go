package discovery

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/hashicorp/mdns"
)

func nobody(string) bool { return false }

// written is an answer with someNotice of a device, sealed with keys.
func written(t testing.TB, device string, keys ...string) answer {
	t.Helper()
	b := boardWith(keys...)
	b.notice = func() (Notice, bool) {
		n := someNotice()
		n.Device = deviceNamed(device)
		return n, true
	}
	g, texts := b.read(time.Now())
	return answer{instance: g.instance, texts: texts}
}

func TestHearing(t *testing.T) {
	h := newHearing([][]byte{keyNamed("old"), nil, keyNamed("camp"), keyNamed("invitation")},
		func(name string) bool { return name == "mine"+instanceSuffix })
	take := func(a answer) string {
		s := ""
		for _, o := range h.take(a) {
			for _, name := range []string{"old", "camp", "invitation"} {
				if bytes.Equal(o.key, keyNamed(name)) {
					s += name + " "
				}
			}
			for _, name := range []string{"self", "tent"} {
				if o.notice.Device == deviceNamed(name) {
					s += name + " "
				}
			}
		}
		return s
	}
	tent := written(t, "tent", "camp")
	for _, tt := range []struct {
		what  string
		a     answer
		want  string
		count heardCount
	}{
		{"a device", tent, "camp tent ", heardCount{heard: 1, opened: 1}},
		{"the same answer again", tent, "", heardCount{heard: 1, opened: 1}},
		{"with an old key", written(t, "tent", "old"), "old tent ", heardCount{heard: 1, opened: 1}},
		{"with the invitation's key", written(t, "tent", "unknown", "invitation"), "invitation tent ", heardCount{heard: 1, opened: 1}},
		{"a copy of this device", written(t, "self", "camp"), "camp self ", heardCount{heard: 1, opened: 1}},
		{"a stranger", written(t, "tent", "other camp"), "", heardCount{heard: 1, strangers: 1}},
		{"an empty answer", answer{instance: "x" + instanceSuffix}, "", heardCount{heard: 1, strangers: 1}},
		{"another service", answer{}, "", heardCount{others: 1}},
		{"our own answer", answer{instance: "mine" + instanceSuffix, texts: tent.texts}, "", heardCount{}},
	} {
		if got := take(tt.a); got != tt.want {
			t.Errorf("%s gave %q", tt.what, got)
		}
		if got := h.counted(); got != tt.count {
			t.Errorf("%s counted %+v", tt.what, got)
		}
	}
}

// TestHostileFlood checks that the cost of a window has a bound.
func TestHostileFlood(t *testing.T) {
	var keys [][]byte
	for i := range 1000 {
		keys = append(keys, keyNamed(fmt.Sprint(i)))
	}
	h := newHearing(keys, nobody)
	for i := range 10_000 {
		a := answer{instance: fmt.Sprint(i, instanceSuffix)}
		if i < 300 {
			for range maxTexts {
				a.texts = append(a.texts, filler())
			}
		}
		h.take(a)
	}
	c := h.counted()
	if len(h.locks) != maxOpenKeys || h.tries > maxTries || c.heard != maxAnswers || len(h.seen) > maxAnswers*maxTexts {
		t.Errorf("%d keys, %d tries, %d strings, counted %+v", len(h.locks), h.tries, len(h.seen), c)
	}
}

func TestManyTexts(t *testing.T) {
	good := written(t, "tent", "camp")
	texts := good.texts
	for range 100 {
		texts = append(texts, "x")
	}
	a := fromLibrary(&mdns.ServiceEntry{Name: "A" + instanceSuffix, InfoFields: texts})
	if a.instance != "a"+instanceSuffix || len(a.texts) != maxTexts {
		t.Errorf("%q with %d strings", a.instance, len(a.texts))
	}
	for _, name := range []string{"", "printer._ipp._tcp.local.", "_musafir._tcp.local.", "x_musafir._tcp.local."} {
		if a := fromLibrary(&mdns.ServiceEntry{Name: name, InfoFields: good.texts}); a.instance != "" {
			t.Errorf("%q is taken for an instance of ours", name)
		}
	}
}

func BenchmarkStrangers(b *testing.B) {
	var keys [][]byte
	for i := range 16 {
		keys = append(keys, keyNamed(fmt.Sprint(i)))
	}
	a := written(b, "tent", "other")
	for b.Loop() {
		h := newHearing(keys, nobody)
		h.take(a)
	}
}
