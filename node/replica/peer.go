package replica

import (
	"fmt"

	"github.com/fxamacker/cbor/v2" // of what is remembered
)

// A Peer is what is known of another device, with a session or without.
type Peer struct {
	holds     *holding // durable there
	lastHeard int64    // by the device's own clock, in milliseconds since 1970; 0: never
	ahead     int64    // its clock minus ours, in milliseconds
	program   string
	unmerged  uint64
	remote    string // where it was last
	refused   string // why its last session ended, if it broke a rule
	bases     []base // what both held, the latest last
	changed   bool   // since it was remembered
}

// remembered is the stored form of a peer.
type remembered struct {
	Holds     []uint64 `cbor:"1,keyasint"` // by branch
	LastHeard int64    `cbor:"2,keyasint"`
	Ahead     int64    `cbor:"3,keyasint"`
	Program   string   `cbor:"4,keyasint"`
	Remote    string   `cbor:"5,keyasint"`
	Bases     []base   `cbor:"6,keyasint"`
}

func (p *Peer) encode() []byte {
	b, err := cbor.Marshal(remembered{Holds: p.holds.next, LastHeard: p.lastHeard, Ahead: p.ahead, Program: p.program, Remote: p.remote, Bases: p.bases})
	if err != nil {
		panic("encode peer: " + err.Error()) // plain numbers and texts
	}
	return b
}

// RestorePeer reads what Remember stored.
func RestorePeer(state []byte) (*Peer, error) {
	var r remembered
	if err := cbor.Unmarshal(state, &r); err != nil {
		return nil, fmt.Errorf("read what is known of a device: %w", err)
	}
	return &Peer{holds: &holding{next: r.Holds}, lastHeard: r.LastHeard, ahead: r.Ahead, program: r.Program, remote: r.Remote, bases: r.Bases}, nil
}

// Remote is the address at which the device was last.
func (p *Peer) Remote() string { return p.remote }

// met takes note of the device's time, in milliseconds since 1970.
func (p *Peer) met(wall int64, theirs uint64) {
	p.lastHeard, p.ahead = wall, int64(theirs)-wall
}

// Holds is what the device is known to hold durably: per branch, as numbered here,
// the first sequence that it is not known to hold.
func (p *Peer) Holds() []uint64 { return p.holds.clone().next }
