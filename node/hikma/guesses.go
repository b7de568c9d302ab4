package hikma

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate" // so many of something in a time
)

// Wrong passwords are answered as long as there are few of them. They are counted by
// phone and by address of a person, never by where they come from: a whole clinic is
// behind one address of the network.
const (
	wrongMax   = 10               // at once
	wrongEvery = 30 * time.Second // one more
	wrongKept  = 4096             // phones, and persons, whose wrong ones are kept in mind
)

// A tally counts something, such as wrong passwords, by something.
type tally struct {
	mu    sync.Mutex
	of    *lru.Cache[string, *rate.Limiter]
	burst int           // at once
	every time.Duration // one more
}

func newTally(burst int, every time.Duration) *tally {
	return &tally{of: newCache[*rate.Limiter](wrongKept), burst: burst, every: every}
}

func newWrong() *tally { return newTally(wrongMax, wrongEvery) }

// full tells whether there were too many.
func (t *tally) full(of string, now time.Time) bool {
	l, ok := t.of.Get(of)
	return ok && l.TokensAt(now) < 1
}

// add counts one, and is false if that is one too many.
func (t *tally) add(of string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	l, ok := t.of.Get(of)
	if !ok {
		l = rate.NewLimiter(rate.Every(t.every), t.burst)
		t.of.Add(of, l)
	}
	return l.AllowN(now, 1)
}

// A guess is one try at a password.
type guess struct {
	client  string // "" of the login without a phone's id
	address string // of the person, folded
	known   bool   // that person logged in with that phone before
	exists  bool   // the address is somebody's
}

// guesses limits who may try passwords. Each tally is of those who cannot crowd out the
// others: anybody can invent phones and addresses.
type guesses struct {
	pairs, clients, persons, nobodies *tally

	known, strangers *semaphore.Weighted // comparisons at once: they take a processor
	waiting          atomic.Int64        // strangers
}

// How many passwords are compared at once, and how many may wait for that.
const (
	knownAtOnce     = 2
	strangersAtOnce = 1
	strangersMax    = 64 // a clinic that gets fifty phones logs in with all of them at once
	compareWait     = 30 * time.Second
)

func newGuesses() *guesses {
	return &guesses{pairs: newWrong(), clients: newWrong(), persons: newWrong(), nobodies: newWrong(),
		known: semaphore.NewWeighted(knownAtOnce), strangers: semaphore.NewWeighted(strangersAtOnce)}
}

// tallies are those in which a guess counts. Where somebody logged in before, only what
// came from there as that person does.
func (g *guesses) tallies(x guess) map[*tally]string {
	if x.known {
		return map[*tally]string{g.pairs: x.client + " " + x.address}
	}
	by := map[*tally]string{g.nobodies: x.address}
	if x.exists {
		by = map[*tally]string{g.persons: x.address}
	}
	if x.client != "" {
		by[g.clients] = x.client
	}
	return by
}

var (
	errTooMany = &Refusal{http.StatusTooManyRequests, "There were too many wrong passwords. Wait half a minute and log in again."}
	errBusy    = &Refusal{http.StatusServiceUnavailable, "Too many log in just now. Try again in a minute."}
)

// errWrong is what comparing gives where the password is not the person's.
var errWrong = errors.New("the password is wrong")

// try compares, unless there were too many wrong ones, and counts it if it is wrong.
func (g *guesses) try(ctx context.Context, x guess, now func() time.Time, compare func() error) error {
	leave, err := g.enter(ctx, x.known)
	if err != nil {
		return err
	}
	defer leave()
	by := g.tallies(x)
	for t, of := range by {
		if t.full(of, now()) {
			return errTooMany
		}
	}
	err = compare()
	if errors.Is(err, errWrong) {
		for t, of := range by {
			t.add(of, now())
		}
	}
	return err
}

// enter waits for a turn to compare. Those who were here before wait for no stranger.
func (g *guesses) enter(ctx context.Context, known bool) (leave func(), err error) {
	room := g.known
	if !known {
		room = g.strangers
		defer g.waiting.Add(-1)
		if g.waiting.Add(1) > strangersMax {
			return nil, errBusy
		}
	}
	ctx, cancel := context.WithTimeout(ctx, compareWait)
	defer cancel()
	if err := room.Acquire(ctx, 1); err != nil {
		return nil, errBusy
	}
	return func() { room.Release(1) }, nil
}
