package crdt

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// An Op is what a write does at its path.
type Op uint8

// The operations. Set, Remove and Max make a version; so does Add, of one
// element of a set; Drop only names the additions it takes back; Increment adds
// to a counter and is never superseded.
const (
	OpSet Op = iota
	OpRemove
	OpMax
	OpIncrement
	OpAdd
	OpDrop
	opEnd
)

func (o Op) hasValue() bool   { return o != OpRemove }
func (o Op) isElement() bool  { return o == OpAdd || o == OpDrop }
func (o Op) isRegister() bool { return o == OpSet || o == OpRemove || o == OpMax }

// A Write is what a change does at one path. Supersedes are indexes into the
// change's Names. Elements are named by where they were written, not by what they
// are: that is the same after erasure, and gives nothing away.
type Write struct {
	Path       string
	Op         Op
	Value      Value // nil for Remove, and once erased
	Supersedes []uint16
	Places     []uint16 // of Add and Drop, for each of Supersedes: the write of the named entry, from 1; 0: any that is no element
}

// A RecordChange is what one entry does to one record. Dead writes the record's
// liveness `dead` (a delete, which writes nothing else), otherwise `alive`.
type RecordChange struct {
	Key        RecordKey
	Dead       bool
	Names      []ShortID // the superseded entries, in ascending order
	Supersedes []uint16  // of the liveness
	Writes     []Write   // in ascending order of path, operation, element
	Erased     bool
}

// Encode gives the change in its only form. The writes must be sorted and every
// name used; salt is used if there are values. The change keeps the lists of c,
// but for the values.
func (c *RecordChange) Encode(salt [SaltSize]byte) (Change, error) {
	if c.Erased {
		return Change{}, errors.New("an erased change cannot be written")
	}
	if err := c.validate(); err != nil {
		return Change{}, err
	}
	b := AppendArray(make([]byte, 0, 64+32*len(c.Writes)), 6)
	b = AppendText(b, c.Key.Collection)
	b = AppendText(b, c.Key.ID)
	b = AppendBool(b, c.Dead)
	b = appendHead(b, majorBytes, uint64(len(c.Names)*len(ShortID{})))
	for _, n := range c.Names {
		b = append(b, n[:]...)
	}
	b = appendIndexes(AppendArray(b, len(c.Supersedes)), c.Supersedes)
	b = AppendArray(b, len(c.Writes))
	nValues, size := 0, 0
	for _, w := range c.Writes {
		if w.Op == OpSet && len(w.Supersedes) == 0 {
			b = AppendText(b, w.Path)
		} else {
			b = AppendArray(b, 2+len(w.Supersedes)+len(w.Places))
			b = appendUint(AppendText(b, w.Path), uint64(w.Op))
			b = w.appendNamed(b)
		}
		if w.Op.hasValue() {
			nValues++
			size += len(w.Value)
		}
	}
	var values []byte
	if nValues > 0 {
		values = AppendArray(make([]byte, 0, size+5), nValues)
		for _, w := range c.Writes {
			values = append(values, w.Value...)
		}
	}
	ch := newChange(KindRecord, b, salt[:], values)
	if len(ch.raw) > MaxChangeBytes {
		return ch, tooLarge(fmt.Sprintf("change to %s", c.Key), len(ch.raw), MaxChangeBytes, "bytes")
	}
	ch.record = c.over(ch.values, nValues)
	return ch, nil
}

// over is a copy of the change whose values lie in their encoding, an array of n.
func (c *RecordChange) over(values []byte, n int) *RecordChange {
	own := *c
	own.Writes = slices.Clone(c.Writes)
	if n > 0 {
		values = values[len(AppendArray(make([]byte, 0, 9), n)):]
	}
	for i := range own.Writes {
		if w := &own.Writes[i]; w.Op.hasValue() {
			size := len(w.Value)
			w.Value, values = values[:size:size], values[size:]
		}
	}
	return &own
}

func appendIndexes(b []byte, xs []uint16) []byte {
	for _, x := range xs {
		b = appendUint(b, uint64(x))
	}
	return b
}

// appendNamed writes what the write supersedes, of elements each with its place.
func (w *Write) appendNamed(b []byte) []byte {
	if !w.Op.isElement() {
		return appendIndexes(b, w.Supersedes)
	}
	for i, x := range w.Supersedes {
		b = appendUint(appendUint(b, uint64(x)), uint64(w.Places[i]))
	}
	return b
}

