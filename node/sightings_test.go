package node

import (
	"errors"
	"slices"
	"testing"
	"time"

	"musafir/crdt"
)

func TestSeen(t *testing.T) {
	var r roster
	r.place("10.0.0.9", false)
	r.remember(deviceNo(1), "/ip4/10.0.0.1/tcp/7668")
	r.met(deviceNo(2))
	if list := r.seen([8]byte{}); len(list) != 0 {
		t.Errorf("nobody was heard, and seen are %+v", list)
	}
	s := sightingOf(3, 0)
	s.On = "eth0"
	r.sighted(s, deviceNo(0), [8]byte{}, start)
	r.hear(start.Add(time.Second), 7, 4)
	r.refused(deviceNo(2), "it speaks another version", start)
	seen := map[crdt.DeviceID]Seen{}
	for _, x := range r.seen([8]byte{}) {
		seen[x.Device] = x
	}
	three, four, two := seen[deviceNo(3)], seen[deviceNo(4)], seen[deviceNo(2)]
	if len(seen) != 3 || !three.Same || three.On != "eth0" || !three.At.Equal(start) || !slices.Equal(three.Addrs, s.Addrs) {
		t.Errorf("seen %+v", seen)
	}
	if four.Same || four.Refused != "" || two.Same || !two.At.IsZero() || two.Refused != "it speaks another version" || !two.RefusedAt.Equal(start) {
		t.Errorf("seen %+v", seen)
	}
}

func TestMetForgetsFailures(t *testing.T) {
	var r roster
	r.hear(start, 0, 1)
	dial, _ := r.plan(with(), start)
	r.ended(dial[0], 0, errors.New("no answer"), start)
	if r.met(deviceNo(1)); dial[0].err != nil {
		t.Errorf("there is a session, and %v is told", dial[0].err)
	}
}
