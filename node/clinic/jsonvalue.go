package clinic

import (
	"bytes"
	"errors"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext" // JSON as it stands, value by value

	"musafir/crdt"
)

var errNumber = errors.New("a number is larger than any that can be kept")

// readValue reads a JSON value. A number without point or exponent that is too long for an
// integer is kept as the app has it, as a float.
func readValue(raw jsontext.Value) (crdt.Value, error) {
	// All of it is read by one decoder, into one buffer: a copy for each list inside another
	// would make much of little.
	return appendNested(nil, jsontext.NewDecoder(bytes.NewBuffer(raw)), 0)
}

// appendNested adds the value that comes next.
func appendNested(b crdt.Value, dec *jsontext.Decoder, depth int) (crdt.Value, error) {
	if depth > crdt.MaxValueDepth {
		return nil, errors.New("it has too many lists and objects inside one another")
	}
	switch dec.PeekKind() {
	case '[':
		return appendItems(b, dec, depth)
	case '{':
		return appendMembers(b, dec, depth)
	}
	token, err := dec.ReadToken()
	if err != nil {
		return nil, err
	}
	switch token.Kind() {
	case '"':
		return crdt.AppendText(b, token.String()), nil
	case 't', 'f':
		return append(b, flag(token.Bool())...), nil
	case 'n':
		return append(b, crdt.Null...), nil
	}
	n, err := readJSONNumber(token.String())
	return append(b, n...), err
}

func readJSONNumber(text string) (crdt.Value, error) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return crdt.Int(n), nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil, errNumber
	}
	return crdt.Float(f), nil
}

func appendItems(b crdt.Value, dec *jsontext.Decoder, depth int) (crdt.Value, error) {
	if _, err := dec.ReadToken(); err != nil {
		return nil, err
	}
	head, count := len(b), 0
	for ; dec.PeekKind() != ']'; count++ {
		var err error
		if b, err = appendNested(b, dec, depth+1); err != nil {
			return nil, err
		}
	}
	_, err := dec.ReadToken()
	return slices.Insert(b, head, crdt.AppendArray(nil, count)...), err
}

func appendMembers(b crdt.Value, dec *jsontext.Decoder, depth int) (crdt.Value, error) {
	var fields []crdt.Field
	err := members(dec, func(name string) error {
		v, err := appendNested(nil, dec, depth+1)
		fields = append(fields, crdt.Field{Key: name, Value: v})
		return err
	})
	if err != nil {
		return nil, err
	}
	return append(b, crdt.Object(fields)...), nil
}
