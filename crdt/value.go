package crdt

import (
	"bytes"
	"cmp"
	"fmt"
	"iter"
	"math"
	"math/big"
	"slices"
)

// A Value is one datum in canonical CBOR: null, boolean, 64-bit integer, float,
// text, bytes, array or object. Equal values are equal bytes. A nil Value is
// none at all.
type Value []byte

// Kind is what a Value is.
type Kind uint8

// The kinds, in the order in which Compare ranks them; integers and floats rank
// together, by number.
const (
	KindNone Kind = iota
	KindNull
	KindBool
	KindInt
	KindFloat
	KindText
	KindBytes
	KindArray
	KindObject
)

// Null, the empty object and the values of true and false.
var (
	Null        = Value{byteNull}
	True        = Value{byteTrue}
	False       = Value{byteFalse}
	EmptyObject = Value{majorMap << 5}
)

// Text, Int and Float are the values of a string, a number and a finite float.
func Text(s string) Value     { return AppendText(nil, s) }
func Int(v int64) Value       { return AppendInt(nil, v) }
func Float(v float64) Value   { return AppendFloat(nil, v) }
func BytesOf(v []byte) Value  { return AppendBytes(nil, v) }
func (v Value) isEmpty() bool { return bytes.Equal(v, EmptyObject) }

// ParseValue checks that b is exactly one canonical value.
func ParseValue(b []byte) (Value, error) {
	r := reader{b: b}
	r.skip(MaxValueDepth)
	if err := r.end(); err != nil {
		return nil, fmt.Errorf("read value: %w", err)
	}
	return b, nil
}

// Kind tells what v is.
func (v Value) Kind() Kind {
	if len(v) == 0 {
		return KindNone
	}
	switch v[0] >> 5 {
	case majorUint, majorNeg:
		return KindInt
	case majorBytes:
		return KindBytes
	case majorText:
		return KindText
	case majorArray:
		return KindArray
	case majorMap:
		return KindObject
	}
	switch v[0] {
	case byteFalse, byteTrue:
		return KindBool
	case byteNull:
		return KindNull
	}
	return KindFloat
}

// Equal tells whether both are the same value of the same kind.
func (v Value) Equal(w Value) bool { return bytes.Equal(v, w) }

// Bool is v as a boolean; v must be one.
func (v Value) Bool() bool { return v.Equal(True) }

// Int is v as an integer; v must be one.
func (v Value) Int() int64 {
	r := reader{b: v}
	major, _, arg := r.head()
	if major == majorNeg {
		return ^int64(arg)
	}
	return int64(arg)
}

// Float is v as a float; v must be one.
func (v Value) Float() float64 {
	r := reader{b: v}
	_, info, arg := r.head()
	return floatOf(info, arg)
}

// Text is v as a string; v must be a text.
func (v Value) Text() string { return string(v.TextBytes()) }

// TextBytes is a text where it lies; v must be one.
func (v Value) TextBytes() []byte {
	r := reader{b: v}
	return r.take(r.want(majorText))
}

// Bytes is v as bytes; v must be bytes.
func (v Value) Bytes() []byte {
	r := reader{b: v}
	return r.bytes()
}

// Len is the number of items of an array, or of keys of an object.
func (v Value) Len() int {
	r := reader{b: v}
	_, _, arg := r.head()
	return int(arg)
}

// Items calls f with each item of an array, which v must be.
func (v Value) Items(f func(item Value)) {
	r := reader{b: v}
	for n := r.want(majorArray); n > 0 && r.err == nil; n-- {
		f(r.skip(MaxValueDepth))
	}
}

// Fields calls f with each key and value of an object, which v must be, in the
// order of CompareKeys.
func (v Value) Fields(f func(key string, value Value)) {
	for key, value := range v.All() {
		f(string(key), value)
	}
}

// All yields each key, where it lies, and value of an object, which v must be, in
// the order of CompareKeys.
func (v Value) All() iter.Seq2[[]byte, Value] {
	return func(yield func([]byte, Value) bool) {
		r := reader{b: v}
		for n := r.want(majorMap); n > 0 && r.err == nil; n-- {
			key := r.take(r.want(majorText))
			if value := r.skip(MaxValueDepth); r.err == nil && !yield(key, value) {
				return
			}
		}
	}
}

// A Field is a key, or a path, and its value.
type Field struct {
	Key   string
	Value Value
}

// Object builds an object of fields, whose keys must differ. It sorts them.
func Object(fields []Field) Value {
	slices.SortFunc(fields, func(f, g Field) int { return CompareKeys(f.Key, g.Key) })
	size := 3 // the longest heads of a list that fits into a change
	for i := range fields {
		size += 3 + len(fields[i].Key) + len(fields[i].Value)
	}
	b := AppendObject(make([]byte, 0, size), len(fields))
	for _, f := range fields {
		b = append(AppendText(b, f.Key), f.Value...)
	}
	return b
}

// Array builds an array.
func Array(items []Value) Value {
	b := AppendArray(nil, len(items))
	for _, it := range items {
		b = append(b, it...)
	}
	return b
}

// Compare is a total order over values, for `max` fields: by kind, numbers by
// their number (an integer before the equal float), texts and bytes by their
// bytes, the rest by encoding.
func (v Value) Compare(w Value) int {
	a, b := v.Kind(), w.Kind()
	if isNumber(a) && isNumber(b) {
		if c := compareNumbers(v, w); c != 0 {
			return c
		}
		return cmp.Compare(a, b)
	}
	if a != b {
		return cmp.Compare(a, b)
	}
	switch a {
	case KindText, KindBytes:
		rv, rw := reader{b: v}, reader{b: w}
		_, _, n := rv.head()
		_, _, m := rw.head()
		return bytes.Compare(rv.take(n), rw.take(m))
	}
	return bytes.Compare(v, w)
}

func isNumber(k Kind) bool { return k == KindInt || k == KindFloat }

func compareNumbers(v, w Value) int {
	if v.Kind() == w.Kind() {
		if v.Kind() == KindInt {
			return cmp.Compare(v.Int(), w.Int())
		}
		if c := cmp.Compare(v.Float(), w.Float()); c != 0 {
			return c
		}
		return cmp.Compare(math.Copysign(1, v.Float()), math.Copysign(1, w.Float())) // -0 before 0
	}
	return exact(v).Cmp(exact(w))
}

// exact is a number without rounding: an int64 needs 63 bits, a float64 53.
func exact(v Value) *big.Float {
	if v.Kind() == KindInt {
		return new(big.Float).SetPrec(64).SetInt64(v.Int())
	}
	return new(big.Float).SetPrec(64).SetFloat64(v.Float())
}
