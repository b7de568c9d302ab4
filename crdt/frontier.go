package crdt

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"
)

// A Head is the last entry of a log, or of one branch of it.
type Head struct {
	Seq uint64
	ID  EntryID
}

// A Frontier is what a device holds: for each log its head, or its heads where a
// cloned device made the log a tree.
type Frontier map[LogID][]Head

// Extend takes note of an entry that follows prev in its log. If prev is no
// head, the entry begins a branch.
func (f Frontier) Extend(log LogID, prev EntryID, head Head) {
	heads := f[log]
	for i := range heads {
		if heads[i].ID == prev {
			heads[i] = head
			return
		}
	}
	f[log] = append(heads, head)
}

// Clone copies the frontier.
func (f Frontier) Clone() Frontier {
	c := make(Frontier, len(f))
	for log, heads := range f {
		c[log] = slices.Clone(heads)
	}
	return c
}

// Digest is a hash of the sorted frontier: equal for devices that hold the same
// entries.
func (f Frontier) Digest() [HashSize]byte {
	logs := make([]LogID, 0, len(f))
	for log := range f {
		logs = append(logs, log)
	}
	slices.SortFunc(logs, func(a, b LogID) int { return bytes.Compare(a[:], b[:]) })
	h := sha256.New()
	h.Write([]byte{tagDigest})
	for _, log := range logs {
		heads := slices.Clone(f[log])
		slices.SortFunc(heads, func(a, b Head) int { return bytes.Compare(a.ID[:], b.ID[:]) })
		for _, head := range heads {
			var seq [8]byte
			binary.BigEndian.PutUint64(seq[:], head.Seq)
			h.Write(log[:])
			h.Write(seq[:])
			h.Write(head.ID[:])
		}
	}
	return [HashSize]byte(h.Sum(nil))
}

// A Graph knows the heads of the entry graph: the held entries that no held
// entry follows or depends on. They are the dependencies of the next entry
// written here, however many logs there are.
type Graph map[EntryID]Dep

// Add takes note of an entry whose dependencies are all held.
func (g Graph) Add(at Place, id EntryID, deps []Dep) {
	delete(g, at.Prev)
	for _, d := range deps {
		delete(g, d.ID)
	}
	g[id] = Dep{Log: at.Log, Seq: at.Seq, ID: id}
	for len(g) > MaxGraph {
		g.forget()
	}
}

// forget drops a head, so that whoever begins logs by the thousand does not fill the
// memory and each commit of everybody: the next entries name fewer dependencies, and
// nothing else comes of it. Heads of short logs go first, which those are.
func (g Graph) forget() {
	first := true
	var least Dep
	for _, d := range g {
		if first || cmp.Or(cmp.Compare(d.Seq, least.Seq), d.compare(least)) < 0 {
			first, least = false, d
		}
	}
	delete(g, least.ID)
}

// Deps lists the heads for the next entry after prev, sorted, at most MaxDeps.
func (g Graph) Deps(prev EntryID) []Dep {
	deps := make([]Dep, 0, len(g))
	for id, d := range g {
		if id != prev {
			deps = append(deps, d)
		}
	}
	slices.SortFunc(deps, Dep.compare)
	return deps[:min(len(deps), MaxDeps)]
}

// WithDep is a sorted list of dependencies and one more, at most MaxDeps; the one
// more is among them.
func WithDep(deps []Dep, d Dep) []Dep {
	if slices.Contains(deps, d) {
		return deps
	}
	deps = append(slices.Clone(deps[:min(len(deps), MaxDeps-1)]), d)
	slices.SortFunc(deps, Dep.compare)
	return deps
}
