package clinic

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"

	"github.com/go-json-experiment/json/jsontext" // JSON as it stands, value by value

	"musafir/crdt"
)

var errNumber = errors.New("a number is larger than any that can be kept")

// readValue reads a JSON value. A number without point or exponent that is too long for an
// integer is kept as the app has it, as a float.
func readValue(raw jsontext.Value) (crdt.Value, error) {
	return readNested(raw, 0)
}

func readNested(raw jsontext.Value, depth int) (crdt.Value, error) {
	if depth > crdt.MaxValueDepth {
		return nil, errors.New("it has too many lists and objects inside one another")
	}
	switch raw.Kind() {
	case 'n':
		return crdt.Null, nil
	case 't', 'f':
		return flag(raw.Kind() == 't'), nil
	case '"':
		var text string
		err := json.Unmarshal(raw, &text)
		return crdt.Text(text), err
	case '0':
		return readJSONNumber(string(raw))
	case '[':
		return readItems(raw, depth)
	}
	return readMembers(raw, depth)
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

func readItems(raw jsontext.Value, depth int) (crdt.Value, error) {
	dec := jsontext.NewDecoder(bytes.NewReader(raw))
	if _, err := dec.ReadToken(); err != nil {
		return nil, err
	}
	var items []crdt.Value
	for dec.PeekKind() != ']' {
		item, err := dec.ReadValue()
		if err != nil {
			return nil, err
		}
		v, err := readNested(item.Clone(), depth+1)
		if err != nil {
			return nil, err
		}
		items = append(items, v)
	}
	return crdt.Array(items), nil
}

func readMembers(raw jsontext.Value, depth int) (crdt.Value, error) {
	dec := jsontext.NewDecoder(bytes.NewReader(raw))
	var fields []crdt.Field
	err := members(dec, func(name string) error {
		item, err := dec.ReadValue()
		if err != nil {
			return err
		}
		v, err := readNested(item.Clone(), depth+1)
		fields = append(fields, crdt.Field{Key: name, Value: v})
		return err
	})
	if err != nil {
		return nil, err
	}
	return crdt.Object(fields), nil
}
