package hikma

import (
	"context"
	"io"
	"log/slog"
	"time"

	"musafir/crdt"
)

// Config is what phones are served with.
type Config struct {
	Backend Backend
	Sync    Sync                      // nil: phones can log in and not sync
	Seed    [32]byte                  // of this device alone: its key for phones is derived of it
	Secret  [32]byte                  // of the camp: tokens are made with it
	Status  func(error) (int, string) // HTTP status and title of errors that are not known here; 0: it does not know either. May be nil.
	Log     *slog.Logger              // gets the pattern of a route, never an id or a value
	Now     func() time.Time          // nil: time.Now
}

// A Backend is the device that serves phones.
type Backend interface {
	// Write does a transaction and returns once it is durable.
	Write(ctx context.Context, tx crdt.Transaction) (crdt.Receipt, error)

	Record(crdt.RecordKey) (*crdt.Record, error)                                 // nil if never written
	Touches(crdt.RecordKey) ([]*crdt.Touch, error)                               // all held entries that touched it
	Scan(collection, after string, visit func(*crdt.Record) (bool, error)) error // live ones, in id order

	Camp() (id crdt.CampID, name string)
	Self() (id crdt.DeviceID, name, role string)
}

// Who is the phone and the person who ask.
type Who struct {
	Client string // the phone
	User   string // the id of the row
	Email  string
	Name   string // the author of what is pushed
}

// A Sync knows what phones hold, and what they are to be sent. An error of it may be a
// [Refusal].
type Sync interface {
	// Pull writes {"changes":{…},"timestamp":…} to w.
	Pull(ctx context.Context, who Who, lastPulledAt int64, w io.Writer) error
	// Push returns nil once all of it is durable. It must not keep changes.
	Push(ctx context.Context, who Who, lastPulledAt int64, changes []byte) error
}

// A Refusal is an error that the phone is told.
type Refusal struct {
	Status int    // of HTTP, none of 2xx
	Text   string // quotes nothing that a person entered
}

func (r *Refusal) Error() string { return r.Text }
