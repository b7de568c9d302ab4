// Package apptest is a phone with the Hikma Health app 1.5.6, as far as a hub can tell:
// for tests of what serves phones.
//
// A [Phone] keeps rows as the app's database does, changes them as its users do, and
// syncs as the app does on the path of hubs, with all that is odd in that. It has no
// clock, no goroutine and no chance in it: the time is set, ids come from a seed, and
// whatever goes wrong is asked for in [Faults]. So a thousand of them run in one test.
//
// A [Remote] is a hub behind HTTP, spoken to with the app's envelope, written apart from
// the one of the server. A [Day] enters what a clinic enters.
//
// What the tables take is from package clinic; how the app behaves is written down where
// it is done here. In one thing the phone is stricter than the app, so that a mistake of a
// hub is seen: it does not take rows that tell it their _status or _changed, which on this
// path the app overwrites and on others fails on.
package apptest
