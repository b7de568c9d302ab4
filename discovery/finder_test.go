package discovery

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// nowhere are links that look well and do not exist: no socket opens on them.
func nowhere(n int) (links []link) {
	for i := range n {
		l := newLink(fmt.Sprint("none", i), up, fmt.Sprintf("fd77:%x::1/64", i+1))
		l.index = 1<<30 + i
		links = append(links, l)
	}
	return links
}

// watchOn is what Run keeps, with the system's answers from a function.
func watchOn(t *testing.T, list func() ([]link, error)) *watch {
	f := New(Config{})
	f.list = list
	w := &watch{finder: f, ports: map[string]*port{}}
	t.Cleanup(w.end)
	return w
}

func TestLook(t *testing.T) {
	var links []link
	var err error
	w := watchOn(t, func() ([]link, error) { return links, err })
	now := time.Now()
	look := func() *port {
		now = now.Add(pollPause)
		w.look(t.Context(), now)
		return w.ports["none0"]
	}
	if look() != nil {
		t.Error("a port for nothing")
	}
	links = nowhere(1)
	first := look()
	if first == nil || first.schedule.due(false) != now {
		t.Fatalf("a new interface: %+v", first)
	}
	if look() != first {
		t.Error("another port although nothing changed")
	}
	if i := w.finder.Report().Interfaces[0]; !strings.Contains(i.Err, "answer: ") {
		t.Errorf("a server that does not start is reported as %+v", i)
	}
	links, err = nil, errors.New("permission denied")
	if look() != first || w.finder.Report().Err != "permission denied" || len(w.finder.Report().Interfaces) != 1 {
		t.Errorf("what worked goes on: %+v", w.finder.Report())
	}
	links, err = nowhere(1), nil
	links[0].index++
	second := look()
	if second == first || second == nil || w.finder.Report().Err != "" {
		t.Error("the same port although it is another interface")
	}
	now = now.Add(time.Minute) // the device slept
	third := look()
	if third == second || third == nil {
		t.Error("the same port after a sleep")
	}
	links[0].flags = 0
	if look() != nil {
		t.Error("a port for what is turned off")
	}
	links = nil
	look()
	if len(w.finder.Report().Interfaces) != 0 || len(w.finder.tallies) != 0 {
		t.Error("what is gone is remembered")
	}
}

func TestTooManyInterfaces(t *testing.T) {
	links := nowhere(maxPorts + 3)
	links[0].name = "docker0"
	rand.Shuffle(len(links), func(i, j int) { links[i], links[j] = links[j], links[i] })
	w := watchOn(t, func() ([]link, error) { return links, nil })
	w.look(t.Context(), time.Now())
	if len(w.ports) != maxPorts || w.ports["docker0"] != nil {
		t.Errorf("%d ports", len(w.ports))
	}
	refused := 0
	for _, i := range w.finder.Report().Interfaces {
		if strings.Contains(i.Unusable, "too many") {
			refused++
		}
	}
	if refused != 3 {
		t.Errorf("%d are said to be too many", refused)
	}
}

// TestQuestions checks when a watch asks.
func TestQuestions(t *testing.T) {
	w := watchOn(t, func() ([]link, error) { return nowhere(2), nil })
	start := time.Now()
	w.look(t.Context(), start)
	for i, want := range []time.Duration{1, 2, 3, 5, 8} {
		now := start.Add(quick[i])
		if next := w.ask(now).Sub(start); next != want*time.Second {
			t.Errorf("the next question after %s, not %d s", next, want)
		}
	}
	last := start.Add(quick[len(quick)-1])
	if pause := w.ask(last).Sub(last); pause < slowMin || pause > slowMax {
		t.Errorf("the slow pause is %s", pause)
	}
	w.finder.Eager(true)
	if pause := w.ask(last).Sub(last); pause < eagerMin || pause > eagerMax {
		t.Errorf("the eager pause is %s", pause)
	}
	w.begin(last.Add(2 * time.Second))
	if pause := w.ask(last.Add(2 * time.Second)).Sub(last); pause != 3*time.Second {
		t.Errorf("when asked to ask, the second question comes after %s", pause)
	}
	for _, p := range w.ports {
		if p.schedule.asks != 1 {
			t.Errorf("%s asked %d times since", p.link.name, p.schedule.asks)
		}
	}
}

// TestUnknownInterfaces is on a system that does not tell apps.
func TestUnknownInterfaces(t *testing.T) {
	f := New(Config{})
	f.list = func() ([]link, error) { return nil, errors.New("permission denied") }
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error)
	go func() { ran <- f.Run(ctx) }()
	for range 100 { // none of these blocks
		f.Ask()
		f.Eager(true)
		f.Eager(false)
	}
	if r := f.Report(); r.Err != "permission denied" {
		t.Errorf("report %+v", r)
	}
	cancel()
	check(t, <-ran)
	if f.Run(t.Context()) == nil {
		t.Error("ran twice")
	}
}

func TestReportBeforeRun(t *testing.T) {
	f := New(Config{})
	f.list = func() ([]link, error) { return []link{newLink("eth0", up, "10.0.0.1/24"), newLink("tun0", up)}, nil }
	r := f.Report()
	if len(r.Interfaces) != 2 || r.Interfaces[0].Unusable != "" || r.Interfaces[0].Ranked != "lan" ||
		r.Interfaces[1].Unusable == "" || r.Interfaces[1].Ranked == "lan" || !r.Interfaces[0].Up || !r.Interfaces[0].Connected {
		t.Errorf("report %+v", r)
	}
}
