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
	keyRetired  = 't' // collection 0 id 0 name -> ref of a touch that nothing shows of
	keyConflict = 'x' // collection 0 id -> ""; stale if the row has none
	keyFeed     = 'f' // position -> run of records up to it; stale where a row has another
	keyBucket   = 'k' // page of buckets -> their sums

	// The parts of a record that is not kept whole in its row.
	keyLiving  = 'l' // collection 0 id 0 name -> what lives of a touch
	keyWaiting = 'w' // collection 0 id 0 awaited name, name -> which claims of a touch wait
	keyCounter = 'c' // collection 0 id 0 path -> sum

	keyJournal = 'j' // number -> puts of a commit that is under way
)

// viewKeys are the letters of the merged view.
var viewKeys = []byte{keyRow, keyRetired, keyConflict, keyFeed, keyBucket, keyLiving, keyWaiting, keyCounter}

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

// partPrefix begins the keys of what a record has under a letter.
func partPrefix(letter byte, k crdt.RecordKey) []byte { return append(recordKey(letter, k), 0) }

// partKey is such a key. The name of a touch is the short id of its entry.
func partKey(letter byte, k crdt.RecordKey, name crdt.ShortID) []byte {
	return append(partPrefix(letter, k), name[:]...)
}

func waitingKey(k crdt.RecordKey, awaited, by crdt.ShortID) []byte {
	return append(partKey(keyWaiting, k, awaited), by[:]...)
}

func counterKey(k crdt.RecordKey, path string) []byte {
	return append(partPrefix(keyCounter, k), path...)
}

// retiredValue is the ref of a touch behind whether it is merged.
func retiredValue(t *crdt.Touch) []byte {
	merged := byte(0)
	if t.Merged {
		merged = 1
	}
	return t.Ref.Append([]byte{merged})
}

func readRetired(value []byte) (ref crdt.Ref, merged bool, err error) {
	if len(value) == 0 {
		return ref, false, errKey
	}
	ref, rest, err := crdt.CutRef(value[1:])
	if err == nil && len(rest) > 0 {
		err = errKey
	}
	return ref, value[0] == 1, err
}

// recordName cuts off what stands behind a record's name in the key of a part.
func recordName(k []byte) []byte {
	at := bytes.IndexByte(k, 0)
	if end := bytes.IndexByte(k[at+1:], 0); at >= 0 && end >= 0 {
		return k[:at+1+end]
	}
	return k
}
