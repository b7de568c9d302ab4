package wire

import (
	"bytes"
	"encoding/binary"
	"slices"

	"musafir/crdt"
)

// The payload of a batch frame: the logs that it is about, each once; the runs,
// which refer to them by index; in the last frame the seals, which do too. The
// form leaves no choice: the same batch is the same bytes.

// The least that an item can take: an entry of one byte with its length; a run
// of one such with log, sequence and count; a seal with log and sequence.
const (
	leastEntry = 2
	leastRun   = 3 + leastEntry
	leastSeal  = 2 + len(crdt.Seal{})
)

func compareLogs(a, b crdt.LogID) int { return bytes.Compare(a[:], b[:]) }

// appendLogs lists the logs of f, ascending, each once.
func (f *Batch) appendLogs(logs []crdt.LogID) []crdt.LogID {
	for i := range f.Runs {
		logs = append(logs, f.Runs[i].Log)
	}
	for i := range f.Seals {
		logs = append(logs, f.Seals[i].Log)
	}
	slices.SortFunc(logs, compareLogs)
	return slices.Compact(logs)
}

func indexLog(logs []crdt.LogID, log crdt.LogID) uint64 {
	i, _ := slices.BinarySearchFunc(logs, log, compareLogs)
	return uint64(i)
}

func (f *Batch) appendPayload(b []byte, logs []crdt.LogID) []byte {
	b = binary.AppendUvarint(b, uint64(len(logs)))
	for i := range logs {
		b = append(b, logs[i][:]...)
	}
	b = binary.AppendUvarint(b, uint64(len(f.Runs)))
	b = binary.AppendUvarint(b, uint64(f.entries()))
	for i := range f.Runs {
		b = f.Runs[i].append(b, logs)
	}
	if !f.End {
		return b
	}
	b = binary.AppendUvarint(b, uint64(len(f.Seals)))
	for i := range f.Seals {
		b = f.Seals[i].append(b, logs)
	}
	return b
}

func (f *Batch) entries() (n int) {
	for i := range f.Runs {
		n += len(f.Runs[i].Entries)
	}
	return n
}

func (r *Run) append(b []byte, logs []crdt.LogID) []byte {
	b = binary.AppendUvarint(b, indexLog(logs, r.Log))
	b = binary.AppendUvarint(b, r.Seq)
	if r.Seq > 0 {
		b = append(b, r.Prev[:]...)
	}
	b = binary.AppendUvarint(b, uint64(len(r.Entries)))
	for _, e := range r.Entries {
		b = binary.AppendUvarint(b, uint64(len(e)))
		b = append(b, e...)
	}
	return b
}

func (s *SealAt) append(b []byte, logs []crdt.LogID) []byte {
	b = binary.AppendUvarint(b, indexLog(logs, s.Log))
	b = binary.AppendUvarint(b, s.Seq)
	return append(b, s.Seal[:]...)
}

// EntryBytes is the size of the frame's entries, as encoded: what counts against
// credit.
func (f *Batch) EntryBytes() (n int) {
	for i := range f.Runs {
		for _, e := range f.Runs[i].Entries {
			n += len(e)
		}
	}
	return n
}

// PayloadBytes is the size of the frame's payload before compression, which must
// not exceed MaxPayloadBytes.
func (f *Batch) PayloadBytes() int {
	p := takePacker()
	defer p.putBack()
	logs := p.sorted(f)
	n := uvarintBytes(uint64(len(logs))) + len(logs)*crdt.HashSize
	n += uvarintBytes(uint64(len(f.Runs))) + uvarintBytes(uint64(f.entries()))
	for i := range f.Runs {
		n += f.Runs[i].packedBytes(logs)
	}
	if !f.End {
		return n
	}
	n += uvarintBytes(uint64(len(f.Seals)))
	for i := range f.Seals {
		s := &f.Seals[i]
		n += uvarintBytes(indexLog(logs, s.Log)) + uvarintBytes(s.Seq) + len(s.Seal)
	}
	return n
}

func (r *Run) packedBytes(logs []crdt.LogID) int {
	n := uvarintBytes(indexLog(logs, r.Log)) + uvarintBytes(r.Seq) + uvarintBytes(uint64(len(r.Entries)))
	if r.Seq > 0 {
		n += len(r.Prev)
	}
	for _, e := range r.Entries {
		n += uvarintBytes(uint64(len(e))) + len(e)
	}
	return n
}

// parsePayload reads runs and seals. Entries stay where they are in b.
func (f *Batch) parsePayload(b []byte) error {
	r := payloadReader{cursor: cursor{b: b}}
	r.readLogs()
	f.Runs = r.runs()
	if f.End {
		f.Seals = r.seals()
	}
	if err := r.end(); err != nil {
		return err
	}
	if slices.Contains(r.used, false) {
		return errNotCanonical
	}
	return nil
}

type payloadReader struct {
	cursor
	table []byte // ids of the logs
	used  []bool // by log
}

// readLogs takes note of the table. How long it is, the length of the frame
// limits.
func (r *payloadReader) readLogs() {
	n := r.count("list of logs in a batch frame", MaxFrameEntries+MaxFrameSeals, crdt.HashSize)
	r.table = r.take(n * crdt.HashSize)
	r.used = make([]bool, n)
	for i := 1; i < n; i++ {
		if bytes.Compare(r.at(i-1), r.at(i)) >= 0 {
			r.fail(errOrder)
			return
		}
	}
}

func (r *payloadReader) at(i int) []byte { return r.table[i*crdt.HashSize:][:crdt.HashSize] }

func (r *payloadReader) log() (id crdt.LogID) {
	i := r.uvarint()
	if r.err == nil && i >= uint64(len(r.used)) {
		r.fail(errNumber)
	}
	if r.err != nil {
		return id
	}
	r.used[i] = true
	return crdt.LogID(r.at(int(i)))
}

func (r *payloadReader) runs() []Run {
	n := r.count("list of runs in a batch frame", MaxFrameEntries, leastRun)
	left := make([][]byte, r.count("list of entries in a batch frame", MaxFrameEntries, leastEntry))
	runs := make([]Run, n)
	for i := range runs {
		left = r.run(&runs[i], left)
	}
	if r.err == nil && len(left) > 0 {
		r.fail(errNotCanonical)
	}
	return runs
}

// run reads a run, whose entries it lists in the first of slots, and yields the
// others.
func (r *payloadReader) run(run *Run, slots [][]byte) [][]byte {
	run.Log = r.log()
	run.Seq = r.uvarint()
	if run.Seq > 0 {
		copy(run.Prev[:], r.take(len(run.Prev)))
	}
	n := r.count("list of entries in a run", MaxFrameEntries, leastEntry)
	if n > len(slots) {
		r.fail(errNotCanonical)
		return nil
	}
	run.Entries = slots[:n:n]
	for i := range run.Entries {
		run.Entries[i] = r.take(r.size("entry", crdt.MaxEntryBytes))
	}
	return slots[n:]
}

func (r *payloadReader) seals() []SealAt {
	n := r.count("list of seals in a batch frame", MaxFrameSeals, leastSeal)
	if n == 0 {
		return nil
	}
	seals := make([]SealAt, n)
	for i := range seals {
		seals[i].Log = r.log()
		seals[i].Seq = r.uvarint()
		copy(seals[i].Seal[:], r.take(len(seals[i].Seal)))
	}
	return seals
}
