package crdt

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"pgregory.net/rapid"
)

var testKey = RecordKey{Collection: "patients", ID: "rahima"}

// A writer is a log that is written to; it puts every change through the
// encoding.
type writer struct {
	*Author
	branch uint32
	name   string
}

func newWriter(branch uint32) *writer {
	log := LogID{byte(branch), 0xaa}
	return &writer{Author: &Author{Log: log, Head: Head{ID: EntryID(log)}}, branch: branch, name: fmt.Sprint("writer ", branch)}
}

func (w *writer) write(at Time, rc *RecordChange) (*Touch, error) {
	c, err := rc.Encode([SaltSize]byte{byte(w.branch), byte(w.Head.Seq)})
	if err != nil {
		return nil, err
	}
	e, err := NewEntry(at, nil, w.name, "", []Change{c})
	if err != nil {
		return nil, err
	}
	read, err := e.Changes[0].Record()
	if err != nil {
		return nil, err
	}
	place, id := w.Next(e)
	return &Touch{
		Ref: Ref{Branch: w.branch, Seq: place.Seq}, Log: place.Log, Entry: id,
		Time: at, Author: w.name, Merged: true, Change: read,
	}, nil
}

// A device holds some of the touches of a world, in a causal order.
type device struct {
	logs   []*writer
	held   []*Touch
	byName map[ShortID]*Touch
	rec    *Record
	spread *Spread // the same, in parts
	read   []Seen  // versions that somebody read here
}

func newDevice(logs ...*writer) *device {
	d := &device{logs: logs, byName: map[ShortID]*Touch{}, rec: &Record{Key: testKey}}
	d.spread = &Spread{Key: testKey, Parts: newPartsMap(d)}
	return d
}

func (d *device) holds(t *Touch) bool { return d.byName[t.Entry.Short()] != nil }

func (d *device) find(name ShortID) (*Touch, bool) {
	t, ok := d.byName[name]
	return t, ok
}

// take applies what is new, as a store does.
func (d *device) take(t *Touch) (e Effect) {
	if d.holds(t) {
		return e
	}
	if t.Merged {
		e = d.rec.Apply(t, d.find)
	} else {
		e = d.rec.Hold(t, d.find)
	}
	d.takeApart(t, e)
	d.held = append(d.held, t)
	d.byName[t.Entry.Short()] = t
	return e
}

func (d *device) all() ([]*Touch, error) { return d.held, nil }

// A world is several devices that edit one record.
type world struct {
	devices []*device
	touches []*Touch
	past    map[EntryID][]*Touch // what the author's device held
	edits   map[EntryID]*Edit
	kinds   []string // of edits that are made
	paths   []string // that are written to
}

func newWorld() *world {
	return &world{past: map[EntryID][]*Touch{}, edits: map[EntryID]*Edit{}, kinds: testEdits, paths: testPaths}
}

var (
	testEdits = []string{
		"set", "set2", "tree", "remove", "replace", "patch", "max", "increment", "add", "drop", "delete", "undelete", "resolve", "nothing",
	}
	testPaths = []string{"p", "p/q", "p/q/s", "p/r", "t", "p-q", "u~1v"}
	testSmall = []Value{Int(1), Int(2), Text("a"), Null, Float(0.5), True}
	testTrees = []Value{
		EmptyObject, Array(nil), Array([]Value{Int(1), EmptyObject}),
		Object([]Field{{"q", Int(1)}}),
		Object([]Field{{"q", Object([]Field{{"s", Int(1)}})}, {"r", Text("a")}}),
		Object([]Field{{"q", EmptyObject}, {"r", Null}}),
	}
	testObjects = []Value{
		EmptyObject,
		Object([]Field{{"p", Int(1)}}),
		Object([]Field{{"p", EmptyObject}, {"t", Array(nil)}}),
		Object([]Field{{"p", Object([]Field{{"q", Int(2)}, {"r", Null}})}}),
		Object([]Field{{"p", Object([]Field{{"q", Object([]Field{{"s", Int(1)}})}})}, {"u/v", Text("a")}}),
		Object([]Field{{"p", Null}, {"t", Int(2)}}),
	}
)

