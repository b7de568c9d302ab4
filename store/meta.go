package store

import (
	"fmt"

	"github.com/fxamacker/cbor/v2"

	"musafir/crdt"
)

// Identity is which camp a store belongs to. The numbers 2 and 3 named the device's
// own logs once, which the births say: older directories have them, they are passed
// over, and nothing else may ever stand under them.
type Identity struct {
	Camp crdt.CampID `cbor:"1,keyasint"`
}

// A branchInfo is a line of entries in a log. A log has one branch, or more
// where a clone made it a tree; entries are numbered by their place in the log,
// so a branch that forks off begins where it does.
type branchInfo struct {
	Log    crdt.LogID `cbor:"1,keyasint"`
	Parent uint32     `cbor:"2,keyasint"` // of a fork: the branch it left
	From   uint64     `cbor:"3,keyasint"` // first sequence of its own
}

// meta is what changes with every commit.
type meta struct {
	Feed      [16]byte   `cbor:"1,keyasint"` // random, names this feed
	Position  uint64     `cbor:"2,keyasint"` // last given in the feed
	Entries   uint64     `cbor:"3,keyasint"`
	Records   uint64     `cbor:"4,keyasint"` // live, in ordinary collections
	Conflicts uint64     `cbor:"5,keyasint"` // paths in conflict in those
	Held      uint64     `cbor:"6,keyasint"` // entries held and not merged
	Graph     []crdt.Dep `cbor:"7,keyasint"` // heads of the entry graph
	Dropping  bool       `cbor:"8,keyasint"` // the old view is being deleted
	Lag       *lag       `cbor:"9,keyasint,omitempty"`
	Journal   bool       `cbor:"10,keyasint,omitempty"` // what stands in the journal is a fact, and not done yet
}

// A mark is an entry by the branch and the sequence it has here.
type mark struct {
	_      struct{} `cbor:",toarray"`
	Branch uint32
	Seq    uint64
}

// A lag says what of the entries is not in the view yet, because it did not fit
// into one commit with them, or because the view is being rebuilt.
type lag struct {
	From []mark `cbor:"1,keyasint"` // per branch, the first entry not in the view
	To   []mark `cbor:"2,keyasint"` // the last entry of the part that is under way; none: not begun
	Done []byte `cbor:"3,keyasint"` // of that part the records up to this one are in the view
}

var encMode = must(cbor.CoreDetEncOptions().EncMode())
var decMode = must(cbor.DecOptions{DupMapKey: cbor.DupMapKeyEnforcedAPF, MaxArrayElements: 1 << 20}.DecMode())

func must[T any](v T, err error) T {
	if err != nil {
		panic(err) // constant options
	}
	return v
}

func encode(v any) []byte {
	b, err := encMode.Marshal(v)
	if err != nil {
		panic("encode metadata: " + err.Error()) // our own types always encode
	}
	return b
}

// fetch reads the metadata at a key into v.
func fetch(from view, key []byte, v any) (bool, error) {
	b, ok, err := from.get(key)
	if err != nil || !ok {
		return false, err
	}
	if err := decMode.Unmarshal(b, v); err != nil {
		return false, fmt.Errorf("read metadata %q: %w", key[0], err)
	}
	return true, nil
}
