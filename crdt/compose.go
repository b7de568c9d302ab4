package crdt

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// An Edit is what somebody wants to happen to one record.
type Edit struct {
	Key RecordKey

	Replace   Value   // an object that becomes the fields (PUT); counters and sets it leaves out stay
	Patch     Value   // an object merged into the fields, null removes (RFC 7396)
	Set       []Field // each path becomes that value, the others stay
	Remove    []string
	Max       []Field // the path becomes the greater of both
	Increment []Field // integers added to counters
	Add       []Field // one element of a set each
	Drop      []Field
	Delete    bool
	Undelete  bool
	Resolve   *Resolution

	Seen *Seen // what the author had read; nil: what this device holds
}

// A Resolution ends a conflict: at Path the version of Entry, or Value, replaces
// all that the author had seen.
type Resolution struct {
	Path  string
	Entry ShortID // counts if Value is nil
	Value Value
}

// Errors of composing that callers tell apart.
var (
	ErrNoRecord = errors.New("no such record")
	ErrConflict = errors.New("no such conflict")
)

// Compose turns an edit into the change that does it, naming for each path the
// versions its author had seen: those shown and siblings equal to them, or all
// that Seen names. It is nil if nothing would change. all fetches every touch of
// the record and is asked only where Seen is not what is held now.
func Compose(r *Record, e *Edit, all func() ([]*Touch, error)) (*RecordChange, error) {
	if err := e.Key.Validate(); err != nil {
		return nil, &EditError{Err: err}
	}
	c := &composer{edit: e, base: r, now: r}
	if e.Seen != nil {
		if err := c.rewind(all); err != nil {
			return nil, err
		}
	}
	c.tree = c.base.tree()
	c.planned = make([]plannedWrite, 0, e.size()+1) // and the liveness
	if err := c.plan(); err != nil {
		return nil, &EditError{Key: e.Key, Err: err}
	}
	rc, err := c.change()
	if err != nil {
		return nil, &EditError{Key: e.Key, Err: err}
	}
	return rc, nil
}

type composer struct {
	edit *Edit
	now  *Record // as held
	base *Record // as its author had seen it
	tree *node   // of base

	unheld  []ShortID // seen elsewhere, not held here
	blind   bool      // what was seen is not known here: base is empty
	planned []plannedWrite
	forced  bool // write even if nothing differs
}

type plannedWrite struct {
	Write
	names []aim
}

// An aim is an entry to be named and, for an element of a set, which of its writes.
type aim struct {
	entry ShortID
	place uint16
}

func (a aim) compare(b aim) int { return a.entry.Compare(b.entry) }

func (c *composer) plan() error {
	e := c.edit
	if (e.Delete || e.Undelete || e.Resolve != nil) && c.now.Empty() {
		return ErrNoRecord
	}
	if e.Resolve != nil {
		if e.Delete || e.Undelete || e.writes() {
			return errors.New("a resolution goes with no other change to the record")
		}
		return c.resolve(e.Resolve)
	}
	if e.Replace != nil && (e.Patch != nil || len(e.Set)+len(e.Remove) > 0) {
		return errors.New("a record is replaced or changed field by field, not both")
	}
	if e.Replace != nil && e.Replace.Kind() != KindObject || e.Patch != nil && e.Patch.Kind() != KindObject {
		return errors.New("the fields of a record are an object")
	}
	if e.Delete && (e.Undelete || e.writes()) {
		return errors.New("a delete goes with no other change to the record")
	}
	if err := c.planTree(); err != nil {
		return err
	}
	for _, f := range e.Max {
		if err := c.planMax(f); err != nil {
			return err
		}
	}
	for _, f := range e.Increment {
		if err := c.planIncrement(f); err != nil {
			return err
		}
	}
	for _, f := range e.Add {
		if err := c.planAdd(f); err != nil {
			return err
		}
	}
	for _, f := range e.Drop {
		if err := c.planDrop(f); err != nil {
			return err
		}
	}
	return nil
}

func (e *Edit) writes() bool {
	return e.Replace != nil || e.Patch != nil || len(e.Set)+len(e.Remove)+len(e.Max)+len(e.Increment)+len(e.Add)+len(e.Drop) > 0
}

