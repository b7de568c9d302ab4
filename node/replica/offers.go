package replica

import (
	"slices"

	"musafir/crdt"
	"musafir/node/wire"
)

// offers are heads that a peer holds and we do not.
type offers struct {
	byLog map[crdt.ShortID][]offer
	n     int
}

type offer struct {
	wire.Head
	since int64
}

// add takes note of a head. Of many heads of one log it keeps the last ones: an
// earlier one is most likely behind one of them, and comes with it.
func (o *offers) add(h wire.Head, now int64) {
	if o.byLog == nil {
		o.byLog = map[crdt.ShortID][]offer{}
	}
	list := o.byLog[h.Log]
	if slices.ContainsFunc(list, func(x offer) bool { return x.Compare(h) == 0 }) {
		return
	}
	if len(list) == offersOfLog {
		least := 0
		for i := range list {
			if list[i].Seq < list[least].Seq {
				least = i
			}
		}
		list = slices.Delete(list, least, least+1)
		o.n--
	}
	o.byLog[h.Log] = append(list, offer{h, now})
	o.n++
}

// drop forgets the offers of a log that are held.
func (o *offers) drop(log crdt.ShortID, held func(offer) bool) {
	list := o.byLog[log]
	left := slices.DeleteFunc(list, held)
	o.n -= len(list) - len(left)
	if o.byLog[log] = left; len(left) == 0 {
		delete(o.byLog, log)
	}
}

func (o *offers) clear() { *o = offers{} }
