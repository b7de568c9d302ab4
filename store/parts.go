package store

import (
	"encoding/binary"

	"musafir/crdt"
)

// parts keeps what a record has beside its row: what of it is retired, and all of
// it if it is not kept whole. It reads and writes a layer over the database.
type parts struct {
	layer
	key  crdt.RecordKey
	load loader
	err  error // the first; what merging makes of it is thrown away
}

func (p *parts) read(key []byte) ([]byte, bool) {
	value, ok, err := p.get(key)
	p.fail(err)
	return value, ok && err == nil
}

func (p *parts) fail(err error) {
	if p.err == nil {
		p.err = err
	}
}

func (p *parts) set(key, value []byte) { p.put(put{key: key, value: value}) }
func (p *parts) unset(key []byte)      { p.put(put{key: key, del: true}) }

// held is what merging asks about entries of which nothing lives.
func (p *parts) held(name crdt.ShortID) (*crdt.Touch, bool) {
	value, ok := p.read(partKey(keyRetired, p.key, name))
	if !ok {
		return nil, false
	}
	ref, merged, err := readRetired(value)
	if p.fail(err); err != nil || merged {
		return nil, true
	}
	t, err := p.load(ref)
	p.fail(err)
	return t, true
}

func (p *parts) retire(t *crdt.Touch) {
	p.set(partKey(keyRetired, p.key, t.Entry.Short()), retiredValue(t))
}

// What follows is crdt.Parts.

func (p *parts) Living(name crdt.ShortID) (crdt.Part, bool) {
	value, ok := p.read(partKey(keyLiving, p.key, name))
	if !ok {
		return crdt.Part{}, false
	}
	part, err := crdt.ReadPart(value, p.load)
	p.fail(err)
	return part, err == nil
}

func (p *parts) Live(part crdt.Part) {
	p.set(partKey(keyLiving, p.key, part.Entry.Short()), part.Append(nil))
}

func (p *parts) Retire(t *crdt.Touch) {
	p.unset(partKey(keyLiving, p.key, t.Entry.Short()))
	p.retire(t)
}

func (p *parts) Counter(path string) (int64, bool) {
	value, ok := p.read(counterKey(p.key, path))
	if !ok {
		return 0, false
	}
	sum, err := readSum(value)
	p.fail(err)
	return sum, err == nil
}

func (p *parts) Count(c crdt.Counter) {
	p.set(counterKey(p.key, c.Path), binary.AppendVarint(nil, c.Sum))
}

func readSum(value []byte) (int64, error) {
	sum, n := binary.Varint(value)
	if n <= 0 || n != len(value) {
		return 0, errKey
	}
	return sum, nil
}

func (p *parts) Waiting(awaited crdt.ShortID, visit func(crdt.Wait)) {
	var keys [][]byte // what is visited writes
	err := p.scan(partKey(keyWaiting, p.key, awaited), nil, false, func(k, _ []byte) (bool, error) {
		keys = append(keys, append([]byte(nil), k...))
		return true, nil
	})
	p.fail(err)
	for _, k := range keys {
		if value, ok := p.read(k); ok {
			part, err := crdt.ReadPart(value, p.load)
			if p.fail(err); err == nil {
				visit(crdt.Wait{Part: part, For: awaited})
			}
		}
	}
}

func (p *parts) Wait(by *crdt.Touch, awaited crdt.ShortID) (crdt.Wait, bool) {
	value, ok := p.read(waitingKey(p.key, awaited, by.Entry.Short()))
	if !ok {
		return crdt.Wait{}, false
	}
	part, err := crdt.ReadPart(value, func(crdt.Ref) (*crdt.Touch, error) { return by, nil })
	p.fail(err)
	return crdt.Wait{Part: part, For: awaited}, err == nil
}

func (p *parts) Keep(w crdt.Wait) {
	p.set(waitingKey(p.key, w.For, w.Entry.Short()), w.Append(nil))
}

func (p *parts) Forget(w crdt.Wait) { p.unset(waitingKey(p.key, w.For, w.Entry.Short())) }
