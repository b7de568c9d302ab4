package wire

import (
	"errors"
	"math"

	"musafir/crdt"
)

// A Batch carries entries in the order in which they came to the sender, which
// is a causal one. It may take several frames.
//
// The entries of a batch that was read lie in one buffer, that of the frame or
// of what it was decompressed to: one that is kept keeps all of it.
type Batch struct {
	End   bool     // the last frame of the batch
	Runs  []Run    // at least one, but in the last frame
	Seals []SealAt // in the last frame only
}

// A Run is entries that follow each other in a log.
type Run struct {
	Log     crdt.LogID
	Seq     uint64   // of the first entry
	Prev    [8]byte  // the first bytes of the id of the entry before it; zero for a birth, which has sequence 0
	Entries [][]byte // as encoded, at least one
}

// A SealAt is the seal of an entry. Where a log is a tree it may be that of any
// branch's entry of that sequence.
type SealAt struct {
	Log  crdt.LogID
	Seq  uint64
	Seal crdt.Seal
}

var (
	errNoEntry    = errors.New("there is no entry in it")
	errEmptyEntry = errors.New("an entry of no bytes")
	errEarlySeal  = errors.New("seals before the end of the batch")
	errBirthPrev  = errors.New("an entry before the first of a log")
)

func (*Batch) Kind() Kind { return KindBatch }

func (f *Batch) check() error {
	if !f.End && len(f.Runs) == 0 {
		return errNoEntry
	}
	if !f.End && len(f.Seals) > 0 {
		return errEarlySeal
	}
	entries := 0
	for i := range f.Runs {
		if err := f.Runs[i].check(); err != nil {
			return err
		}
		entries += len(f.Runs[i].Entries)
	}
	if err := tooLarge("list of entries in a batch frame", entries, MaxFrameEntries, "items"); err != nil {
		return err
	}
	return tooLarge("list of seals in a batch frame", len(f.Seals), MaxFrameSeals, "items")
}

func (r *Run) check() error {
	if len(r.Entries) == 0 {
		return errNoEntry
	}
	if r.Seq == 0 && r.Prev != [8]byte{} {
		return errBirthPrev
	}
	if uint64(len(r.Entries)-1) > math.MaxUint64-r.Seq {
		return errNumber
	}
	for _, e := range r.Entries {
		if err := checkEntry(e); err != nil {
			return err
		}
	}
	return nil
}

// Flags of a batch's body, its first byte.
const (
	flagEnd = 1 << iota
	flagZip
	flagsKnown = flagEnd | flagZip
)

func (f *Batch) appendBody(dst []byte) ([]byte, error) {
	p := takePacker()
	defer p.putBack()
	payload := p.pack(f)
	if err := tooLarge("payload of a batch frame", len(payload), MaxPayloadBytes, "bytes"); err != nil {
		return nil, err
	}
	at := len(dst)
	dst = append(dst, 0)
	dst, zipped := p.zip(dst, payload)
	if zipped {
		dst[at] |= flagZip
	}
	if f.End {
		dst[at] |= flagEnd
	}
	return dst, nil
}

func (f *Batch) parseBody(body []byte) error {
	if len(body) == 0 {
		return errTruncated
	}
	flags, payload := body[0], body[1:]
	if flags&^flagsKnown != 0 {
		return errors.New("flags that are not known")
	}
	f.End = flags&flagEnd != 0
	if flags&flagZip == 0 {
		return f.parsePayload(payload)
	}
	payload, err := unzip(payload)
	if err != nil {
		return err
	}
	return f.parsePayload(payload)
}

// checkEntry checks the size of an encoded entry.
func checkEntry(raw []byte) error {
	if len(raw) == 0 {
		return errEmptyEntry
	}
	return tooLarge("entry", len(raw), crdt.MaxEntryBytes, "bytes")
}
