// Package replica is one device's side of syncing, as values without I/O.
//
// A [Group] makes one commit of what was written here and what came from others,
// and asks the membership about each entry. A [Replica] holds the conversations
// with other devices: Step takes what happened, Take gives what is to be done. A
// [Verifier] turns frames into batches that may be ingested, and [Cut] turns ranges
// of logs into frames; both run beside the loop, one per session.
//
// What it guarantees: nothing is told to another device before it is durable; what
// a peer sends is taken only if its hash, its seal, its place in its log and the
// entries that it builds on are there, and the membership lets it stand there; a
// peer's bad input concerns that peer and nobody else. Equal input gives equal
// effects.
package replica
