package replica

import (
	"crypto/sha256"

	"musafir/crdt"
	"musafir/node/access"
	"musafir/node/wire"
)

// An index knows the branches that are held, by the names that frames use.
type index struct {
	logs     Logs
	branches []crdt.Branch
	lines    []line // of the branches
	byLog    map[crdt.ShortID][]uint32
	digest   [crdt.HashSize]byte
	version  uint64 // changes when anything moves
	row      row    // that was looked at last
}

// A line is what the membership says of a branch's log, which never changes.
type line struct {
	author  crdt.DeviceID // who seals it
	control bool
}

func newIndex(logs Logs, branches []crdt.Branch, members *access.Camp) *index {
	x := &index{logs: logs, byLog: map[crdt.ShortID][]uint32{}}
	x.update(branches, members)
	return x
}

// update takes over the branches after a commit and lists those that moved.
func (x *index) update(branches []crdt.Branch, members *access.Camp) (moved []uint32) {
	for n, b := range branches {
		if n >= len(x.branches) {
			x.byLog[prefix(b.Log)] = append(x.byLog[prefix(b.Log)], uint32(n))
			x.lines = append(x.lines, lineOf(b.Log, members))
		} else if x.branches[n].Head == b.Head {
			continue
		}
		moved = append(moved, uint32(n))
	}
	x.branches = branches
	if len(moved) > 0 {
		x.digest = [crdt.HashSize]byte{}
		x.version++
	}
	return moved
}

func lineOf(log crdt.LogID, members *access.Camp) line {
	l, ok := members.Log(log)
	if !ok {
		return line{}
	}
	return line{author: crdt.DeviceIDOf(l.Device), control: l.Kind == crdt.ControlLog}
}

// find looks for the entry that a head names; false if it is not held.
func (x *index) find(h wire.Head) (branch uint32, ok bool, err error) {
	branches := x.byLog[h.Log]
	if len(branches) > rowMin {
		if branches, err = x.rowOf(h, branches); err != nil {
			return 0, false, err
		}
	}
	for _, n := range branches {
		b := &x.branches[n]
		if h.Seq < b.From || h.Seq > b.Head.Seq {
			continue
		}
		id, err := x.id(n, h.Seq)
		if err != nil {
			return 0, false, err
		}
		if string(id[:len(h.Hash)]) == string(h.Hash) {
			return n, true, nil
		}
	}
	return 0, false, nil
}

// A row is the entries of one number in the branches of a log. A log may have
// thousands of branches, and a frame name thousands of heads in it: they come in
// order, so one row at a time is enough.
type row struct {
	log     crdt.ShortID
	seq     uint64
	version uint64
	byHash  map[[8]byte][]uint32
}

const rowMin = 8 // with fewer branches it is quicker to look at each

// rowOf narrows branches down to those whose entry the head may name.
func (x *index) rowOf(h wire.Head, branches []uint32) ([]uint32, error) {
	if x.row.byHash == nil || x.row.log != h.Log || x.row.seq != h.Seq || x.row.version != x.version {
		row := row{h.Log, h.Seq, x.version, map[[8]byte][]uint32{}}
		for _, n := range branches {
			if b := &x.branches[n]; h.Seq < b.From || h.Seq > b.Head.Seq {
				continue
			}
			id, err := x.id(n, h.Seq)
			if err != nil {
				return nil, err
			}
			row.byHash[[8]byte(id[:8])] = append(row.byHash[[8]byte(id[:8])], n)
		}
		x.row = row
	}
	return x.row.byHash[[8]byte(h.Hash[:8])], nil
}

func (x *index) id(n uint32, seq uint64) (crdt.EntryID, error) {
	if b := &x.branches[n]; seq == b.Head.Seq {
		return b.Head.ID, nil
	}
	return x.logs.EntryID(n, seq)
}

// heads is per branch the first sequence that is not held.
func (x *index) heads() []uint64 {
	next := make([]uint64, len(x.branches))
	for n, b := range x.branches {
		next[n] = b.Head.Seq + 1
	}
	return next
}

// head names the last entry of a branch.
func (x *index) head(n uint32) wire.Head { return headOf(x.branches[n].Log, x.branches[n].Head) }

func headOf(log crdt.LogID, h crdt.Head) wire.Head {
	return wire.Head{Log: prefix(log), Seq: h.Seq, Hash: append([]byte(nil), h.ID[:8]...)}
}

// Digest is a hash of the sorted frontier.
func (x *index) Digest() [crdt.HashSize]byte {
	if x.digest == ([sha256.Size]byte{}) {
		f := make(crdt.Frontier, len(x.branches))
		for _, b := range x.branches {
			f[b.Log] = append(f[b.Log], b.Head)
		}
		x.digest = f.Digest()
	}
	return x.digest
}

// prefix is how frames name a log.
func prefix(log crdt.LogID) crdt.ShortID { return crdt.EntryID(log).Short() }
