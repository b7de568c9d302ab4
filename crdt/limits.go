package crdt

import "fmt"

// Limits of format version 1. A longer write becomes several entries, or the
// writer is told which limit it met.
const (
	MaxEntryBytes      = 256 << 10
	MaxChangeBytes     = 64 << 10
	MaxChanges         = 1024
	MaxDeps            = 256
	MaxPathBytes       = 512
	MaxCollectionBytes = 64
	MaxRecordIDBytes   = 256
	MaxAuthorBytes     = 128
	MaxPhoneBytes      = 64
	MaxNames           = 2048 // superseded entries that one change names
	MaxValueDepth      = 32   // arrays and objects inside one another, keys of a path included

	MaxGraph = 2 * MaxDeps // heads of the entry graph that a device keeps in mind

	// The author seals its log at the latest after this much.
	SealEveryEntries = 256
	SealEveryBytes   = 256 << 10
)

// A LimitError says which named limit was exceeded, by what and by how much.
type LimitError struct {
	What string // what is too large, in words
	Size int
	Max  int
	Unit string
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("%s is too large: %d %s, the limit is %d", e.What, e.Size, e.Unit, e.Max)
}

func tooLarge(what string, size, limit int, unit string) error {
	if size <= limit {
		return nil
	}
	return &LimitError{What: what, Size: size, Max: limit, Unit: unit}
}
