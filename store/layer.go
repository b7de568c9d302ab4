package store

import (
	"bytes"
	"slices"
	"strings"
)

// A layer is what a batch changes of the database, laid over it.
type layer struct {
	reads
	puts  []put
	index map[string]int // of the puts, once they are many
}

const layerSearchMax = 8 // puts that are searched without an index

func (l *layer) find(key []byte) (at int, found bool) {
	if l.index != nil {
		at, found = l.index[string(key)]
		return at, found
	}
	at = slices.IndexFunc(l.puts, func(p put) bool { return bytes.Equal(p.key, key) })
	return at, at >= 0
}

func (l *layer) put(p put) {
	if at, found := l.find(p.key); found {
		l.puts[at] = p
		return
	}
	l.puts = append(l.puts, p)
	if l.index != nil {
		l.index[string(p.key)] = len(l.puts) - 1
	} else if len(l.puts) > layerSearchMax {
		l.makeIndex()
	}
}

func (l *layer) makeIndex() {
	l.index = make(map[string]int, 2*len(l.puts))
	for i, p := range l.puts {
		l.index[string(p.key)] = i
	}
}

func (l *layer) get(key []byte) ([]byte, bool, error) {
	if at, found := l.find(key); found {
		p := l.puts[at]
		return bytes.Clone(p.value), !p.del, nil
	}
	return l.reads.get(key)
}

// within are the layer's own puts to keys with a prefix, from a key on, in order.
func (l *layer) within(prefix, from []byte) (puts []put) {
	for _, p := range l.puts {
		if bytes.HasPrefix(p.key, prefix) && bytes.Compare(p.key, from) >= 0 {
			puts = append(puts, p)
		}
	}
	slices.SortFunc(puts, func(a, b put) int { return bytes.Compare(a.key, b.key) })
	return puts
}

func (l *layer) scan(prefix, from []byte, values bool, visit func(key, value []byte) (bool, error)) error {
	m := overlay{own: l.within(prefix, from), visit: visit, more: true}
	err := l.reads.scan(prefix, from, values, func(k, value []byte) (bool, error) {
		if hidden, err := m.upTo(string(k)); hidden || err != nil || !m.more {
			return m.more, err
		}
		return m.pass(k, value)
	})
	if err != nil {
		return err
	}
	_, err = m.upTo(endOfKeys)
	return err
}

const endOfKeys = "\xff" // no letter of ours is as great

// An overlay visits the puts of a layer among the keys of what it lies over.
type overlay struct {
	own   []put
	visit func(key, value []byte) (bool, error)
	more  bool
}

func (m *overlay) pass(key, value []byte) (more bool, err error) {
	m.more, err = m.visit(key, value)
	return m.more, err
}

// upTo visits the puts up to a key, and tells whether one hides what is there.
func (m *overlay) upTo(key string) (hidden bool, err error) {
	for m.more && err == nil && len(m.own) > 0 {
		p := m.own[0]
		order := strings.Compare(string(p.key), key)
		if order > 0 {
			return false, nil
		}
		m.own = m.own[1:]
		if !p.del {
			_, err = m.pass(p.key, p.value)
		}
		if order == 0 {
			return true, err
		}
	}
	return false, err
}
