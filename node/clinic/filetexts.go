package clinic

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"

	"musafir/crdt"
)

// words is a text in several languages, by their codes.
type words map[string]string

var languageCode = regexp.MustCompile(`^[a-z]{2,3}(-[A-Za-z0-9]{2,8})?$`)

const languageDefault = "en"

// words is a text in one language, or {en: ..., ar: ...}; besides may stand other keys.
func (r *fileReader) words(n node, what, language string, besides ...string) words {
	if n.kind != isObject {
		return words{language: r.textOf(n, what)}
	}
	w := words{}
	for _, m := range n.members {
		switch {
		case languageCode.MatchString(m.key):
			w[m.key] = r.textOf(m.value, what)
		case !slices.Contains(besides, m.key):
			r.fail(m.line, "%s has no %q: there stands a text for each language, by its code, such as en or ar%s", what, m.key, nearest(m.key, besides))
		}
	}
	if w[language] == "" {
		r.fail(n.line, "%s has no text in the language %q", what, language)
	}
	return w
}

// words is a member that is a text in one language or several.
func (o object) words(key, language string) (words, bool) {
	n, ok := o.get(key)
	if !ok {
		return nil, false
	}
	return o.r.words(n, "\""+key+"\"", language), true
}

// jsonText is a document as the app keeps it: a text, the same wherever it is made.
func jsonText(doc any) crdt.Value {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(doc); err != nil {
		panic("encode a form: " + err.Error()) // texts and numbers always encode
	}
	return crdt.Text(string(bytes.TrimSuffix(b.Bytes(), []byte("\n"))))
}
