package api

import (
	"context"
	"errors"

	"musafir/crdt"
	"musafir/node/clinic"
)

// Lines are written many to an entry, and many entries are under way at once.
const (
	chunkLinesMax  = 64
	chunkDataMax   = 16 << 10 // bytes of changes
	chunksInFlight = 64
)

// A lineWriter writes lines in their order, in chunks of which each is one
// transaction. No record is twice among those under way, so that the order in
// which they end does not matter.
type lineWriter struct {
	backend Backend
	author  string
	report  *importReport

	chunk  []*line
	bytes  int
	flight []flight // in the order in which they were submitted
	busy   map[crdt.RecordKey]bool
	ends   []*line // deletions, for when the fields are written
	counts importCounts
}

type flight struct {
	lines []*line
	wait  func() (crdt.Receipt, error)
}

// add checks a line and writes it. An error is one that ends the import.
func (w *lineWriter) add(ctx context.Context, l *line) error {
	if w.busy[l.edit.Key] {
		if err := w.flush(ctx); err != nil {
			return err
		}
	}
	changes, err := w.check(l)
	if err != nil || !changes {
		return err
	}
	if is, err := clinic.CountsAnew(l.said, w.backend); err != nil {
		return err
	} else if is {
		return w.countLater(ctx, l)
	}
	return w.write(ctx, l)
}

// check composes the change that a line will make, to see what is wrong with it
// and whether it changes anything. Both it notes in the report.
func (w *lineWriter) check(l *line) (changes bool, err error) {
	r, err := w.backend.Record(l.edit.Key)
	if err != nil {
		return false, err
	}
	if r == nil {
		r = &crdt.Record{Key: l.edit.Key}
	}
	// The edit names nothing as seen, so no more of the record is asked for.
	rc, err := crdt.Compose(r, l.edit, nil)
	if err != nil {
		w.report.fail(l.number, err)
		return false, nil
	}
	if rc == nil && l.end != nil && !r.Deleted() {
		l.edit, l.end = l.end, nil // the fields are there already
		return w.check(l)
	}
	if rc == nil {
		w.report.Unchanged++
		return false, nil
	}
	change, err := rc.Encode([crdt.SaltSize]byte{})
	if err != nil {
		w.report.fail(l.number, err)
		return false, nil
	}
	l.bytes = len(change.Encoded())
	return true, nil
}

// write puts a checked line into the chunk, and the chunk on its way once full.
func (w *lineWriter) write(ctx context.Context, l *line) error {
	if len(w.chunk) == chunkLinesMax || len(w.chunk) > 0 && w.bytes+l.bytes > chunkDataMax {
		if err := w.submit(ctx); err != nil {
			return err
		}
	}
	w.busy[l.edit.Key] = true
	w.chunk = append(w.chunk, l)
	w.bytes += l.bytes
	return nil
}

func (w *lineWriter) transaction(lines []*line) crdt.Transaction {
	tx := crdt.Transaction{Author: w.author, Edits: make([]*crdt.Edit, len(lines))}
	for i, l := range lines {
		tx.Edits[i] = l.edit
	}
	return tx
}

func (w *lineWriter) submit(ctx context.Context) error {
	if len(w.chunk) == 0 {
		return nil
	}
	if len(w.flight) == chunksInFlight {
		if err := w.land(ctx); err != nil {
			return err
		}
	}
	wait, err := w.backend.Submit(ctx, w.transaction(w.chunk))
	if err != nil {
		return err
	}
	w.flight = append(w.flight, flight{w.chunk, wait})
	w.chunk, w.bytes = nil, 0
	return nil
}

// land waits for the chunk that was submitted first.
func (w *lineWriter) land(ctx context.Context) error {
	f := w.flight[0]
	w.flight = w.flight[1:]
	receipt, err := f.wait()
	if isRefused(err) && len(f.lines) > 1 {
		return w.oneByOne(ctx, f.lines)
	}
	if err = w.outcome(f.lines, receipt, err); err != nil {
		return err
	}
	w.landed(f.lines)
	return nil
}

// landed makes way for further lines of the same records.
func (w *lineWriter) landed(lines []*line) {
	for _, l := range lines {
		if l.end == nil { // else it is among the ends
			delete(w.busy, l.edit.Key)
		}
	}
}

// oneByOne does again the lines of a chunk that was refused for one of them.
func (w *lineWriter) oneByOne(ctx context.Context, lines []*line) error {
	for i := range lines {
		receipt, err := w.backend.Write(ctx, w.transaction(lines[i:i+1]))
		if err := w.outcome(lines[i:i+1], receipt, err); err != nil {
			return err
		}
		w.landed(lines[i : i+1])
	}
	return nil
}

// outcome takes note of what became of lines that were written together.
func (w *lineWriter) outcome(lines []*line, receipt crdt.Receipt, err error) error {
	if err != nil && !isRefused(err) {
		return err
	}
	for _, l := range lines {
		switch {
		case err != nil:
			l.end = nil
			w.report.fail(l.number, err)
		case l.end != nil:
			w.ends = append(w.ends, &line{number: l.number, edit: l.end})
		case receipt.Entry == (crdt.EntryID{}):
			w.report.Unchanged++
		default:
			w.report.Imported++
		}
	}
	return nil
}

// isRefused tells an error about what was to be written from one of the device.
func isRefused(err error) bool {
	var edit *crdt.EditError
	var limit *crdt.LimitError
	return errors.As(err, &edit) || errors.As(err, &limit)
}

// flush writes what is left, and then the deletions and the counts, and waits for all of it.
func (w *lineWriter) flush(ctx context.Context) error {
	if err := w.flushFields(ctx); err != nil || len(w.counts.lines) == 0 {
		return err
	}
	if err := w.writeCounts(ctx); err != nil {
		_ = w.drain(ctx)
		return err
	}
	return w.flushFields(ctx)
}

func (w *lineWriter) flushFields(ctx context.Context) error {
	if err := w.finish(ctx); err != nil {
		return err
	}
	ends := w.ends
	w.ends = nil
	for _, l := range ends {
		if err := w.write(ctx, l); err != nil {
			_ = w.drain(ctx)
			return err
		}
	}
	return w.finish(ctx)
}

func (w *lineWriter) finish(ctx context.Context) error {
	err := w.submit(ctx)
	if failed := w.drain(ctx); err == nil {
		err = failed
	}
	return err
}

// drain waits for what is under way, even if some of it fails: its outcome is
// part of the report.
func (w *lineWriter) drain(ctx context.Context) (first error) {
	for len(w.flight) > 0 {
		if err := w.land(ctx); first == nil {
			first = err
		}
	}
	return first
}
