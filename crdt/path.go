package crdt

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// A path names a field, or a field inside an object: keys joined by '/', with
// '~' written "~0" and '/' written "~1" inside a key (RFC 6901, without the
// leading slash). The empty path is a record's liveness.

// JoinPath is the path of key inside the object at parent ("" is the record).
func JoinPath(parent, key string) string {
	if strings.ContainsAny(key, "~/") {
		key = strings.ReplaceAll(strings.ReplaceAll(key, "~", "~0"), "/", "~1")
	}
	if parent == "" {
		return key
	}
	return parent + "/" + key
}

// SplitPath gives the keys of a path, unescaped.
func SplitPath(path string) []string {
	keys := strings.Split(path, "/")
	for i, k := range keys {
		keys[i] = unescape(k)
	}
	return keys
}

// lastKey is the last key of a path, unescaped.
func lastKey(path string) string { return unescape(path[strings.LastIndexByte(path, '/')+1:]) }

func unescape(key string) string {
	if strings.IndexByte(key, '~') < 0 {
		return key
	}
	return strings.ReplaceAll(strings.ReplaceAll(key, "~1", "/"), "~0", "~")
}

// ValidatePath checks the form of a field's path.
func ValidatePath(path string) error {
	if path == "" || path[0] == '/' {
		return errors.New("a field name may not be empty")
	}
	if err := tooLarge("field path", len(path), MaxPathBytes, "bytes"); err != nil {
		return err
	}
	slashes, ascii := 0, true
	for i := 0; i < len(path); i++ {
		switch c := path[i]; {
		case c == '/':
			slashes++
		case c == '~' && (i+1 == len(path) || path[i+1] != '0' && path[i+1] != '1'):
			return fmt.Errorf("field path %q holds '~' that is not \"~0\" or \"~1\"", path)
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	if !ascii && !utf8.ValidString(path) {
		return errors.New("a field path is not valid UTF-8")
	}
	return tooLarge("nesting of field path", slashes+1, MaxValueDepth, "levels")
}

// related tells whether a and b are the same path, or one holds the other.
func related(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	return strings.HasPrefix(b, a) && (len(a) == len(b) || b[len(a)] == '/')
}