// Record decodes a change of KindRecord. Strings are copied; values refer to the
// change's bytes.
func (c *Change) Record() (*RecordChange, error) {
	rc, err := c.decode()
	if err != nil {
		return nil, fmt.Errorf("read change: %w", err)
	}
	return rc, nil
}

func (c *Change) decode() (*RecordChange, error) {
	if c.Kind != KindRecord {
		return nil, fmt.Errorf("kind %d is not a record change", c.Kind)
	}
	r := reader{b: c.shape, s: string(c.shape)}
	if n := r.want(majorArray); r.err == nil && n != 6 {
		return nil, errType
	}
	rc := &RecordChange{Erased: c.Erased()}
	rc.Key.Collection = r.string()
	rc.Key.ID = r.string()
	rc.Dead = r.bool()
	rc.Names = r.names()
	rc.Supersedes = r.indexes(r.count("list of superseded entries", MaxNames))
	n := r.count("list of writes", MaxChangeBytes)
	if r.err != nil {
		return nil, r.err
	}
	v := reader{b: c.values}
	left := 0
	if c.values != nil {
		if left = int(v.want(majorArray)); left == 0 {
			return nil, errNotCanonical
		}
	}
	if n > (len(r.b)-r.off)/2 { // a write takes two bytes at least
		return nil, errTruncated
	}
	valued := false
	if n > 0 {
		rc.Writes = make([]Write, n)
	}
	for i := range rc.Writes {
		w := &rc.Writes[i]
		r.write(w)
		if r.err != nil {
			return nil, r.err
		}
		valued = valued || w.Op.hasValue()
		if w.Op.hasValue() && !rc.Erased {
			if left--; left < 0 {
				return nil, errTruncated
			}
			w.Value = v.skip(MaxValueDepth)
		}
	}
	if left != 0 {
		return nil, errTrailing
	}
	if rc.Erased && !valued {
		return nil, errNotCanonical
	}
	if err := errors.Join(r.end(), v.end()); err != nil {
		return nil, err
	}
	return rc, rc.validate()
}

func (r *reader) bool() bool {
	major, info, _ := r.head()
	if r.err == nil && (major != majorOther || info != 20 && info != 21) {
		r.fail(errType)
	}
	return info == 21
}

func (r *reader) names() []ShortID {
	p := r.bytes()
	const size = len(ShortID{})
	if len(p)%size != 0 {
		r.fail(errType)
	}
	if n := len(p) / size; n > MaxNames {
		r.fail(&LimitError{What: "list of superseded entries", Size: n, Max: MaxNames, Unit: "items"})
	}
	if r.err != nil || len(p) == 0 {
		return nil
	}
	return shortIDs(p)
}

// shortIDs are the ids that stand one behind another in b.
func shortIDs(b []byte) (ids []ShortID) {
	const size = len(ShortID{})
	if len(b) < size {
		return nil
	}
	ids = make([]ShortID, len(b)/size)
	for i := range ids {
		copy(ids[i][:], b[i*size:])
	}
	return ids
}

func (r *reader) indexes(n int) []uint16 {
	if r.err != nil || n == 0 {
		return nil
	}
	xs := make([]uint16, 0, min(n, 64))
	for range n {
		x := r.uint()
		if x >= MaxNames {
			r.fail(errType)
		}
		if r.err != nil {
			return nil
		}
		xs = append(xs, uint16(x))
	}
	return xs
}

func (r *reader) write(w *Write) {
	if r.off < len(r.b) && r.b[r.off]>>5 == majorText {
		w.Path = r.string()
		return
	}
	n := r.count("list of superseded entries", 2*MaxNames+2)
	if r.err == nil && n < 2 {
		r.fail(errType)
	}
	w.Path = r.string()
	op := r.uint()
	if op >= uint64(opEnd) || op == uint64(OpSet) && n == 2 {
		r.fail(errNotCanonical)
	}
	w.Op = Op(op)
	if w.Op.isElement() {
		r.places(w, n-2)
	} else {
		w.Supersedes = r.indexes(n - 2)
	}
}

// places reads n numbers, index and place by turns.
func (r *reader) places(w *Write, n int) {
	if n%2 != 0 {
		r.fail(errType)
	}
	for n /= 2; n > 0 && r.err == nil; n-- {
		x, place := r.uint(), r.uint()
		if x >= MaxNames || place > math.MaxUint16 {
			r.fail(errType)
		}
		w.Supersedes = append(w.Supersedes, uint16(x))
		w.Places = append(w.Places, uint16(place))
	}
}

