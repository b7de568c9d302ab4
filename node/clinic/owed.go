package clinic

import (
	"slices"

	"musafir/crdt"
)

// Owed is the collection of rows that phones must get although nothing in the records'
// histories says so: what a phone pushed is not what is shown, or it must not get it yet.
// A mark counts for a phone until it presents a watermark that was issued after it. It is
// internal.
const Owed = "_owed"

func owedPath(key crdt.RecordKey) string {
	return crdt.JoinPath(crdt.JoinPath("", key.Collection), key.ID)
}

// owe marks rows of a phone that presented a watermark, in as many edits as they need. A mark
// is another one than those of before.
func owe(look Look, client string, presented int64, rows []crdt.RecordKey) ([]*crdt.Edit, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	e := &crdt.Edit{Key: crdt.RecordKey{Collection: Owed, ID: client}}
	r, err := look.Record(e.Key)
	if err != nil {
		return nil, err
	}
	before := map[crdt.RecordKey]crdt.Value{}
	if r != nil && !r.Empty() {
		before = marked(r)
	}
	for _, key := range rows {
		mark := presented
		if old := before[key]; old.Kind() == crdt.KindInt {
			mark = max(mark, old.Int()+1)
		}
		e.Set = append(e.Set, crdt.Field{Key: owedPath(key), Value: crdt.Int(mark)})
	}
	return split(e)
}

// readOwed reads which rows were marked since the phone got its watermark. It goes by who
// wrote a mark: one that was dropped may come again with the same value.
func (x *pull) readOwed() error {
	r, err := x.Look.Record(crdt.RecordKey{Collection: Owed, ID: x.Client})
	if err != nil || r == nil || r.Empty() {
		return err
	}
	rows := map[string]crdt.RecordKey{}
	for key := range marked(r) {
		if TableOf(key.Collection) != nil {
			rows[owedPath(key)] = key
		}
	}
	x.owed = map[crdt.RecordKey]bool{}
	for _, t := range r.Living() {
		if x.then.past.Holds(t.Ref) {
			continue
		}
		for i := range t.Change.Writes {
			if key, is := rows[t.Change.Writes[i].Path]; is {
				x.owed[key] = true
			}
		}
	}
	return nil
}

// marked are the marks of a record.
func marked(r *crdt.Record) map[crdt.RecordKey]crdt.Value {
	marks := map[crdt.RecordKey]crdt.Value{}
	fields := r.View().Fields
	fields.Fields(func(table string, rows crdt.Value) {
		if rows.Kind() != crdt.KindObject {
			return
		}
		rows.Fields(func(id string, mark crdt.Value) { marks[crdt.RecordKey{Collection: table, ID: id}] = mark })
	})
	return marks
}

// paid is the edit that drops the marks which the phone has got past.
func (x *pull) paid() *crdt.Edit {
	key := crdt.RecordKey{Collection: Owed, ID: x.Client}
	r, err := x.Look.Record(key)
	if err != nil || r == nil || r.Empty() {
		return nil
	}
	e := &crdt.Edit{Key: key}
	for row := range marked(r) {
		if !x.owed[row] {
			e.Remove = append(e.Remove, owedPath(row))
		}
	}
	slices.Sort(e.Remove)
	e.Remove = e.Remove[:min(len(e.Remove), dropMax)]
	if len(e.Remove) == 0 {
		return nil
	}
	return e
}
