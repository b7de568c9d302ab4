// Package node is the loop of a device: everything that is written here passes
// through its one goroutine, which fixes what each write supersedes, gives it its
// place in the log, and commits many writers' transactions in one go.
//
// A write is acknowledged once it is durable. A transaction that cannot be done
// ([crdt.EditError]) concerns its author alone; a failing store fails all that
// were to be committed together, and leaves nothing of them behind.
//
// Constructors start nothing; [Node.Run] does, and waits for what it started.
package node
