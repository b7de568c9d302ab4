package sim

import (
	"maps"
	"slices"

	"musafir/crdt"
	"musafir/node/replica"
	"musafir/store"
)

// A process is the loop around a replica, as a node has it: one thing after the
// other, and nothing while a commit is being synced.
type process struct {
	m       *Machine
	w       *World
	store   *store.Store
	writer  *replica.Writer
	replica *replica.Replica
	began   int64

	ends     map[replica.Session]*end
	last     replica.Session
	inbox    []any // events that wait
	busy     bool  // committing
	running  bool  // in the loop
	dead     bool
	requests []*request
	ingest   []replica.Ingest
	keep     map[crdt.DeviceID][]byte
	noted    map[uint32]uint64 // per branch, the first sequence not yet looked at
	lines    []line            // of the branches
	serving  []*task           // requests of phones
}

// A request is something to be written here.
type request struct {
	do   func(*replica.Group) (crdt.Receipt, error)
	done func(crdt.Receipt, error)
}

// begin makes a replica that knows of no session.
func (p *process) begin(peers map[crdt.DeviceID]*replica.Peer) {
	p.replica = replica.New(replica.Config{
		Nonce: [8]byte(p.w.bytes(8)), Program: "musafir 1.0", Logs: p.store, Writer: p.writer,
		Branches: p.store.Branches(), Peers: peers,
	})
}

// peers is what was remembered of the other devices.
func (p *process) peers() map[crdt.DeviceID]*replica.Peer {
	peers := map[crdt.DeviceID]*replica.Peer{}
	err := p.store.Peers(func(id crdt.DeviceID, value []byte) (err error) {
		peers[id], err = replica.RestorePeer(value)
		return err
	})
	if err != nil {
		p.w.fail("%s: read what it knows of others: %v", p.m.Name, err)
	}
	return peers
}

// run begins what the process does by itself.
func (p *process) run() {
	p.w.after(p.w.random.Int64N(p.w.Tick)+1, p.tick)
	p.w.after(p.w.span(p.w.Latency), p.seek)
}

func (p *process) tick() {
	if p.dead {
		return
	}
	p.post(replica.Tick{})
	p.w.after(p.w.Tick, p.tick)
}

// post gives an event to the loop.
func (p *process) post(event any) {
	if p.dead {
		return
	}
	p.inbox = append(p.inbox, event)
	p.loop()
}

// submit queues something to be written.
func (p *process) submit(r *request) {
	if p.dead {
		return
	}
	p.requests = append(p.requests, r)
	p.loop()
}

func (p *process) loop() {
	if p.running || p.busy || p.dead {
		return
	}
	p.running = true
	for len(p.inbox) > 0 && !p.busy && !p.dead {
		event := p.inbox[0]
		p.inbox = p.inbox[1:]
		p.step(event)
	}
	if len(p.requests)+len(p.ingest) > 0 && !p.busy && !p.dead {
		p.startCommit()
	}
	p.running = false
}

// step gives an event to the replica and does what it asks for.
func (p *process) step(what any) {
	e := replica.Event{Now: (p.w.now - p.began) / 1000, Wall: p.m.wall(), What: what}
	if err := p.replica.Step(e); err != nil {
		p.w.fail("%s: step %T: %v", p.m.Name, what, err)
		return
	}
	for _, effect := range p.replica.Take() {
		if p.dead || p.w.err != nil {
			return
		}
		p.effect(effect)
	}
}

func (p *process) effect(effect any) {
	switch e := effect.(type) {
	case replica.Send:
		p.queueTo(e.Session, e)
	case replica.Stream:
		p.queueTo(e.Session, e)
	case replica.End:
		p.queueTo(e.Session, e)
	case replica.Ingest:
		p.ingest = append(p.ingest, e)
	case replica.Remember:
		p.keep[e.Peer] = e.State
	case replica.Renew:
		p.renew()
	}
}

func (p *process) queueTo(id replica.Session, effect any) {
	if e := p.ends[id]; e != nil {
		e.push(effect)
	}
}

// sessions are those with a stream, by number.
func (p *process) sessions() []replica.Session { return slices.Sorted(maps.Keys(p.ends)) }