// size is about how many writes the edit will take.
func (e *Edit) size() int {
	n := len(e.Set) + len(e.Remove) + len(e.Max) + len(e.Increment) + len(e.Add) + len(e.Drop)
	for _, v := range []Value{e.Replace, e.Patch} {
		if v.Kind() == KindObject {
			n += v.Len()
		}
	}
	return min(n, 1024)
}

// planTree compares the fields as they are shown with the fields as they shall
// be, and writes the paths that differ.
func (c *composer) planTree() error {
	e := c.edit
	if e.Replace != nil {
		want, err := expand("", e.Replace)
		if err != nil {
			return err
		}
		return c.diff(c.tree, want, true)
	}
	if e.Patch != nil {
		want, err := c.patched(c.tree, e.Patch)
		if err != nil {
			return err
		}
		if err := c.diff(c.tree, want, false); err != nil {
			return err
		}
	}
	for _, f := range e.Set {
		if err := ValidatePath(f.Key); err != nil {
			return err
		}
		want, err := expand(f.Key, f.Value)
		if err != nil {
			return err
		}
		if err := c.diff(c.tree.find(f.Key), want, false); err != nil {
			return err
		}
	}
	for _, p := range e.Remove {
		if err := ValidatePath(p); err != nil {
			return err
		}
		if err := c.removePath(p); err != nil {
			return err
		}
	}
	return nil
}

// A target is what a path shall hold: a value, or further keys.
type target struct {
	path string
	leaf Value // nil: kids
	kids []target
}

// expand lays an object out key by key; other values are leaves.
func expand(path string, v Value) (target, error) {
	t := target{path: path}
	if v.Kind() != KindObject || v.isEmpty() && path != "" {
		t.leaf = v
		return t, nil
	}
	var err error
	t.kids = make([]target, 0, min(v.Len(), len(v)))
	v.Fields(func(key string, item Value) {
		if err != nil {
			return
		}
		child := JoinPath(path, key)
		if err = ValidatePath(child); err != nil {
			return
		}
		var kid target
		kid, err = expand(child, item)
		t.kids = append(t.kids, kid)
	})
	slices.SortFunc(t.kids, func(a, b target) int { return strings.Compare(a.path, b.path) })
	return t, err
}

// current is what a node shows, as a target.
func (n *node) current() target {
	if n.side != sideTree {
		return target{path: n.path, leaf: n.value()}
	}
	t := target{path: n.path}
	for _, k := range n.kids {
		if k.side != sideNone {
			t.kids = append(t.kids, k.current())
		}
	}
	return t
}

// patched is what RFC 7396 makes of a node's object.
func (c *composer) patched(n *node, patch Value) (target, error) {
	t := target{path: n.path}
	if n.side == sideTree {
		t = n.current()
	}
	var err error
	var gone []string
	patch.Fields(func(key string, v Value) {
		path := JoinPath(n.path, key)
		if err == nil {
			err = ValidatePath(path)
		}
		if err != nil {
			return
		}
		i, found := slices.BinarySearchFunc(t.kids, path, func(k target, p string) int { return strings.Compare(k.path, p) })
		if found {
			t.kids = slices.Delete(t.kids, i, i+1)
		}
		if v.Kind() == KindNull {
			if !found {
				gone = append(gone, path)
			}
			return
		}
		kid := target{path: path, leaf: v}
		if v.Kind() == KindObject {
			below := c.tree.find(path)
			if below == nil || n.side != sideTree {
				below = &node{path: path}
			}
			kid, err = c.patched(below, v)
		}
		t.kids = slices.Insert(t.kids, i, kid)
	})
	if len(t.kids) == 0 && t.path != "" {
		t.leaf = EmptyObject
		return t, err
	}
	for _, path := range gone {
		if err == nil {
			err = c.removePath(path)
		}
	}
	return t, err
}

// find is the node of a path, or nil if nothing was written there or inside.
func (n *node) find(path string) *node {
	for _, k := range n.kids {
		if k.path == path {
			return k
		}
		if len(k.path) < len(path) && related(k.path, path) {
			return k.find(path)
		}
	}
	return nil
}

