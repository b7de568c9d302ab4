package storetest

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"testing"

	"musafir/crdt"
	"musafir/store"
)

// An Opener has one database, which can be opened again and again.
type Opener interface {
	// Open opens the database; the last store must have been closed or crashed.
	Open(t TB) *store.Store
	// Crash leaves the open store behind as a killed process would. The next Open
	// finds what was synced.
	Crash(t TB)
	// Keys is all that the database holds, by key.
	Keys(t TB, s *store.Store) map[string][]byte
	// DropsView tells whether the key belongs to what Rebuild makes anew, the feed
	// apart, and gives the value without the place in the feed.
	DropsView(key string, value []byte) (rest []byte, ok bool)
}

// Run runs the suite. open makes an empty database.
func Run(t *testing.T, open func(t *testing.T) Opener) {
	cases := map[string]func(*testing.T, *bench){
		"ReadBack": testReadBack, "Overwrite": testOverwrite, "Siblings": testSiblings, "Delete": testDelete,
		"Conflicts": testConflicts, "Scan": testScan, "Changes": testChanges, "WaitChange": testWaitChange,
		"Forks": testForks, "Held": testHeld, "Unknown": testUnknown, "Conduct": testConduct, "Pending": testPending,
		"Notes": testNotes, "Seals": testSeals, "Batch": testBatch, "Closed": testClosed, "Rebuild": testRebuild,
		"Sweep": testSweep, "Internal": testInternal, "History": testHistory,
		"Moment": testMoment, "MomentBesideWriter": testMomentBesideWriter, "Past": testPast, "LaterStops": testLaterStops, "NewerLog": testNewerLog,
		"Late": testLate, "CrowdHeld": testCrowdHeld,
	}
	for name, c := range Crowds {
		cases["Crowd "+name] = c.test
	}
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		t.Run(name, func(t *testing.T) { cases[name](t, newBench(t, open(t))) })
	}
}

// A bench is one device on the store that is tested, and a model beside it.
type bench struct {
	*Device
	opener Opener
	model  *Model
}

func newBench(t *testing.T, o Opener) *bench {
	t.Helper()
	a, err := Found(1)
	if err != nil {
		t.Fatalf("found a camp: %v", err)
	}
	b := &bench{opener: o, model: NewModel()}
	s := o.Open(t)
	t.Cleanup(func() { b.Store.Close() })
	b.Device = NewDevice(t, a, s)
	return b
}

// peer is another device of the camp, in memory, that holds the same so far.
func (b *bench) peer(t *testing.T, seed byte) *Device {
	t.Helper()
	a, err := b.Author.Join(seed)
	if err != nil {
		t.Fatalf("join: %v", err)
	}
	s, err := store.OpenMemory(store.NewMemory())
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	d := &Device{Author: a, Store: s, held: map[crdt.EntryID]bool{}, time: b.time}
	d.Take(t, b.Items...)
	d.Take(t, a.Births...)
	return d
}

// check compares with the model as it is, after closing, after a crash, and after
// a rebuild, and verifies each time.
func (b *bench) check(t *testing.T) {
	t.Helper()
	b.model = NewModel()
	b.model.Add(b.Items...)
	b.verify(t)
	identity := b.Store.Identity()
	before := b.opener.Keys(t, b.Store)
	if err := b.Store.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	b.reopen(t)
	b.opener.Crash(t)
	b.reopen(t)
	if after := b.opener.Keys(t, b.Store); !maps.EqualFunc(before, after, bytes.Equal) {
		t.Fatalf("opening changed the database")
	}
	if b.Store.Identity() != identity {
		t.Fatalf("the identity changed")
	}
}

func (b *bench) reopen(t *testing.T) {
	t.Helper()
	b.Store = b.opener.Open(t)
	b.verify(t)
}

func (b *bench) verify(t TB) {
	t.Helper()
	b.model.Check(t, b.Store)
	VerifyClean(t, b.Store)
}

// VerifyClean fails if Verify finds anything.
func VerifyClean(t TB, s *store.Store) {
	t.Helper()
	report, err := s.Verify(context.Background(), nil)
	if err != nil || len(report.Problems) > 0 {
		t.Fatalf("verify: %v, %v", report, err)
	}
}
