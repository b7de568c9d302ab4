package api

import (
	"container/heap"
	"net/http"
	"slices"

	"musafir/crdt"
	"musafir/node/clinic"
	"musafir/node/exchange"
)

func (s *Server) history(c *call) error {
	key, err := c.key()
	if err != nil {
		return err
	}
	touches, err := s.backend.Touches(key)
	if err != nil {
		return err
	}
	if len(touches) == 0 {
		return noRecord(key)
	}
	full := make(map[crdt.ShortID]crdt.EntryID, len(touches))
	for _, t := range touches {
		full[t.Entry.Short()] = t.Entry
	}
	b := []byte(`{"entries":[`)
	for i, t := range causally(touches) {
		if i > 0 {
			b = append(b, ',')
		}
		b = s.appendTouch(b, t, full)
	}
	return c.json(http.StatusOK, append(b, "]}"...))
}

// appendTouch adds {"entry","time","device","author","changes","saw"}.
func (s *Server) appendTouch(b []byte, t *crdt.Touch, full map[crdt.ShortID]crdt.EntryID) []byte {
	b = s.appendOrigin(append(b, '{'), t)
	if t.Phone != "" {
		b = quote(append(b, `,"phone":`...), t.Phone)
	}
	b = appendChanges(append(b, `,"changes":[`...), t.Change)
	b = append(b, `],"saw":[`...)
	for i, name := range t.Change.Names {
		if i > 0 {
			b = append(b, ',')
		}
		if id, held := full[name]; held {
			b = quote(b, id.String())
		} else {
			b = quote(b, name.String())
		}
	}
	b = append(b, ']')
	if !t.Merged {
		b = append(b, `,"quarantined":true`...)
	}
	return append(b, '}')
}

// opNames are the words that a transaction has for what is done to a field.
var opNames = [...]string{
	crdt.OpSet: "set", crdt.OpRemove: "remove", crdt.OpMax: "max",
	crdt.OpIncrement: "increment", crdt.OpAdd: "add_to_set", crdt.OpDrop: "remove_from_set",
}

func appendChanges(b []byte, rc *crdt.RecordChange) []byte {
	switch {
	case rc.Dead:
		return append(b, `{"field":"","op":"set","value":"`+deletedText+`"}`...)
	case len(rc.Writes) == 0:
		return append(b, `{"field":"","op":"set","value":"`+aliveText+`"}`...)
	}
	for i := range rc.Writes {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendWrite(b, rc, &rc.Writes[i])
	}
	return b
}

func appendWrite(b []byte, rc *crdt.RecordChange, w *crdt.Write) []byte {
	path, op, value := w.Path, opNames[w.Op], w.Value
	if column, keys, ok := clinic.Order(rc.Key.Collection, w); ok {
		path, op, value = column, "order", textsOf(keys)
	}
	b = quote(append(b, `{"field":`...), path)
	b = quote(append(b, `,"op":`...), op)
	if w.Op != crdt.OpRemove {
		b = exchange.AppendJSON(append(b, `,"value":`...), value)
	}
	if rc.Erased && w.Op != crdt.OpRemove {
		b = append(b, `,"erased":true`...)
	}
	return append(b, '}')
}

func textsOf(list []string) crdt.Value {
	items := make([]crdt.Value, len(list))
	for i, s := range list {
		items[i] = crdt.Text(s)
	}
	return crdt.Array(items)
}

// causally puts touches in the order of their times, but none before one that its
// author had seen: a wrong clock must not turn the history around.
func causally(touches []*crdt.Touch) []*crdt.Touch {
	index := make(map[crdt.ShortID]int, len(touches))
	for i, t := range touches {
		index[t.Entry.Short()] = i
	}
	after := make([][]int, len(touches))
	waits := make([]int, len(touches))
	follow := func(before, i int) {
		after[before] = append(after[before], i)
		waits[i]++
	}
	order := slices.Clone(touches)
	slices.SortFunc(order, func(a, b *crdt.Touch) int { return a.Ref.Compare(b.Ref) })
	for n, t := range order {
		i := index[t.Entry.Short()]
		if n > 0 && order[n-1].Ref.Branch == t.Ref.Branch {
			follow(index[order[n-1].Entry.Short()], i)
		}
		for _, name := range t.Change.Names {
			if before, held := index[name]; held {
				follow(before, i)
			}
		}
	}
	ready := &byTime{}
	for i, n := range waits {
		if n == 0 {
			heap.Push(ready, touches[i])
		}
	}
	sorted := make([]*crdt.Touch, 0, len(touches))
	for ready.Len() > 0 {
		t := heap.Pop(ready).(*crdt.Touch)
		sorted = append(sorted, t)
		for _, i := range after[index[t.Entry.Short()]] {
			if waits[i]--; waits[i] == 0 {
				heap.Push(ready, touches[i])
			}
		}
	}
	return sorted
}

// byTime is a heap of touches, the earliest first.
type byTime []*crdt.Touch

func (h byTime) Len() int      { return len(h) }
func (h byTime) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h byTime) Less(i, j int) bool {
	if h[i].Time != h[j].Time {
		return h[i].Time < h[j].Time
	}
	return h[i].Entry.Short().Compare(h[j].Entry.Short()) < 0
}
func (h *byTime) Push(x any) { *h = append(*h, x.(*crdt.Touch)) }
func (h *byTime) Pop() any {
	last := len(*h) - 1
	t := (*h)[last]
	*h = (*h)[:last]
	return t
}
