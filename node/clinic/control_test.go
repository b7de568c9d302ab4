package clinic_test

import (
	"testing"

	"musafir/node/clinic/apptest"
)

// TestControlChanged: after a join all is looked at once, and nothing is sent.
func TestControlChanged(t *testing.T) {
	d := open(t)
	a, at := phone(1, d)
	b, bt := phone(2, d)
	a.Create("patients", apptest.Columns{"given_name": "R"})
	d.set("clinics", "c", "name", "C")
	for range 2 {
		sync(t, a, at)
		sync(t, b, bt)
	}
	sync(t, a, at)
	w := a.Watermark()
	at.control[0]++
	sync(t, a, at)
	if len(at.got) > 0 {
		t.Errorf("a join sent %v", at.got)
	}
	if a.Watermark() == w {
		t.Error("all would be looked at again")
	}
	w = a.Watermark()
	sync(t, a, at)
	if len(at.got) > 0 || a.Watermark() != w {
		t.Errorf("after that came %v, watermark %d then %d", at.got, w, a.Watermark())
	}
	agree(t, a, b)
}
