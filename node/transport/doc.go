// Package transport carries bytes between devices: it listens, dials, proves who is
// at the other end, and hands out streams. It knows nothing of what they carry.
//
// A [Host] is assembled by hand from libp2p's parts: TCP under Noise and yamux,
// QUIC beside it. There is no identify, no ping, no relay, no routing and no
// metric; the packages that bring those are not imported. TCP is dialled first,
// since QUIC takes three times the processor per byte.
//
// Every stream is encrypted, and [Stream.PeerKey] is proven by the other end. That
// says who it is and nothing more: whether it belongs to the camp is for the
// protocols above to find out. A device that refuses us does so after we connected,
// so a stream that opened proves nothing either; the first read does.
//
// Neither security depends on clocks: Noise has no dates, and the certificate under
// QUIC is valid at any time. A device whose clock stands at 1970 connects.
//
// Two devices that dial each other at once end with two connections. Both work; the
// layer above keeps one.
//
// A connection whose other end vanished is noticed after ten seconds over TCP
// and forty over QUIC; until then it is the one that [Host.Open] uses. Who knows
// earlier calls [Host.Disconnect] first.
//
// A connection without a stream is closed after some ten seconds, by either side. A
// stream that the other side opens just then is lost; its first Read says so.
//
// Another process with this device's key, such as one on a copied data directory, is
// no peer and never connected; [Host.IsCopy] finds it.
//
// This is the only package that imports libp2p. It never prints: what libp2p has to
// say goes to the log of the host made last, as debug messages.
package transport
