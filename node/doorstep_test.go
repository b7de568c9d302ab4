package node

import (
	"fmt"
	"testing"

	"musafir/crdt"
)

// A visitor is a stream of which only who is there matters, and whether it was ended.
type visitor struct {
	Stream
	id    crdt.DeviceID
	ended bool
}

func (v *visitor) Peer() crdt.DeviceID { return v.id }
func (v *visitor) Reset() error        { v.ended = true; return nil }

func TestDoorstep(t *testing.T) {
	var d doorstep
	var all []*visitor
	for n := range joinersMax + 1 {
		v := &visitor{id: crdt.DeviceID(fmt.Sprint(n))}
		if !d.enter(v) {
			t.Errorf("visitor %d is not let in", n)
		}
		all = append(all, v)
	}
	if !all[0].ended || all[1].ended {
		t.Error("not the oldest gave way")
	}
	d.enter(&visitor{id: "16"})
	if d.enter(&visitor{id: "16"}) {
		t.Error("one device may wait any number of times")
	}
	d.leave(all[16])
	if !d.enter(&visitor{id: "16"}) {
		t.Error("the place of one that left is not given again")
	}
}