func drawValue(t *rapid.T) Value {
	return rapid.SampledFrom(append(slices.Clone(testSmall), testTrees...)).Draw(t, "value")
}

func (w *world) drawField(t *rapid.T, values []Value) Field {
	return Field{rapid.SampledFrom(w.paths).Draw(t, "path"), rapid.SampledFrom(values).Draw(t, "small")}
}

func drawEdit(t *rapid.T, w *world, d *device) *Edit {
	e := &Edit{Key: testKey}
	switch rapid.SampledFrom(w.kinds).Draw(t, "edit") {
	case "set":
		e.Set = []Field{w.drawField(t, testSmall)}
	case "set2":
		e.Set = []Field{w.drawField(t, testSmall), w.drawField(t, testSmall)}
	case "tree":
		e.Set = []Field{w.drawField(t, testTrees)}
	case "remove":
		e.Remove = []string{rapid.SampledFrom(w.paths).Draw(t, "path")}
	case "replace":
		e.Replace = rapid.SampledFrom(testObjects).Draw(t, "object")
	case "patch":
		e.Patch = rapid.SampledFrom(testObjects).Draw(t, "object")
	case "max":
		e.Max = []Field{w.drawField(t, testSmall)}
	case "increment":
		e.Increment = []Field{w.drawField(t, []Value{Int(1), Int(-2), Int(5)})}
	case "add":
		f := w.drawField(t, testSmall[:3])
		e.Add = []Field{f, {f.Key, Int(int64(rapid.IntRange(1, 3).Draw(t, "second")))}}
	case "drop":
		e.Drop = []Field{w.drawField(t, testSmall[:3])}
	case "delete":
		e.Delete = true
	case "undelete":
		e.Undelete = true
	case "resolve":
		e.Resolve = drawResolution(t, d)
	}
	switch rapid.SampledFrom([]string{"", "", "", "now", "old", "foreign", "foreign"}).Draw(t, "seen") {
	case "now":
		s := d.rec.Seen()
		e.Seen = &s
	case "old":
		if len(d.read) > 0 {
			e.Seen = &rapid.SampledFrom(d.read).Draw(t, "read").clone().Seen
		}
	case "foreign": // carried here by a person, ahead of the entries
		s := rapid.SampledFrom(w.devices).Draw(t, "where").rec.Seen()
		e.Seen = &s
	}
	return e
}

type seenCopy struct{ Seen }

func (s Seen) clone() *seenCopy { return &seenCopy{Seen{Entries: slices.Clone(s.Entries)}} }

func drawResolution(t *rapid.T, d *device) *Resolution {
	conflicts := d.rec.View().Conflicts
	if len(conflicts) == 0 {
		return &Resolution{Path: rapid.SampledFrom(testPaths).Draw(t, "path"), Value: drawValue(t)}
	}
	c := rapid.SampledFrom(conflicts).Draw(t, "conflict")
	if s := rapid.SampledFrom(c.Siblings).Draw(t, "sibling"); s.Touch != nil && rapid.Bool().Draw(t, "pick") {
		return &Resolution{Path: c.Path, Entry: s.Touch.Entry.Short()}
	}
	if c.Path == "" {
		return &Resolution{Value: rapid.SampledFrom([]Value{Text("deleted"), Text("alive")}).Draw(t, "fate")}
	}
	return &Resolution{Path: c.Path, Value: drawValue(t)}
}

// A step is what one edit did on its device.
type step struct {
	device *device
	edit   *Edit
	before *Record
	touch  *Touch // nil: nothing to do, or refused
	err    error
}