// diff plans the writes that make n show t. n is nil where nothing was written.
// Where keep is set, counters and sets that t leaves out stay.
func (c *composer) diff(n *node, t target, keep bool) error {
	if keep && t.leaf.isEmpty() && n != nil && n.side == sideTree && n.typed() {
		t = target{path: t.path}
	}
	if t.leaf != nil {
		return c.set(n, t)
	}
	if n == nil || n.side != sideTree {
		// A value gives way to an object: the writes inside it name it.
		for _, k := range t.kids {
			if err := c.diff(c.below(n, k.path), k, keep); err != nil {
				return err
			}
		}
		return nil
	}
	i := 0
	for _, k := range n.kids {
		for i < len(t.kids) && t.kids[i].path < k.path {
			if err := c.diff(nil, t.kids[i], keep); err != nil {
				return err
			}
			i++
		}
		if i < len(t.kids) && t.kids[i].path == k.path {
			if err := c.diff(k, t.kids[i], keep); err != nil {
				return err
			}
			i++
		} else if err := c.omit(k, keep); err != nil {
			return err
		}
	}
	for ; i < len(t.kids); i++ {
		if err := c.diff(nil, t.kids[i], keep); err != nil {
			return err
		}
	}
	return nil
}

func (c *composer) below(n *node, path string) *node {
	if n == nil {
		return nil
	}
	return n.find(path)
}

// omit plans the removal of a node that the new fields leave out, all but the
// counters and sets in it where those are to stay.
func (c *composer) omit(n *node, keep bool) error {
	switch {
	case !keep || !n.typed():
		return c.remove(n)
	case n.side == sideTree:
		return c.diff(n, target{path: n.path}, keep)
	case n.side == sideValue:
		c.write(Write{Path: n.path, Op: OpRemove}, c.claims(n.path))
	}
	return nil
}

// typed tells whether the node is a counter or a set, or holds one.
func (n *node) typed() bool {
	return n.counter != nil || len(n.elements) > 0 || slices.ContainsFunc(n.kids, (*node).typed)
}

// set plans a plain write of a leaf.
func (c *composer) set(n *node, t target) error {
	if n != nil && n.shown && n.side != sideTree && n.value().Equal(t.leaf) {
		return nil
	}
	if err := c.refuseTyped(n, t.path); err != nil {
		return err
	}
	c.write(Write{Path: t.path, Op: OpSet, Value: t.leaf}, c.claims(t.path))
	return nil
}

// remove plans the removal of what a node shows.
func (c *composer) remove(n *node) error {
	if !n.shown {
		return nil
	}
	if err := c.refuseTyped(n, n.path); err != nil {
		return err
	}
	c.write(Write{Path: n.path, Op: OpRemove}, c.claims(n.path))
	return nil
}

// removePath plans the removal of what path shows, or would show here too if all
// that its author had seen were held.
func (c *composer) removePath(path string) error {
	n := c.tree.find(path)
	if n != nil && n.shown {
		return c.remove(n)
	}
	if !c.sawMore() {
		return nil
	}
	if err := c.refuseTyped(n, path); err != nil {
		return err
	}
	c.write(Write{Path: path, Op: OpRemove}, c.claims(path))
	return nil
}

// sawMore tells whether the author had seen what is not held here, or cannot be
// told apart: then nothing it asks for is done already.
func (c *composer) sawMore() bool { return c.blind || len(c.unheld) > 0 }

// refuseTyped says why a plain write cannot go to path, whose node is n, if a
// counter or a set is shown there, inside or around it.
func (c *composer) refuseTyped(n *node, path string) error {
	if err := c.around(path).refuse(); err != nil {
		return err
	}
	return n.refuseInside()
}

func (n *node) refuseInside() error {
	if n == nil {
		return nil
	}
	if n.side != sideTree {
		return n.refuse()
	}
	for _, k := range n.kids {
		if err := k.refuseInside(); err != nil {
			return err
		}
	}
	return nil
}

func (n *node) refuse() error {
	switch {
	case n == nil:
		return nil
	case n.side == sideCounter:
		return fmt.Errorf("field %q is a counter: use increment (a count of the shelf adds counted minus seen)", n.path)
	case n.side == sideSet:
		return fmt.Errorf("field %q is a set: use add_to_set and remove_from_set", n.path)
	}
	return nil
}

