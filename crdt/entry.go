package crdt

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
)

// EntryVersion is the first byte of every entry and of every header.
const EntryVersion = 1

// ErrNewerVersion says that an entry was written by a program with a newer
// format than this one knows.
var ErrNewerVersion = errors.New("entry is of a newer format: a newer version of musafir is needed")

// A Dep names an entry of another log that the author held.
type Dep struct {
	Log LogID
	Seq uint64
	ID  EntryID
}

func (d Dep) compare(e Dep) int {
	if c := bytes.Compare(d.Log[:], e.Log[:]); c != 0 {
		return c
	}
	return bytes.Compare(d.ID[:], e.ID[:])
}

// An Entry is one atomic transaction in a log. Its place in the log (log id,
// sequence, previous entry) is not part of the encoding: whoever holds the log
// knows it, and ID puts it back.
type Entry struct {
	Time    Time
	Deps    []Dep  // heads of the entry graph when it was written, sorted
	Author  string // the person; empty if none was named
	Phone   string // the phone it came from; empty if it was written here
	Changes []Change

	raw     []byte
	offsets []int           // of each change in raw
	records []*RecordChange // decoded, nil where a change is of another kind; set by ParseEntry
	deps    []byte
}

// A Place is where an entry stands: its log, its number in it from 0, and the
// entry before it (zero for the first).
type Place struct {
	Log  LogID
	Seq  uint64
	Prev EntryID
}

// NewEntry encodes an entry. Changes to records must be of different records.
func NewEntry(t Time, deps []Dep, author, phone string, changes []Change) (*Entry, error) {
	e := &Entry{Time: t, Deps: slices.Clone(deps), Author: author, Phone: phone, Changes: slices.Clone(changes)}
	e.encode()
	if !e.adopt() {
		return ParseEntry(e.raw) // what was not encoded here is checked
	}
	err := e.validateSizes()
	if err == nil {
		err = e.validate()
	}
	if err != nil {
		return nil, fmt.Errorf("write entry: %w", err)
	}
	return e, nil
}

func (e *Entry) encode() {
	size := 64 + len(e.Deps)*(2*HashSize+16) + len(e.Author) + len(e.Phone)
	for i := range e.Changes {
		size += len(e.Changes[i].raw)
	}
	b := append(make([]byte, 0, size), EntryVersion)
	b = appendUint(AppendArray(b, 5), uint64(e.Time))
	start := len(b)
	b = AppendArray(b, len(e.Deps))
	for _, d := range e.Deps {
		b = AppendBytes(AppendArray(b, 3), d.Log[:])
		b = AppendBytes(appendUint(b, d.Seq), d.ID[:])
	}
	e.deps = b[start:len(b):len(b)]
	b = AppendText(AppendText(b, e.Author), e.Phone)
	b = AppendArray(b, len(e.Changes))
	e.offsets = make([]int, len(e.Changes))
	for i := range e.Changes {
		e.offsets[i] = len(b)
		b = append(b, e.Changes[i].raw...)
	}
	e.raw = b
}

// adopt takes over what the changes mean, if all of them know it.
func (e *Entry) adopt() bool {
	e.records = make([]*RecordChange, len(e.Changes))
	for i := range e.Changes {
		if e.records[i] = e.Changes[i].record; e.records[i] == nil {
			return false
		}
	}
	return true
}

// validateSizes checks the limits of an entry that was put together here.
func (e *Entry) validateSizes() error {
	if len(e.Changes) == 0 {
		return errNoChange
	}
	return errors.Join(
		tooLarge("entry", len(e.raw), MaxEntryBytes, "bytes"),
		tooLarge("list of changes", len(e.Changes), MaxChanges, "items"),
		tooLarge("list of dependencies", len(e.Deps), MaxDeps, "items"))
}

var errNoChange = errors.New("it changes nothing")

// ParseEntry reads an entry and checks all of it: the form, the limits, and that
// each record change means something. The entry keeps b.
func ParseEntry(b []byte) (*Entry, error) {
	e, err := ScanEntry(b)
	if err != nil {
		return nil, err
	}
	err = e.decode()
	if err == nil {
		err = e.validate()
	}
	if err != nil {
		return nil, fmt.Errorf("read entry: %w", err)
	}
	return e, nil
}

// decode reads what the changes mean.
func (e *Entry) decode() error {
	e.records = make([]*RecordChange, len(e.Changes))
	for i := range e.Changes {
		switch c := &e.Changes[i]; c.Kind {
		case KindBirth:
			if len(e.Changes) != 1 {
				return errors.New("a birth stands alone in its entry")
			}
			if _, err := c.Birth(); err != nil {
				return err
			}
		case KindAdmission:
			if len(e.Changes) != 1 {
				return errors.New("an admission stands alone in its entry")
			}
			if _, err := c.Admission(); err != nil {
				return err
			}
		case KindRecord:
			rc, err := c.decode()
			if err != nil {
				return err
			}
			e.records[i] = rc
		}
	}
	return nil
}

// ScanEntry reads an entry that was checked before, as when it was stored.
func ScanEntry(b []byte) (*Entry, error) {
	e, err := scanEntry(b)
	if err != nil {
		return nil, fmt.Errorf("read entry: %w", err)
	}
	return e, nil
}

