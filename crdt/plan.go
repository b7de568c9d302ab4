package crdt

import (
	"fmt"
	"slices"
	"strings"
)

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
	if !c.edit.Again && n != nil && n.shown && n.side != sideTree && n.value().Equal(t.leaf) {
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
