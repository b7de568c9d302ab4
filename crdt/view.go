package crdt

import (
	"slices"
	"strings"
)

// A View is what people see of a record: one value per field, and beside it the
// values that somebody else wrote without having seen it.
type View struct {
	Fields    Value // an object
	Deleted   bool
	Conflicts []Conflict // in order of their paths
	Updated   Time       // greatest time of a living version
}

// A Conflict lists the siblings of the value shown at a path. Under the empty
// path they are the deletions that met an edit.
type Conflict struct {
	Path     string
	Shown    Value // nil if nothing is shown at that path
	Siblings []Sibling
}

// A Sibling is a living version that is not shown, or the sum of a counter that
// stands inside another counter.
type Sibling struct {
	Value   Value // nil if the version is a removal or was erased
	Removed bool
	Deleted bool   // of the whole record
	Touch   *Touch // nil for a sum: many made it
}

// A version is one living slot of a source.
type version struct {
	*source
	slot int
}

func (v version) write() *Write { return &v.Change.Writes[v.slot-1] }
func (v version) value() Value  { return v.write().Value }
func (v version) removal() bool { return v.write().Op == OpRemove }
func (v version) isMax() bool   { return v.write().Op == OpMax }

// same tells whether two versions show the same thing.
func (v version) same(w version) bool {
	return v.write().Op.isElement() == w.write().Op.isElement() && v.removal() == w.removal() && v.value().Equal(w.value())
}

func newest(a, b version) int { return b.compare(a.Touch) }

// A node is one path of a record: what was written there and inside it.
type node struct {
	path     string
	kids     []*node
	values   []version // Set and Max, the one to show first
	maxima   []version // `max` writes of less than the greatest value
	removals []version
	elements []version // Add
	counter  *counter

	side   side
	top    *Touch // the greatest living version that made this node present
	counts bool   // a counter is here or inside
	shown  bool   // part of the shown value
}

// A side is what a path is used as. Where devices disagree one side is shown.
type side uint8

const (
	sideNone side = iota
	sideValue
	sideSet
	sideTree
	sideCounter
)

// tree sorts the living versions into their paths and decides what is shown.
func (r *Record) tree() *node {
	root := &node{shown: true}
	b := r.newBuilder()
	root.kids = make([]*node, 0, len(b.nodes))
	for _, s := range r.sources {
		for slot, alive := range s.living {
			if alive && slot > 0 {
				b.add(b.at(root, s.Change.Writes[slot-1].Path), version{s, slot})
			}
		}
	}
	for i := range r.counters {
		b.at(root, r.counters[i].path).counter = &r.counters[i]
	}
	root.decide()
	root.side = sideTree
	for _, k := range root.kids {
		k.show(true)
	}
	return root
}

// A builder makes the nodes of a tree out of few pieces of memory. Most records
// have a node with one version for each path.
type builder struct {
	nodes    []node
	versions []version
}

func (r *Record) newBuilder() *builder {
	n := 0
	for _, s := range r.sources {
		n += s.n
	}
	return &builder{nodes: make([]node, n+len(r.counters)), versions: make([]version, n)}
}

func (b *builder) node(path string) *node {
	if len(b.nodes) == 0 {
		return &node{path: path}
	}
	n := &b.nodes[0]
	b.nodes = b.nodes[1:]
	n.path = path
	return n
}

// at finds or makes the node of a path below n.
func (b *builder) at(n *node, path string) *node {
	end := strings.IndexByte(path[min(len(n.path)+1, len(path)):], '/')
	if n.path == "" {
		end = strings.IndexByte(path, '/')
	} else if end >= 0 {
		end += len(n.path) + 1
	}
	part := path
	if end >= 0 {
		part = path[:end]
	}
	i, found := slices.BinarySearchFunc(n.kids, part, func(k *node, p string) int { return strings.Compare(k.path, p) })
	if !found {
		n.kids = slices.Insert(n.kids, i, b.node(part))
	}
	if end < 0 {
		return n.kids[i]
	}
	return b.at(n.kids[i], path)
}

func (b *builder) add(n *node, v version) {
	to := &n.values
	switch v.write().Op {
	case OpRemove:
		to = &n.removals
	case OpAdd:
		to = &n.elements
	}
	if *to == nil {
		*to = b.versions[:0:1]
		b.versions = b.versions[1:]
	}
	*to = append(*to, v)
}

// decide finds for each path, from the leaves up, which side is shown: a counter
// if there is one at the path or inside, else that of the greatest version.
func (n *node) decide() {
	var inside *Touch
	tree := false
	for _, k := range n.kids {
		k.decide()
		tree = tree || k.side != sideNone
		n.counts = n.counts || k.counts
		if greater(k.top, inside) {
			inside = k.top
		}
	}
	n.rankValues()
	slices.SortFunc(n.elements, newest)
	slices.SortFunc(n.removals, newest)
	offer := func(s side, t *Touch) {
		if n.side == sideNone || greater(t, n.top) {
			n.side, n.top = s, t
		}
	}
	if tree {
		offer(sideTree, inside)
	}
	if len(n.elements) > 0 {
		offer(sideSet, n.elements[0].Touch)
	}
	if len(n.values) > 0 {
		side := sideValue
		if tree && n.values[0].value().isEmpty() {
			side = sideTree // an empty object says nothing against what is in it
		}
		offer(side, n.values[0].Touch)
	}
	switch {
	case n.counter != nil:
		n.side, n.counts = sideCounter, true
	case n.counts:
		n.side = sideTree
	}
}

