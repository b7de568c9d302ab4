package exchange

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strconv"
	"sync"

	"github.com/go-json-experiment/json/jsontext"

	"musafir/crdt"
)

// AppendJSON adds v to b as JSON without white space, the keys of every object
// in the order of their bytes. No value at all is null.
func AppendJSON(b []byte, v crdt.Value) []byte {
	r := renderers.Get().(*renderer)
	b = r.value(b, v)
	if cap(r.fields) <= maxKeptFields {
		renderers.Put(r)
	}
	return b
}

// A renderer holds the fields of the objects that are being rendered, the
// outermost first.
type renderer struct{ fields []field }

// A field is a key and a value where they lie in an object.
type field struct {
	key   []byte
	value crdt.Value
}

// maxKeptFields is how long a list of fields may be that is kept for the next
// value.
const maxKeptFields = 1 << 12

var renderers = sync.Pool{New: func() any { return new(renderer) }}

func (r *renderer) value(b []byte, v crdt.Value) []byte {
	switch v.Kind() {
	case crdt.KindBool:
		return strconv.AppendBool(b, v.Bool())
	case crdt.KindInt:
		return strconv.AppendInt(b, v.Int(), 10)
	case crdt.KindFloat:
		return appendFloatJSON(b, v.Float())
	case crdt.KindText:
		return appendQuoted(b, v.TextBytes())
	case crdt.KindBytes:
		return appendBytesJSON(b, v.Bytes())
	case crdt.KindArray:
		return r.array(b, v)
	case crdt.KindObject:
		return r.object(b, v)
	}
	return append(b, "null"...)
}

func (r *renderer) array(b []byte, v crdt.Value) []byte {
	b = append(b, '[')
	v.Items(func(item crdt.Value) {
		b = append(r.value(b, item), ',')
	})
	return shut(b, ']')
}

func (r *renderer) object(b []byte, v crdt.Value) []byte {
	first := len(r.fields)
	for key, item := range v.All() {
		r.fields = append(r.fields, field{key, item})
	}
	level := r.fields[first:]
	slices.SortFunc(level, func(x, y field) int { return bytes.Compare(x.key, y.key) })
	b = append(b, '{')
	for _, f := range level {
		b = append(appendQuoted(b, f.key), ':')
		b = append(r.value(b, f.value), ',')
	}
	clear(r.fields[first:])
	r.fields = r.fields[:first]
	return shut(b, '}')
}

// shut puts the last bracket, over the comma behind the last item if there is
// one.
func shut(b []byte, bracket byte) []byte {
	if last := len(b) - 1; b[last] == ',' {
		b[last] = bracket
		return b
	}
	return append(b, bracket)
}

// appendQuoted writes a JSON string. Values hold valid UTF-8 only, so it cannot
// fail.
func appendQuoted[Text []byte | string](b []byte, s Text) []byte {
	b, _ = jsontext.AppendQuote(b, s)
	return b
}

func appendBytesJSON(b, v []byte) []byte {
	b = append(b, `{"$bytes":"`...)
	b = base64.StdEncoding.AppendEncode(b, v)
	return append(b, `"}`...)
}
