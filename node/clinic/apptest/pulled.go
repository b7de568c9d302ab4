package apptest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// A pulled is the answer to a pull.
type pulled struct {
	timestamp int64
	tables    []pulledTable // in the order of the answer
}

type pulledTable struct {
	name                      string
	created, updated, deleted []json.RawMessage
}

// readPulled reads an answer, and fails where the app fails before it has written anything.
func readPulled(answer []byte) (pulled, error) {
	var p pulled
	var outer map[string]json.RawMessage // a struct would take keys of another case too
	if err := json.Unmarshal(answer, &outer); err != nil {
		return p, fmt.Errorf("read the answer: %w", err)
	}
	if err := json.Unmarshal(outer["timestamp"], &p.timestamp); err != nil || p.timestamp <= 0 {
		return p, errors.New("the answer has no timestamp that is a positive whole number")
	}
	dec := json.NewDecoder(bytes.NewReader(outer["changes"]))
	if start, err := dec.Token(); err != nil || start != json.Delim('{') {
		return p, errors.New("the answer has no changes")
	}
	for dec.More() {
		t, err := readPulledTable(dec)
		if err != nil {
			return p, err
		}
		p.tables = append(p.tables, t)
	}
	return p, nil
}

func readPulledTable(dec *json.Decoder) (t pulledTable, err error) {
	name, err := dec.Token()
	if err != nil {
		return t, fmt.Errorf("read the changes: %w", err)
	}
	t.name = fmt.Sprint(name)
	var lists map[string]json.RawMessage
	if err := dec.Decode(&lists); err != nil || lists == nil {
		return t, fmt.Errorf("the changes of table %s are no object", t.name)
	}
	for key, into := range map[string]*[]json.RawMessage{"created": &t.created, "updated": &t.updated, "deleted": &t.deleted} {
		list, there := lists[key]
		if !there {
			continue
		}
		// The app takes a list that is missing, but trips over null.
		if err := json.Unmarshal(list, into); err != nil || *into == nil {
			return t, fmt.Errorf("%s of table %s is no list", key, t.name)
		}
	}
	return t, nil
}

// readRow is a row that a hub sent, as the app takes it: synced.
func (p *Phone) readRow(t *table, raw json.RawMessage) (*row, error) {
	var sent map[string]any
	if err := json.Unmarshal(raw, &sent); err != nil || sent == nil {
		return nil, fmt.Errorf("a row of table %s is no object", t.Name)
	}
	for _, own := range []string{"_status", "_changed"} {
		if _, there := sent[own]; there {
			return nil, fmt.Errorf("a row of table %s has %s, which is the phone's own", t.Name, own)
		}
	}
	r := &row{status: Synced, values: make([]any, 0, len(t.Columns))}
	if id, isText := sent["id"].(string); isText {
		r.id = id
	} else { // then the app takes it for a new row of its own
		p.lost(t, "id")
		r.id, r.status = p.NewID(), Created
	}
	for _, c := range t.Columns {
		value, there := sent[c.Name]
		v, ok := sanitized(c, value)
		if !ok || !there {
			p.lost(t, c.Name)
		}
		r.values = append(r.values, v)
	}
	for name := range sent {
		if name != "id" && !t.has(name) {
			p.Unknown++
		}
	}
	return r, nil
}

func (p *Phone) lost(t *table, column string) {
	p.Lossy++
	p.Losses[t.Name+"."+column]++
}
