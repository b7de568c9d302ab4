package crdt

import (
	"fmt"
	"strings"
)

// A mention is a path that an edit names, and the part of the edit that does.
type mention struct{ path, part string }

// The parts of an edit, in the words of its author.
const (
	partSet, partRemove    = "set", "remove"
	partReplace, partPatch = "replace", "patch"
	partMax, partIncrement = "max", "increment"
	partAdd, partDrop      = "add_to_set", "remove_from_set"
)

// Contradiction is contradiction for who lets an edit be shaped: that looks at what
// becomes of it.
func (e *Edit) Contradiction() error {
	if err := e.contradiction(); err != nil {
		return &EditError{Key: e.Key, Err: err}
	}
	return nil
}

// contradiction says why the parts of an edit cannot all be done: not even where
// one of them would change nothing may it be dropped unsaid.
func (e *Edit) contradiction() error {
	n := len(e.Set) + len(e.Remove) + len(e.Max) + len(e.Increment) + len(e.Add) + len(e.Drop)
	if n < 2 {
		return nil
	}
	named := mentions(make([]mention, 0, n), partSet, e.Set)
	for _, p := range e.Remove {
		named = append(named, mention{p, partRemove})
	}
	if err := apart(e.merging(named)); err != nil {
		return err
	}
	return e.elementBothWays()
}

// merging adds what the edit names beside its plain fields.
func (e *Edit) merging(to []mention) []mention {
	to = mentions(to, partMax, e.Max)
	to = mentions(to, partIncrement, e.Increment)
	to = mentions(to, partAdd, e.Add)
	return mentions(to, partDrop, e.Drop)
}

func mentions(to []mention, part string, fields []Field) []mention {
	for _, f := range fields {
		to = append(to, mention{f.Key, part})
	}
	return to
}

// apart refuses a path that is named twice and one that holds another. Of one set
// many elements can be added and dropped.
func apart(named []mention) error {
	parts := make(map[string]string, len(named))
	for _, m := range named {
		before, twice := parts[m.path]
		switch {
		case !twice, m.ofSet() && (mention{part: before}).ofSet():
		case before == m.part:
			return fmt.Errorf("field %q stands in %s twice", m.path, m.part)
		default:
			return fmt.Errorf("field %q stands in %s and in %s: they cannot both be done", m.path, before, m.part)
		}
		parts[m.path] = m.part
	}
	for _, m := range named {
		for i := strings.LastIndexByte(m.path, '/'); i > 0; i = strings.LastIndexByte(m.path[:i], '/') {
			if part, found := parts[m.path[:i]]; found {
				return fmt.Errorf("fields %q in %s and %q in %s cannot be written together: one holds the other", m.path[:i], part, m.path, m.part)
			}
		}
	}
	return nil
}

func (m mention) ofSet() bool { return m.part == partAdd || m.part == partDrop }

func (e *Edit) elementBothWays() error {
	if len(e.Add) == 0 || len(e.Drop) == 0 {
		return nil
	}
	type element struct{ path, value string }
	added := make(map[element]bool, len(e.Add))
	for _, f := range e.Add {
		added[element{f.Key, string(f.Value)}] = true
	}
	for _, f := range e.Drop {
		if added[element{f.Key, string(f.Value)}] {
			return fmt.Errorf("field %q: the same element stands in %s and in %s", f.Key, partAdd, partDrop)
		}
	}
	return nil
}

// besides refuses what the edit names beside the fields that it replaces, where
// replacing them writes, too.
func (c *composer) besides() error {
	e := c.edit
	merging := e.merging(nil)
	if e.Replace == nil && e.Patch == nil || len(merging) == 0 {
		return nil
	}
	part := partPatch
	if e.Replace != nil {
		part = partReplace
	}
	named := make([]mention, 0, len(c.planned)+len(merging))
	for i := range c.planned {
		named = append(named, mention{c.planned[i].Path, part})
	}
	return apart(append(named, merging...))
}
