package storetest

import (
	"context"
	"errors"
	"slices"
	"testing"

	"musafir/crdt"
	"musafir/store"
)

func testScan(t *testing.T, b *bench) {
	for _, c := range []string{"p", "patients", "patients2", "patients-a", "patients.a", "_p"} {
		for _, id := range []string{"a", "a b", "a\u00a0", "aa", "é", "日本", "नूर"} {
			b.Put(t, c, id, "name", id)
		}
	}
	b.Edit(t, &crdt.Edit{Key: crdt.RecordKey{Collection: "patients", ID: "aa"}, Delete: true})
	b.check(t)
	n := 0
	stop := errors.New("stop")
	err := b.Store.Scan("patients", "", func(*crdt.Record) (bool, error) { n++; return n < 3, nil })
	if n != 3 || err != nil {
		t.Fatalf("visited %d records, %v", n, err)
	}
	if err := b.Store.ScanAll(func(*crdt.Record) (bool, error) { return true, stop }); !errors.Is(err, stop) {
		t.Fatalf("the visitor's error became %v", err)
	}
}

func testChanges(t *testing.T, b *bench) {
	b.Put(t, "patients", "a", "name", "A")
	b.Put(t, "patients", "b", "name", "B")
	feed, middle := b.Store.Feed()
	b.Put(t, "patients", "a", "name", "A2")
	b.Put(t, "_sessions", "s", "name", "S")
	var got []string
	err := b.Store.Changes(middle, func(position uint64, r *crdt.Record) (bool, error) {
		got = append(got, r.Key.ID)
		return true, nil
	})
	if err != nil || !slices.Equal(got, []string{"a"}) {
		t.Fatalf("changes after %d: %q, %v", middle, got, err)
	}
	if err := b.Store.Changes(^uint64(0), func(uint64, *crdt.Record) (bool, error) { return true, errors.New("a change") }); err != nil {
		t.Fatalf("after the last position: %v", err)
	}
	b.check(t)
	if again, end := b.Store.Feed(); again != feed || end != middle+2 {
		t.Fatalf("after opening the feed is %x at %d, was %x at %d", again, end, feed, middle)
	}
}

func testWaitChange(t *testing.T, b *bench) {
	_, position := b.Store.Feed()
	woken := make(chan error)
	wait := func(ctx context.Context, position uint64) {
		s := b.Store
		go func() { woken <- s.WaitChange(ctx, position) }()
	}
	wait(context.Background(), position)
	b.Put(t, "patients", "a", "name", "A")
	if err := <-woken; err != nil {
		t.Fatalf("wait: %v", err)
	}
	wait(context.Background(), position) // passed already
	if err := <-woken; err != nil {
		t.Fatalf("wait: %v", err)
	}
	_, position = b.Store.Feed()
	ctx, cancel := context.WithCancel(context.Background())
	wait(ctx, position)
	cancel()
	if err := <-woken; !errors.Is(err, context.Canceled) {
		t.Fatalf("canceled wait: %v", err)
	}
	wait(context.Background(), position)
	if err := b.Store.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	if err := <-woken; !errors.Is(err, store.ErrClosed) {
		t.Fatalf("wait on a store that closes: %v", err)
	}
}

func testInternal(t *testing.T, b *bench) {
	b.Put(t, "_sessions", "a", "name", "A")
	if _, records, _, _ := b.Store.Counts(); records != 0 {
		t.Fatalf("%d records", records)
	}
	b.check(t)
}
