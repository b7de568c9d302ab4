package clinic

import (
	"slices"

	"musafir/crdt"
)

// A columnChange is how one column becomes another value, in parts of an edit.
type columnChange struct {
	Set, Max []crdt.Field
	Remove   []string
}

// partedBytesMax is how large a change may be that takes a document apart. A change
// to a record has room for 64 KiB, and the parts need more of it than the whole.
const partedBytesMax = 24 << 10

// changeColumn makes what the column holds in from, which is that of the record as its
// writer had seen it (nil, a leaf, or the object of a document that was taken apart),
// become to; nil removes it. It is nothing if from is that already.
func (t *Table) changeColumn(column string, from, to crdt.Value, nowMs int64) columnChange {
	c := t.Column(column)
	isDocument := c != nil && c.Kind == JSON
	switch {
	case from.Equal(to):
		return columnChange{}
	case to == nil:
		return columnChange{Remove: []string{column}}
	case isDocument && to.Kind() == crdt.KindText:
		return changeDocument(column, from, to.Text(), nowMs)
	case c != nil && slices.Contains(greatest, column) && numeric(to) && (from == nil || numeric(from)):
		return greater(column, from, to)
	}
	return columnChange{Set: []crdt.Field{{Key: column, Value: to}}}
}

// restate says all that the column holds, which is what from is.
func (t *Table) restate(column string, from, to crdt.Value, nowMs int64) columnChange {
	was, apart := partsOf(from)
	if c := t.Column(column); c == nil || c.Kind != JSON || !apart {
		return columnChange{Set: []crdt.Field{{Key: column, Value: to}}}
	}
	order, _ := was.orderAfter(was.order, nowMs)
	change := columnChange{Max: []crdt.Field{{Key: crdt.JoinPath(column, orderKey), Value: crdt.Text(order)}}}
	for _, k := range was.keys {
		change.Set = append(change.Set, crdt.Field{Key: crdt.JoinPath(column, k), Value: crdt.Text(was.parts[k])})
	}
	return change
}

func numeric(v crdt.Value) bool {
	return v.Kind() == crdt.KindInt || v.Kind() == crdt.KindFloat
}

func greater(column string, from, to crdt.Value) columnChange {
	if from != nil && from.Compare(to) >= 0 {
		return columnChange{}
	}
	return columnChange{Max: []crdt.Field{{Key: column, Value: to}}}
}

// changeDocument makes a column the text of a document by what differs of its elements,
// so that others change other elements at the same time. What is no document, or one of
// another kind, or would not come back as the same text, replaces the whole.
func changeDocument(column string, from crdt.Value, text string, nowMs int64) columnChange {
	whole := columnChange{Set: []crdt.Field{{Key: column, Value: crdt.Text(text)}}}
	was, apart := partsOf(from)
	if apart && was.shown == text {
		return columnChange{}
	}
	d, ok := readDocument(text)
	if !ok && apart && text == was.brackets() {
		d, ok = document{list: was.list}, true // emptied: what others add stays apart
	}
	other := from.Kind() == crdt.KindObject && (!apart || was.list != d.list)
	if !ok || other || !d.fitsBelow(column) {
		return whole
	}
	change := d.since(column, was.parts)
	if was.order == "" || !d.ordered(was.order, text) {
		order, later := d.orderAfter(was.order, nowMs)
		if !later {
			return whole
		}
		change.Max = []crdt.Field{{Key: crdt.JoinPath(column, orderKey), Value: crdt.Text(order)}}
	}
	if size := change.size(); size > partedBytesMax && size > whole.size() {
		return whole
	}
	return change
}

// parted is a document as a record holds it.
type parted struct {
	document
	order string // "" if it has none
	shown string // the text that people and the app see
}

// partsOf reads what a column holds; false if that is no document that was taken apart.
func partsOf(v crdt.Value) (p parted, ok bool) {
	if v.Kind() != crdt.KindObject {
		return p, false
	}
	parts := make(map[string]string, v.Len())
	for key, part := range v.All() {
		switch {
		case part.Kind() != crdt.KindText:
			return p, false
		case string(key) == orderKey:
			p.order = part.Text()
		default:
			parts[string(key)] = part.Text()
		}
	}
	d, ok := arranged(parts, p.order)
	p.document, p.shown = document{list: d.list, keys: d.keys, parts: parts}, d.text()
	return p, ok
}

// ordered tells whether an order makes the text of the elements.
func (d document) ordered(order, text string) bool {
	now, ok := composed(d.parts, order)
	return ok && now == text
}

// fitsBelow tells whether all elements can stand below the column.
func (d document) fitsBelow(column string) bool {
	return !slices.ContainsFunc(d.keys, func(k string) bool { return crdt.ValidatePath(crdt.JoinPath(column, k)) != nil })
}

// since is what the elements differ from others.
func (d document) since(column string, others map[string]string) (change columnChange) {
	for _, k := range d.keys {
		if was, there := others[k]; !there || was != d.parts[k] {
			change.Set = append(change.Set, crdt.Field{Key: crdt.JoinPath(column, k), Value: crdt.Text(d.parts[k])})
		}
	}
	for k := range others {
		if _, stays := d.parts[k]; !stays {
			change.Remove = append(change.Remove, crdt.JoinPath(column, k))
		}
	}
	slices.Sort(change.Remove)
	return change
}

// orderAfter is the order now, as one that counts more than the one before, whatever
// the clocks say; false if there is none.
func (d document) orderAfter(before string, nowMs int64) (order string, ok bool) {
	order = d.order(max(nowMs, orderTime(before)+1))
	return order, order > before
}

// addTo makes the change part of an edit.
func (c columnChange) addTo(e *crdt.Edit) {
	e.Set = append(e.Set, c.Set...)
	e.Max = append(e.Max, c.Max...)
	e.Remove = append(e.Remove, c.Remove...)
}

func (c columnChange) size() (n int) {
	for _, f := range slices.Concat(c.Set, c.Max) {
		n += len(f.Key) + len(f.Value)
	}
	for _, path := range c.Remove {
		n += len(path)
	}
	return n
}