// around is the node above path that is shown as something other than an
// object, or nil.
func (c *composer) around(path string) *node {
	for i := range len(path) {
		if path[i] != '/' {
			continue
		}
		n := c.tree.find(path[:i])
		if n == nil {
			return nil
		}
		if n.side != sideNone && n.side != sideTree {
			return n
		}
	}
	return nil
}

// refuseValue says why a counter or a set, which replace nothing, cannot begin at
// path, if something else is shown there or around it.
func (c *composer) refuseValue(n *node, path string, is side, what string) error {
	if n != nil && n.side != sideNone && n.side != is {
		return fmt.Errorf("field %q holds a value and cannot become a %s", path, what)
	}
	if n := c.around(path); n != nil && !(n.side == sideValue && n.value().isEmpty()) {
		return fmt.Errorf("field %q holds no object: no %s can be in it", n.path, what)
	}
	return nil
}

func (c *composer) planMax(f Field) error {
	n, err := c.typedNode(f.Key)
	if err != nil {
		return err
	}
	if f.Value.Kind() == KindObject {
		return fmt.Errorf("field %q: max takes no object", f.Key)
	}
	if err := c.refuseTyped(n, f.Key); err != nil {
		return err
	}
	if n != nil && n.shown && n.side == sideTree {
		return fmt.Errorf("field %q holds an object: max takes a value", f.Key)
	}
	if n != nil && n.shown && n.value().Compare(f.Value) >= 0 {
		return nil
	}
	c.write(Write{Path: f.Key, Op: OpMax, Value: f.Value}, c.claims(f.Key))
	return nil
}

func (c *composer) planIncrement(f Field) error {
	n, err := c.typedNode(f.Key)
	if err != nil {
		return err
	}
	if f.Value.Kind() != KindInt {
		return fmt.Errorf("field %q: increment takes a 64-bit integer", f.Key)
	}
	if err := c.refuseValue(n, f.Key, sideCounter, "counter"); err != nil {
		return err
	}
	c.write(Write{Path: f.Key, Op: OpIncrement, Value: f.Value}, c.removalClaims(f.Key))
	return nil
}

func (c *composer) planAdd(f Field) error {
	n, err := c.typedNode(f.Key)
	if err != nil {
		return err
	}
	if err := c.refuseValue(n, f.Key, sideSet, "set"); err != nil {
		return err
	}
	c.add(n, f, append(c.removalClaims(f.Key), c.unheld...))
	return nil
}

func (c *composer) planDrop(f Field) error {
	n, err := c.typedNode(f.Key)
	if err != nil {
		return err
	}
	names := n.aims(f.Value)
	if len(names) > 0 || c.sawMore() { // where it stands in what is not held, nobody here knows: it stays
		c.planned = append(c.planned, plannedWrite{Write{Path: f.Key, Op: OpDrop, Value: f.Value}, names})
	}
	return nil
}

// add plans the addition of an element in place of the equal ones, and of what
// names wrote that is no element.
func (c *composer) add(n *node, f Field, names []ShortID) {
	aims := n.aims(f.Value)
	for _, id := range names {
		if !slices.ContainsFunc(aims, func(a aim) bool { return a.entry == id }) {
			aims = append(aims, aim{entry: id})
		}
	}
	c.planned = append(c.planned, plannedWrite{Write{Path: f.Key, Op: OpAdd, Value: f.Value}, aims})
}

func (c *composer) typedNode(path string) (*node, error) {
	if err := ValidatePath(path); err != nil {
		return nil, err
	}
	return c.tree.find(path), nil
}

// removalClaims are the removals seen at path and above: it comes back.
func (c *composer) removalClaims(path string) (names []ShortID) {
	for i := range len(path) + 1 {
		if i < len(path) && path[i] != '/' {
			continue
		}
		if n := c.tree.find(path[:i]); n != nil && c.sawRemovals(n) {
			names = appendNames(names, n.removals)
		}
	}
	return names
}

// sawRemovals tells whether the author was shown that the node was removed.
func (c *composer) sawRemovals(n *node) bool {
	return n.side == sideNone || c.everything()
}

// everything tells whether the author says that it saw the siblings, too.
func (c *composer) everything() bool { return c.edit.Seen != nil || c.edit.Resolve != nil }

