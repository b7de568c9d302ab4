package node

import (
	"slices"
	"sync"

	"musafir/crdt"
)

// Whoever wants to join is a stranger, and may say nothing for as long as a person
// would wait. The oldest give way: one that knows a code needs a moment.
const (
	joinersMax       = 16
	joinersPerDevice = 2
)

// A doorstep is the streams of those who want to join. Its methods may be called
// from many goroutines.
type doorstep struct {
	mu   sync.Mutex
	here []Stream // the oldest first
}

// enter takes one more, and tells whether it may stay.
func (d *doorstep) enter(s Stream) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.of(s.Peer()) >= joinersPerDevice {
		return false
	}
	if len(d.here) >= joinersMax {
		d.here[0].Reset()
		d.here = d.here[1:]
	}
	d.here = append(d.here, s)
	return true
}

func (d *doorstep) of(id crdt.DeviceID) (n int) {
	for _, s := range d.here {
		if s.Peer() == id {
			n++
		}
	}
	return n
}

func (d *doorstep) leave(s Stream) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.here = slices.DeleteFunc(d.here, func(o Stream) bool { return o == s })
}
