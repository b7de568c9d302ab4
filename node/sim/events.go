package sim

import "container/heap"

// An event happens at a time; those of one time in the order in which they were
// planned.
type event struct {
	at     int64
	serial uint64
	do     func()
}

type events []event

func (q events) Len() int { return len(q) }
func (q events) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].serial < q[j].serial
}
func (q events) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *events) Push(x any)   { *q = append(*q, x.(event)) }
func (q *events) Pop() any {
	old := *q
	e := old[len(old)-1]
	old[len(old)-1] = event{}
	*q = old[:len(old)-1]
	return e
}

// after plans something.
func (w *World) after(us int64, do func()) {
	w.serial++
	heap.Push(&w.queue, event{at: w.now + us, serial: w.serial, do: do})
}

// Run lets time pass, or until something is found.
func (w *World) Run(ms int64) {
	w.runUntil(w.now+ms*1000, func() bool { return false })
}

// runUntil lets time pass up to a moment, or until done says so.
func (w *World) runUntil(end int64, done func() bool) {
	for w.err == nil && !done() {
		if len(w.queue) == 0 || w.queue[0].at > end {
			w.now = end
			return
		}
		e := heap.Pop(&w.queue).(event)
		w.now = e.at
		e.do()
	}
}
