package node_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"

	"musafir/crdt"
	"musafir/node"
	"musafir/node/replica"
	"musafir/store"
)

// A rig is a node over a memory disk.
type rig struct {
	*node.Node
	store *store.Store
	disk  *store.Memory
	stop  func()
	batch atomic.Int64 // commits begun
}

func found(t testing.TB) (*store.Memory, ed25519.PrivateKey) {
	t.Helper()
	disk := store.NewMemory()
	s, err := store.OpenMemory(disk)
	check(t, err)
	_, key, err := ed25519.GenerateKey(nil)
	check(t, err)
	b := s.Begin()
	f, err := node.Found(b, key, "camp", "device")
	check(t, err)
	b.SetIdentity(store.Identity{Camp: f.Camp})
	check(t, b.Commit())
	return disk, key
}

func open(t testing.TB, disk *store.Memory, key ed25519.PrivateKey) *rig {
	t.Helper()
	s, err := store.OpenMemory(disk)
	check(t, err)
	id := s.Identity()
	writer, err := replica.LoadWriter(id.Camp, key, s)
	check(t, err)
	r := &rig{store: s, disk: disk}
	r.Node = node.New(node.Config{
		Begin: func() replica.Batch { r.batch.Add(1); return s.Begin() }, Sweep: s.Sweep,
		Logs: s, Writer: writer, Log: slog.New(slog.DiscardHandler),
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	r.stop = sync.OnceFunc(func() { cancel(); check(t, <-ended) })
	t.Cleanup(r.stop)
	return r
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func set(id string, fields ...crdt.Field) crdt.Transaction {
	return crdt.Transaction{Edits: []*crdt.Edit{{Key: crdt.RecordKey{Collection: "c", ID: id}, Set: fields}}}
}

func text(key, value string) crdt.Field { return crdt.Field{Key: key, Value: crdt.Text(value)} }

func (r *rig) view(t testing.TB, id string) crdt.View {
	t.Helper()
	rec, err := r.store.Record(crdt.RecordKey{Collection: "c", ID: id})
	check(t, err)
	if rec == nil {
		t.Fatalf("record %s is not there", id)
	}
	return rec.View()
}

// Two writes of one device never become siblings, though one commit takes both.
func TestOneDeviceNeverConflictsWithItself(t *testing.T) {
	disk, key := found(t)
	r := open(t, disk, key)
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() {
			for n := range 50 {
				_, err := r.Write(context.Background(), set("p", text("a", fmt.Sprint(w, n)), text("b", fmt.Sprint(n))))
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if v := r.view(t, "p"); len(v.Conflicts) > 0 {
		t.Errorf("a device alone made conflicts: %d", len(v.Conflicts))
	}
	if n := r.batch.Load(); n >= 16*50 {
		t.Errorf("%d commits for %d writes: none were taken together", n, 16*50)
	}
	report, err := r.store.Verify(context.Background(), nil)
	check(t, err)
	if len(report.Problems) > 0 {
		t.Error(report.Problems)
	}
}

// Submitted in order is done in order.
func TestSubmitKeepsOrder(t *testing.T) {
	disk, key := found(t)
	r := open(t, disk, key)
	var last func() (crdt.Receipt, error)
	for n := range 500 {
		wait, err := r.Submit(context.Background(), set("p", text("n", fmt.Sprint(n))))
		check(t, err)
		last = wait
	}
	_, err := last()
	check(t, err)
	if got := r.view(t, "p").Fields; !got.Equal(crdt.Object([]crdt.Field{text("n", "499")})) {
		t.Error("the last write does not show")
	}
}

// What one asks in vain concerns nobody else, and leaves nothing behind.
func TestEditErrorIsItsAuthorsAlone(t *testing.T) {
	disk, key := found(t)
	r := open(t, disk, key)
	good, err := r.Submit(context.Background(), set("good", text("a", "1")))
	check(t, err)
	tx := set("bad", text("a", "1"))
	tx.Edits = append(tx.Edits, &crdt.Edit{Key: crdt.RecordKey{Collection: "c", ID: "nobody"}, Delete: true})
	bad, err := r.Submit(context.Background(), tx)
	check(t, err)
	_, err = good()
	check(t, err)
	var e *crdt.EditError
	if _, err := bad(); !errors.As(err, &e) || !errors.Is(err, crdt.ErrNoRecord) {
		t.Errorf("got %v", err)
	}
	r.view(t, "good")
	if rec, err := r.store.Record(crdt.RecordKey{Collection: "c", ID: "bad"}); err != nil || rec != nil {
		t.Errorf("half of a transaction was done: %v %v", rec, err)
	}
}

// A commit that fails leaves nothing behind, and the next one continues the log.
func TestFailedCommit(t *testing.T) {
	disk, key := found(t)
	r := open(t, disk, key)
	_, err := r.Write(context.Background(), set("p", text("a", "1")))
	check(t, err)
	failure := errors.New("the disk is broken")
	disk.Fault = func(step string) error {
		if step == "sync" {
			return failure
		}
		return nil
	}
	if _, err := r.Write(context.Background(), set("p", text("a", "2"))); !errors.Is(err, failure) {
		t.Fatalf("got %v", err)
	}
	disk.Fault = nil
	_, err = r.Write(context.Background(), set("p", text("b", "3")))
	check(t, err)
	want := crdt.Object([]crdt.Field{text("a", "1"), text("b", "3")})
	if got := r.view(t, "p").Fields; !got.Equal(want) {
		t.Error("a write that failed shows, or one that did not is missing")
	}
	r.stop()
	again := open(t, disk.Crash(), key)
	if got := again.view(t, "p").Fields; !got.Equal(want) {
		t.Error("after a crash the record is another")
	}
	_, err = again.Write(context.Background(), set("p", text("c", "4")))
	check(t, err)
	report, err := again.store.Verify(context.Background(), nil)
	check(t, err)
	if len(report.Problems) > 0 {
		t.Error(report.Problems)
	}
}

// A repeated request is recognised, also by the device that has started anew.
func TestNoteIsRemembered(t *testing.T) {
	disk, key := found(t)
	r := open(t, disk, key)
	tx := set("p", text("a", "1"))
	tx.Note = &crdt.Note{Key: [32]byte{1}, Value: []byte("first")}
	first, err := r.Write(context.Background(), tx)
	check(t, err)
	r.stop()
	again := open(t, disk, key)
	tx = set("p", text("a", "2"))
	tx.Note = &crdt.Note{Key: [32]byte{1}, Value: []byte("second")}
	second, err := again.Write(context.Background(), tx)
	check(t, err)
	if string(second.Repeated) != "first" || second.Entry != first.Entry || first.Entry == (crdt.EntryID{}) {
		t.Errorf("a repeated transaction was done again: %+v", second)
	}
}

// What nothing changes writes no entry.
func TestNothingWaits(t *testing.T) {
	disk, key := found(t)
	r := open(t, disk, key)
	_, err := r.Write(context.Background(), set("p", text("a", "1")))
	check(t, err)
	before, _, _, _ := r.store.Counts()
	receipt, err := r.Write(context.Background(), set("p", text("a", "1")))
	check(t, err)
	if after, _, _, _ := r.store.Counts(); after != before || receipt.Entry != (crdt.EntryID{}) {
		t.Error("an entry that changes nothing was written")
	}
}

// After Run has ended writers are told, not left waiting.
func TestStopped(t *testing.T) {
	disk, key := found(t)
	r := open(t, disk, key)
	r.stop()
	if _, err := r.Write(context.Background(), set("p", text("a", "1"))); !errors.Is(err, node.ErrStopped) {
		t.Errorf("got %v", err)
	}
}

// The author seals at the latest every SealEveryEntries, also across restarts.
func TestSeals(t *testing.T) {
	disk, key := found(t)
	for range 3 {
		r := open(t, disk, key)
		for n := range crdt.SealEveryEntries/2 + 10 {
			_, err := r.Write(context.Background(), set("p", text("n", fmt.Sprint(n))))
			check(t, err)
		}
		writer, err := replica.LoadWriter(r.store.Identity().Camp, key, r.store)
		check(t, err)
		_, unsealed, _, err := r.store.Unsealed(writer.Records.Log)
		check(t, err)
		if unsealed >= crdt.SealEveryEntries {
			t.Errorf("%d entries stand behind the last seal", unsealed)
		}
		r.stop()
		next := open(t, disk, key)
		next.stop()
	}
	s, err := store.OpenMemory(disk)
	check(t, err)
	report, err := s.Verify(context.Background(), nil)
	check(t, err)
	if report.Seals < 3 || len(report.Problems) > 0 {
		t.Errorf("%d seals, problems %q", report.Seals, report.Problems)
	}
}