// aims are the living additions of an element.
func (n *node) aims(elem Value) (aims []aim) {
	if n == nil {
		return nil
	}
	for _, v := range n.elements {
		if v.value().Equal(elem) {
			aims = append(aims, aim{v.Entry.Short(), uint16(v.slot)})
		}
	}
	return aims
}

// write plans a write of no element.
func (c *composer) write(w Write, names []ShortID) {
	aims := make([]aim, 0, len(names)+len(c.unheld))
	for _, id := range names {
		aims = append(aims, aim{entry: id})
	}
	for _, id := range c.unheld {
		aims = append(aims, aim{entry: id})
	}
	c.planned = append(c.planned, plannedWrite{w, aims})
}

// claims are the entries that a write to path replaces: behind what is shown
// there, in what holds it and inside it, or, with Seen, behind all of it. An entry
// of which something shown and something not shown would fall stays: a conflict
// too many is better than a sibling lost unseen.
func (c *composer) claims(path string) (names []ShortID) {
	if len(c.tree.kids) == 0 {
		return nil
	}
	everything := c.everything()
	var unseen []ShortID
	var visit func(n *node)
	visit = func(n *node) {
		if n.path != "" && !related(n.path, path) {
			return
		}
		if n.path != "" {
			above := len(n.path) < len(path)
			shown, siblings := n.splitValues()
			for _, v := range shown {
				if !(above && v.value().isEmpty()) {
					names = append(names, v.Entry.Short())
				}
			}
			if everything || slices.ContainsFunc(shown, version.isMax) {
				names = appendNames(names, n.maxima)
			}
			if c.sawRemovals(n) {
				names = appendNames(names, n.removals)
			} else {
				unseen = appendNames(unseen, n.removals)
			}
			if everything {
				names = appendNames(appendNames(names, siblings), n.elements)
			} else {
				unseen = appendNames(appendNames(unseen, siblings), n.elements)
			}
		}
		for _, k := range n.kids {
			visit(k)
		}
	}
	visit(c.tree)
	return slices.DeleteFunc(names, func(id ShortID) bool { return slices.Contains(unseen, id) })
}

func appendNames(names []ShortID, versions []version) []ShortID {
	for _, v := range versions {
		names = append(names, v.Entry.Short())
	}
	return names
}

// resolve plans the end of a conflict.
func (c *composer) resolve(res *Resolution) error {
	c.forced = true
	if res.Path == "" {
		return c.resolveLiveness(res)
	}
	if err := ValidatePath(res.Path); err != nil {
		return err
	}
	n := c.tree.find(res.Path)
	if n == nil {
		return fmt.Errorf("field %q: %w", res.Path, ErrConflict)
	}
	if a := c.around(res.Path); a != nil && a.side == sideCounter {
		return a.staysCounter()
	}
	names := c.claims(res.Path)
	if res.Value != nil {
		want, err := expand(res.Path, res.Value)
		if err != nil {
			return err
		}
		return c.writeTarget(want, names)
	}
	if n.counts {
		return n.staysCounter()
	}
	for _, v := range slices.Concat(n.values, n.removals) {
		if v.Entry.Short() == res.Entry {
			w := Write{Path: res.Path, Op: v.write().Op, Value: v.value()}
			c.write(w, names)
			return nil
		}
	}
	if slices.ContainsFunc(n.elements, func(v version) bool { return v.Entry.Short() == res.Entry }) {
		for _, v := range n.elements {
			c.add(n, Field{res.Path, v.value()}, append(names, c.unheld...))
		}
		return nil
	}
	return fmt.Errorf("field %q, entry %s: %w", res.Path, res.Entry, ErrConflict)
}

func (n *node) staysCounter() error {
	return fmt.Errorf("field %q is a counter, or holds one, and stays so: resolve it with the value it shows", n.path)
}

