package clinic

import (
	"bytes"
	"cmp"
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
	if len(text) < len("[7]") || text[0] != '[' && text[0] != '{' {
		return document{}, false
	}
	r := documentReader{text: text, dec: jsontext.NewDecoder(bytes.NewBufferString(text))}
	r.list, r.parts = text[0] == '[', map[string]string{}
	if _, err := r.dec.ReadToken(); err != nil {
		return document{}, false
	}
	for r.dec.PeekKind() != ']' && r.dec.PeekKind() != '}' {
		if !r.part() {
			return document{}, false
		}
	}
	return r.document, len(r.keys) > 0 && r.document.text() == text
}

// A documentReader is a document that is being taken apart.
type documentReader struct {
	document
	text string
	dec  *jsontext.Decoder
}

func (r *documentReader) part() bool {
	start := int(r.dec.InputOffset()) // with a space before it, it is not as we write it
	if len(r.keys) > 0 {
		start++ // the comma
	}
	key, ok := "", false
	if r.list {
		key, ok = r.element()
	} else {
		key, ok = r.member()
	}
	if !ok || key == orderKey || key == "" || crdt.ValidatePath(crdt.JoinPath("", key)) != nil {
		return false
	}
	part := r.text[start:r.dec.InputOffset()]
	if _, twice := r.parts[key]; twice || part[0] != '{' && part[0] != '"' {
		return false
	}
	r.keys, r.parts[key] = append(r.keys, key), part
	return true
}

// element reads one of a list and gives its key.
func (r *documentReader) element() (key string, ok bool) {
	if r.dec.PeekKind() != '{' {
		return "", false
	}
	if _, err := r.dec.ReadToken(); err != nil {
		return "", false
	}
	fieldID := ""
	for r.dec.PeekKind() != '}' {
		name, err := r.dec.ReadValue()
		if err != nil {
			return "", false
		}
		into := (*string)(nil)
		switch string(name) {
		case `"id"`:
			into = &key
		case `"fieldId"`:
			into = &fieldID
		}
		value, err := r.dec.ReadValue()
		if err != nil {
			return "", false
		}
		if into != nil {
			*into = keyOf(value)
		}
	}
	_, err := r.dec.ReadToken()
	return cmp.Or(key, fieldID), err == nil
}

// member reads one of an object and gives its name.
func (r *documentReader) member() (name string, ok bool) {
	raw, err := r.dec.ReadValue()
	if err != nil {
		return "", false
	}
	unquoted, err := jsontext.AppendUnquote(nil, raw)
	if err != nil {
		return "", false
	}
	return string(unquoted), r.dec.SkipValue() == nil
}

// keyOf is an id as what it names stands under; "" if it is none.
func keyOf(id jsontext.Value) string {
	switch id.Kind() {
	case '"':
		text, err := jsontext.AppendUnquote(nil, id)
		if err == nil {
			return string(text)
		}
	case '0':
		if number, err := strconv.ParseFloat(string(id), 64); err == nil {
			return fmt.Sprint(number)
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

// orderedKeys are the elements that an order names; false if it is none.
func orderedKeys(order string) (keys []string, ok bool) {
	ok = len(order) > orderTimeDigits && json.Unmarshal([]byte(order[orderTimeDigits+1:]), &keys) == nil
	return keys, ok
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
	default:
		var read bool
		if named, read = orderedKeys(order); !read {
			return document{}, false
		}
		d.list = order[orderTimeDigits] == '['
	}
	ok := d.place(named, parts)
	if ok && len(d.keys) < len(parts) {
		ok = d.place(slices.Sorted(maps.Keys(parts)), parts)
	}
	return d, ok
}

// place puts parts behind those that the document has, but none twice; false if one
// cannot be in it.
func (d *document) place(keys []string, parts map[string]string) bool {
	for _, k := range keys {
		part, there := parts[k]
		if _, placed := d.parts[k]; !there || placed {
			continue
		}
		fit, ok := d.fit(k, part)
		if !ok {
			return false
		}
		d.keys, d.parts[k] = append(d.keys, k), fit
	}
	return true
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
