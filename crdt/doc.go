// Package crdt is Musafir's data model: entries, logs, and the rules by which
// the histories of many devices become one record.
//
// A device writes [Entry] after entry into its log. Each entry is one atomic
// transaction: a header and the [Change] it makes to each of some records. The
// entries of a log form a hash chain that begins with a [Birth]; the author
// signs the chain now and then with a [Seal]. Which entries a device holds is
// its [Frontier]. Who may write at all is said by an [Admission].
//
// A [Record] is what the changes to one record amount to. Merging is a function
// of the set of held entries, whatever the order they came in: a version is
// dead if and only if an entry that was merged names it. [Refold] is that
// sentence as code; [Record.Apply] does the same one entry at a time. Clocks
// choose only which of several living versions is shown; the others stay, as
// siblings.
//
// [Compose] turns what somebody wants ([Edit]) into a change that names exactly
// the versions its author had seen.
//
// The package never reads a clock, draws a random byte, touches a disk or
// starts a goroutine. Every byte it produces is laid down in FORMAT.md.
package crdt
