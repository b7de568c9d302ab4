package api

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"musafir/crdt"
)

const (
	// atomicHeldMax is how much of an atomic import is held in memory.
	atomicHeldMax = 64 << 20
	lineOverhead  = 512 // of a line that is held, beside its values

	// entryRoom is what an entry has for changes, beside its header and the most
	// dependencies that it may name.
	entryRoom = crdt.MaxEntryBytes - 32<<10
)

// importAtomic checks all lines before it writes the first. What fits into one
// entry is one; more becomes several, and so do deletions, which come last, of which
// the device may fail to write the later ones.
func importAtomic(ctx context.Context, in *lineSource, w *lineWriter) error {
	lines, err := in.checked()
	if err != nil {
		return err
	}
	if w.report.Failed > 0 {
		return refusedAtomic(w.report)
	}
	if lines, err = w.counted(lines); err != nil {
		return err
	}
	if w.report.Failed > 0 {
		return refusedAtomic(w.report)
	}
	if err := w.writeAtomic(ctx, lines); err != nil {
		return err
	}
	if w.report.Failed > 0 {
		return refusedAtomic(w.report) // somebody else wrote between check and write
	}
	return nil
}

func refusedAtomic(r *importReport) error {
	detail := fmt.Sprintf("%d of %d lines cannot be imported.", r.Failed, r.Lines)
	if r.Imported == 0 {
		detail += " Nothing was written."
	}
	return &problem{Status: http.StatusUnprocessableEntity, Detail: detail}
}

// checked reads all lines and gives back those that change something.
func (x *lineSource) checked() (lines []*line, err error) {
	first := map[crdt.RecordKey]int{}
	held := 0
	for {
		l, err := x.next()
		if err == io.EOF {
			return lines, nil
		}
		if err != nil {
			return nil, err
		}
		if l == nil {
			continue
		}
		if held += l.size(); held > atomicHeldMax {
			return nil, &crdt.LimitError{What: "the atomic import", Size: held, Max: atomicHeldMax, Unit: "bytes"}
		}
		if n, twice := first[l.edit.Key]; twice {
			x.w.report.fail(l.number, fmt.Errorf("record %s stands on line %d already: an atomic import names each once", l.edit.Key, n))
			continue
		}
		first[l.edit.Key] = l.number
		changes, err := x.w.check(l)
		if err != nil {
			return nil, err
		}
		if changes {
			lines = append(lines, l)
		}
	}
}

// size is about what the line takes in memory.
func (l *line) size() int {
	n := lineOverhead + len(l.edit.Key.Collection) + len(l.edit.Key.ID) + len(l.edit.Patch)
	for _, f := range l.edit.Set {
		n += len(f.Key) + len(f.Value) + lineOverhead/8
	}
	return n
}

func (w *lineWriter) writeAtomic(ctx context.Context, lines []*line) error {
	size := 0
	for _, l := range lines {
		size += l.bytes
	}
	if len(lines) == 0 {
		return nil
	}
	if len(lines) <= crdt.MaxChanges && size <= entryRoom {
		receipt, err := w.backend.Write(ctx, w.transaction(lines))
		if err := w.outcome(lines, receipt, err); err != nil {
			return err
		}
		return w.flush(ctx)
	}
	for _, l := range lines {
		if err := w.write(ctx, l); err != nil {
			_ = w.drain(ctx)
			return err
		}
	}
	return w.flush(ctx)
}
