package crdt

import (
	"bytes"
	"fmt"
	"testing"
)

// The small cases, all of them: every history of a shape, every causal order of
// delivery, each entry quarantined or none.

type theme struct {
	name  string
	edits []func(i int) *Edit // i tells the entries apart
}

func themes() []theme {
	set := func(path string) func(int) *Edit {
		return func(i int) *Edit { return &Edit{Set: []Field{{path, Int(int64(i % 3))}}} }
	}
	one := func(e Edit) func(int) *Edit { return func(int) *Edit { c := e; return &c } }
	x := []Field{{"p", Text("x")}}
	return []theme{
		{"delete", []func(int) *Edit{set("p"), set("p/q"), one(Edit{Delete: true})}},
		{"counter", []func(int) *Edit{set("p"), one(Edit{Remove: []string{"p"}}), one(Edit{Increment: []Field{{"p", Int(2)}}})}},
		{"set", []func(int) *Edit{one(Edit{Add: x}), one(Edit{Drop: x}), set("p")}},
		{"tree", []func(int) *Edit{set("p/q"), set("p/r"), one(Edit{Replace: Object([]Field{{"p", EmptyObject}})})}},
		{"max", []func(int) *Edit{set("p"), func(i int) *Edit { return &Edit{Max: []Field{{"p", Int(int64(i))}}} }, one(Edit{Resolve: &Resolution{Path: "p", Value: Int(9)}})}},
	}
}

// A history lets three devices with clocks of their own write one after another.
type history struct {
	devices [3]*device
	touches []*Touch
	past    []int // bits: which touches each one had before it
}

func newHistory() *history {
	h := &history{}
	for i := range h.devices {
		h.devices[i] = newDevice(newWriter(uint32(i + 1)))
	}
	return h
}

func (h *history) write(t *testing.T, device int, e *Edit) {
	d := h.devices[device]
	e.Key = testKey
	rc, err := Compose(d.rec, e, d.all)
	if rc == nil || err != nil {
		return
	}
	touch, err := d.logs[0].write(Time([...]int{3, 1, 2}[device]), rc)
	if err != nil {
		t.Fatal(err)
	}
	past := 0
	for i, x := range h.touches {
		if d.holds(x) {
			past |= 1 << i
		}
	}
	h.past = append(h.past, past)
	h.touches = append(h.touches, touch)
	d.take(touch)
}

func (h *history) pull(to, from int) {
	for _, x := range h.devices[from].held {
		h.devices[to].take(x)
	}
}

// checkOrders delivers the touches in every causal order. It goes through the
// sets that can be held, small ones first: if each way into a set gives the same
// bytes, so does each order.
func (h *history) checkOrders(t *testing.T, unmerged int) (orders int) {
	touches := make([]*Touch, len(h.touches))
	for i, x := range h.touches {
		u := *x
		u.Merged = unmerged&(1<<i) == 0
		touches[i] = &u
	}
	rows := map[int][]byte{0: rowOf(&Record{Key: testKey})}
	for set := 0; set < 1<<len(touches); set++ {
		row, reachable := rows[set]
		if !reachable {
			continue
		}
		var held []*Touch
		for i, x := range touches {
			if set&(1<<i) != 0 {
				held = append(held, x)
			}
		}
		if want := rowOf(Refold(testKey, held)); !bytes.Equal(row, want) {
			t.Fatalf("touches %b of %s: Apply gives %x, Refold %x", set, describe(touches), row, want)
		}
		for i, x := range touches {
			if set&(1<<i) != 0 || h.past[i]&^set != 0 {
				continue
			}
			d := newDevice()
			for _, y := range held {
				d.byName[y.Entry.Short()] = y
			}
			var err error
			if d.rec, err = ReadRow(testKey, row, loader(held)); err != nil {
				t.Fatal(err)
			}
			d.spread = d.rec.Spread(newPartsMap(d))
			d.take(x)
			next := rowOf(d.rec)
			if other, ok := rows[set|1<<i]; ok && !bytes.Equal(other, next) {
				t.Fatalf("touches %b of %s: one order gives %x, another %x", set|1<<i, describe(touches), next, other)
			}
			rows[set|1<<i] = next
			orders++
		}
	}
	return orders
}

// enough makes sure that the histories did not come out empty.
func enough(t *testing.T, deliveries int) {
	if deliveries < 5_000 {
		t.Errorf("only %d deliveries", deliveries)
	}
}

func describe(touches []*Touch) (text string) {
	for _, x := range touches {
		text += fmt.Sprintf("\n%s merged %v: %+v", x.Entry.Short(), x.Merged, *x.Change)
	}
	return text
}

// Two rounds of three devices: six entries, and between the rounds each device
// hears of the next one or does not.
func TestExhaustiveSixEntries(t *testing.T) {
	for _, th := range themes() {
		t.Run(th.name, func(t *testing.T) {
			n, orders := len(th.edits), 0
			defer func() { enough(t, orders) }()
			for program := range n * n * n * n * n * n {
				if testing.Short() && program%7 != 0 {
					continue
				}
				for heard := range 8 {
					h, p := newHistory(), program
					for i := range 6 {
						if i == 3 {
							for d := range 3 {
								if heard&(1<<d) != 0 {
									h.pull(d, (d+1)%3)
								}
							}
						}
						h.write(t, i%3, th.edits[p%n](i))
						p /= n
					}
					orders += h.checkOrders(t, 0)
				}
			}
		})
	}
}

// Four entries by any of three devices, each having heard all or nothing before
// it, with none or one of them quarantined.
func TestExhaustiveQuarantine(t *testing.T) {
	for _, th := range themes() {
		t.Run(th.name, func(t *testing.T) {
			n, orders := len(th.edits), 0
			defer func() { enough(t, orders) }()
			for program := range n * n * n * n {
				if testing.Short() && program%7 != 0 {
					continue
				}
				for who := range 2 * 3 * 3 {
					for heard := range 8 {
						h := newHistory()
						writers := [...]int{0, who % 2, who / 2 % 3, who / 6}
						p := program
						for i, d := range writers {
							if i > 0 && heard&(1<<(i-1)) != 0 {
								h.pull(d, (d+1)%3)
								h.pull(d, (d+2)%3)
							}
							h.write(t, d, th.edits[p%n](i))
							p /= n
						}
						for unmerged := range len(h.touches) + 1 {
							orders += h.checkOrders(t, 1<<unmerged>>1)
						}
						checkOracle(t, Refold(testKey, h.touches), h.touches)
					}
				}
			}
		})
	}
}
