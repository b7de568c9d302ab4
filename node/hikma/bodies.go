package hikma

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
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
)

// bodies reads what is sealed, few large ones at once.
type bodies struct {
	room *semaphore.Weighted
}

func newBodies() *bodies { return &bodies{semaphore.NewWeighted(largeBytesAtOnce)} }

var errNoRoom = &Refusal{http.StatusServiceUnavailable, "Other phones are sending a lot just now. Sync again in a minute."}

// read reads a body. done must be called when nothing of it is needed any more.
func (b *bodies) read(c *call) (body []byte, done func(), err error) {
	size := c.r.ContentLength
	if size > bodyBytesMax {
		return nil, nil, &http.MaxBytesError{Limit: bodyBytesMax}
	}
	if size < 0 {
		size = bodyBytesMax // it does not say, and may have as much
	}
	done = func() {}
	if size > smallBytes {
		ctx, cancel := context.WithTimeout(c.r.Context(), largeWait)
		defer cancel()
		if err := b.room.Acquire(ctx, size); err != nil {
			return nil, nil, errNoRoom
		}
		done = func() { b.room.Release(size) }
	}
	if body, err = c.read(size); err != nil {
		done()
	}
	return body, done, err
}

// read reads a body of at most size bytes.
func (c *call) read(size int64) ([]byte, error) {
	var buf bytes.Buffer
	if n := c.r.ContentLength; n > 0 {
		buf.Grow(int(min(n, size)) + bytes.MinRead) // so that it is not copied while it grows
	}
	_, err := buf.ReadFrom(http.MaxBytesReader(c.w, c.r.Body, size))
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil, errors.As(err, &tooLarge), errors.Is(err, os.ErrDeadlineExceeded):
		return buf.Bytes(), err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, badRequest("The request ends too early.")
	}
	return nil, fmt.Errorf("%w: %w", errBrokeOff, err)
}

// errBrokeOff says that a phone left in the middle of what it sent.
var errBrokeOff = errors.New("the request broke off")
