package apptest

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// changes are rows for a push, by table: as they are at that moment.
type changes map[string]*tableChanges

type tableChanges struct {
	created, updated, deleted []*row
}

func (c changes) table(name string) *tableChanges {
	if c[name] == nil {
		c[name] = &tableChanges{}
	}
	return c[name]
}

// localChanges are the rows that a sync pushes: those that are pending, of the tables that
// are pushed. Tombstones are not among them; the app asks for them in a way that hides
// them.
func (p *Phone) localChanges() changes {
	all := changes{}
	for _, name := range pushOrder {
		for _, r := range p.find(name, pending) {
			if x := all.table(name); r.status == Created {
				x.created = append(x.created, r.clone())
			} else {
				x.updated = append(x.updated, r.clone())
			}
		}
	}
	return all
}

// changesSince are the rows that "upload device data" pushes: those made or changed since a
// time by their own word, whatever their status. Of those, the ones with is_deleted stand
// under deleted once more, as whole rows. Tombstones are hidden here too.
func (p *Phone) changesSince(sinceMs int64) changes {
	all, since := changes{}, float64(sinceMs)
	for _, name := range pushOrder {
		t := schema[name]
		later := func(r *row, column string) bool {
			at, _ := r.get(t, column).(float64)
			return at > since
		}
		for _, r := range p.find(name, func(r *row) bool { return r.status != Deleted && (later(r, createdAt) || later(r, updatedAt)) }) {
			x := all.table(name)
			if later(r, createdAt) {
				x.created = append(x.created, r.clone())
			} else {
				x.updated = append(x.updated, r.clone())
			}
			if r.get(t, isDeleted) == true && later(r, updatedAt) {
				x.deleted = append(x.deleted, r.clone())
			}
		}
	}
	return all
}

func pending(r *row) bool { return r.status == Created || r.status == Updated }

// find gives rows of a table in the order in which the database does.
func (p *Phone) find(table string, want func(*row) bool) (rows []*row) {
	for _, r := range p.rows[table] {
		if want(r) {
			rows = append(rows, r)
		}
	}
	slices.SortFunc(rows, func(a, b *row) int { return cmp.Compare(a.order, b.order) })
	return rows
}

// encode writes changes as they travel. When they are forced, the app has first run them
// through what normalises rows of the cloud, which adds a column that nobody has and makes
// nothing of an empty date of birth.
func (c changes) encode(forced bool) []byte {
	var b strings.Builder
	b.WriteByte('{')
	for _, name := range pushOrder {
		x := c[name]
		if x == nil {
			continue
		}
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Quote(name) + `:{"created":`)
		encodeRows(&b, schema[name], x.created, forced)
		b.WriteString(`,"updated":`)
		encodeRows(&b, schema[name], x.updated, forced)
		b.WriteString(`,"deleted":`)
		encodeRows(&b, schema[name], x.deleted, forced)
		b.WriteByte('}')
	}
	b.WriteByte('}')
	return []byte(b.String())
}

func encodeRows(b *strings.Builder, t *table, rows []*row, forced bool) {
	b.WriteByte('[')
	for i, r := range rows {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`{"id":` + Stringify(r.id) + `,"_status":` + Stringify(string(r.status)) +
			`,"_changed":` + Stringify(strings.Join(r.changed, ",")))
		for j, c := range t.Columns {
			v := r.values[j]
			if forced && c.Name == "date_of_birth" && v == "" {
				v = nil
			}
			b.WriteString("," + strconv.Quote(c.Name) + ":" + Stringify(v))
		}
		if forced {
			b.WriteString(`,"image_timestamp":0`)
		}
		b.WriteByte('}')
	}
	b.WriteByte(']')
}
