package clinic

import (
	"slices"

	"musafir/crdt"
)

// common is what a phone has for certain whose watermark is that of several cursors.
func common(list []*Cursor) *Cursor {
	switch len(list) {
	case 0:
		return nil
	case 1:
		return list[0]
	}
	c := *list[0]
	c.also = list[1:]
	for _, o := range c.also {
		c.Clinics = slices.DeleteFunc(slices.Clone(c.Clinics), func(id string) bool { return !slices.Contains(o.Clinics, id) })
		c.Presented, c.Begun = min(c.Presented, o.Presented), max(c.Begun, o.Begun)
		c.Emptied, c.Blind = c.Emptied || o.Emptied, c.Blind || o.Blind
	}
	return &c
}

// past is what somebody held who has all that the cursor says.
func (c *Cursor) past(look Look) (Past, error) {
	p, err := look.Past(c.Marks)
	if err != nil || len(c.also) == 0 {
		return p, err
	}
	both := commonPast{p}
	for _, o := range c.also {
		if p, err = look.Past(o.Marks); err != nil {
			return nil, err
		}
		both = append(both, p)
	}
	return both, nil
}

// commonMarks are those that all cursors of the watermark name.
func (c *Cursor) commonMarks() []crdt.Mark {
	return slices.DeleteFunc(slices.Clone(c.Marks), func(m crdt.Mark) bool {
		return slices.ContainsFunc(c.also, func(o *Cursor) bool { return !slices.Contains(o.Marks, m) })
	})
}

// A commonPast is what all of several had held.
type commonPast []Past

func (c commonPast) Holds(at crdt.Ref) bool {
	return !slices.ContainsFunc(c, func(p Past) bool { return !p.Holds(at) })
}

func (c commonPast) Later(visit func(crdt.RecordKey) (bool, error)) error {
	for _, p := range c {
		more := true
		err := p.Later(func(key crdt.RecordKey) (bool, error) {
			var err error
			more, err = visit(key)
			return more, err
		})
		if err != nil || !more {
			return err
		}
	}
	return nil
}

func (c commonPast) LaterCount() (entries uint64) {
	for _, p := range c {
		entries += p.LaterCount()
	}
	return entries
}