// greater compares touches of which nil, the counters', is the least.
func greater(a, b *Touch) bool {
	return a != nil && (b == nil || a.compare(b) > 0)
}

// rankValues puts the value to show first: the newest one, where all `max`
// writes together stand for their greatest.
func (n *node) rankValues() {
	slices.SortFunc(n.values, newest)
	best := -1
	for i, v := range n.values {
		if v.write().Op == OpMax && (best < 0 || v.value().Compare(n.values[best].value()) > 0) {
			best = i
		}
	}
	if best < 0 {
		return
	}
	top := n.values[best]
	n.values = slices.DeleteFunc(n.values, func(v version) bool {
		lesser := v.write().Op == OpMax && v != top
		if lesser {
			n.maxima = append(n.maxima, v)
		}
		return lesser
	})
}

// show marks what is part of the shown value.
func (n *node) show(visible bool) {
	n.shown = visible && n.side != sideNone
	for _, k := range n.kids {
		k.show(n.shown && n.side == sideTree)
	}
}

// splitValues tells which values at the path are shown, or equal to what is, and
// which are siblings.
func (n *node) splitValues() (shown, siblings []version) {
	for i, v := range n.values {
		switch {
		case !n.shown:
			siblings = append(siblings, v)
		case n.side == sideValue && (i == 0 || v.same(n.values[0])):
			shown = append(shown, v)
		case n.side == sideTree && v.value().isEmpty():
			shown = append(shown, v)
		default:
			siblings = append(siblings, v)
		}
	}
	return shown, siblings
}

// View is what people see of the record.
func (r *Record) View() View {
	v := View{Deleted: r.Deleted()}
	for _, s := range r.sources {
		v.Updated = max(v.Updated, s.Time)
	}
	if fields, ok := r.flat(); ok {
		v.Fields = fields
		return v
	}
	root := r.tree()
	v.Fields = root.value()
	if c, ok := r.livenessConflict(); ok {
		v.Conflicts = append(v.Conflicts, c)
	}
	for _, k := range root.kids {
		v.Conflicts = k.conflicts(v.Conflicts)
	}
	return v
}

// flat is the fields of a record that one touch alone made of plain values, the
// most frequent kind: a change does not contradict itself, so there is nothing to
// decide.
func (r *Record) flat() (Value, bool) {
	if len(r.sources) != 1 || len(r.counters) > 0 {
		return nil, false
	}
	var buf [32]Field
	fields := buf[:0]
	writes := r.sources[0].Change.Writes
	for slot, alive := range r.sources[0].living {
		if !alive || slot == 0 {
			continue
		}
		w := &writes[slot-1]
		if !w.Op.isRegister() || strings.IndexByte(w.Path, '/') >= 0 || strings.IndexByte(w.Path, '~') >= 0 {
			return nil, false
		}
		if w.Value != nil { // nil: removed or erased
			fields = append(fields, Field{w.Path, w.Value})
		}
	}
	return Object(fields), true
}

// ConflictCount is the number of paths in conflict, without reading a value
// where one touch alone made the record.
func (r *Record) ConflictCount() int {
	if len(r.sources) <= 1 && len(r.counters) == 0 {
		return 0
	}
	return len(r.View().Conflicts)
}

func (r *Record) livenessConflict() (Conflict, bool) {
	c := Conflict{Shown: Text("alive")}
	for _, s := range r.sources {
		if s.living[0] && s.Change.Dead {
			c.Siblings = append(c.Siblings, Sibling{Deleted: true, Touch: s.Touch})
		}
	}
	slices.SortFunc(c.Siblings, func(a, b Sibling) int { return b.Touch.compare(a.Touch) })
	return c, len(c.Siblings) > 0 && !r.Deleted()
}

// value is the shown value of a node that is present.
func (n *node) value() Value {
	switch n.side {
	case sideValue:
		return n.values[0].value()
	case sideCounter:
		return Int(n.counter.sum)
	case sideSet:
		return n.set()
	}
	fields := make([]Field, 0, len(n.kids))
	for _, k := range n.kids {
		if k.side == sideNone {
			continue
		}
		if v := k.value(); v != nil { // nil: erased
			fields = append(fields, Field{lastKey(k.path), v})
		}
	}
	return Object(fields)
}

// set is the elements of a set as an array, in the order of Value.Compare.
func (n *node) set() Value {
	items := make([]Value, 0, len(n.elements))
	for _, e := range n.elements {
		if e.value() != nil {
			items = append(items, e.value())
		}
	}
	slices.SortFunc(items, Value.Compare)
	return Array(slices.CompactFunc(items, Value.Equal))
}

// conflicts adds the conflicts at the node and inside it.
func (n *node) conflicts(to []Conflict) []Conflict {
	c := Conflict{Path: n.path}
	_, siblings := n.splitValues()
	for _, v := range siblings {
		c.Siblings = append(c.Siblings, Sibling{Value: v.value(), Touch: v.Touch})
	}
	if len(n.elements) > 0 && !(n.shown && n.side == sideSet) {
		c.Siblings = append(c.Siblings, Sibling{Value: n.set(), Touch: n.elements[0].Touch})
	}
	if n.counter != nil && !n.shown {
		c.Siblings = append(c.Siblings, Sibling{Value: Int(n.counter.sum)})
	}
	if n.shown {
		c.Shown = n.value()
		for _, v := range n.removals {
			c.Siblings = append(c.Siblings, Sibling{Removed: true, Touch: v.Touch})
		}
	}
	if len(c.Siblings) > 0 {
		to = append(to, c)
	}
	for _, k := range n.kids {
		to = k.conflicts(to)
	}
	return to
}
