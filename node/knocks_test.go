package node

import (
	"fmt"
	"testing"
	"time"
)

func TestKnocks(t *testing.T) {
	var k knocks
	now := start
	for range wrongFree {
		if k.late("here", now) {
			t.Error("the first few wrong codes bring a pause")
		}
		k.failed("here", now)
	}
	if !k.late("here", now.Add(wrongPause-1)) || k.late("here", now.Add(wrongPause)) || k.late("there", now) {
		t.Error("the pause is not the one address's, or not that long")
	}
	for range 10 {
		now = now.Add(time.Minute)
		k.failed("here", now)
	}
	if !k.late("here", now.Add(wrongPauseMax-1)) || k.late("here", now.Add(wrongPauseMax)) {
		t.Error("the longest pause is another")
	}
	for i := range wrongPerMinute {
		k.failed(fmt.Sprint(i), now)
	}
	if !k.late("0", now) || k.late("0", now.Add(time.Minute+1)) {
		t.Error("all together may try any number")
	}
	if k.late("there", now) {
		t.Error("others' wrong codes keep somebody out who tried none")
	}
	for i := range wrongHeard {
		k.failed(fmt.Sprint(i), now)
	}
	if !k.late("there", now) || k.late("there", now.Add(time.Minute+1)) {
		t.Error("by many addresses any number may be tried")
	}
}
