package clinic

import (
	"strconv"
	"strings"

	"musafir/crdt"
)

// A Look is what a device holds at one moment.
type Look interface {
	Marks() []crdt.Mark // the heads of all logs of records, in order
	Record(crdt.RecordKey) (*crdt.Record, error)
	Touches(crdt.RecordKey) ([]*crdt.Touch, error)
	// Scan visits the records of a collection in id order, after an id.
	Scan(collection, after string, deletedToo bool, visit func(*crdt.Record) (bool, error)) error
	Past(marks []crdt.Mark) (Past, error)
	// Feed tells how far what changed is numbered, and Changed visits the records of a
	// collection that changed after a number, some of them several times.
	Feed() (id [16]byte, position uint64)
	Changed(collection string, after uint64, visit func(id string) (bool, error)) error
}

// A Past is what somebody held who had certain marks.
type Past interface {
	Holds(crdt.Ref) bool
	// Later visits the records that entries outside of it touch, some of them several times.
	Later(visit func(crdt.RecordKey) (bool, error)) error
	LaterCount() (entries uint64)
}

// Origin is what the header of an entry says of the phone that pushed it: its id, and the
// watermark that it presented.
func Origin(client string, presented int64) string {
	return client + " " + strconv.FormatInt(presented, 10)
}

// readOrigin reads what Origin wrote.
func readOrigin(phone string) (client string, presented int64, ok bool) {
	client, text, ok := strings.Cut(phone, " ")
	presented, err := strconv.ParseInt(text, 10, 64)
	return client, presented, ok && err == nil
}

// ClientMaxBytes is how long the id of a phone may be, so that its origin fits.
const ClientMaxBytes = 40
