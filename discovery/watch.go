package discovery

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// maxPorts is how many interfaces are used at once. Machines with many containers
// have hundreds.
const maxPorts = 32

// A watch is what Run keeps: a port for each interface in use. Its methods are called
// from Run's goroutine.
type watch struct {
	finder *Finder
	ports  map[string]*port // by name of interface
	looked time.Time
	work   sync.WaitGroup // questions under way
}

// A port is an interface in use. When the interface changes in any way it is closed,
// and another takes its place.
type port struct {
	link     link
	tally    *tally
	schedule schedule
	surveyed time.Time
	responds responder
	start    func(func(ctx context.Context)) // a goroutine that ends with the port
	stop     func()
}

// look compares the interfaces with what they were.
func (w *watch) look(ctx context.Context, now time.Time) {
	links, err := w.finder.list()
	w.finder.note(links, err)
	if err != nil {
		return // what works goes on
	}
	if w.slept(now) {
		w.closeAll()
	}
	usable := chosenLinks(links)
	for _, p := range w.ports {
		if !slices.ContainsFunc(usable, func(l link) bool { return sameLink(l, p.link) }) {
			w.close(p)
		}
	}
	w.finder.board.setAddrs(advertised(links))
	for _, l := range usable {
		w.open(ctx, l, now)
	}
}

// slept tells whether the device slept since the last look. Sockets of before may be
// dead then without knowing it.
func (w *watch) slept(now time.Time) bool {
	before := w.looked
	w.looked = now
	return !before.IsZero() && resumed(now.Round(0).Sub(before.Round(0)), now.Sub(before))
}

// chosenLinks are those to be used.
func chosenLinks(links []link) []link {
	var usable []link
	for _, l := range links {
		if l.unusable() == "" {
			usable = append(usable, l)
		}
	}
	slices.SortStableFunc(usable, func(a, b link) int { return cmp.Compare(lateness(a), lateness(b)) })
	return usable[:min(len(usable), maxPorts)]
}

// open makes a port for a link that has none, and tries again where something of it
// did not start.
func (w *watch) open(ctx context.Context, l link, now time.Time) {
	p := w.ports[l.name]
	if p == nil {
		p = w.newPort(ctx, l)
		p.schedule.begin(now)
		w.ports[l.name] = p
		w.finder.log.Debug("interface in use", "interface", l.name)
	}
	p.tally.result(serving, p.responds.start())
}

func (w *watch) newPort(ctx context.Context, l link) *port {
	ctx, cancel := context.WithCancel(ctx)
	t := w.finder.tally(l.name)
	return &port{
		link: l, tally: t, stop: cancel,
		responds: responder{link: l, zone: &zone{board: w.finder.board, shown: l.shown(), answered: t.answer}},
		start:    func(f func(context.Context)) { w.work.Go(func() { f(ctx) }) },
	}
}

func (w *watch) close(p *port) {
	w.finder.log.Debug("interface no more in use", "interface", p.link.name)
	p.stop()
	p.responds.stop()
	delete(w.ports, p.link.name)
}

func (w *watch) closeAll() {
	for _, p := range w.ports {
		w.close(p)
	}
}

// end stops everything and waits.
func (w *watch) end() {
	w.finder.board.close()
	w.closeAll()
	w.work.Wait()
}

// begin asks anew on all interfaces.
func (w *watch) begin(now time.Time) {
	for _, p := range w.ports {
		p.schedule.begin(now)
	}
}

// ask asks where it is time to, and tells when it will be next.
func (w *watch) ask(now time.Time) (next time.Time) {
	next = now.Add(slowMax)
	for _, p := range w.ports {
		if !p.schedule.due(w.finder.eager.Load()).After(now) {
			w.askOn(p, now)
			p.schedule.asked(now, rand.Float64())
		}
		if due := p.schedule.due(w.finder.eager.Load()); due.Before(next) {
			next = due
		}
	}
	return next
}

// askOn starts the questions of one interface.
func (w *watch) askOn(p *port, now time.Time) {
	r := round{finder: w.finder, link: p.link, tally: p.tally, mark: w.finder.board.face(now).mark}
	if now.Sub(p.surveyed) >= surveyEach {
		r.survey = true
		p.surveyed = now
		p.start(r.lookAround)
	}
	if r.link.has4() {
		p.start(r.ask4)
	}
	if r.link.has6() {
		p.start(r.ask6)
	}
}
