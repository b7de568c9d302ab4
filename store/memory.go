package store

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/google/btree" // copy-on-write clones are the snapshots
)

// ErrCrashed is what a memory engine answers once it has crashed.
var ErrCrashed = errors.New("the store has crashed")

// A Memory is an engine for tests: it keeps in memory what a disk would hold.
// Crash loses what was not synced; Fault makes commits fail.
type Memory struct {
	// Fault, if set, is called for each commit: before it is written ("write"),
	// before it is synced ("sync"), and before it is acknowledged
	// ("acknowledge"). An error fails the commit, which leaves nothing behind,
	// but for the last: there it is on disk and only a new start can tell.
	Fault func(step string) error

	// What one commit may hold; 0: what Badger takes.
	MaxBytes, MaxPuts int
	// What a record may weigh to be kept whole, and to be read; 0: as elsewhere.
	MaxWhole, MaxRead uint64

	mu      sync.Mutex
	synced  *btree.BTreeG[pair]
	crashed bool
}

type pair struct {
	key, value []byte
}

// NewMemory is an empty disk.
func NewMemory() *Memory {
	return &Memory{synced: btree.NewG(32, func(a, b pair) bool { return bytes.Compare(a.key, b.key) < 0 })}
}

// Crash is a power cut: whoever has the store open gets errors from now on. The
// result is the disk as it is found afterwards.
func (m *Memory) Crash() *Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.crashed = true
	return &Memory{
		synced: m.synced.Clone(), MaxBytes: m.MaxBytes, MaxPuts: m.MaxPuts, MaxWhole: m.MaxWhole, MaxRead: m.MaxRead,
	}
}

func (m *Memory) limits() limits {
	l := newLimits(cmp.Or(m.MaxBytes, 1<<20), cmp.Or(m.MaxPuts, 12_000))
	l.whole, l.read = cmp.Or(m.MaxWhole, l.whole), cmp.Or(m.MaxRead, l.read)
	return l
}

func (m *Memory) fault(step string) error {
	if m.Fault == nil {
		return nil
	}
	return m.Fault(step)
}

func (m *Memory) commit(puts []put) error {
	if l := m.limits(); sizeOf(puts) > l.bytes || len(puts) > l.puts {
		return fmt.Errorf("%d puts of %d bytes are too many for one commit", len(puts), sizeOf(puts))
	}
	if err := m.fault("write"); err != nil {
		return err
	}
	next, err := m.write(puts)
	if err != nil {
		return err
	}
	if err := m.fault("sync"); err != nil {
		return err
	}
	m.mu.Lock()
	m.synced = next
	m.mu.Unlock()
	if err := m.fault("acknowledge"); err != nil {
		return fmt.Errorf("%w: %w", errUnsure, err)
	}
	return nil
}

func (m *Memory) write(puts []put) (*btree.BTreeG[pair], error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.crashed {
		return nil, ErrCrashed
	}
	next := m.synced.Clone()
	for _, p := range puts {
		if p.del {
			next.Delete(pair{key: p.key})
		} else {
			next.ReplaceOrInsert(pair{slices.Clone(p.key), slices.Clone(p.value)})
		}
	}
	return next, nil
}

func (m *Memory) close() error { return nil }

func (m *Memory) view() view {
	m.mu.Lock()
	defer m.mu.Unlock()
	return memoryView{m.synced.Clone()}
}

type memoryView struct {
	tree *btree.BTreeG[pair]
}

func (v memoryView) close() {}

func (v memoryView) get(key []byte) ([]byte, bool, error) {
	p, ok := v.tree.Get(pair{key: key})
	return slices.Clone(p.value), ok, nil
}

func (v memoryView) scan(prefix, from []byte, values bool, visit func(key, value []byte) (bool, error)) error {
	if from == nil {
		from = prefix
	}
	var err error
	v.tree.AscendGreaterOrEqual(pair{key: from}, func(p pair) bool {
		if !bytes.HasPrefix(p.key, prefix) {
			return false
		}
		value := p.value
		if !values {
			value = nil
		}
		var more bool
		more, err = visit(p.key, value)
		return more && err == nil
	})
	return err
}

func (v memoryView) last(prefix []byte) (key, value []byte, ok bool, err error) {
	after := append(slices.Clone(prefix), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
	v.tree.DescendLessOrEqual(pair{key: after}, func(p pair) bool {
		if bytes.HasPrefix(p.key, prefix) {
			key, value, ok = p.key, slices.Clone(p.value), true
		}
		return false
	})
	return key, value, ok, nil
}
