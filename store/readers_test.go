package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"musafir/crdt"
	"musafir/store"
	"musafir/store/storetest"
)

// TestReadersBesideWriter: readers in goroutines of their own, woken by the feed,
// see both records of each entry or neither, also while a batch is stored in
// parts and logs are new, and are told when the store closes.
func TestReadersBesideWriter(t *testing.T) {
	for _, o := range []storetest.Opener{
		&memoryOpener{}, &badgerOpener{t: t, path: t.TempDir()},
	} {
		if m, ok := o.(*memoryOpener); ok {
			m.disk = store.NewMemory()
			m.disk.MaxBytes = 10 << 10
		}
		a, err := storetest.Found(1)
		if err != nil {
			t.Fatal(err)
		}
		d := storetest.NewDevice(t, a, o.Open(t))
		var readers sync.WaitGroup
		for range 3 {
			readers.Go(func() { readPairs(t, d.Store) })
		}
		for n := range 60 {
			writePairs(t, d, n)
		}
		if err := d.Store.Close(); err != nil {
			t.Fatal(err)
		}
		readers.Wait()
	}
}

// writePairs adds a device of its own, which writes some entries of two records
// each in one batch.
func writePairs(t *testing.T, d *storetest.Device, n int) {
	t.Helper()
	a, err := d.Author.Join(byte(100 + n))
	if err != nil {
		t.Fatal(err)
	}
	other := &storetest.Device{Author: a, Store: d.Store}
	b := d.Store.Begin()
	defer b.Discard()
	birth := a.Births[0]
	if err := b.Append(birth.At, birth.ID, birth.Entry); err != nil {
		t.Fatal(err)
	}
	for i := range 12 {
		text := fmt.Sprint(n, "/", i)
		changes, err := other.Compose(b, storetest.Set("pairs", "left", "n", text), storetest.Set("pairs", "right", "n", text))
		if err != nil {
			t.Fatal(err)
		}
		it, err := a.Write(d.Now(), nil, changes...)
		if err == nil {
			err = b.Append(it.At, it.ID, it.Entry)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Commit(); err != nil {
		t.Fatal(err)
	}
}

func readPairs(t *testing.T, s *store.Store) {
	position := uint64(0)
	for {
		if err := s.WaitChange(context.Background(), position); err != nil {
			if !errors.Is(err, store.ErrClosed) {
				t.Error(err)
			}
			return
		}
		_, position = s.Feed()
		if err := readPair(s); err != nil {
			if !errors.Is(err, store.ErrClosed) {
				t.Error(err)
			}
			return
		}
	}
}

func readPair(s *store.Store) error {
	seen := map[string]string{}
	visit := func(r *crdt.Record) (bool, error) {
		seen[r.Key.ID] = string(r.View().Fields)
		return true, nil
	}
	if err := s.ScanAll(visit); err != nil {
		return err
	}
	if seen["left"] != seen["right"] {
		return fmt.Errorf("half an entry is seen: %q", seen)
	}
	for log, heads := range s.Frontier() {
		if _, err := s.Birth(log); err != nil {
			return fmt.Errorf("log with heads %v: %w", heads, err)
		}
	}
	_, err := s.Touches(crdt.RecordKey{Collection: "pairs", ID: "left"})
	s.StateRoot()
	s.Counts()
	return err
}
