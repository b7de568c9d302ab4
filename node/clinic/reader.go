package clinic

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"musafir/crdt"
)

// A fileReader takes a file in and keeps what is wrong with it, all of it at once.
type fileReader struct {
	known Known
	errs  FileErrors
	wants []Want
	lines map[crdt.RecordKey]int // of the wants
	asked []Named
}

func (r *fileReader) fail(line int, format string, args ...any) {
	r.errs = append(r.errs, LineError{line, fmt.Errorf(format, args...)})
}

// An object is one of the file, of which it is known what it may have.
type object struct {
	r    *fileReader
	what string // in words: "a clinic"
	node
}

// object takes a value for an object that has none but those keys.
func (r *fileReader) object(n node, what string, keys ...string) object {
	o := object{r, what, n}
	if n.kind != isObject {
		r.fail(n.line, "%s belongs here, written as keys with values; there is %s", what, n.kind)
		o.node = node{line: n.line}
	}
	for _, m := range o.members {
		if !slices.Contains(keys, m.key) {
			r.fail(m.line, "%s has no %q%s", what, m.key, nearest(m.key, keys))
		}
	}
	return o
}

// get is a member; one that says nothing is not there.
func (o object) get(key string) (node, bool) {
	for _, m := range o.members {
		if m.key == key {
			return m.value, m.value.kind != isNothing
		}
	}
	return node{line: o.line}, false
}

func (o object) list(key string) []node {
	n, ok := o.get(key)
	if ok && n.kind != isList {
		o.r.fail(n.line, "%q is a list, each of it on a line that begins with -; there is %s", key, n.kind)
	}
	return n.items
}

const textBytesMax = 8 << 10

// text is a text; a number counts as it is written.
func (o object) text(key string) (string, bool) {
	n, ok := o.get(key)
	if !ok {
		return "", false
	}
	return o.r.textOf(n, strconv.Quote(key)), true
}

func (r *fileReader) textOf(n node, what string) string {
	text := strings.TrimSpace(n.text)
	switch {
	case n.kind == isList || n.kind == isObject || n.kind == isNothing:
		r.fail(n.line, "%s is a text; there is %s", what, n.kind)
	case len(text) > textBytesMax:
		r.fail(n.line, "%s has %d bytes, the limit is %d", what, len(text), textBytesMax)
	case !utf8.ValidString(text) || strings.ContainsFunc(text, func(c rune) bool { return unicode.IsControl(c) && c != '\n' && c != '\t' }):
		r.fail(n.line, "%s has a control character in it, or is not UTF-8", what)
	}
	return text
}

// needed is a text that may not be missing or empty.
func (o object) needed(key string) string {
	text, _ := o.text(key)
	if n, ok := o.get(key); !ok || n.kind <= isBool && text == "" {
		o.r.fail(n.line, "%s needs %q", o.what, key)
	}
	return text
}

// oneOf is a text of some that there are.
func (o object) oneOf(key, otherwise string, texts ...string) string {
	text, ok := o.text(key)
	if !ok {
		return otherwise
	}
	if !slices.Contains(texts, text) {
		n, _ := o.get(key)
		o.r.fail(n.line, "there is no %s %q%s; there is %s", key, text, nearest(text, texts), strings.Join(texts, ", "))
	}
	return text
}

func (o object) bool(key string, otherwise bool) (is, said bool) {
	n, ok := o.get(key)
	if !ok {
		return otherwise, false
	}
	if n.kind != isBool {
		o.r.fail(n.line, "%q is true or false", key)
	}
	return n.text == "true", true
}

const numberMax = 1 << 53 // beyond it the app's numbers lose digits

func (o object) number(key string) (crdt.Value, bool) {
	n, ok := o.get(key)
	if !ok {
		return nil, false
	}
	v, err := strconv.ParseInt(n.text, 10, 64)
	if n.kind != isNumber || err != nil || v < 0 || v > numberMax {
		o.r.fail(n.line, "%q is a whole number, not below 0", key)
		return crdt.Int(0), true
	}
	return crdt.Int(v), true
}

// day is a date, as the milliseconds of its beginning.
func (o object) day(key string) (crdt.Value, bool) {
	text, ok := o.text(key)
	if !ok {
		return nil, false
	}
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		n, _ := o.get(key)
		o.r.fail(n.line, "%q is a day such as 2027-03-31", key)
		return crdt.Int(0), true
	}
	return crdt.Int(t.UnixMilli()), true
}

// id is that which the file gives, or one derived of the keys.
func (o object) id(of string, keys ...string) string {
	id, ok := o.text("id")
	if !ok {
		return idOf(o.r.known.Camp, of, keys...)
	}
	if !isUUID(id) {
		n, _ := o.get("id")
		o.r.fail(n.line, "%q is no id that the app takes: a UUID in small letters, such as %s; without one it is made", id, idOf(o.r.known.Camp, of, keys...))
	}
	return id
}

// key is what something is known by when its name changes.
func (o object) key(otherwise string) string {
	if key, ok := o.text("key"); ok {
		return key
	}
	return otherwise
}

// want adds a record, unless it stands in the file already.
func (r *fileReader) want(w Want) {
	if line, twice := r.lines[w.Key]; twice {
		r.fail(w.line, "%s stands on line %d already; give one of them a key of its own", w.Name, line)
		return
	}
	r.lines[w.Key] = w.line
	size := 0
	for _, f := range slices.Concat(w.Set, w.First) {
		size += len(f.Key) + len(f.Value) + fieldOverhead
	}
	if size > recordBytesMax {
		r.fail(w.line, "%s has %d bytes, the limit is %d: make two of it", w.Name, size, recordBytesMax)
	}
	r.wants = append(r.wants, w)
}

const recordBytesMax = crdt.MaxChangeBytes - 8<<10

// clinics are those that a list names, by name, key or id.
func (o object) clinics(key string) (ids []string) {
	for _, n := range o.list(key) {
		name := o.r.textOf(n, "a clinic")
		if id, err := ClinicNamed(o.r.known, name); err != nil {
			o.r.fail(n.line, "%v", err)
		} else if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// ClinicNamed is the id of a clinic by its name or id.
func ClinicNamed(known Known, name string) (string, error) {
	name = strings.TrimSpace(name)
	if _, ok := byID(known.Clinics, name); ok {
		return name, nil
	}
	switch found := byName(known.Clinics, name); len(found) {
	case 1:
		return found[0].ID, nil
	case 0:
		return "", fmt.Errorf("there is no clinic %q%s", name, nearest(name, namesOf(known.Clinics)))
	}
	return "", fmt.Errorf("there are several clinics %q: name one by its id", name)
}

func namesOf(list []Named) (names []string) {
	for _, n := range list {
		names = append(names, n.Name)
	}
	return names
}

// nearest suggests what somebody may have meant.
func nearest(word string, known []string) string {
	best, least := "", max(2, utf8.RuneCountInString(word)/3)+1
	for _, k := range known {
		if d := distance(fold(word), fold(k)); d < least || d == least && cmp.Less(k, best) && best != "" {
			best, least = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", best)
}

const distanceRunesMax = 64 // of a word that is compared

// distance is how many letters one has to add, take away or replace (Levenshtein).
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	if len(x) > distanceRunesMax || len(y) > distanceRunesMax {
		return distanceRunesMax
	}
	row := make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i := range x {
		before := row[0]
		row[0] = i + 1
		for j := range y {
			least := min(row[j], row[j+1]) + 1
			if x[i] == y[j] {
				least = min(least, before)
			} else {
				least = min(least, before+1)
			}
			before, row[j+1] = row[j+1], least
		}
	}
	return row[len(y)]
}
