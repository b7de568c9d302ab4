package clinic

import (
	"encoding/json"
	"strconv"

	"musafir/crdt"
)

// Without it, or with another value, the app may ask for what no device of a camp can
// answer.
const (
	modeNamespace = "system"
	modeKey       = "operation_mode"
	modeOffline   = "offline"
)

// settings takes in the app's settings by namespace and key. Its mode of operation is
// always offline, whatever the file says.
func (r *fileReader) settings(o object) {
	r.setting(o.line, modeNamespace, modeKey, modeOffline, "string")
	n, ok := o.get("settings")
	if !ok {
		return
	}
	if n.kind != isObject {
		r.fail(n.line, "\"settings\" are written as namespaces with keys and values; there is %s", n.kind)
	}
	for _, space := range n.members {
		if space.value.kind != isObject {
			r.fail(space.line, "the namespace %q has keys with values; there is %s", space.key, space.value.kind)
		}
		for _, m := range space.value.members {
			if space.key == modeNamespace && m.key == modeKey {
				continue
			}
			text, kind := m.value.setting()
			r.setting(m.line, space.key, m.key, text, kind)
		}
	}
}

func (r *fileReader) setting(line int, namespace, key, text, kind string) {
	if namespace == "" || key == "" {
		r.fail(line, "a setting has a namespace and a key that are not empty")
	}
	w := object{r: r, node: node{line: line}}.row("app_config", idOf(r.known.Camp, "app_config", namespace, key), namespace+"/"+key)
	w.set("namespace", crdt.Text(namespace), true)
	w.set("key", crdt.Text(key), true)
	w.set("value", crdt.Text(text), true)
	w.set("data_type", crdt.Text(kind), true)
	w.set("display_name", crdt.Null, false)
	r.want(w)
}

// setting is a value as the app reads it: a text, and what it is of.
func (n node) setting() (text, kind string) {
	switch n.kind {
	case isNumber:
		return n.text, "number"
	case isBool:
		return n.text, "boolean"
	case isList:
		return jsonText(n.plain()).Text(), "array"
	case isObject:
		return jsonText(n.plain()).Text(), "json"
	}
	return n.text, "string"
}

// plain is the value for JSON.
func (n node) plain() any {
	switch n.kind {
	case isText:
		return n.text
	case isBool:
		return n.text == "true"
	case isNumber:
		if _, err := strconv.ParseFloat(n.text, 64); err != nil || !json.Valid([]byte(n.text)) {
			return n.text
		}
		return json.Number(n.text)
	case isList:
		items := []any{}
		for _, x := range n.items {
			items = append(items, x.plain())
		}
		return items
	case isObject:
		members := map[string]any{}
		for _, m := range n.members {
			members[m.key] = m.value.plain()
		}
		return members
	}
	return nil
}
