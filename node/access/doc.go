// Package access says who takes part in a camp, and what each device may write.
//
// A [Camp] is the membership as the control logs say it. Entries come to it in any
// causal order: [Camp.Check] says whether one may stand at its place, [Camp.Add]
// takes note of it. Whether an entry may stand depends on the entry and its causal
// past and on nothing else, so every device refuses the same entries, whatever
// else it holds; and the membership is a function of the set of entries. Acts that
// do not know of each other both count.
//
// Neither looks at seals or hashes: the caller has verified that the id is the
// entry's and that the log's device key sealed it. A birth is sealed by the key
// that it names, which so agrees to it.
//
// Acts of membership rest on acts of membership only, never on records, so that the
// control logs can be read first.
//
// What a newer program says here is let through and counts for nothing, with all
// that rests on it: it says who may do what only after an upgrade.
//
// A device whose data was copied, or came back from an old copy, goes on with logs of
// a new key that continue those of the old one: a [Renewal]. [Member.Current] are the
// ids that nobody went on from, several where several copies did.
//
// [Camp.Proof] gathers the few entries that show to somebody who holds only the
// camp's first entry that a key is admitted, and [Camp.Verify] checks them, seals
// and all. Where they are too many, the newest are for those who hold the others.
//
// A [Code] invites one device. [Invitations] are those that are open here; they
// end by success, by time, and by too many wrong answers.
//
// The package is pure: random bytes and times are arguments. The bytes it makes
// are laid down in FORMAT.md.
package access
