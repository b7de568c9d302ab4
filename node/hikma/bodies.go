package hikma

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	"golang.org/x/sync/semaphore" // so many bytes at once
)

// What a request may have. One that is sealed is in memory whole, and more than once: it
// can be trusted only when its end is there.
const (
	bodyBytesMax  = 64 << 20 // of one that is sealed
	plainBytesMax = 16 << 10 // of any other
	smallBytes    = 1 << 20  // up to which a body waits for nobody

	largeBytesAtOnce = 96 << 20         // of bodies above that, while they are read and worked on
	largeWait        = 60 * time.Second // for room

	paceEvery = 2 * time.Minute // in which a large one
	paceBytes = 480 << 10       // brings as much at least
)

// bodies reads what is sealed, few large ones at once. Only who showed who it is in a
// session gets room for one: the app pulls before it pushes, so a phone that has much to
// say did. Another may say that it is that phone, and so each has room for only one.
type bodies struct {
	room *semaphore.Weighted
	now  func() time.Time

	mu    sync.Mutex
	large map[string]bool // the clients that have one
}

func newBodies() *bodies {
	return &bodies{room: semaphore.NewWeighted(largeBytesAtOnce), now: time.Now, large: map[string]bool{}}
}

var (
	errNoRoom = &Refusal{http.StatusServiceUnavailable, "Other phones are sending a lot just now. Sync again in a minute."}
	errSlow   = &Refusal{http.StatusRequestTimeout, "The request comes too slowly."}
)

// headBytes is enough of a body to see whose it is.
const headBytes = 256

// read reads a body. done must be called when nothing of it is needed any more. With an error
// comes how it begins, as far as that came.
func (b *bodies) read(c *call, trusts func(client string) bool) (body []byte, done func(), err error) {
	size := c.r.ContentLength
	if size > bodyBytesMax {
		head, _ := io.ReadAll(io.LimitReader(c.r.Body, headBytes)) // it is refused whether that comes or not
		return head, nil, &http.MaxBytesError{Limit: bodyBytesMax}
	}
	if size < 0 {
		size = bodyBytesMax // it does not say, and may have as much
	}
	in := http.MaxBytesReader(c.w, c.r.Body, size)
	var buf bytes.Buffer
	if _, err := buf.ReadFrom(io.LimitReader(in, min(size, smallBytes))); err != nil {
		return buf.Bytes(), nil, bodyError(err)
	}
	if size <= smallBytes || buf.Len() < smallBytes {
		_, err := buf.ReadFrom(in) // the end, or what is more than it said
		return buf.Bytes(), func() {}, bodyError(err)
	}
	client, err := clientAtHead(buf.Bytes())
	if err != nil {
		return nil, nil, err
	}
	if !trusts(client) {
		return nil, nil, errNoSession
	}
	if done, err = b.enter(c.r.Context(), client, size); err != nil {
		return buf.Bytes(), nil, err
	}
	buf.Grow(int(size) - buf.Len() + bytes.MinRead) // so that it is not copied while it grows
	if _, err = buf.ReadFrom(&paced{from: in, now: b.now, since: b.now()}); err != nil {
		done()
	}
	return buf.Bytes(), done, bodyError(err)
}

// enter waits for the room of a large body.
func (b *bodies) enter(ctx context.Context, client string, size int64) (leave func(), err error) {
	if !b.begin(client) {
		return nil, errSyncing
	}
	ctx, cancel := context.WithTimeout(ctx, largeWait)
	defer cancel()
	if err := b.room.Acquire(ctx, size); err != nil {
		b.end(client)
		return nil, errNoRoom
	}
	return func() { b.room.Release(size); b.end(client) }, nil
}

func (b *bodies) begin(client string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.large[client] {
		return false
	}
	b.large[client] = true
	return true
}

func (b *bodies) end(client string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.large, client)
}

// A paced reads what keeps coming. Who sends a byte now and then would keep others out.
type paced struct {
	from  io.Reader
	now   func() time.Time
	since time.Time
	n     int
}

func (x *paced) Read(p []byte) (int, error) {
	n, err := x.from.Read(p)
	x.n += n
	now := x.now()
	if err != nil || now.Sub(x.since) < paceEvery {
		return n, err
	}
	if x.n < paceBytes {
		return n, errSlow
	}
	x.since, x.n = now, 0
	return n, nil
}

// read reads a body of at most size bytes.
func (c *call) read(size int64) ([]byte, error) {
	b, err := io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, size))
	return b, bodyError(err)
}

// bodyError tells why a body did not come whole.
func bodyError(err error) error {
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil, errors.As(err, &tooLarge), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, errSlow):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return badRequest("The request ends too early.")
	}
	return fmt.Errorf("%w: %w", errBrokeOff, err)
}

// errBrokeOff says that a phone left in the middle of what it sent.
var errBrokeOff = errors.New("the request broke off")
