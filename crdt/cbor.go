package crdt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"unicode/utf8"
)

// Canonical CBOR (RFC 8949, 4.2.1): the only form that is written and the only
// form that is taken, so that equal meaning is equal bytes. Reading is our own
// because the library accepts longer forms than the shortest.

const (
	majorUint  = 0
	majorNeg   = 1
	majorBytes = 2
	majorText  = 3
	majorArray = 4
	majorMap   = 5
	majorOther = 7

	byteFalse = 0xf4
	byteTrue  = 0xf5
	byteNull  = 0xf6
	byteF16   = 0xf9
	byteF32   = 0xfa
	byteF64   = 0xfb
)

// Errors of decoding. They never quote the data.
var (
	errTruncated    = errors.New("data ends too early")
	errTrailing     = errors.New("data goes on after its end")
	errNotCanonical = errors.New("not in canonical form")
	errType         = errors.New("not of the type that belongs here")
	errNotData      = errors.New("holds something that is no data: a tag, an undefined or an infinite value")
	errUTF8         = errors.New("text is not valid UTF-8")
)

func appendHead(b []byte, major byte, n uint64) []byte {
	m := major << 5
	switch {
	case n < 24:
		return append(b, m|byte(n))
	case n <= math.MaxUint8:
		return append(b, m|24, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, m|25), uint16(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(b, m|26), uint32(n))
	default:
		return binary.BigEndian.AppendUint64(append(b, m|27), n)
	}
}

// The Append functions add one canonical item, or the head of one, to b.

func AppendNull(b []byte) []byte { return append(b, byteNull) }

func AppendBool(b []byte, v bool) []byte {
	if v {
		return append(b, byteTrue)
	}
	return append(b, byteFalse)
}

func AppendInt(b []byte, v int64) []byte {
	if v < 0 {
		return appendHead(b, majorNeg, uint64(^v))
	}
	return appendHead(b, majorUint, uint64(v))
}

func appendUint(b []byte, v uint64) []byte { return appendHead(b, majorUint, v) }

// AppendFloat adds a float in the shortest of the three sizes that keeps it.
// v must be finite.
func AppendFloat(b []byte, v float64) []byte {
	f := float32(v)
	if float64(f) != v {
		return binary.BigEndian.AppendUint64(append(b, byteF64), math.Float64bits(v))
	}
	if h, ok := halfBits(f); ok {
		return binary.BigEndian.AppendUint16(append(b, byteF16), h)
	}
	return binary.BigEndian.AppendUint32(append(b, byteF32), math.Float32bits(f))
}

func AppendText(b []byte, s string) []byte {
	return append(appendHead(b, majorText, uint64(len(s))), s...)
}

func AppendBytes(b, v []byte) []byte {
	return append(appendHead(b, majorBytes, uint64(len(v))), v...)
}

// AppendArray adds the head of an array of n items, which must follow.
func AppendArray(b []byte, n int) []byte { return appendHead(b, majorArray, uint64(n)) }

// AppendObject adds the head of an object of n keys. Key (text) and value of
// each must follow in the order of [CompareKeys].
func AppendObject(b []byte, n int) []byte { return appendHead(b, majorMap, uint64(n)) }

