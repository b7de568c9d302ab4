// Package discovery finds the devices of a camp on whatever local network there is,
// and lets this one be found.
//
// A [Finder] asks by multicast DNS, on each interface on its own, for the service
// [Service], and answers others who ask. An answer carries a [Notice], sealed with
// a key of the camp, or with that of an open invitation; FORMAT.md lays down its
// bytes. Whoever has none of the keys learns that some Musafir device is there, and
// nothing else: names are random and replaced every hour, the port in clear is the
// same for all, and the number of strings does not show how many keys there are.
//
// Nothing that is heard is trusted. A notice says where a device may be; whether it
// is there, and is that device, is proven by whoever dials. An old notice that is
// played back, or one made by somebody who once had the key, leads to an address
// where nobody fits, and no further. Whoever floods the network keeps devices from
// finding each other by it, at a bounded cost to each.
//
// It needs no default route, no router and no address that a router gave. It notices
// within two seconds when interfaces come, go, or change their addresses, and when
// the device wakes up; then it asks at once and a few times more. Otherwise it asks
// every 20 to 30 seconds. Nothing is announced: devices hear each other because each
// asks. Finding nobody is a state to explain, not an error: see [Finder.Report].
//
// Answers are given by hashicorp/mdns, with one server for each interface. Questions
// are asked by our own hands, from a socket for each interface and family, and by
// that library's client beside: when an interface appears and every few minutes, and
// where our own question fails. The client is not enough. By IPv4 it cannot ask where
// the routes name no interface for multicast, as on a network without internet; it
// tells nothing before its wait is over; and what it keeps of a flood has no bound.
//
// The package never dials, never decides who is a member, keeps nothing on disk, and
// never sends beyond the networks that the device is on. What devices say is never
// logged, and their ids only as debug messages. It is the only one that imports mdns.
package discovery
