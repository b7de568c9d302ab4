package discovery

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Service is the name under which devices find each other, in the domain local.
const Service = "_musafir._tcp"

// Config is what a finder is made of. Its functions are called from many goroutines,
// and must not block.
type Config struct {
	// Notice is what others shall learn about this device, Addrs aside; asked when
	// somebody asks us. Nil, or false: nothing is advertised, as by a device that
	// joins a camp.
	Notice func() (Notice, bool)

	// Seal lists the keys under which the notice is sealed: the camp's newest
	// discovery key first, then one for each open invitation, 16 in all. Three are
	// used at a time; if there are more, all but the first take turns.
	Seal func() [][]byte

	// Open lists the keys with which notices that are heard are tried, newest first,
	// 64 at most: all that the camp ever had, or an invitation's.
	Open func() [][]byte

	// Heard is called for each notice that opens and that this finder did not give:
	// from one goroutine at a time, again at each question, never after Run has
	// returned. One of this same device was given by a copy of it.
	Heard func(Heard)

	// Stranger is called with where an answer of our service came from that no key
	// opens, under the same conditions as Heard. Nil: nobody cares.
	Stranger func(netip.Addr)

	Log *slog.Logger // nil: none
}

// A Heard is a notice that opened. It proves that whoever made it had the key, and
// no more: the notice may be old, and the device another.
type Heard struct {
	Notice           // with Addrs in the order in which we dial them
	Key       []byte // the one of Config.Open that opened it
	Interface string // on which it was heard
	At        time.Time
}

// A Finder finds devices, and is found.
type Finder struct {
	cfg   Config
	log   *slog.Logger
	list  func() ([]link, error)
	board *board
	asks  chan struct{} // Ask was called
	wake  chan struct{} // Eager was
	eager atomic.Bool
	ran   atomic.Bool
	call  sync.Mutex // held while Heard is called

	mu      sync.Mutex // guards what follows
	links   []link     // as they were last
	listErr error
	tallies map[string]*tally // by name of interface
}

// New makes a finder. It starts nothing.
func New(cfg Config) *Finder {
	f := &Finder{
		cfg:     cfg,
		log:     cfg.Log,
		list:    systemLinks,
		board:   &board{notice: cfg.Notice, keys: cfg.Seal},
		asks:    make(chan struct{}, 1),
		wake:    make(chan struct{}, 1),
		tallies: map[string]*tally{},
	}
	if f.log == nil {
		f.log = slog.New(slog.DiscardHandler)
	}
	return f
}

// Ask begins the quick questions anew: somebody waits, or a session was lost. Calls
// that come close together are one, and no call makes more than one question a second.
func (f *Finder) Ask() { signal(f.asks) }

// Eager shortens the pause between questions to at most 5 seconds, while devices are
// missing that were here.
func (f *Finder) Eager(eager bool) {
	if f.eager.Swap(eager) != eager {
		signal(f.wake)
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it is known already
	}
}

// Run answers and asks until ctx ends, and waits for what it started. It runs once.
// It fails in no other way: a device without a network waits for one, and
// [Finder.Report] says why.
func (f *Finder) Run(ctx context.Context) error {
	if f.ran.Swap(true) {
		return errors.New("the finder ran already")
	}
	w := &watch{finder: f, ports: map[string]*port{}}
	defer w.end()
	look := time.NewTicker(pollPause)
	defer look.Stop()
	w.look(ctx, time.Now())
	for {
		next := w.ask(time.Now())
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Until(next)):
		case <-look.C:
			w.look(ctx, time.Now())
		case <-f.asks:
			w.begin(time.Now())
		case <-f.wake:
		}
	}
}

// tell hands over what was heard on a link.
func (f *Finder) tell(ctx context.Context, on link, openings []opening) {
	if f.cfg.Heard == nil || len(openings) == 0 {
		return
	}
	links, _ := f.known()
	f.call.Lock()
	defer f.call.Unlock()
	for _, o := range openings {
		if ctx.Err() != nil {
			return
		}
		h := Heard{Notice: o.notice, Key: o.key, Interface: on.name, At: time.Now()}
		h.Addrs = ranked(h.Addrs, links, on.name)
		f.log.Debug("device heard", "device", h.Device, "interface", on.name)
		f.cfg.Heard(h)
	}
}

// tellStranger hands over where somebody of another camp answers.
func (f *Finder) tellStranger(ctx context.Context, at netip.Addr) {
	if f.cfg.Stranger == nil || !at.IsValid() {
		return
	}
	f.call.Lock()
	defer f.call.Unlock()
	if ctx.Err() == nil {
		f.cfg.Stranger(at)
	}
}

// newHearing is for the answers to one question.
func (f *Finder) newHearing() *hearing {
	var keys [][]byte
	if f.cfg.Open != nil {
		keys = f.cfg.Open()
	}
	return newHearing(keys, f.board.ours)
}

// known are the interfaces as they were last, and why they are not known.
func (f *Finder) known() ([]link, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.links), f.listErr
}

// tally finds the counts of an interface.
func (f *Finder) tally(name string) *tally {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.tallies[name] == nil {
		f.tallies[name] = &tally{}
	}
	return f.tallies[name]
}
