package crdt

import (
	"math/bits"
	"slices"
)

// A waiter is a held touch with claims that count on entries that are not held
// yet. The claims themselves stand in its change: however long that is, the
// record's row grows by a bit per name.
type waiter struct {
	*Touch
	slots bitset // that were reached and wait, if the touch is not merged; nil: all
	names bitset // of the change's names those that the slots wait for
}

// wait takes note of a claim on an entry that is not held.
func (r *Record) wait(c claim) {
	i, found := slices.BinarySearchFunc(r.waiting, c.by.Ref, func(w *waiter, ref Ref) int { return w.Ref.Compare(ref) })
	if !found {
		w := &waiter{Touch: c.by, names: newBitset(len(c.by.Change.Names))}
		if !c.by.Merged {
			w.slots = newBitset(c.by.Change.slots())
		}
		r.waiting = slices.Insert(r.waiting, i, w)
	}
	w := r.waiting[i]
	w.names.set(int(c.by.Change.supersedes(c.slot)[c.nth]))
	if w.slots != nil {
		w.slots.set(c.slot)
	}
}

// arrive hands out the claims that waited for a touch, which wait no longer.
func (r *Record) arrive(a arrival) {
	if len(r.waiting) == 0 {
		return
	}
	name := a.Entry.Short()
	r.waiting = slices.DeleteFunc(r.waiting, func(w *waiter) bool {
		x, named := slices.BinarySearchFunc(w.Change.Names, name, ShortID.Compare)
		if named && w.names.has(x) {
			w.each(func(c claim) {
				if c.name() == name {
					a.meet(c)
				}
			})
			w.forget(x)
		}
		return !w.names.any()
	})
}

// each calls f with the claims that wait.
func (w *waiter) each(f func(claim)) {
	for slot := range w.Change.slots() {
		if w.slots != nil && !w.slots.has(slot) {
			continue
		}
		for nth, x := range w.Change.supersedes(slot) {
			if w.names.has(int(x)) {
				f(claim{w.Touch, slot, nth})
			}
		}
	}
}

// forget ends the wait for a name, and that of slots which waited for no other.
func (w *waiter) forget(name int) {
	w.names.clear(name)
	if w.slots == nil {
		return
	}
	still := newBitset(w.Change.slots())
	w.each(func(c claim) { still.set(c.slot) })
	w.slots = still
}

// A bitset is a set of small numbers, a bit each.
type bitset []byte

func newBitset(n int) bitset { return make(bitset, (n+7)/8) }

func (b bitset) has(i int) bool { return b[i/8]&(1<<(i%8)) != 0 }
func (b bitset) set(i int)      { b[i/8] |= 1 << (i % 8) }
func (b bitset) clear(i int)    { b[i/8] &^= 1 << (i % 8) }
func (b bitset) any() bool      { return slices.ContainsFunc(b, func(x byte) bool { return x != 0 }) }

func (b bitset) count() (n uint64) {
	for _, x := range b {
		n += uint64(bits.OnesCount8(x))
	}
	return n
}