// play lets devices edit and meet. after is called behind every edit.
func play(t *rapid.T, maxSteps int, after func(*step)) *world {
	w := newWorld()
	if rapid.IntRange(0, 3).Draw(t, "few") > 0 { // histories of few things get further into each
		w.kinds = append(rapid.SliceOfN(rapid.SampledFrom(testEdits), 2, 3).Draw(t, "edits"), "set")
		w.paths = rapid.SliceOfN(rapid.SampledFrom(testPaths), 1, 2).Draw(t, "paths")
	}
	for i := range uint32(rapid.IntRange(3, 4).Draw(t, "devices")) {
		w.devices = append(w.devices, newDevice(newWriter(2*i+1), newWriter(2*i+2)))
	}
	for range rapid.IntRange(2, maxSteps).Draw(t, "steps") {
		d := rapid.SampledFrom(w.devices).Draw(t, "device")
		if rapid.IntRange(0, 3).Draw(t, "meet") == 0 {
			from := rapid.SampledFrom(w.devices).Draw(t, "from")
			n := rapid.IntRange(0, len(from.held)).Draw(t, "upto")
			for _, x := range from.held[:n] {
				d.take(x)
			}
			continue
		}
		if rapid.Bool().Draw(t, "reads") {
			d.read = append(d.read, d.rec.Seen())
		}
		s := w.edit(t, d, drawEdit(t, w, d))
		if after != nil {
			after(s)
		}
	}
	return w
}

func (w *world) edit(t *rapid.T, d *device, e *Edit) *step {
	s := &step{device: d, edit: e, before: Refold(testKey, d.held)}
	rc, err := Compose(d.rec, e, d.all)
	if rc == nil || err != nil {
		s.err = err
		return s
	}
	at := Time(rapid.Uint64Range(1, 4).Draw(t, "clock"))
	touch, err := rapid.SampledFrom(d.logs).Draw(t, "log").write(at, rc)
	if err != nil {
		t.Fatalf("%+v composed to what cannot be written: %v", *e, err)
	}
	w.past[touch.Entry] = slices.Clone(d.held)
	w.edits[touch.Entry] = e
	w.touches = append(w.touches, touch)
	d.take(touch)
	s.touch = touch
	return s
}

// foresight tells whether some entry names one that its device did not hold.
func (w *world) foresight() bool {
	for _, x := range w.touches {
		for _, name := range x.Change.Names {
			if !slices.ContainsFunc(w.past[x.Entry], func(p *Touch) bool { return p.Entry.Short() == name }) {
				return true
			}
		}
	}
	return false
}

// drawOrder puts touches into any order in which causes come first.
func (w *world) drawOrder(t *rapid.T, touches []*Touch) []*Touch {
	left := slices.Clone(touches)
	held := map[EntryID]bool{}
	var order []*Touch
	for len(left) > 0 {
		var ready []int
		for i, x := range left {
			if !slices.ContainsFunc(w.past[x.Entry], func(p *Touch) bool { return !held[p.Entry] }) {
				ready = append(ready, i)
			}
		}
		i := rapid.SampledFrom(ready).Draw(t, "next")
		order = append(order, left[i])
		held[left[i].Entry] = true
		left = slices.Delete(left, i, i+1)
	}
	return order
}

// without are copies of the touches, some of them held but not merged.
func (w *world) without(unmerged map[EntryID]bool) (touches []*Touch, as *world) {
	as = &world{past: map[EntryID][]*Touch{}, edits: maps.Clone(w.edits)}
	for _, x := range w.touches {
		u := *x
		u.Merged = !unmerged[x.Entry]
		as.touches = append(as.touches, &u)
		as.past[x.Entry] = w.past[x.Entry]
	}
	return as.touches, as
}

func rowOf(r *Record) []byte { return r.AppendRow(nil) }

func loader(touches []*Touch) func(Ref) (*Touch, error) {
	byRef := map[Ref]*Touch{}
	for _, t := range touches {
		byRef[t.Ref] = t
	}
	return func(r Ref) (*Touch, error) {
		if t := byRef[r]; t != nil {
			return t, nil
		}
		return nil, errRow
	}
}

// reread is the record after a round through its row.
func reread(t tb, r *Record, touches []*Touch) *Record {
	t.Helper()
	row := rowOf(r)
	again, err := ReadRow(r.Key, row, loader(touches))
	if err != nil {
		t.Fatalf("read back the row: %v", err)
	}
	if !bytes.Equal(rowOf(again), row) {
		t.Fatalf("the row changed in a round trip")
	}
	return again
}
