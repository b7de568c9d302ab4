package exchange

import (
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"

	"musafir/crdt"
)

// A Line is one record in an import or export.
type Line struct {
	Key    crdt.RecordKey
	Fields crdt.Value // an object
}

// What can be wrong with a line that is JSON.
var (
	ErrNotLine   = errors.New(`a line is an object {"collection","id","fields"}`)
	ErrMember    = errors.New(`a line has "collection", "id" and "fields" and nothing else`)
	ErrNotText   = errors.New("a string belongs here")
	ErrNotObject = errors.New("an object belongs here")
)

// ParseLine reads {"collection":"...","id":"...","fields":{...}}, the members in
// any order. All three are needed.
func ParseLine(b []byte) (Line, error) {
	p := takeParser()
	defer p.release()
	return p.line(b)
}

// AppendLine adds the line that ParseLine reads, and its end of line, to b.
func AppendLine(b []byte, l Line) []byte {
	b = append(b, `{"collection":`...)
	b = appendQuoted(b, l.Key.Collection)
	b = append(b, `,"id":`...)
	b = appendQuoted(b, l.Key.ID)
	b = append(b, `,"fields":`...)
	b = AppendJSON(b, l.Fields)
	return append(b, '}', '\n')
}

func (p *parser) line(b []byte) (Line, error) {
	p.reset(b)
	var l partial
	if err := p.lineMembers(&l); err != nil {
		return Line{}, err
	}
	if err := p.end(); err != nil {
		return Line{}, err
	}
	return l.finish()
}

// partial is a line of which some members were read.
type partial struct {
	Line
	collection, id bool
}

func (p *parser) lineMembers(l *partial) error {
	if kind := p.dec.PeekKind(); kind != jsontext.KindBeginObject {
		return p.unexpected(ErrNotLine)
	}
	if err := p.open(1); err != nil {
		return err
	}
	for p.dec.PeekKind() != jsontext.KindEndObject {
		if err := p.lineMember(l); err != nil {
			return err
		}
	}
	return p.shut()
}

func (p *parser) lineMember(l *partial) error {
	name, err := p.dec.ReadValue()
	if err != nil {
		return p.failSyntax(err)
	}
	switch string(p.unquote(name)) {
	case "collection":
		return p.collectionMember(l, len(name))
	case "id":
		return p.idMember(l, len(name))
	case "fields":
		return p.fieldsMember(l, len(name))
	}
	return p.fail(ErrMember, len(name))
}

func (p *parser) collectionMember(l *partial, back int) error {
	if l.collection {
		return p.fail(ErrDuplicate, back)
	}
	text, err := p.readText()
	if string(text) != p.collection {
		p.collection = string(text)
	}
	l.Key.Collection, l.collection = p.collection, true
	return err
}

func (p *parser) idMember(l *partial, back int) error {
	if l.id {
		return p.fail(ErrDuplicate, back)
	}
	text, err := p.readText()
	l.Key.ID, l.id = string(text), true
	return err
}

func (p *parser) fieldsMember(l *partial, back int) error {
	if l.Fields != nil {
		return p.fail(ErrDuplicate, back)
	}
	if p.dec.PeekKind() != jsontext.KindBeginObject {
		return p.unexpected(ErrNotObject)
	}
	err := p.object(crdt.MaxValueDepth)
	l.Fields = p.take(0)
	return err
}

// readText reads a string.
func (p *parser) readText() ([]byte, error) {
	if p.dec.PeekKind() != jsontext.KindString {
		return nil, p.unexpected(ErrNotText)
	}
	raw, err := p.dec.ReadValue()
	if err != nil {
		return nil, p.failSyntax(err)
	}
	return p.unquote(raw), nil
}

// unexpected refuses the value that comes next: with err if it is one.
func (p *parser) unexpected(err error) error {
	raw, bad := p.dec.ReadValue()
	if bad != nil {
		return p.failSyntax(bad)
	}
	return p.fail(err, len(raw))
}

func (l *partial) finish() (Line, error) {
	switch {
	case !l.collection:
		return Line{}, missing("collection")
	case !l.id:
		return Line{}, missing("id")
	case l.Fields == nil:
		return Line{}, missing("fields")
	}
	if err := l.Key.Validate(); err != nil {
		return Line{}, err
	}
	return l.Line, nil
}

func missing(name string) error { return fmt.Errorf("the line has no %q: %w", name, ErrNotLine) }
