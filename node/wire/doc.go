// Package wire is the frames that two devices exchange, as values: what may
// stand in each, how it is written as bytes, and how far it is believed.
//
// [Append] writes a [Frame], [Read] takes one from a stream, [Parse] from a kind
// and a body. Both sides check the same rules: what Append writes Parse takes,
// and whatever Parse takes is written again as the same bytes (a compressed
// [Batch] aside, of which this holds for what was compressed).
//
// Everything has a limit, named in limits.go. A length is checked before
// anything is allocated for it, and what is compressed says its size before it
// is opened. No error quotes what was received.
//
// The frames of a session and their order are laid down in SPEC.md. Whether a
// frame may come now, and who may send it, is not known here: that is the
// business of the session. Entries are carried as bytes; nobody here looks into
// them.
//
// The package never reads a clock, draws a random byte, starts a goroutine or
// opens anything. It reads what the caller's reader gives.
package wire
