package exchange

import (
	"bytes"
	"io"
	"slices"
	"sync"

	"github.com/go-json-experiment/json/jsontext"

	"musafir/crdt"
)

// ParseJSON reads exactly one JSON value.
func ParseJSON(b []byte) (crdt.Value, error) {
	p := takeParser()
	defer p.release()
	p.reset(b)
	if err := p.value(crdt.MaxValueDepth); err != nil {
		return nil, err
	}
	if err := p.end(); err != nil {
		return nil, err
	}
	return p.take(0), nil
}

// A parser turns JSON into canonical values. It is used again and again for the
// sake of its buffers.
type parser struct {
	text []byte // what is parsed
	in   bytes.Buffer
	dec  jsontext.Decoder

	out     []byte   // what is built
	members []member // of the objects that are open, the outermost first
	spare   []byte

	collection string // of the line before, which is most often that of the next
}

// A member is a key and its value in a parser's out.
type member struct {
	start, value, end int
	offset            int64 // of the end of the key in the text
}

// Duplicate keys are found when the keys are sorted, at no cost.
var decoderOptions = []jsontext.Options{jsontext.AllowDuplicateNames(true)}

// maxKeptBytes is how large a buffer may be that is kept for the next text.
const maxKeptBytes = 1 << 20

var parsers = sync.Pool{New: func() any { return new(parser) }}

func takeParser() *parser { return parsers.Get().(*parser) }

func (p *parser) release() {
	if cap(p.out)+cap(p.spare)+cap(p.text)+32*cap(p.members) <= maxKeptBytes {
		parsers.Put(p)
	}
}

func (p *parser) reset(text []byte) {
	p.text = text
	p.in = *bytes.NewBuffer(text)
	p.dec.Reset(&p.in, decoderOptions...)
	p.out, p.members = p.out[:0], p.members[:0]
}

// take is a copy of what was built from start on.
func (p *parser) take(start int) crdt.Value { return bytes.Clone(p.out[start:]) }

// end checks that nothing follows.
func (p *parser) end() error {
	at := p.dec.InputOffset()
	if _, err := p.dec.ReadToken(); err != io.EOF {
		return &InputError{Offset: at, Err: ErrTrailing}
	}
	return nil
}

// value reads one value into out. depth is how many levels may still open.
func (p *parser) value(depth int) error {
	switch kind := p.dec.PeekKind(); kind {
	case jsontext.KindBeginObject:
		return p.object(depth)
	case jsontext.KindBeginArray:
		return p.array(depth)
	default:
		return p.scalar(kind)
	}
}

func (p *parser) scalar(kind jsontext.Kind) error {
	raw, err := p.dec.ReadValue()
	if err != nil {
		return p.failSyntax(err)
	}
	switch kind {
	case jsontext.KindNull:
		p.out = crdt.AppendNull(p.out)
	case jsontext.KindFalse, jsontext.KindTrue:
		p.out = crdt.AppendBool(p.out, kind == jsontext.KindTrue)
	case jsontext.KindString:
		p.out = appendText(p.out, p.unquote(raw))
	default:
		if p.out, err = appendNumber(p.out, raw); err != nil {
			return p.fail(err, len(raw))
		}
	}
	return nil
}

// open reads the bracket that begins an array or object.
func (p *parser) open(depth int) error {
	if _, err := p.dec.ReadToken(); err != nil {
		return p.failSyntax(err)
	}
	if depth <= 0 {
		return p.fail(errDepth(), 1)
	}
	return nil
}

// shut reads the bracket that ends an array or object.
func (p *parser) shut() error {
	if _, err := p.dec.ReadToken(); err != nil {
		return p.failSyntax(err)
	}
	return nil
}

func (p *parser) array(depth int) error {
	if err := p.open(depth); err != nil {
		return err
	}
	start, n := len(p.out), 0
	for ; p.dec.PeekKind() != jsontext.KindEndArray; n++ {
		if err := p.value(depth - 1); err != nil {
			return err
		}
	}
	p.spare = append(crdt.AppendArray(p.spare[:0], n), p.out[start:]...)
	p.out = append(p.out[:start], p.spare...)
	return p.shut()
}

func (p *parser) object(depth int) error {
	if err := p.open(depth); err != nil {
		return err
	}
	start, first := len(p.out), len(p.members)
	for p.dec.PeekKind() != jsontext.KindEndObject {
		m, err := p.member(depth)
		if err != nil {
			return err
		}
		p.members = append(p.members, m)
	}
	if err := p.shut(); err != nil {
		return err
	}
	err := p.arrange(start, p.members[first:])
	p.members = p.members[:first]
	return err
}

func (p *parser) member(depth int) (m member, err error) {
	m.start = len(p.out)
	if err := p.scalar(jsontext.KindString); err != nil {
		return m, err
	}
	m.value, m.offset = len(p.out), p.dec.InputOffset()
	err = p.value(depth - 1)
	m.end = len(p.out)
	return m, err
}

// arrange makes the members, which lie in out from start on, an object. The
// order of keys is that of their encoded bytes.
func (p *parser) arrange(start int, members []member) error {
	slices.SortFunc(members, func(a, b member) int {
		return bytes.Compare(p.out[a.start:a.value], p.out[b.start:b.value])
	})
	p.spare = crdt.AppendObject(p.spare[:0], len(members))
	for i, m := range members {
		if i > 0 && bytes.Equal(p.key(members[i-1]), p.key(m)) {
			return p.failDuplicate(members[i-1], m)
		}
		p.spare = append(p.spare, p.out[m.start:m.end]...)
	}
	p.out = append(p.out[:start], p.spare...)
	return nil
}

func (p *parser) key(m member) []byte { return p.out[m.start:m.value] }

func (p *parser) failDuplicate(a, b member) error {
	key := crdt.Value(p.key(a)).Text()
	return &InputError{
		Pointer: string(p.dec.StackPointer().AppendToken(key)),
		Offset:  max(a.offset, b.offset),
		Err:     ErrDuplicate,
	}
}

// unquote gives the text of a JSON string, which the tokenizer has checked. It
// is good until the next.
func (p *parser) unquote(raw []byte) []byte {
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1]
	}
	p.spare, _ = jsontext.AppendUnquote(p.spare[:0], raw)
	return p.spare
}

// appendText is [crdt.AppendText] of bytes: without a string on the way. In
// CBOR a text is bytes with another major type.
func appendText(b, text []byte) []byte {
	const majorBytes, majorText = 2 << 5, 3 << 5
	at := len(b)
	b = crdt.AppendBytes(b, text)
	b[at] ^= majorBytes ^ majorText
	return b
}