// CompareKeys is the order of keys in an object: shorter ones first, then by
// bytes (the order of their encoded forms).
func CompareKeys(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

// halfBits gives the 16-bit form of f if it loses nothing.
func halfBits(f float32) (uint16, bool) {
	bits := math.Float32bits(f)
	sign := uint16(bits>>16) & 0x8000
	exp := int(bits>>23)&0xff - 127
	mant := bits & 0x7fffff
	switch {
	case bits&0x7fffffff == 0:
		return sign, true
	case exp >= -14 && exp <= 15 && mant&0x1fff == 0:
		return sign | uint16(exp+15)<<10 | uint16(mant>>13), true
	case exp >= -24 && exp < -14:
		full := mant | 1<<23
		shift := uint(-exp - 1) // multiples of 2^-24
		if full&(1<<shift-1) == 0 {
			return sign | uint16(full>>shift), true
		}
	}
	return 0, false
}

func fromHalf(h uint16) float64 {
	exp := int(h>>10) & 0x1f
	mant := float64(h & 0x3ff)
	var v float64
	switch exp {
	case 0:
		v = math.Ldexp(mant, -24)
	case 31:
		return math.Inf(1) // infinite or not a number: no data either way
	default:
		v = math.Ldexp(mant+1024, exp-25)
	}
	if h&0x8000 != 0 {
		v = math.Copysign(v, -1)
	}
	return v
}

// A reader walks canonical CBOR. After the first error it yields zero values
// and keeps the error.
type reader struct {
	b   []byte
	s   string // of b, if its texts are wanted as strings
	off int
	err error
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// head reads the head of an item: its major type and argument. For major 7 the
// argument is the value's bits and info its size (20..22, 25..27).
func (r *reader) head() (major, info byte, arg uint64) {
	if r.err != nil {
		return 0, 0, 0
	}
	if r.off >= len(r.b) {
		r.fail(errTruncated)
		return 0, 0, 0
	}
	first := r.b[r.off]
	r.off++
	major, info = first>>5, first&0x1f
	if info < 24 {
		return major, info, uint64(info)
	}
	if info > 27 {
		r.fail(errNotCanonical)
		return 0, 0, 0
	}
	size := 1 << (info - 24)
	if len(r.b)-r.off < size {
		r.fail(errTruncated)
		return 0, 0, 0
	}
	p := r.b[r.off:]
	r.off += size
	var least uint64
	switch size {
	case 1:
		arg, least = uint64(p[0]), 24
	case 2:
		arg, least = uint64(binary.BigEndian.Uint16(p)), 1<<8
	case 4:
		arg, least = uint64(binary.BigEndian.Uint32(p)), 1<<16
	default:
		arg, least = binary.BigEndian.Uint64(p), 1<<32
	}
	if major != majorOther && arg < least {
		r.fail(errNotCanonical)
	}
	return major, info, arg
}

func (r *reader) want(major byte) uint64 {
	m, _, arg := r.head()
	if r.err == nil && m != major {
		r.fail(errType)
	}
	if r.err != nil {
		return 0
	}
	return arg
}

func (r *reader) uint() uint64 { return r.want(majorUint) }

// count reads the head of an array of at most limit items.
func (r *reader) count(what string, limit int) int {
	n := r.want(majorArray)
	if n > uint64(limit) {
		r.fail(&LimitError{What: what, Size: int(min(n, math.MaxInt32)), Max: limit, Unit: "items"})
		return 0
	}
	return int(n)
}

func (r *reader) take(n uint64) []byte {
	if r.err != nil {
		return nil
	}
	if n > uint64(len(r.b)-r.off) {
		r.fail(errTruncated)
		return nil
	}
	p := r.b[r.off : r.off+int(n) : r.off+int(n)]
	r.off += int(n)
	return p
}

func (r *reader) bytes() []byte { return r.take(r.want(majorBytes)) }

// text reads a text and leaves it where it is; string() of it copies.
func (r *reader) text() []byte {
	p := r.take(r.want(majorText))
	if r.err == nil && !utf8.Valid(p) {
		r.fail(errUTF8)
	}
	return p
}

// string reads a text as a part of s.
func (r *reader) string() string {
	n := len(r.text())
	if r.err != nil {
		return ""
	}
	return r.s[r.off-n : r.off]
}

func (r *reader) hash() (h [HashSize]byte) {
	p := r.bytes()
	if r.err == nil && len(p) != HashSize {
		r.fail(errType)
	}
	copy(h[:], p)
	return h
}

// skip passes over one item, checking that all of it is canonical data.
func (r *reader) skip(depth int) []byte {
	start := r.off
	r.walk(depth)
	if r.err != nil {
		return nil
	}
	return r.b[start:r.off:r.off]
}

func (r *reader) walk(depth int) {
	major, info, arg := r.head()
	if r.err != nil {
		return
	}
	switch major {
	case majorUint, majorNeg:
		if arg > math.MaxInt64 {
			r.fail(errNotData)
		}
	case majorBytes:
		r.take(arg)
	case majorText:
		if p := r.take(arg); !utf8.Valid(p) {
			r.fail(errUTF8)
		}
	case majorArray, majorMap:
		if depth <= 0 {
			r.fail(&LimitError{What: "nesting of a value", Size: MaxValueDepth + 1, Max: MaxValueDepth, Unit: "levels"})
			return
		}
		var prev []byte
		for i := uint64(0); i < arg && r.err == nil; i++ {
			if major == majorMap {
				start := r.off
				r.text()
				if r.err != nil {
					return
				}
				key := r.b[start:r.off]
				if prev != nil && bytes.Compare(prev, key) >= 0 {
					r.fail(errNotCanonical)
				}
				prev = key
			}
			r.walk(depth - 1)
		}
	case majorOther:
		r.checkOther(info, arg)
	default:
		r.fail(errNotData)
	}
}

func (r *reader) checkOther(info byte, arg uint64) {
	switch info {
	case 20, 21, 22:
	case 25, 26, 27:
		v := floatOf(info, arg)
		if math.IsInf(v, 0) || math.IsNaN(v) {
			r.fail(errNotData)
			return
		}
		var buf [9]byte
		if len(AppendFloat(buf[:0], v)) != 1+1<<(info-24) {
			r.fail(errNotCanonical)
		}
	default:
		r.fail(errNotData)
	}
}

func floatOf(info byte, arg uint64) float64 {
	switch info {
	case 25:
		return fromHalf(uint16(arg))
	case 26:
		return float64(math.Float32frombits(uint32(arg)))
	default:
		return math.Float64frombits(arg)
	}
}

func (r *reader) end() error {
	if r.err == nil && r.off != len(r.b) {
		r.fail(errTrailing)
	}
	return r.err
}
