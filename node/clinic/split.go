package clinic

import (
	"errors"

	"musafir/crdt"
)

// editBytesMax is how large one edit may be, so that its change keeps below the limit with
// what it supersedes.
const editBytesMax = crdt.MaxChangeBytes * 3 / 4

var errTooLarge = errors.New("a column has more than can be kept in one piece")

// split makes several edits of one that is too large for a change. A single value that is
// too large cannot be kept.
func split(e *crdt.Edit) ([]*crdt.Edit, error) {
	if sizeOf(e) <= editBytesMax {
		return []*crdt.Edit{e}, nil
	}
	first := &crdt.Edit{Key: e.Key, From: e.From, Again: e.Again, Undelete: e.Undelete, Remove: e.Remove, Max: e.Max}
	parts := []*crdt.Edit{first}
	for _, f := range e.Set {
		last := parts[len(parts)-1]
		size := fieldOverhead + len(f.Key) + len(f.Value)
		if size > editBytesMax {
			return nil, errTooLarge
		}
		if sizeOf(last)+size > editBytesMax {
			last = &crdt.Edit{Key: e.Key, From: e.From, Again: e.Again}
			parts = append(parts, last)
		}
		last.Set = append(last.Set, f)
	}
	return parts, nil
}