// writeTarget writes what ends a conflict. A counter can only be left as it is:
// an addition of nothing replaces what stands beside it.
func (c *composer) writeTarget(t target, names []ShortID) error {
	n := c.tree.find(t.path)
	switch {
	case n != nil && n.counter != nil && t.leaf.Equal(n.value()):
		c.write(Write{Path: t.path, Op: OpIncrement, Value: Int(0)}, names)
	case n != nil && (n.counter != nil || n.counts && t.leaf != nil && !t.leaf.isEmpty()):
		return n.staysCounter()
	case t.leaf != nil:
		c.write(Write{Path: t.path, Op: OpSet, Value: t.leaf}, names)
	}
	for _, k := range t.kids {
		if err := c.writeTarget(k, names); err != nil {
			return err
		}
	}
	return nil
}

// resolveLiveness decides between a deletion and the edit it met.
func (c *composer) resolveLiveness(res *Resolution) error {
	dead := res.Value.Equal(Text("deleted"))
	alive := res.Value.Equal(Text("alive"))
	for _, s := range c.base.sources {
		if res.Value == nil && s.living[0] && s.Entry.Short() == res.Entry {
			dead, alive = s.Change.Dead, !s.Change.Dead
		}
	}
	if !dead && !alive {
		return fmt.Errorf("a deletion is resolved by \"deleted\", \"alive\" or one of its entries: %w", ErrConflict)
	}
	c.edit = &Edit{Key: c.edit.Key, Delete: dead, Undelete: alive, Resolve: res, Seen: c.edit.Seen}
	return nil
}

// change assembles what was planned, with the liveness, into its one form.
func (c *composer) change() (*RecordChange, error) {
	if !c.needed() {
		return nil, nil
	}
	rc := &RecordChange{Key: c.edit.Key, Dead: c.edit.Delete}
	liveness := plannedWrite{names: c.livenessClaims()}
	slices.SortFunc(c.planned, func(a, b plannedWrite) int {
		if s := strings.Compare(a.Path, b.Path); s != 0 {
			return s
		}
		if a.Op != b.Op {
			return int(a.Op) - int(b.Op)
		}
		return slices.Compare(a.Value, b.Value)
	})
	c.planned = slices.CompactFunc(c.planned, func(a, b plannedWrite) bool {
		return a.Path == b.Path && a.Op == b.Op && a.Op.isElement() && a.Value.Equal(b.Value)
	})
	all := append(c.planned, liveness)
	for i := range all {
		for _, a := range all[i].names {
			rc.Names = append(rc.Names, a.entry)
		}
	}
	slices.SortFunc(rc.Names, ShortID.Compare)
	rc.Names = slices.Compact(rc.Names)
	rc.Names = rc.Names[:min(len(rc.Names), MaxNames)] // the rest stay siblings
	rc.Supersedes = rc.named(&liveness).Supersedes
	if len(c.planned) > 0 {
		rc.Writes = make([]Write, 0, len(c.planned))
	}
	for i := range c.planned {
		rc.Writes = append(rc.Writes, rc.named(&c.planned[i]))
	}
	return rc, rc.validate()
}

// named is a planned write with the indexes of what it names.
func (rc *RecordChange) named(w *plannedWrite) Write {
	slices.SortFunc(w.names, aim.compare)
	w.names = slices.CompactFunc(w.names, func(a, b aim) bool { return a.entry == b.entry })
	for _, a := range w.names {
		if i, found := slices.BinarySearchFunc(rc.Names, a.entry, ShortID.Compare); found {
			w.Supersedes = append(w.Supersedes, uint16(i))
			if w.Op.isElement() {
				w.Places = append(w.Places, a.place)
			}
		}
	}
	return w.Write
}

// needed tells whether the edit changes anything at all.
func (c *composer) needed() bool {
	deleted := c.base.Deleted()
	switch {
	case len(c.planned) > 0:
		return true
	case c.edit.Delete:
		return !deleted || c.sawMore()
	case c.edit.Undelete:
		_, both := c.base.livenessConflict()
		return deleted || both
	default:
		return deleted || c.forced
	}
}

// livenessClaims names the `alive` versions seen, and the dead ones too where the
// record is to live again, or to die.
func (c *composer) livenessClaims() (names []aim) {
	all := c.edit.Delete || c.edit.Undelete || c.base.Deleted()
	for _, s := range c.base.sources {
		if s.living[0] && (all || !s.Change.Dead) {
			names = append(names, aim{entry: s.Entry.Short()})
		}
	}
	for _, id := range c.unheld {
		names = append(names, aim{entry: id})
	}
	return names
}
