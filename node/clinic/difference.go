package clinic

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Difference says in words how one text of a column that holds a document differs from
// another; false if the column holds none.
func Difference(table, column, from, to string) (string, bool) {
	t := TableOf(table)
	if t == nil || t.Column(column) == nil || t.Column(column).Kind != JSON {
		return "", false
	}
	before, _ := readDocument(from)
	after, ok := readDocument(to)
	if !ok {
		return "another list", true
	}
	var added, changed, gone []string
	for _, k := range after.keys {
		if was, there := before.parts[k]; !there {
			added = append(added, after.nameOf(k))
		} else if was != after.parts[k] {
			changed = append(changed, after.nameOf(k))
		}
	}
	for _, k := range before.keys {
		if _, there := after.parts[k]; !there {
			gone = append(gone, before.nameOf(k))
		}
	}
	words := slices.Concat(counted("new", added), counted("changed", changed), counted("gone", gone))
	if len(words) == 0 {
		return "in another order", true
	}
	return strings.Join(words, "; "), true
}

func counted(what string, names []string) []string {
	if len(names) == 0 {
		return nil
	}
	return []string{what + " " + strings.Join(names, ", ")}
}

// nameOf is what people know an element by.
func (d document) nameOf(key string) string {
	var named struct {
		Name   any    `json:"name"` // of a translation several
		Column string `json:"column"`
	}
	if json.Unmarshal([]byte(d.parts[key]), &named) == nil {
		switch name := named.Name.(type) {
		case string:
			return fmt.Sprintf("%q", name)
		case map[string]any:
			if text, ok := name[languageDefault].(string); ok {
				return fmt.Sprintf("%q", text)
			}
		}
	}
	if named.Column != "" {
		return fmt.Sprintf("%q", named.Column)
	}
	return key
}
