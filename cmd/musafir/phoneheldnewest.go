package main

import (
	"cmp"
	"slices"

	"musafir/node/api"
	"musafir/node/clinic"
)

// A heldOfPhone is what is held back of one phone: how much, and the newest of it.
type heldOfPhone struct {
	count  int
	newest []clinic.HeldRow // fewer than twice as many as are shown
}

// phonesHeld is what is held back of each phone.
func phonesHeld(d *device) (map[string]*heldOfPhone, error) {
	look, done, err := phoneRecords{d}.Moment()
	if err != nil {
		return nil, err
	}
	defer done()
	held := map[string]*heldOfPhone{}
	err = clinic.Held(look, func(h clinic.HeldRow) error {
		if held[h.Client] == nil {
			held[h.Client] = &heldOfPhone{}
		}
		held[h.Client].add(h)
		return nil
	})
	return held, err
}

func (x *heldOfPhone) add(h clinic.HeldRow) {
	x.count++
	if x.newest = append(x.newest, h); len(x.newest) == 2*api.HeldShown {
		x.cut()
	}
}

// cut leaves the newest, in order.
func (x *heldOfPhone) cut() {
	slices.SortFunc(x.newest, func(a, b clinic.HeldRow) int {
		return cmp.Or(cmp.Compare(b.AtMs, a.AtMs), cmp.Compare(a.Table, b.Table), cmp.Compare(a.Row, b.Row), cmp.Compare(a.ID, b.ID))
	})
	x.newest = x.newest[:min(len(x.newest), api.HeldShown)]
}

// show adds it to what is told of the phone. nil: nothing is held back.
func (x *heldOfPhone) show(p *api.Phone) {
	if x == nil {
		return
	}
	x.cut()
	p.HeldCount = x.count
	for i := range x.newest {
		h := &x.newest[i]
		p.Held = append(p.Held, api.HeldPhone{Table: h.Table, ID: h.Row, Why: h.Why})
	}
}
