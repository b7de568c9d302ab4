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

// deletionOrigin is the origin of what was deleted, with the phone's time of that, in milliseconds:
// a deletion has no columns in which it could stand. It is left out where there is no room for it.
func deletionOrigin(client string, presented, editedMs int64) string {
	origin := Origin(client, presented)
	if timed := origin + " " + strconv.FormatInt(editedMs, 36); editedMs > 0 && len(timed) <= crdt.MaxPhoneBytes {
		return timed
	}
	return origin
}

// readOrigin reads what Origin wrote.
func readOrigin(phone string) (client string, presented int64, ok bool) {
	client, text, ok := strings.Cut(phone, " ")
	text, _, _ = strings.Cut(text, " ")
	presented, err := strconv.ParseInt(text, 10, 64)
	return client, presented, ok && err == nil
}

// deletedAtIn is the phone's time in the origin of a deletion, in milliseconds; 0 if it says none.
func deletedAtIn(phone string) int64 {
	_, text, _ := strings.Cut(phone, " ")
	_, text, _ = strings.Cut(text, " ")
	edited, err := strconv.ParseInt(text, 36, 64)
	if err != nil {
		return 0
	}
	return edited
}

// ClientMaxBytes is how long the id of a phone may be, so that its origin fits.
const ClientMaxBytes = 40
