package clinic

import (
	"encoding/json"
	"slices"
	"strings"

	"musafir/crdt"
)

// outdated drops what was held back of rows that came again and were merged. What its user
// had no right to write says more than the row does now, perhaps: that is mended.
func (x *written) outdated() (batches []Batch, err error) {
	some := false
	err = x.Look.Scan(HeldRows, "", false, func(*crdt.Record) (bool, error) { some = true; return false, nil })
	if err != nil || !some {
		return nil, err
	}
	var drops []*crdt.Edit
	only := map[crdt.RecordKey]crdt.RecordKey{}
	for _, w := range x.whole {
		prefix := heldPrefix(x.Client, w.pushed.key())
		err := x.Look.Scan(HeldRows, prefix, false, func(r *crdt.Record) (bool, error) {
			if !strings.HasPrefix(r.Key.ID, prefix) {
				return false, nil
			}
			if w.outdates(r) && !x.holds(r.Key.ID) {
				drops, only[r.Key] = append(drops, &crdt.Edit{Key: r.Key, Delete: true}), w.pushed.key()
			}
			return true, nil
		})
		if err != nil {
			return nil, err
		}
	}
	for _, list := range Transactions(drops) {
		batches = append(batches, Batch{Edits: list, only: only})
	}
	return batches, nil
}

// holds tells whether something is held back of this very push.
func (x *written) holds(id string) bool {
	return slices.ContainsFunc(x.held, func(h *heldRow) bool { return h.id == id })
}

// outdates tells whether the row says all that was held back of it.
func (w *rowWriter) outdates(held *crdt.Record) bool {
	switch kindOf(held) {
	case silent:
		return true
	case unfit:
		changed, ok := changedIn(rawOf(held))
		return w.all || ok && !slices.ContainsFunc(changed, func(c string) bool { return !w.pushed.changed[c] })
	}
	return false
}

// changedIn are the columns that a row names as edited which cannot be read as a row; false
// if it names none.
func changedIn(raw string) ([]string, bool) {
	var said struct {
		Status  string  `json:"_status"`
		Changed *string `json:"_changed"`
	}
	if json.Unmarshal([]byte(raw), &said) != nil || said.Status != statusUpdated || said.Changed == nil {
		return nil, false
	}
	names := strings.Split(*said.Changed, ",")
	for i := range names {
		names[i] = strings.TrimSpace(names[i])
	}
	return names, true
}
