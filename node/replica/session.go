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
	id        Session
	peer      crdt.DeviceID
	inbound   bool
	remote    string
	phase     phase
	began     int64
	lastSent  int64
	lastHeard int64
	trusted   bool                // the peer is admitted
	proved    bool                // that this device is admitted
	greeted   bool                // our hello is out
	hello     *wire.Hello         // the peer's
	digest    [crdt.HashSize]byte // of what we held when we said hello
	named     base                // in our hello: what the peer is known to have held
	shared    uint64              // version of the index that both were noted to hold
	full      bool                // hashes were told in full

	// What the peer has.
	holds   *holding              // durable there
	sent    *holding              // that, and what is on its way there
	told    *holding              // the heads that we told it; of each branch alone
	unclear map[crdt.ShortID]bool // logs of which we do not know how much it holds
	trailed map[crdt.ShortID]bool // logs whose trail we sent
	resets  int64                 // when we last told our whole frontier
	pause   int64                 // until we may do so again
	resetIs bool                  // due
	parting bool                  // its frontier comes in several frames

	// What goes there.
	credit    int             // bytes that it lets us send
	asked     bool            // it granted, and we have not caught up since
	unacked   int             // bytes sent unasked and not acknowledged
	inStep    bool            // it had all that we push, since it began
	feeds     map[uint32]bool // branches that it gets from us, as far as we know
	streaming bool            // a Stream is out
	free      bool            // unasked
	epoch     int             // of what is sent; it changes when the peer begins anew

	// What comes from there.
	offers   offers
	omitted  bool        // it named heads for which there was no room among the offers
	asksRest bool        // it was told our frontier, so that it names them again, and has not yet
	parked   []*Received // that build on what is not held yet
	granted  int         // bytes that we let it send
	progress int64       // when it last sent something, as our source
	stalled  int64       // when it last sent nothing, as our source; 0: never
}

func newSession(e Opened, now int64) *session {
	return &session{
		id: e.Session, peer: e.Peer, inbound: e.Inbound, remote: e.Remote,
		began: now, lastSent: now, lastHeard: now, pause: resetPauseMs,
		holds: &holding{}, sent: &holding{}, told: &holding{},
		unclear: map[crdt.ShortID]bool{}, trailed: map[crdt.ShortID]bool{}, feeds: map[uint32]bool{},
	}
}
