package crdt

import (
	"errors"
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

	// From is the record as its author was shown it, of entries held here, instead of
	// Seen: what it shows is replaced, and its siblings stay. If it was deleted only
	// Undelete takes that back: else the edit stands beside the deletion.
	From *Record

	// Again lets Set write what is shown already: its author says it once more, to those who
	// heard of something else meanwhile.
	Again bool

	// Idle leaves a deleted record deleted where the fields are as wanted already.
	Idle bool

	// Shape gives the edit that does what this one says to the record as its author
	// had seen it, which is known only when it is composed; nil: this one does.
	Shape func(seen *Record) (*Edit, error)
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
	switch {
	case e.From != nil:
		c.base = e.From
	case e.Seen != nil:
		if err := c.rewind(all); err != nil {
			return nil, err
		}
	}
	if err := c.shape(); err != nil {
		return nil, &EditError{Key: e.Key, Err: err}
	}
	e = c.edit
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

// shape lets the edit become what it says of this record.
func (c *composer) shape() error {
	e := c.edit
	if e.Shape == nil {
		return nil
	}
	shaped, err := e.Shape(c.base)
	if err != nil {
		return err
	}
	own := *shaped
	own.Key, own.Seen, own.From, own.Shape = e.Key, e.Seen, e.From, nil
	c.edit = &own
	return nil
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
	if err := e.contradiction(); err != nil {
		return err
	}
	if err := c.planTree(); err != nil {
		return err
	}
	if err := c.besides(); err != nil {
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
		return !deleted || c.sawMore() || c.base.Empty() // of a record of which the author saw nothing it stands beside the rest
	case c.edit.Undelete:
		_, both := c.base.livenessConflict()
		return deleted || both
	default:
		return deleted && (!c.edit.Idle || c.base.Empty()) || c.forced
	}
}

// livenessClaims names the `alive` versions seen, and the dead ones too where the
// record is to live again, or to die.
func (c *composer) livenessClaims() (names []aim) {
	all := c.edit.Delete || c.edit.Undelete || c.base.Deleted() && c.edit.From == nil
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
