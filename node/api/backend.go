package api

import (
	"context"
	"crypto/ed25519"
	"time"

	"musafir/crdt"
)

// A Backend is the device that the API serves.
type Backend interface {
	// Write does a transaction and returns once it is durable.
	Write(ctx context.Context, tx crdt.Transaction) (crdt.Receipt, error)
	// Submit queues a transaction; those of one caller are done in order.
	Submit(ctx context.Context, tx crdt.Transaction) (wait func() (crdt.Receipt, error), err error)
	// Note reads the note that was stored with an earlier transaction.
	Note(key [crdt.HashSize]byte) (value []byte, ok bool, err error)

	Record(crdt.RecordKey) (*crdt.Record, error)   // nil if never written
	Touches(crdt.RecordKey) ([]*crdt.Touch, error) // all held entries that touched it
	Past(of crdt.Ref) (func(crdt.Ref) bool, error) // what the author of an entry had held, the entry included
	Device(log crdt.LogID) crdt.DeviceID           // who writes a log; empty if not known
	Quarantined() ([]Held, error)                  // entries held and not merged
	Counts() (entries, records, conflicts, quarantined uint64)

	// These visit records, until visit returns false or an error.
	Scan(collection, after string, visit func(*crdt.Record) (bool, error)) error           // live ones, in id order
	ScanAll(visit func(*crdt.Record) (bool, error)) error                                  // live ones of ordinary collections, in order
	Conflicted(after crdt.RecordKey, visit func(*crdt.Record) (bool, error)) error         // in order
	Changes(since uint64, visit func(position uint64, r *crdt.Record) (bool, error)) error // each at its newest position

	Feed() (id [16]byte, position uint64)
	WaitChange(ctx context.Context, position uint64) error // returns once the feed has passed the position

	Peers(ctx context.Context) ([]Peer, error)
	Devices() []Device
	Recovery() crdt.DeviceID                                                         // the id under which the camp's recovery key admits
	Recover(ctx context.Context, key ed25519.PrivateKey) error                       // or one of the errors of package access
	Doctor(ctx context.Context, clocks []Advice) (Diagnosis, error)                  // clocks are those known to be wrong
	Invite(ctx context.Context, role crdt.Role, valid time.Duration) (Invite, error) // or one of the errors of package access
	Copies(at []crdt.Ref) int                                                        // other devices that are known to hold all of these entries
	Notices() []Notice                                                               // newest first, at most NoticesMax

	Camp() (id crdt.CampID, name string)
	Self() (id crdt.DeviceID, name, role string)
	StateRoot() [crdt.HashSize]byte
	Frontier() crdt.Frontier
	Disk() (freeBytes, usedBytes uint64, full bool)
	Verify(ctx context.Context, progress func(share float64)) (VerifyReport, error)

	PhoneDesk
}

// A Held is an entry that is stored and forwarded, but not merged.
type Held struct {
	Log    crdt.LogID
	Seq    uint64
	Entry  crdt.EntryID
	Reason string
}

// A VerifyReport is what a check of everything on disk found.
type VerifyReport struct {
	Entries, Seals, Records uint64
	Problems                []string // what is wrong, in words that name it
}
