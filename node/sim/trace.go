package sim

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
)

// A trace is what happened, line by line. It keeps a hash of all and the last lines.
type trace struct {
	out  io.Writer
	zero int64 // the time that counts as none
	sum  hash.Hash
	last []string
	line []byte
}

const traceKeeps = 60

func newTrace(out io.Writer) *trace { return &trace{out: out, sum: sha256.New()} }

func (t *trace) add(at int64, format string, args ...any) {
	t.line = fmt.Appendf(t.line[:0], "%9.3f  ", float64(at-t.zero)/1e6)
	t.line = append(fmt.Appendf(t.line, format, args...), '\n')
	t.sum.Write(t.line)
	if t.out != nil {
		t.out.Write(t.line)
	}
	if len(t.last) == traceKeeps {
		t.last = append(t.last[:0], t.last[1:]...)
	}
	t.last = append(t.last, string(t.line))
}

func (w *World) log(format string, args ...any) { w.trace.add(w.now, format, args...) }

// Record begins a transcript, and to count anew.
func (w *World) Record(out io.Writer) {
	w.trace.out, w.trace.zero = out, w.now
	w.Stats = newStats()
	for _, m := range w.Machines {
		m.trips = 0
	}
}

// TraceSum is a hash of all that happened.
func (w *World) TraceSum() string { return fmt.Sprintf("%x", w.trace.sum.Sum(nil)[:8]) }

// Last are the last lines of the trace.
func (w *World) Last() []string { return w.trace.last }

func seconds(us int64) string { return fmt.Sprintf("%.3f s", float64(us)/1e6) }