func scanEntry(b []byte) (*Entry, error) {
	if len(b) == 0 {
		return nil, errTruncated
	}
	if b[0] > EntryVersion {
		return nil, ErrNewerVersion
	}
	if b[0] != EntryVersion {
		return nil, errType
	}
	if err := tooLarge("entry", len(b), MaxEntryBytes, "bytes"); err != nil {
		return nil, err
	}
	r := reader{b: b, off: 1}
	e := &Entry{raw: b}
	r.header(e)
	n := r.count("list of changes", MaxChanges)
	if r.err == nil && n == 0 {
		return nil, errNoChange
	}
	e.Changes = make([]Change, 0, n)
	e.offsets = make([]int, 0, n)
	for range n {
		e.offsets = append(e.offsets, r.off)
		e.Changes = append(e.Changes, r.change())
		if r.err != nil {
			break
		}
	}
	return e, r.end()
}

// header reads what stands before the changes.
func (r *reader) header(e *Entry) {
	if n := r.want(majorArray); r.err == nil && n != 5 {
		r.fail(errType)
	}
	e.Time = Time(r.uint())
	start := r.off
	n := r.count("list of dependencies", MaxDeps)
	for range n {
		if m := r.want(majorArray); r.err == nil && m != 3 {
			r.fail(errType)
		}
		d := Dep{Log: r.hash(), Seq: r.uint(), ID: r.hash()}
		if r.err != nil {
			return
		}
		e.Deps = append(e.Deps, d)
	}
	if r.err != nil {
		return
	}
	e.deps = r.b[start:r.off:r.off]
	e.Author = string(r.text())
	e.Phone = string(r.text())
}

// validate checks what the encoding does not see to.
func (e *Entry) validate() error {
	for i := 1; i < len(e.Deps); i++ {
		if e.Deps[i-1].compare(e.Deps[i]) >= 0 {
			return errNotCanonical
		}
	}
	if err := errors.Join(
		tooLarge("author", len(e.Author), MaxAuthorBytes, "bytes"),
		validateText("author", e.Author),
		tooLarge("phone", len(e.Phone), MaxPhoneBytes, "bytes"),
		validateText("phone", e.Phone)); err != nil {
		return err
	}
	if len(e.records) == 1 {
		return nil
	}
	seen := make(map[RecordKey]bool, len(e.records))
	for _, rc := range e.records {
		if rc == nil {
			continue
		}
		if seen[rc.Key] {
			return fmt.Errorf("it names record %s twice", rc.Key)
		}
		seen[rc.Key] = true
	}
	return nil
}

// Known tells whether this program knows every kind of change in the entry, the
// kind of log if it begins one, and all that it says if it is an admission. An
// entry that it does not know is held whole and not merged.
func (e *Entry) Known() bool {
	for i := range e.Changes {
		switch c := &e.Changes[i]; c.Kind {
		case KindBirth:
			if !c.logKind().Known() {
				return false
			}
		case KindAdmission:
			if a, err := c.Admission(); err != nil || !a.Known() {
				return false
			}
		case KindRecord:
		default:
			return false
		}
	}
	return true
}

// Record is change i of a parsed entry, nil if it is not a change to a record.
func (e *Entry) Record(i int) *RecordChange { return e.records[i] }

// Encoded is the entry as it is stored and sent.
func (e *Entry) Encoded() []byte { return e.raw }

// Offset is where change i begins in Encoded.
func (e *Entry) Offset(i int) int { return e.offsets[i] }

// ID is the SHA-256 of the entry's header at that place.
func (e *Entry) ID(at Place) EntryID {
	root := e.changesRoot()
	var buf [512]byte
	b := AppendArray(append(buf[:0], EntryVersion), 9)
	b = AppendBytes(b, at.Log[:])
	b = appendUint(b, at.Seq)
	b = AppendBytes(b, at.Prev[:])
	b = appendUint(b, uint64(e.Time))
	b = append(b, e.deps...)
	b = AppendText(AppendText(b, e.Author), e.Phone)
	b = appendUint(b, uint64(len(e.Changes)))
	b = AppendBytes(b, root[:])
	return sha256.Sum256(b)
}

func (e *Entry) changesRoot() [HashSize]byte {
	var buf [1 + 4*HashSize]byte
	b := append(buf[:0], tagChanges)
	for i := range e.Changes {
		h := e.Changes[i].Hash()
		b = append(b, h[:]...)
	}
	return sha256.Sum256(b)
}

// ChangeAt reads one change of an encoded entry, given its offset, without
// reading the others. The entry must have been parsed once.
func ChangeAt(entry []byte, offset int) (Change, error) {
	if offset <= 0 || offset >= len(entry) {
		return Change{}, fmt.Errorf("read change: %w", errTruncated)
	}
	r := reader{b: entry, off: offset}
	c := r.change()
	if r.err != nil {
		return Change{}, fmt.Errorf("read change: %w", r.err)
	}
	return c, nil
}

// ScanHeader reads time, dependencies, author and phone of an encoded entry and
// leaves its changes alone.
func ScanHeader(entry []byte) (*Entry, error) {
	if len(entry) == 0 || entry[0] != EntryVersion {
		return nil, fmt.Errorf("read entry: %w", ErrNewerVersion)
	}
	r := reader{b: entry, off: 1}
	e := &Entry{raw: entry}
	r.header(e)
	if r.err != nil {
		return nil, fmt.Errorf("read entry: %w", r.err)
	}
	return e, nil
}
