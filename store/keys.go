package store

import (
	"bytes"
	"encoding/binary"
	"errors"

	"musafir/crdt"
)

// The database's keys begin with a letter that says what they hold. Numbers are
// big-endian, so that keys sort as what they stand for.
const (
	keyMeta     = 'm' // -> meta
	keyIdentity = 'i' // -> Identity
	keyBranch   = 'b' // branch -> branchInfo
	keyEntry    = 'e' // branch, sequence -> entry id, entry
	keySeal     = 's' // branch, sequence -> seal
	keyNote     = 'n' // hash -> note
	keyPeer     = 'p' // device id -> what the node remembers of it
	keyHeld     = 'q' // branch, sequence -> reason: held, not merged

	// What follows is the merged view, derived from the entries.
	keyRow      = 'r' // collection 0 id -> row
	keyRetired  = 't' // collection 0 id 0 branch, sequence, offset -> "", or 1 if held and not merged
	keyConflict = 'x' // collection 0 id -> ""; stale if the row has none
	keyFeed     = 'f' // position -> run of records up to it; stale where a row has another
	keyBucket   = 'k' // page of buckets -> their sums
)

// viewKeys are the letters of the merged view.
var viewKeys = []byte{keyRow, keyRetired, keyConflict, keyFeed, keyBucket}

var errKey = errors.New("the database holds a key that is none of ours")

func entryKey(letter byte, branch uint32, seq uint64) []byte {
	k := binary.BigEndian.AppendUint32(append(make([]byte, 0, 13), letter), branch)
	return binary.BigEndian.AppendUint64(k, seq)
}

func branchKey(letter byte, branch uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{letter}, branch)
}

func readEntryKey(k []byte) (branch uint32, seq uint64, err error) {
	if len(k) != 13 {
		return 0, 0, errKey
	}
	return binary.BigEndian.Uint32(k[1:]), binary.BigEndian.Uint64(k[5:]), nil
}

func recordKey(letter byte, k crdt.RecordKey) []byte {
	b := make([]byte, 0, 2+len(k.Collection)+len(k.ID))
	return append(append(append(append(b, letter), k.Collection...), 0), k.ID...)
}

func collectionPrefix(letter byte, collection string) []byte {
	return append(append([]byte{letter}, collection...), 0)
}

// readRecordKey reads collection 0 id, as in keys after their letter and in the
// feed.
func readRecordKey(b []byte) (crdt.RecordKey, error) {
	collection, id, ok := bytes.Cut(b, []byte{0})
	if !ok {
		return crdt.RecordKey{}, errKey
	}
	return crdt.RecordKey{Collection: string(collection), ID: string(id)}, nil
}

func retiredPrefix(k crdt.RecordKey) []byte { return append(recordKey(keyRetired, k), 0) }

func retiredKey(k crdt.RecordKey, ref crdt.Ref) []byte {
	b := binary.BigEndian.AppendUint32(retiredPrefix(k), ref.Branch)
	b = binary.BigEndian.AppendUint64(b, ref.Seq)
	return binary.BigEndian.AppendUint32(b, ref.Offset)
}

const refBytes = 16

func readRef(b []byte) (crdt.Ref, error) {
	if len(b) != refBytes {
		return crdt.Ref{}, errKey
	}
	return crdt.Ref{
		Branch: binary.BigEndian.Uint32(b),
		Seq:    binary.BigEndian.Uint64(b[4:]),
		Offset: binary.BigEndian.Uint32(b[12:]),
	}, nil
}
