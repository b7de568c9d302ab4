package sim

import (
	"errors"
	"iter"
	"runtime/debug"
)

// A task is something that is done in steps, with time passing between them: a goroutine
// of virtual time, of which only one runs.
type task struct {
	w     *World
	next  func() (struct{}, bool)
	yield func(struct{}) bool
	turn  uint64 // of the wait under way
	woken error  // what the last wait ended with
}

var errEnded = errors.New("the world ended")

// undertake starts a task, once what happens now is over.
func (w *World) undertake(do func(*task)) *task {
	t := &task{w: w}
	next, stop := iter.Pull(func(yield func(struct{}) bool) {
		t.yield = yield
		defer func() {
			if x := recover(); x != nil {
				debug.PrintStack()
				panic(x)
			}
		}()
		do(t)
	})
	t.next = next
	w.tasks = append(w.tasks, stop)
	w.after(0, func() { next() })
	return t
}

// waker begins a wait: what it gives ends it, with an error or none. Only the first call
// of it counts, and none once another wait has begun.
func (t *task) waker() func(error) {
	t.turn++
	turn := t.turn
	return func(err error) {
		t.w.after(0, func() {
			if t.turn == turn {
				t.turn++
				t.woken = err
				t.next()
			}
		})
	}
}

// wait is until the waker is called.
func (t *task) wait() error {
	if !t.yield(struct{}{}) {
		return errEnded
	}
	return t.woken
}

// sleep lets time pass.
func (t *task) sleep(us int64) error {
	wake := t.waker()
	t.w.after(us, func() { wake(nil) })
	return t.wait()
}

// cancel ends the wait under way, if there is one.
func (t *task) cancel(err error) {
	turn := t.turn
	t.w.after(0, func() {
		if t.turn == turn {
			t.turn++
			t.woken = err
			t.next()
		}
	})
}

// endTasks lets go of those that never came to their end.
func (w *World) endTasks() {
	for _, stop := range w.tasks {
		stop()
	}
	w.tasks = nil
}
