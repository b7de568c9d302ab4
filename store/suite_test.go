package store_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"musafir/store"
	"musafir/store/storetest"
)

type keys struct{}

func (keys) Keys(t storetest.TB, s *store.Store) map[string][]byte {
	t.Helper()
	all, err := s.RawKeys()
	if err != nil {
		t.Fatalf("read all keys: %v", err)
	}
	return all
}

func (keys) DropsView(key string, value []byte) ([]byte, bool) { return store.ViewKey(key, value) }

type memoryOpener struct {
	keys
	disk *store.Memory
}

func (o *memoryOpener) Open(t storetest.TB) *store.Store {
	t.Helper()
	s, err := store.OpenMemory(o.disk)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return s
}

func (o *memoryOpener) Crash(storetest.TB) { o.disk = o.disk.Crash() }

func TestMemory(t *testing.T) {
	storetest.Run(t, func(*testing.T) storetest.Opener { return &memoryOpener{disk: store.NewMemory()} })
}

// TestMemoryInParts: one commit takes so little that views follow in parts.
func TestMemoryInParts(t *testing.T) {
	storetest.Run(t, func(*testing.T) storetest.Opener {
		disk := store.NewMemory()
		disk.MaxBytes, disk.MaxPuts = 8<<10, 100
		return &memoryOpener{disk: disk}
	})
}

// TestMemorySpread: a record of more than a few entries is kept in parts, and what
// a commit may hold is less than some records change.
func TestMemorySpread(t *testing.T) {
	storetest.Run(t, func(*testing.T) storetest.Opener {
		disk := store.NewMemory()
		disk.MaxBytes, disk.MaxPuts, disk.MaxWhole = 8<<10, 20, 4000
		return &memoryOpener{disk: disk}
	})
}

type badgerOpener struct {
	keys
	t    *testing.T
	path string
	last *store.Dir
}

func (o *badgerOpener) Open(t storetest.TB) *store.Store {
	t.Helper()
	d, err := store.CreateDir(o.path, store.Options{})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	o.last = d
	return d.Store
}

// Crash goes on with a copy of the files, as they are while the store is open. A
// copy during which a compaction replaced a table is of no one moment.
func (o *badgerOpener) Crash(t storetest.TB) {
	t.Helper()
	for {
		to := o.t.TempDir()
		before := tables(o.path)
		err := copyDir(to, o.path)
		if !slices.Equal(before, tables(o.path)) {
			continue
		}
		if err != nil {
			t.Fatalf("copy the files: %v", err)
		}
		o.path = to
		break
	}
	o.last.Close()
}

// tables lists the database's tables and how long its manifest is.
func tables(dir string) (names []string) {
	names, _ = filepath.Glob(filepath.Join(dir, "db", "*.sst"))
	if info, err := os.Stat(filepath.Join(dir, "db", "MANIFEST")); err == nil {
		names = append(names, fmt.Sprint(info.Size()))
	}
	return names
}

func copyDir(to, from string) error {
	return filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if e.IsDir() {
			return os.MkdirAll(filepath.Join(to, name), 0o700)
		}
		if e.Name() == "ballast" {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), b, 0o600)
	})
}

func TestBadger(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Opener { return &badgerOpener{t: t, path: t.TempDir()} })
}
