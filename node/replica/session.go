package replica

import (
	"musafir/crdt"
	"musafir/node/wire"
)

// phase is how far a session has come.
type phase int

const (
	waitHail     phase = iota // inbound: nothing is said before the hail fits
	waitProof                 // the peer shall show that it is admitted
	waitHello                 // the peer is known; its hello is awaited
	waitFrontier              // what the two hold differs
	live                      // both know what the other holds
)

// A session is a conversation with another device over one stream.
type session struct {
	id      Session
	peer    crdt.DeviceID
	inbound bool
	remote  string
	phase   phase
	began   int64
	trusted bool        // the peer is admitted
	greeted bool        // our hello is out
	hello   *wire.Hello // the peer's
	digest  [crdt.HashSize]byte
	told    holding // what we said that we hold: per branch the head's sequence + 1

	sent      holding               // what is on its way to the peer
	unclear   map[crdt.ShortID]bool // logs of which we do not know what the peer holds
	trailed   map[crdt.ShortID]bool // logs whose trail we sent
	offers    map[offer]int64       // heads of the peer that we do not hold, with the time they came
	credit    int                   // bytes that the peer lets us send
	asked     bool                  // the peer granted and we have not caught up since
	unacked   int                   // bytes sent unasked and not acknowledged
	epoch     int                   // of what is sent
	parts     map[crdt.ShortID]bool // of a frontier that comes in several frames
	streaming bool                  // a Stream is out
	granted   int                   // bytes that we let the peer send
	progress  int64                 // when the peer, as our source, last sent something
	resets    int64                 // when we last told our whole frontier again
	lastSent  int64
	lastHeard int64
}

// An offer is a head that the peer holds and we do not.
type offer struct {
	log  crdt.ShortID
	seq  uint64
	hash string
}

func offerOf(h wire.Head) offer { return offer{h.Log, h.Seq, string(h.Hash)} }

func (o offer) head() wire.Head { return wire.Head{Log: o.log, Seq: o.seq, Hash: []byte(o.hash)} }
