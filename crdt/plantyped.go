package crdt

import (
	"fmt"
	"math"
	"slices"
)

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
	sum, by := c.now.sum(f.Key), f.Value.Int()
	switch {
	case by > 0 && sum > math.MaxInt64-by:
		return fmt.Errorf("field %q would pass the largest number a counter holds", f.Key)
	case by < 0 && sum < math.MinInt64-by:
		return fmt.Errorf("field %q would pass the smallest number a counter holds", f.Key)
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
