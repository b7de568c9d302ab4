package store

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"musafir/crdt"
)

// eachPart visits what a record has under a letter: what stands behind its name in
// the keys, and the values.
func eachPart(v reads, letter byte, key crdt.RecordKey, visit func(name, value []byte) (bool, error)) error {
	prefix := partPrefix(letter, key)
	return v.scan(prefix, nil, true, func(k, value []byte) (bool, error) { return visit(k[len(prefix):], value) })
}

// gather makes a record whole again that was kept in parts, and takes these away.
func (p *parts) gather() (*crdt.Record, error) {
	living, err := p.gatherLiving()
	if err != nil {
		return nil, err
	}
	counters, err := readCounters(p, p.key, math.MaxUint64)
	if err != nil {
		return nil, err
	}
	waits, err := p.gatherWaits()
	if err != nil {
		return nil, err
	}
	if err := p.dropParts(); err != nil {
		return nil, err
	}
	return crdt.Gather(p.key, living, counters, waits)
}

func (p *parts) gatherLiving() (living []crdt.Part, err error) {
	load := apart(p.load)
	err = eachPart(p, keyLiving, p.key, func(_, value []byte) (bool, error) {
		part, err := crdt.ReadPart(value, load)
		living = append(living, part)
		return true, err
	})
	return living, err
}

func (p *parts) gatherWaits() (waits []crdt.Wait, err error) {
	load := apart(p.load)
	err = eachPart(p, keyWaiting, p.key, func(name, value []byte) (bool, error) {
		part, err := crdt.ReadPart(value, load)
		if err == nil && len(name) != 2*len(crdt.ShortID{}) {
			err = errKey
		}
		if err == nil {
			waits = append(waits, crdt.Wait{Part: part, For: crdt.ShortID(name[:len(crdt.ShortID{})])})
		}
		return true, err
	})
	return waits, err
}

func (p *parts) dropParts() error {
	var keys [][]byte
	for _, letter := range []byte{keyLiving, keyWaiting, keyCounter} {
		err := p.scan(partPrefix(letter, p.key), nil, false, func(k, _ []byte) (bool, error) {
			keys = append(keys, bytes.Clone(k))
			return true, nil
		})
		if err != nil {
			return err
		}
	}
	for _, k := range keys {
		p.unset(k)
	}
	return nil
}

// readCounters reads counters up to a weight.
func readCounters(v reads, key crdt.RecordKey, weightMax uint64) (counters []crdt.Counter, err error) {
	weight := uint64(0)
	err = eachPart(v, keyCounter, key, func(path, value []byte) (bool, error) {
		sum, err := readSum(value)
		c := crdt.Counter{Path: string(path), Sum: sum}
		if weight += c.Weight(); weight > weightMax {
			return false, nil
		}
		counters = append(counters, c)
		return true, err
	})
	return counters, err
}

// readParts reads a record that is kept in parts, to be looked at. Of one that
// weighs too much it reads a share (see fairly).
func readParts(v reads, key crdt.RecordKey, n crdt.Totals, weightMax uint64, load loader) (*crdt.Record, error) {
	slips, err := readSlips(v, key)
	if err != nil {
		return nil, err
	}
	if n.Weight > weightMax {
		fairly(slips)
	}
	counters, err := readCounters(v, key, weightMax/2)
	if err != nil {
		return nil, err
	}
	living, err := loadSlips(slips, weightMax, apart(load))
	if err != nil {
		return nil, fmt.Errorf("read record %s: %w", key, err)
	}
	return crdt.Gather(key, living, counters, nil)
}

// A slip is a part of a record that is not loaded.
type slip struct {
	ref  crdt.Ref
	rank int // how many newer ones there are in its branch
	part []byte
}

func readSlips(v reads, key crdt.RecordKey) (slips []slip, err error) {
	err = eachPart(v, keyLiving, key, func(_, value []byte) (bool, error) {
		ref, _, err := crdt.CutRef(value)
		slips = append(slips, slip{ref: ref, part: bytes.Clone(value)})
		return true, err
	})
	slices.SortFunc(slips, func(a, b slip) int { return a.ref.Compare(b.ref) }) // neighbours stand in one entry
	return slips, err
}

// fairly puts the newest of each branch first, then the second newest of each: who
// has written so much of a record that it cannot be shown leaves out the most of
// what is its own.
func fairly(slips []slip) {
	for i := len(slips) - 2; i >= 0; i-- {
		if slips[i].ref.Branch == slips[i+1].ref.Branch {
			slips[i].rank = slips[i+1].rank + 1
		}
	}
	slices.SortStableFunc(slips, func(a, b slip) int { return cmp.Compare(a.rank, b.rank) })
}

func loadSlips(slips []slip, weightMax uint64, load loader) (living []crdt.Part, err error) {
	weight := uint64(0)
	for _, s := range slips {
		part, err := crdt.ReadPart(s.part, load)
		if err != nil {
			return nil, err
		}
		if weight += part.Weight(); weight > weightMax && len(living) > 0 {
			break
		}
		living = append(living, part)
	}
	return living, nil
}

// ErrTooLarge says that a record's history would not fit into memory.
var ErrTooLarge = errors.New("the history of the record is too large to be read")

// readTouches loads all touches of a record: living are those of a whole one, and
// slips those of one in parts.
func readTouches(v reads, key crdt.RecordKey, living []*crdt.Touch, slips []slip, weightMax uint64, load loader) ([]*crdt.Touch, error) {
	h := touchLoader{load: apart(load), left: weightMax}
	for _, t := range living {
		if err := h.add(t); err != nil {
			return nil, fmt.Errorf("record %s: %w", key, err)
		}
	}
	for _, s := range slips {
		if err := h.fetch(s.ref); err != nil {
			return nil, fmt.Errorf("record %s: %w", key, err)
		}
	}
	err := eachPart(v, keyRetired, key, func(_, value []byte) (bool, error) {
		ref, _, err := readRetired(value)
		if err == nil {
			err = h.fetch(ref)
		}
		return true, err
	})
	if err != nil {
		return nil, fmt.Errorf("record %s: %w", key, err)
	}
	slices.SortFunc(h.touches, func(x, y *crdt.Touch) int { return x.Ref.Compare(y.Ref) })
	return h.touches, nil
}

// A touchLoader collects touches up to a weight.
type touchLoader struct {
	load    loader
	left    uint64
	touches []*crdt.Touch
}

func (h *touchLoader) fetch(ref crdt.Ref) error {
	t, err := h.load(ref)
	if err != nil {
		return err
	}
	return h.add(t)
}

func (h *touchLoader) add(t *crdt.Touch) error {
	weight := t.Weight()
	if weight > h.left {
		return ErrTooLarge
	}
	h.left -= weight
	h.touches = append(h.touches, t)
	return nil
}
