package clinic

import (
	"errors"
	"slices"

	"musafir/crdt"
)

// Run writes batches, in order, with write. What that refuses with a crdt.EditError is held
// back, row by row: a phone's push does not fail for one of its rows, again and again.
func (p Push) Run(batches []Batch, write func(Batch) error) error {
	r := &run{push: p, write: write, refused: map[crdt.RecordKey]bool{}}
	for _, b := range batches {
		if err := r.do(b); err != nil {
			return err
		}
	}
	return nil
}

type run struct {
	push    Push
	write   func(Batch) error
	refused map[crdt.RecordKey]bool
}

func (r *run) do(b Batch) error {
	b.Edits = slices.DeleteFunc(slices.Clone(b.Edits), func(e *crdt.Edit) bool {
		of, bound := b.only[e.Key]
		return bound && r.refused[of]
	})
	if len(b.Edits) == 0 {
		return nil
	}
	err := r.write(b)
	var refusal *crdt.EditError
	if !errors.As(err, &refusal) {
		return err
	}
	if len(b.Edits) == 1 {
		return r.holdBack(b, refusal)
	}
	for _, e := range b.Edits {
		one := b
		one.Edits = []*crdt.Edit{e}
		if err := r.do(one); err != nil {
			return err
		}
	}
	return nil
}

// holdBack holds back the row of the one edit of a batch that was refused, if that is what
// was refused: a device that may write nothing at all refuses another thing.
func (r *run) holdBack(b Batch, refusal *crdt.EditError) error {
	key := b.Edits[0].Key
	if refusal.Key != key {
		return refusal
	}
	batches := []Batch{}
	if b.held != nil {
		batches = append(batches, b.held.unfit(refusal.Error()))
	} else {
		i := slices.IndexFunc(r.push.Rows.rows, func(x *pushedRow) bool { return x.err == nil && x.key() == key })
		if i < 0 {
			return refusal
		}
		x, err := r.push.open()
		if err != nil {
			return err
		}
		batches = x.batches(nil, []*heldRow{x.hold(r.push.Rows.rows[i], unfit, refusal.Error())})
	}
	r.refused[key] = true
	for _, b := range batches {
		if err := r.write(b); err != nil {
			return err
		}
	}
	return nil
}
