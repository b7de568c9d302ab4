package store

import (
	"bytes"
	"fmt"
	"log/slog"
)

// RawKeys is all that the database holds, by key.
func (s *Store) RawKeys() (map[string][]byte, error) {
	v := s.engine.view()
	defer v.close()
	keys := map[string][]byte{}
	for _, letter := range []byte("mibesnqrtxfklwcj") {
		err := v.scan([]byte{letter}, nil, true, func(k, value []byte) (bool, error) {
			keys[string(k)] = bytes.Clone(value)
			return true, nil
		})
		if err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// ViewKey tells whether a key belongs to the merged view, the feed apart, and
// gives its value without the place in the feed.
func ViewKey(key string, value []byte) ([]byte, bool) {
	if key[0] == keyFeed || bytes.IndexByte(viewKeys, key[0]) < 0 {
		return nil, false
	}
	if key[0] != keyRow {
		return value, true
	}
	head, state, err := readRowHead(value)
	if err != nil {
		return nil, true
	}
	head.position = 0
	return append(appendRowHead(nil, head), state...), true
}

// Edit changes a memory disk behind the store's back; a nil value deletes.
func (m *Memory) Edit(key string, value []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.synced = m.synced.Clone()
	if value == nil {
		m.synced.Delete(pair{key: []byte(key)})
		return
	}
	m.synced.ReplaceOrInsert(pair{[]byte(key), bytes.Clone(value)})
}

// OpenUnsynced is a store that acknowledges what is not on disk.
func OpenUnsynced(dir string) (*Store, error) {
	e, err := openBadger(dir, make([]byte, keyBytes), false, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	return open(e, func(int) error { return nil }, defaultCacheBytes)
}

// OpenBytes is the free space that opening asks for.
const OpenBytes = openBytes

// A Layer is a layer over a memory disk.
type Layer struct{ l layer }

type fataler interface {
	Fatalf(format string, args ...any)
}

// LayerOver is a layer over what a disk holds now.
func LayerOver(m *Memory) *Layer { return &Layer{layer{reads: m.view()}} }

// Again is the layer over what another disk holds now.
func (l *Layer) Again(m *Memory) *Layer {
	l.l.reads = m.view()
	return l
}

// Has tells whether the layer itself has something to say of a key.
func (l *Layer) Has(key string) bool {
	_, found := l.l.find([]byte(key))
	return found
}

// Put sets a key; a nil value deletes.
func (l *Layer) Put(key string, value []byte) {
	l.l.put(put{key: []byte(key), value: value, del: value == nil})
}

// Get is a key's value in words.
func (l *Layer) Get(t fataler, key string) string {
	value, ok, err := l.l.get([]byte(key))
	if err != nil {
		t.Fatalf("get: %v", err)
	}
	return fmt.Sprint(value, ok)
}

// Scan is up to so many keys and values in words.
func (l *Layer) Scan(t fataler, prefix, from string, stop int) (seen []string) {
	err := l.l.scan([]byte(prefix), []byte(from), true, func(k, value []byte) (bool, error) {
		seen = append(seen, fmt.Sprintf("%s=%x", k, value))
		return len(seen) < stop, nil
	})
	if err != nil {
		t.Fatalf("scan: %v", err)
	}
	return seen
}
