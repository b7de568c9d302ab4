package doctor

import (
	"cmp"
	"slices"
	"time"

	"musafir/crdt"
)

// Level is how grave a finding is.
type Level string

const (
	Problem Level = "problem" // it keeps devices apart
	Note    Level = "note"    // it may matter
	OK      Level = "ok"
)

// A Finding is one thing that is the case.
type Finding struct {
	Level  Level
	Text   string // sentences
	Remedy string // what to do about it, a sentence; "": nothing
}

// grave orders the levels.
func (f Finding) grave() int { return slices.Index([]Level{Problem, Note, OK}, f.Level) }

// Diagnose says what is the case, the gravest first, and of equals what is the cause
// of others first. There is at least one finding.
func Diagnose(f Facts) []Finding {
	x := examine(f)
	found := slices.Concat(x.program(), x.network(), x.hearing(), x.places(), x.devices(), f.Clocks, x.contact())
	slices.SortStableFunc(found, func(a, b Finding) int { return cmp.Compare(a.grave(), b.grave()) })
	return found
}

const (
	// heardLately is how old an answer may be before its device counts as gone. Questions
	// are asked every half minute at least, and one may be lost.
	heardLately = 65 * time.Second

	// heardNow is how old it may be while devices are missing: then questions are asked
	// every five seconds.
	heardNow = 10 * time.Second
)

// An exam is facts, sorted.
type exam struct {
	Facts
	heard   map[crdt.DeviceID]*Heard // lately, on an interface that still works
	missing []Peer                   // neither connected nor in sync as far as is heard
	well    bool                     // nobody is missing, and there is somebody
}

func examine(f Facts) *exam {
	x := &exam{Facts: f, heard: map[crdt.DeviceID]*Heard{}}
	for i := range f.Heard {
		if h := &f.Heard[i]; f.Now.Sub(h.At) <= heardLately && x.hearsOn(h.On) {
			x.heard[h.ID] = h
		}
	}
	for _, p := range f.Peers {
		if !p.Connected && !x.inSync(p) {
			x.missing = append(x.missing, p)
		}
	}
	x.well = f.Look.running() && !f.Alone && len(x.missing) == 0
	return x
}

func (x *exam) hearsOn(name string) bool {
	return slices.ContainsFunc(x.Interfaces, func(i Interface) bool {
		return i.Name == name && (i.State() == InUse || i.State() == LinkLocal6)
	})
}

// inSync tells whether a device without a session needs none: it holds the same, and
// nothing is known that would keep it away.
func (x *exam) inSync(p Peer) bool {
	h := x.heard[p.ID]
	return h != nil && h.Same && p.Failure.Kind == None
}
