// Package store keeps a device's logs on disk, and the merged view derived from
// them: the state of every record, what conflicts, a feed of changes, and the
// state root.
//
// There is one writer. It opens a [Batch], reads and appends through it, and
// commits it: one batch is one synced Badger transaction, so what Commit
// acknowledged survives a power cut, and readers see whole entries or nothing.
// Values are stored once, in the entry; a record's row says which entries live in
// it. Of a record that would weigh more than a MiB in memory that stands under keys
// of its own, one for each entry, and a write reads and changes only those that it
// is about: there is no end to what may live in a record. The view can be thrown away: [Store.Rebuild] makes the same bytes again.
//
// The same code runs over Badger and over memory; the latter can crash and keeps
// only what was synced (storetest).
//
// Everything in the database is encrypted. The package never loses an
// acknowledged write to a full disk: it refuses writes while there still is room
// for what it has taken.
package store
