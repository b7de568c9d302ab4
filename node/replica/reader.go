package replica

import (
	"errors"

	"musafir/crdt"
	"musafir/node/wire"
)

// A Reader turns the frames of one session into events. It runs where the frames
// are read.
type Reader struct {
	session  Session
	verifier *Verifier
	skipping bool // the batch under way goes on from what is not held
	skipped  int  // bytes of its entries
}

// NewReader reads the frames of a session.
func NewReader(id Session, camp crdt.CampID, logs Logs) *Reader {
	return &Reader{session: id, verifier: NewVerifier(camp, logs)}
}

// Event is what a frame amounts to.
func (r *Reader) Event(f wire.Frame) any {
	b, ok := f.(*wire.Batch)
	if !ok {
		return Framed{Session: r.session, Frame: f}
	}
	if r.skipping {
		return r.skip(b)
	}
	got, err := r.verifier.Add(b)
	switch {
	case errors.Is(err, ErrGap):
		r.verifier.Reset()
		r.skipping = true
		return r.skip(b)
	case err != nil:
		return BadInput{Session: r.session, Err: err}
	case got == nil:
		return Underway{Session: r.session}
	}
	return Arrival{Session: r.session, Batch: got}
}

// skip passes over a batch up to its end.
func (r *Reader) skip(b *wire.Batch) any {
	if r.skipped += b.EntryBytes(); r.skipped > wire.MaxBatchBytes {
		return BadInput{Session: r.session, Err: &crdt.LimitError{What: "batch", Size: r.skipped, Max: wire.MaxBatchBytes, Unit: "bytes"}}
	}
	if !b.End {
		return Underway{Session: r.session}
	}
	gap := Arrival{Session: r.session, Gap: true, Bytes: r.skipped}
	r.skipping, r.skipped = false, 0
	return gap
}
