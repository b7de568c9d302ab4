package hikma

import (
	"context"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

// turnWait is how long a phone waits until something else that it asked is done.
const turnWait = 10 * time.Second

// turns lets each phone sync once at a time: what it sent first is written first. They are
// kept only while somebody has one or waits.
type turns struct {
	wait time.Duration
	mu   sync.Mutex
	of   map[string]*turn
}

type turn struct {
	free   *semaphore.Weighted
	wanted int
}

func newTurns() *turns { return &turns{wait: turnWait, of: map[string]*turn{}} }

// turnsWanted is how many requests of a phone may be there: one that is served, and those
// that wait with all that they hold.
const turnsWanted = 3

var errSyncing = &Refusal{http.StatusServiceUnavailable, "This phone syncs already. Sync again in a minute."}

// take waits for a phone's turn; leave must be called after it.
func (t *turns) take(ctx context.Context, client string) (leave func(), err error) {
	mine := t.want(client)
	if mine == nil {
		return nil, errSyncing
	}
	ctx, cancel := context.WithTimeout(ctx, t.wait)
	defer cancel()
	if err := mine.free.Acquire(ctx, 1); err != nil {
		t.drop(client, mine)
		return nil, errSyncing
	}
	return func() { mine.free.Release(1); t.drop(client, mine) }, nil
}

// want is the turn of a phone, nil if too many want it.
func (t *turns) want(client string) *turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	x := t.of[client]
	if x == nil {
		x = &turn{free: semaphore.NewWeighted(1)}
		t.of[client] = x
	}
	if x.wanted == turnsWanted {
		return nil
	}
	x.wanted++
	return x
}

func (t *turns) drop(client string, x *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if x.wanted--; x.wanted == 0 {
		delete(t.of, client)
	}
}
