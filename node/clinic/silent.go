package clinic

import (
	"slices"

	"musafir/crdt"
)

// silent is a column of a row that was edited without being named, "" if there is none. The
// app takes a row for synced that its user edited while it was on the way, and forgets what
// was edited. Such a value comes later, with the row, when another column is edited. Others
// than those named may be out of date as well, so they are not merged; but a value that
// nobody here ever wrote is not lost without a word.
func (w *rowWriter) silent() (column string, err error) {
	t, p := w.table, w.pushed
	if t == nil || w.guessed || w.base == nil || p.status != statusUpdated || p.changed == nil {
		return "", nil
	}
	var touches []*crdt.Touch
	for _, f := range p.columns {
		i := t.index(f.Key)
		if i < 0 || p.changed[f.Key] || !t.tells(f.Key) {
			continue
		}
		v := t.Columns[i].typed(f.Value)
		if v.Equal(w.had.columns[i]) || v.Equal(t.Columns[i].typed(nil)) {
			continue
		}
		if touches == nil {
			if touches, err = w.Look.Touches(p.key()); err != nil {
				return "", err
			}
		}
		if !everWritten(touches, t.Columns[i], v) {
			return f.Key, nil
		}
	}
	return "", nil
}

// tells tells whether a column has only what somebody wrote into it.
func (t *Table) tells(name string) bool {
	ours := name == isDeleted || name == deletedAt || t.Name == inventory && name == available
	return !ours && !slices.Contains(greatest, name) && t.Column(name).Kind != JSON
}

func everWritten(touches []*crdt.Touch, c Column, v crdt.Value) bool {
	return slices.ContainsFunc(touches, func(t *crdt.Touch) bool {
		return slices.ContainsFunc(t.Change.Writes, func(w crdt.Write) bool { return w.Path == c.Name && c.typed(w.Value).Equal(v) })
	})
}
