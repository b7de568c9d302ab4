package api

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"musafir/crdt"
	"musafir/node/exchange"
)

// A part is a value in a request document, not read further yet: the values of
// fields are taken from their own text, so that numbers stay as they were
// written and may nest as deeply as in an import.
type part struct {
	name    string // of a member: its key
	raw     []byte
	pointer string // where it stands (RFC 6901)
	offset  int64
}

// parseDocument takes a request document, which must be an object, apart.
func parseDocument(body []byte) ([]part, error) {
	if !jsontext.Value(body).IsValid() {
		if _, err := exchange.ParseJSON(body); err != nil {
			return nil, err // it says where, and quotes nothing
		}
		return nil, &exchange.InputError{Err: exchange.ErrSyntax}
	}
	return part{raw: body}.members()
}

// fail says what is wrong with the part.
func (p part) fail(err error) error {
	return &exchange.InputError{Pointer: p.pointer, Offset: p.offset, Err: err}
}

var errWantsArray = errors.New("an array belongs here")

// unknown refuses a member that a document does not have.
func (p part) unknown(known string) error {
	return p.fail(fmt.Errorf("there is no such member; there is %s", known))
}

func (p part) kind() jsontext.Kind {
	return jsontext.Value(p.raw).Kind()
}

// members are those of an object.
func (p part) members() ([]part, error) {
	if p.kind() != jsontext.KindBeginObject {
		return nil, p.fail(exchange.ErrNotObject)
	}
	return p.inside(func(dec *jsontext.Decoder) (string, string, error) {
		key, err := dec.ReadToken()
		if err != nil {
			return "", "", err
		}
		name := key.String()
		return name, "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name), nil
	})
}

// items are those of an array.
func (p part) items() ([]part, error) {
	if p.kind() != jsontext.KindBeginArray {
		return nil, p.fail(errWantsArray)
	}
	n := -1
	return p.inside(func(*jsontext.Decoder) (string, string, error) {
		n++
		return "", fmt.Sprintf("/%d", n), nil
	})
}

// inside reads the values of an object or array, whose text is known to be good.
// step reads what stands before each of them.
func (p part) inside(step func(*jsontext.Decoder) (name, token string, err error)) ([]part, error) {
	dec := jsontext.NewDecoder(bytes.NewReader(p.raw))
	if _, err := dec.ReadToken(); err != nil {
		return nil, p.fail(exchange.ErrSyntax)
	}
	var parts []part
	for k := dec.PeekKind(); k != jsontext.KindEndObject && k != jsontext.KindEndArray; k = dec.PeekKind() {
		name, token, err := step(dec)
		if err != nil {
			return nil, p.fail(exchange.ErrSyntax)
		}
		raw, err := dec.ReadValue()
		if err != nil {
			return nil, p.fail(exchange.ErrSyntax)
		}
		end := dec.InputOffset()
		start := end - int64(len(raw))
		parts = append(parts, part{name: name, raw: p.raw[start:end], pointer: p.pointer + token, offset: p.offset + start})
	}
	return parts, nil
}

// value is the part as a field holds it.
func (p part) value() (crdt.Value, error) {
	v, err := exchange.ParseJSON(p.raw)
	var input *exchange.InputError
	if errors.As(err, &input) {
		return nil, &exchange.InputError{Pointer: p.pointer + input.Pointer, Offset: p.offset + input.Offset, Err: input.Err}
	}
	return v, err
}

// object is the part as the fields of a record.
func (p part) object() (crdt.Value, error) {
	if p.kind() != jsontext.KindBeginObject {
		return nil, p.fail(exchange.ErrNotObject)
	}
	return p.value()
}

func (p part) text() (string, error) {
	if p.kind() != jsontext.KindString {
		return "", p.fail(exchange.ErrNotText)
	}
	v, err := p.value()
	if err != nil {
		return "", err
	}
	return v.Text(), nil
}

var errWantsBool = errors.New("true or false belongs here")

func (p part) bool() (bool, error) {
	switch p.kind() {
	case jsontext.KindTrue:
		return true, nil
	case jsontext.KindFalse:
		return false, nil
	}
	return false, p.fail(errWantsBool)
}

// fields are the members of an object, whose keys are paths.
func (p part) fields() ([]crdt.Field, error) {
	members, err := p.members()
	if err != nil {
		return nil, err
	}
	fields := make([]crdt.Field, len(members))
	for i, m := range members {
		if err := crdt.ValidatePath(m.name); err != nil {
			return nil, m.fail(err)
		}
		v, err := m.value()
		if err != nil {
			return nil, err
		}
		fields[i] = crdt.Field{Key: m.name, Value: v}
	}
	return fields, nil
}

// soleMember reads a document that has one member and no other; what says what that is.
func (c *call) soleMember(name, what string) (part, error) {
	b, err := c.body(jsonType)
	if err != nil {
		return part{}, err
	}
	members, err := parseDocument(b)
	if err != nil {
		return part{}, err
	}
	if len(members) != 1 || members[0].name != name {
		return part{}, badRequest("The document is {%q: \"...\"}: %s.", name, what)
	}
	return members[0], nil
}
