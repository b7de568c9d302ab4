package crdt

import (
	"fmt"
	"slices"
)

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
