package node

import (
	"context"
	"slices"
	"sync"
	"time"

	"musafir/crdt"
	"musafir/node/access"
	"musafir/node/replica"
	"musafir/node/wire"
)

const (
	seekEvery  = 250 * time.Millisecond
	addrsEvery = time.Second // the device's own addresses are compared
)

// Sighted takes note of a device that was heard on the local network.
func (n *Node) Sighted(s Sighting) {
	stand := n.standing.Load()
	if s.Device == stand.ID() {
		n.suspect(s.Addrs)
		return
	}
	n.meeting.Lock()
	defer n.meeting.Unlock()
	n.roster.sighted(s, stand.ID(), *n.digest.Load(), time.Now())
	n.hurry()
}

// A Notice is what a device tells others of itself.
type Notice struct {
	Device crdt.DeviceID
	Digest [8]byte // the first bytes of its frontier's digest
}

// Notice is what to tell now.
func (n *Node) Notice() Notice {
	return Notice{Device: n.standing.Load().ID(), Digest: *n.digest.Load()}
}

// InvitationKeys are those under which whoever holds the code of an open invitation
// finds this device.
func (n *Node) InvitationKeys() [][]byte { return n.findKeys.Load().keys }

// findKeys are the keys of open invitations.
type findKeys struct {
	of   []access.Invitation
	keys [][]byte
}

// update derives them anew where others are open now.
func (old *findKeys) update(open []access.Invitation) *findKeys {
	if old != nil && slices.Equal(old.of, open) {
		return old
	}
	k := &findKeys{of: open}
	for _, i := range open {
		k.keys = append(k.keys, i.Code.FindKey())
	}
	return k
}

// hurry lets seek look at once.
func (n *Node) hurry() {
	select {
	case n.hurried <- struct{}{}:
	default:
	}
}

// seek dials whom the roster names, and ends sessions that give way to others,
// until ctx ends.
func (n *Node) seek(ctx context.Context, net Network) {
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { n.checkCopies(ctx, net) })
	timer := time.NewTicker(seekEvery)
	defer timer.Stop()
	var place whereWeAre
	for ctx.Err() == nil {
		if place.moved(net, time.Now()) {
			n.moved(net)
		}
		dial, ends, err := n.plan(ctx)
		if err != nil {
			return
		}
		for _, id := range ends {
			n.giveWay(ctx, id)
		}
		for _, a := range dial {
			wg.Go(func() { n.dial(ctx, net, a) })
		}
		select {
		case <-n.hurried:
		case <-timer.C:
		case <-ctx.Done():
		}
	}
}

// plan asks the roster what to do now.
func (n *Node) plan(ctx context.Context) (dial []*acquaintance, end []crdt.DeviceID, err error) {
	var st standing
	if err := n.call(ctx, func() { st = n.standings() }); err != nil {
		return nil, nil, err
	}
	n.meeting.Lock()
	defer n.meeting.Unlock()
	now := time.Now()
	dial, end = n.roster.plan(st, now)
	if n.cfg.Finder != nil {
		alone := len(st.sessions) == 0 && time.Since(n.started) < missingFor
		n.cfg.Finder.Eager(alone || n.roster.missing(st, now))
	}
	return dial, end, nil
}

// standings is what sessions there are. It runs in the loop.
func (n *Node) standings() standing {
	st := standing{self: n.writer.ID(), digest: *n.digest.Load(), sessions: map[crdt.DeviceID]contact{}}
	for _, l := range n.links {
		st.sessions[l.stream.Peer()] = contact{began: l.began, ours: !l.stream.Inbound()}
	}
	for _, p := range n.replica.Status() {
		if c, ok := st.sessions[p.ID]; ok {
			c.synced = p.Synced
			st.sessions[p.ID] = c
		}
	}
	barred := map[crdt.DeviceID]bool{}
	now := time.Now()
	for id := range n.penalties {
		barred[crdt.DeviceID(id)] = n.penalties.holds(id, now)
	}
	st.barred = func(id crdt.DeviceID) bool { return barred[id] }
	return st
}

// giveWay ends a session so that another device has its turn.
func (n *Node) giveWay(ctx context.Context, id crdt.DeviceID) {
	n.call(ctx, func() {
		if l := n.linkTo(id); l != nil {
			l.said = true
			n.queueTo(l.id, replica.End{Session: l.id, Bye: wire.Bye{Code: wire.ByeDone, Text: "another device has its turn"}})
		}
	})
}

// moved is called when this device has other addresses than before.
func (n *Node) moved(net Network) {
	net.Prune()
	n.meeting.Lock()
	defer n.meeting.Unlock()
	n.roster.moved(time.Now())
	if n.cfg.Finder != nil {
		n.roster.guesses(n.cfg.Finder.Guesses())
		n.cfg.Finder.Ask()
	}
}

// whereWeAre is the device's own addresses, and when they were looked up.
type whereWeAre struct {
	addrs []string
	at    time.Time
}

// moved tells whether they are others than when it was last asked; true the first
// time.
func (w *whereWeAre) moved(net Network, now time.Time) bool {
	if now.Sub(w.at) < addrsEvery {
		return false
	}
	first := w.at.IsZero()
	addrs := net.Addrs()
	changed := !slices.Equal(addrs, w.addrs)
	w.addrs, w.at = addrs, now
	return changed || first
}
