package clinic

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext" // JSON as it stands, value by value

	"musafir/crdt"
)

// A document is the JSON text of a column, taken apart into the elements of its list,
// by their `id` or `fieldId`, or the members of its object. Each is merged on its own:
// triage and pharmacy change their departments in one appointment. Put together it is the
// same text, byte for byte; a text of which that cannot be said is not taken apart.
//
// A record holds the elements as texts below the column's path, and beside them, under
// a key that no element has, in which order the app shows them.
type document struct {
	list  bool              // else an object
	keys  []string          // in their order
	parts map[string]string // by key: the element as it stands, of an object with its name
}

const orderKey = "#"

// readDocument takes a text apart; false if it is not one to be taken apart, or has
// nothing in it.
func readDocument(text string) (document, bool) {
	d := document{list: strings.HasPrefix(text, "["), parts: map[string]string{}}
	dec := jsontext.NewDecoder(strings.NewReader(text))
	if first, err := dec.ReadToken(); err != nil || first.Kind() != '[' && first.Kind() != '{' {
		return document{}, false
	}
	for dec.PeekKind() != ']' && dec.PeekKind() != '}' {
		if !d.readPart(dec) {
			return document{}, false
		}
	}
	return d, len(d.keys) > 0 && d.text() == text
}

func (d *document) readPart(dec *jsontext.Decoder) bool {
	name, err := jsontext.Value(nil), error(nil)
	if !d.list {
		if name, err = dec.ReadValue(); err != nil {
			return false
		}
		name = name.Clone()
	}
	value, err := dec.ReadValue()
	if err != nil {
		return false
	}
	key := ""
	if d.list {
		key = keyOf(value)
	} else if json.Unmarshal(name, &key) != nil {
		return false
	}
	if _, twice := d.parts[key]; twice || key == orderKey || key == "" || crdt.ValidatePath(crdt.JoinPath("", key)) != nil {
		return false
	}
	part := string(value)
	if !d.list {
		part = string(name) + ":" + part
	}
	d.keys, d.parts[key] = append(d.keys, key), part
	return true
}

// keyOf is what names an element of a list; "" if nothing does.
func keyOf(element []byte) string {
	var named struct {
		ID      any `json:"id"`
		FieldID any `json:"fieldId"`
	}
	if json.Unmarshal(element, &named) != nil {
		return ""
	}
	for _, id := range []any{named.ID, named.FieldID} {
		switch id := id.(type) {
		case string:
			return id
		case float64:
			return fmt.Sprint(id)
		}
	}
	return ""
}

func (d document) text() string {
	var b strings.Builder
	b.WriteByte(d.brackets()[0])
	for i, k := range d.keys {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(d.parts[k])
	}
	b.WriteByte(d.brackets()[1])
	return b.String()
}

func (d document) brackets() string {
	if d.list {
		return "[]"
	}
	return "{}"
}

// order is the text under orderKey: of two the greater one counts, so it begins with the
// time in milliseconds.
func (d document) order(nowMs int64) string {
	keys, err := json.Marshal(d.keys)
	if err != nil {
		panic("encode keys: " + err.Error()) // texts always encode
	}
	return fmt.Sprintf("%0*d%c%s", orderTimeDigits, min(max(0, nowMs), latestOrderMs), d.brackets()[0], keys)
}

// orderTime is the time of an order, 0 if there is none.
func orderTime(order string) int64 {
	ms, err := strconv.ParseInt(order[:min(orderTimeDigits, len(order))], 10, 64)
	if err != nil {
		return 0
	}
	return ms
}

const (
	orderTimeDigits = 15
	latestOrderMs   = 1e15 - 1
)

// composed puts a document together from its elements and their order. Those that the
// order does not name stand behind, by their keys; false if this is no document that was
// taken apart.
func composed(parts map[string]string, order string) (text string, ok bool) {
	d, ok := arranged(parts, order)
	if !ok {
		return "", false
	}
	return d.text(), true
}

func arranged(parts map[string]string, order string) (document, bool) {
	d := document{parts: make(map[string]string, len(parts))}
	var named []string
	switch {
	case order == "": // whoever took it apart was not heard, but of one who changed it since
		d.list = !ofObject(parts)
		if len(parts) == 0 || !d.ownKeys(parts) {
			return document{}, false
		}
	case len(order) <= orderTimeDigits || json.Unmarshal([]byte(order[orderTimeDigits+1:]), &named) != nil:
		return document{}, false
	default:
		d.list = order[orderTimeDigits] == '['
	}
	for _, k := range append(named, slices.Sorted(maps.Keys(parts))...) {
		part, there := parts[k]
		if _, placed := d.parts[k]; !there || placed {
			continue
		}
		fit, ok := d.fit(k, part)
		if !ok {
			return document{}, false
		}
		d.keys, d.parts[k] = append(d.keys, k), fit
	}
	return d, true
}

// ofObject tells whether all parts are members of an object: those begin with their name.
func ofObject(parts map[string]string) bool {
	for _, part := range parts {
		if !strings.HasPrefix(part, `"`) {
			return false
		}
	}
	return true
}

// ownKeys tells whether each part stands under the key that it has in a document.
func (d document) ownKeys(parts map[string]string) bool {
	d.parts = parts
	d.keys = slices.Collect(maps.Keys(parts))
	own, ok := readDocument(d.text())
	return ok && maps.Equal(own.parts, parts)
}

// fit is a part as it can stand in the document: where one device made a list of what
// another one changed as an object, nothing may be lost, and the text must stay JSON.
// False if the part is none of either.
func (d document) fit(key, part string) (string, bool) {
	member := strings.HasPrefix(part, `"`)
	object := part
	if member {
		object = "{" + part + "}"
	}
	if !strings.HasPrefix(object, "{") || !jsontext.Value(object).IsValid() {
		return "", false
	}
	switch {
	case d.list:
		return object, true
	case member:
		return part, true
	}
	name, err := jsontext.AppendQuote(nil, key)
	return string(name) + ":" + part, err == nil
}