// validate checks everything that must hold of a change for it to mean one
// thing on every device.
func (c *RecordChange) validate() error {
	if err := c.Key.Validate(); err != nil {
		return err
	}
	if c.Dead && len(c.Writes) > 0 {
		return errors.New("a delete writes no fields")
	}
	if !ascending(c.Names) {
		return errNotCanonical
	}
	if err := tooLarge("list of superseded entries", len(c.Names), MaxNames, "items"); err != nil {
		return err
	}
	used := make([]bool, len(c.Names))
	if !useIndexes(used, c.Supersedes) {
		return errNotCanonical
	}
	nested := false
	for i := range c.Writes {
		w := &c.Writes[i]
		if err := c.validateWrite(i, used); err != nil {
			return err
		}
		nested = nested || strings.Contains(w.Path, "/")
	}
	if slices.Contains(used, false) {
		return errNotCanonical
	}
	if nested {
		return c.validateTree()
	}
	return nil
}

func (c *RecordChange) validateWrite(i int, used []bool) error {
	w := &c.Writes[i]
	if err := ValidatePath(w.Path); err != nil {
		return err
	}
	if !useIndexes(used, w.Supersedes) || !w.placed() {
		return errNotCanonical
	}
	if !c.Erased {
		if err := validateOperand(w); err != nil {
			return err
		}
	}
	if i == 0 {
		return nil
	}
	before := &c.Writes[i-1]
	if before.Path < w.Path {
		return nil
	}
	if before.Path > w.Path {
		return errNotCanonical
	}
	if !before.Op.isElement() || !w.Op.isElement() {
		return fmt.Errorf("field %q is written twice", w.Path)
	}
	if before.Op < w.Op || before.Op == w.Op && (c.Erased || bytes.Compare(before.Value, w.Value) < 0) {
		return nil
	}
	return errNotCanonical
}

// placed tells whether elements, and nothing else, are named with their places. A
// drop takes back nothing but elements.
func (w *Write) placed() bool {
	if !w.Op.isElement() {
		return len(w.Places) == 0
	}
	return len(w.Places) == len(w.Supersedes) && (w.Op == OpAdd || !slices.Contains(w.Places, 0))
}

func validateOperand(w *Write) error {
	switch {
	case w.Op == OpRemove:
		if w.Value != nil {
			return errType
		}
	case w.Op == OpIncrement:
		if w.Value.Kind() != KindInt {
			return fmt.Errorf("field %q: a counter takes 64-bit integers", w.Path)
		}
	case w.Value.Kind() == KindNone:
		return errType
	case w.Op == OpSet && w.Value.Kind() == KindObject && !w.Value.isEmpty():
		return fmt.Errorf("field %q: an object is written key by key", w.Path)
	case w.Op == OpMax && w.Value.Kind() == KindObject:
		return fmt.Errorf("field %q: max takes no object", w.Path)
	case w.Value.Kind() == KindArray || w.Value.Kind() == KindObject:
		return validateDepth(w)
	}
	return nil
}

// validateDepth checks that the value, under the keys of its path and in the
// array that shows a set, nests no deeper than a value may.
func validateDepth(w *Write) error {
	left := MaxValueDepth - strings.Count(w.Path, "/") - 1
	if w.Op.isElement() {
		left--
	}
	r := reader{b: w.Value}
	r.skip(left)
	return r.err
}

// validateTree refuses a change that writes a path and one inside it: neither
// could say what it replaces.
func (c *RecordChange) validateTree() error {
	paths := make(map[string]bool, len(c.Writes))
	for i := range c.Writes {
		paths[c.Writes[i].Path] = true
	}
	for i := range c.Writes {
		p := c.Writes[i].Path
		for j := strings.LastIndexByte(p, '/'); j > 0; j = strings.LastIndexByte(p[:j], '/') {
			if paths[p[:j]] {
				return fmt.Errorf("fields %q and %q cannot be written together: one holds the other", p[:j], p)
			}
		}
	}
	return nil
}

// ascending tells whether names are in order, none twice.
func ascending(names []ShortID) bool {
	for i := 1; i < len(names); i++ {
		if names[i-1].Compare(names[i]) >= 0 {
			return false
		}
	}
	return true
}

// useIndexes marks xs in used and tells whether they ascend within it.
func useIndexes(used []bool, xs []uint16) bool {
	last := -1
	for _, x := range xs {
		if int(x) <= last || int(x) >= len(used) {
			return false
		}
		used[x] = true
		last = int(x)
	}
	return true
}
