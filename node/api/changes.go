package api

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"musafir/crdt"
)

const (
	followersMax    = 256
	keepAliveEvery  = 15 * time.Second // of server-sent events
	changesPageRows = 256
)

// A feed is one reader of the changes.
type feed struct {
	s          *Server
	c          *call
	id         string // of the device's feed, in hexadecimal digits
	position   uint64 // up to which it was read
	collection string // "" for all
	events     bool   // as server-sent events, else as JSON lines
	follow     bool
}

func (s *Server) changes(c *call) error {
	f, err := s.openFeed(c)
	if err != nil {
		return err
	}
	if f.follow {
		if s.followed.Add(1) > followersMax {
			s.followed.Add(-1)
			return &problem{Status: http.StatusServiceUnavailable, Detail: fmt.Sprintf("%d programs follow the changes already, and no more may.", followersMax)}
		}
		defer s.followed.Add(-1)
	}
	h := c.w.Header()
	h.Set("Content-Type", linesType)
	if f.events {
		h.Set("Content-Type", eventType)
	}
	h.Add("Vary", "Accept")
	return f.run()
}

func (s *Server) openFeed(c *call) (*feed, error) {
	id, _ := s.backend.Feed()
	f := &feed{s: s, c: c, id: hex.EncodeToString(id[:]), events: wantsEvents(c.r)}
	var err error
	if f.collection, err = c.collection(); err != nil {
		return nil, err
	}
	if f.follow, err = c.flag("follow"); err != nil {
		return nil, err
	}
	since := c.query.Get("since")
	if last := c.r.Header.Get("Last-Event-ID"); last != "" {
		since = last // a browser's, which came further than its address says
	}
	return f, f.seek(since)
}

func wantsEvents(r *http.Request) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept"), ",") {
		if t, _, err := mime.ParseMediaType(part); err == nil && t == eventType {
			return true
		}
	}
	return false
}

// seek begins behind a cursor or a position.
func (f *feed) seek(since string) error {
	if since == "" {
		return nil
	}
	number := since
	if id, n, isCursor := strings.Cut(since, "."); isCursor {
		if len(id) != len(f.id) {
			return badSince()
		}
		if id != f.id {
			return &problem{Status: http.StatusGone, Detail: "This cursor is of another device's feed, or of one that is no more. Begin again without it."}
		}
		number = n
	}
	n, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return badSince()
	}
	if _, last := f.s.backend.Feed(); n > last {
		return &problem{Status: http.StatusGone, Detail: "The feed has not come as far as this cursor. Begin again without it."}
	}
	f.position = n
	return nil
}

func badSince() error {
	return badRequest("A change is named by its cursor or by a position, a number.")
}

// run writes what changed, and then what changes, for as long as the token is good.
func (f *feed) run() error {
	ctx, cancel := f.s.untilStopping(f.c.r.Context())
	defer cancel()
	if f.follow {
		f.c.w.WriteHeader(http.StatusOK)
		if err := f.c.w.Flush(); err != nil {
			return err
		}
	}
	for !f.follow || f.c.stillKnown(f.s) {
		more, err := f.page()
		if err != nil || !more && !f.follow {
			return err
		}
		if ctx.Err() != nil {
			return nil // the reader goes on from its last cursor
		}
		if !more {
			err = f.wait(ctx)
		}
		if err != nil || ctx.Err() != nil {
			return err
		}
	}
	return nil
}

// untilStopping ends with ctx or when the device stops.
func (s *Server) untilStopping(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-s.cfg.Stopping:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// page reads a page of changes from the store and then writes it: the store waits
// for no reader.
func (f *feed) page() (more bool, err error) {
	// What is passed over, as other collections, is read too up to here.
	_, read := f.s.backend.Feed()
	var b []byte
	rows := 0
	last := f.position
	err = f.s.backend.Changes(f.position, func(position uint64, r *crdt.Record) (bool, error) {
		if f.collection != "" && r.Key.Collection != f.collection {
			return true, f.c.r.Context().Err()
		}
		if rows == changesPageRows || len(b) >= pageBytes {
			more = true
			return false, nil
		}
		b = f.appendRow(b, position, r)
		rows++
		last = position
		return true, f.c.r.Context().Err()
	})
	if err != nil {
		return false, err
	}
	if f.position = last; !more {
		f.position = max(last, read)
	}
	return more, f.send(b)
}

func (f *feed) send(b []byte) error {
	if len(b) == 0 && f.c.w.Status != 0 {
		return nil
	}
	if _, err := f.c.w.Write(b); err != nil {
		return err
	}
	return f.c.w.Flush()
}

func (f *feed) appendRow(b []byte, position uint64, r *crdt.Record) []byte {
	number := strconv.FormatUint(position, 10)
	cursor := f.id + "." + number
	if f.events {
		b = append(b, "id: "+cursor+"\nevent: change\ndata: "...)
	}
	b = quote(append(b, `{"cursor":`...), cursor)
	b = append(b, `,"position":`+number+`,`...)
	b = append(f.s.appendMembers(b, r, shown(r)), '}', '\n')
	if f.events {
		b = append(b, '\n')
	}
	return b
}

// wait returns once there is more, ctx ends, or nothing was for a while.
func (f *feed) wait(ctx context.Context) error {
	turn, cancel := context.WithTimeout(ctx, keepAliveEvery)
	defer cancel()
	err := f.s.backend.WaitChange(turn, f.position)
	switch {
	case err == nil || ctx.Err() != nil:
		return nil
	case !errors.Is(err, context.DeadlineExceeded):
		return err
	case f.events:
		return f.send([]byte(":\n\n")) // a comment: tells both ends that the other is there
	}
	return nil
}
