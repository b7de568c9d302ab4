package replica_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"musafir/crdt"
	"musafir/node/access"
	"musafir/node/replica"
	"musafir/node/wire"
	"musafir/store"
)

// all are the ranges of everything that a device holds.
func (d *device) all() (ranges []crdt.Range) {
	for n, b := range d.store.Branches() {
		ranges = append(ranges, crdt.Range{Branch: uint32(n), From: b.From, To: b.Head.Seq})
	}
	return ranges
}

// own is the range of the device's record log, from an entry on.
func (d *device) own(from uint64) []crdt.Range {
	branches := d.store.Branches()
	n := slices.IndexFunc(branches, func(b crdt.Branch) bool { return b.Log == d.writer.Records.Log })
	return []crdt.Range{{Branch: uint32(n), From: from, To: branches[n].Head.Seq}}
}

// cut gives the frames of some ranges.
func (d *device) cut(ranges []crdt.Range) (frames []*wire.Batch) {
	d.Helper()
	_, err := replica.Cut(d.store, ranges, 1<<30, func(b *wire.Batch) error {
		c := *b
		frames = append(frames, &c)
		return nil
	})
	if err != nil {
		d.Fatalf("cut: %v", err)
	}
	return frames
}

// verify puts frames through a verifier of a device that holds what s does.
func verify(d *device, s *store.Store, frames []*wire.Batch) (got []*replica.Received, err error) {
	v := replica.NewVerifier(d.writer.Camp, s)
	for _, f := range frames {
		b, err := v.Add(f)
		if err != nil {
			return got, err
		}
		if b != nil {
			got = append(got, b)
		}
	}
	return got, nil
}

// settle is an empty store into which batches go.
func settle(d *device, batches []*replica.Received) (*store.Store, error) {
	s := newStore(d)
	w := &replica.Writer{Camp: d.writer.Camp, Device: keyOf(99), Members: access.New(d.writer.Camp), Graph: crdt.Graph{}, Acts: crdt.Graph{}}
	for _, b := range batches {
		g := replica.NewGroup(s.Begin(), w)
		if err := g.Ingest(b, 0); err != nil {
			g.Discard()
			return s, err
		}
		next, err := g.Commit()
		if err != nil {
			return s, err
		}
		w = next
	}
	return s, nil
}

// TestBatches: what one device cuts another one takes, and holds the same then.
func TestBatches(t *testing.T) {
	a := found(t)
	for range 300 {
		a.put("rahima", "Rahima")
		a.put("rahima", strings.Repeat("long ", 400))
	}
	a.admit(2, crdt.RoleCoordinator)
	frames := a.cut(a.all())
	batches, err := verify(a, newStore(t), frames)
	if err != nil || len(batches) < 2 || len(frames) == len(batches) {
		t.Fatalf("%d batches of %d frames, %v", len(batches), len(frames), err)
	}
	s, err := settle(a, batches)
	if err != nil {
		t.Fatalf("ingest: %v", err)
	}
	if s.Frontier().Digest() != a.store.Frontier().Digest() || s.StateRoot() != a.store.StateRoot() {
		t.Error("the two hold something else")
	}
}

// twins are two copies of a device whose writes follow the same entry.
func twins(t *testing.T) (a, b, twin *device) {
	t.Helper()
	a = found(t)
	b = a.admit(2, crdt.RoleMember)
	b.put("rahima", "Rahima")
	b.put("rahima", "Rahima B")
	s, err := settle(b, must(verify(b, newStore(t), b.cut(b.all()))))
	if err != nil {
		t.Fatalf("copy: %v", err)
	}
	twin = load(t, s, b.writer.Camp, keyOf(2), b.queue)
	twin.now += 5
	return a, b, twin
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestBatchOfTree: both branches of a log may stand in one batch, wherever they part.
func TestBatchOfTree(t *testing.T) {
	_, b, twin := twins(t)
	for i := range 3 {
		b.put("rahima", strings.Repeat("one ", i+1))
		twin.put("rahima", strings.Repeat("two ", i+1))
	}
	for _, batch := range must(verify(b, b.store, twin.cut(twin.own(3)))) {
		b.commit(func(g *replica.Group) error { return g.Ingest(batch, 0) })
	}
	if n := len(b.store.Branches()); n != 3 {
		t.Fatalf("%d branches, want 3", n)
	}
	batches, err := verify(b, newStore(t), b.cut(b.all()))
	if err != nil || len(batches) != 1 {
		t.Fatalf("%d batches, %v", len(batches), err)
	}
	s, err := settle(b, batches)
	if err != nil || s.Frontier().Digest() != b.store.Frontier().Digest() {
		t.Errorf("the tree did not arrive whole: %v", err)
	}
}

// TestBadBatches: what breaks a rule is refused, whatever the rule.
func TestBadBatches(t *testing.T) {
	a := found(t)
	b := a.admit(2, crdt.RoleMember)
	for _, name := range []string{"one", "two", "three"} {
		a.put("rahima", name)
	}
	frame := func() *wire.Batch {
		f := a.cut(a.own(1))[0]
		f.Seals = slices.Clone(f.Seals)
		f.Runs = slices.Clone(f.Runs)
		f.Runs[0].Entries = slices.Clone(f.Runs[0].Entries)
		return f
	}
	cases := map[string]func(f *wire.Batch){
		"a forged seal":     func(f *wire.Batch) { f.Seals[0].Seal[0] ^= 1 },
		"no seal":           func(f *wire.Batch) { f.Seals = nil },
		"a seal twice":      func(f *wire.Batch) { f.Seals = append(f.Seals, f.Seals[0]) },
		"another's seal":    func(f *wire.Batch) { f.Seals[0].Log = b.writer.Records.Log },
		"a seal too early":  func(f *wire.Batch) { f.Seals[0].Seq-- },
		"an entry left out": func(f *wire.Batch) { f.Runs[0].Entries = f.Runs[0].Entries[1:] },
		"another order": func(f *wire.Batch) {
			e := f.Runs[0].Entries
			e[0], e[1] = e[1], e[0]
		},
		"a bit of an entry": func(f *wire.Batch) {
			e := bytes.Clone(f.Runs[0].Entries[1])
			e[len(e)-1] ^= 1
			f.Runs[0].Entries[1] = e
		},
		"no entry at all": func(f *wire.Batch) { f.Runs[0].Entries[0] = []byte{1, 2, 3} },
		"a birth that is none": func(f *wire.Batch) {
			f.Runs[0].Seq, f.Runs[0].Prev = 0, [8]byte{}
		},
		"too much": func(f *wire.Batch) {
			for range replica.MaxBatchCost / 128 {
				f.Runs[0].Entries = append(f.Runs[0].Entries, f.Runs[0].Entries[0])
			}
		},
	}
	held := a.store
	for name, spoil := range cases {
		f := frame()
		spoil(f)
		if got, err := verify(a, held, []*wire.Batch{f}); err == nil || errors.Is(err, replica.ErrGap) || len(got) > 0 {
			t.Errorf("%s: %d batches, %v", name, len(got), err)
		}
	}
	if got, err := verify(a, held, []*wire.Batch{frame()}); err != nil || len(got) != 1 {
		t.Errorf("as it was: %d batches, %v", len(got), err)
	}
}

// TestBatchAfterGap: a batch that goes on from what is not held is passed over, and
// the next one is taken.
func TestBatchAfterGap(t *testing.T) {
	a := found(t)
	b := a.admit(2, crdt.RoleMember)
	a.put("rahima", "one")
	a.put("rahima", "two")
	gap := a.cut(a.own(2))[0]
	if _, err := verify(b, b.store, []*wire.Batch{gap}); !errors.Is(err, replica.ErrGap) {
		t.Errorf("a batch from nowhere: %v", err)
	}
	wrong := *gap
	wrong.Runs = slices.Clone(gap.Runs)
	wrong.Runs[0].Prev[0] ^= 1
	if _, err := verify(a, a.store, []*wire.Batch{&wrong}); !errors.Is(err, replica.ErrGap) {
		t.Errorf("a batch behind an entry that nobody has: %v", err)
	}

	r := replica.NewReader(7, b.writer.Camp, b.store)
	first := *gap
	first.End, first.Seals = false, nil
	if event, ok := r.Event(&first).(replica.Underway); !ok || event.Session != 7 {
		t.Errorf("a frame of a batch is %+v", event)
	}
	event, ok := r.Event(gap).(replica.Arrival)
	if !ok || !event.Gap || event.Bytes != first.EntryBytes()+gap.EntryBytes() || event.Batch != nil {
		t.Errorf("the end of it is %+v", event)
	}
	if event, ok := r.Event(a.cut(a.own(0))[0]).(replica.Arrival); !ok || event.Gap || len(event.Batch.Items) != 3 {
		t.Errorf("the next batch is %+v", event)
	}

	// One that never ends is not read for ever.
	skipped := 0
	for skipped <= wire.MaxBatchBytes {
		if _, ok := r.Event(&first).(replica.Underway); !ok {
			break
		}
		skipped += first.EntryBytes()
	}
	if skipped == 0 || skipped > wire.MaxBatchBytes {
		t.Errorf("%d bytes were skipped", skipped)
	}
	if _, ok := r.Event(&first).(replica.BadInput); !ok {
		t.Error("a batch beyond the limit is no breach")
	}
}

// logs are entries as a store would stream them.
type logs struct {
	replica.Logs
	items []*crdt.Item
}

func (l logs) Stream(_ []crdt.Range, visit func(*crdt.Item) (bool, error)) error {
	for _, it := range l.items {
		if more, err := visit(it); err != nil || !more {
			return err
		}
	}
	return nil
}

func (logs) Birth(crdt.LogID) (*crdt.Birth, error) { return &crdt.Birth{Kind: crdt.RecordLog}, nil }

// line makes entries of a branch with some that are sealed.
func line(branch uint32, from uint64, sizes []int, sealed ...uint64) (items []*crdt.Item) {
	for i, size := range sizes {
		seq := from + uint64(i)
		it := &crdt.Item{Branch: branch, At: crdt.Place{Log: crdt.LogID{byte(branch)}, Seq: seq}, Raw: make([]byte, size)}
		if slices.Contains(sealed, seq) {
			it.Seal = &crdt.Seal{byte(seq)}
		}
		items = append(items, it)
	}
	return items
}

func repeat(n, size int) []int { return slices.Repeat([]int{size}, n) }

// cutOf tells of each batch how many entries it has, and what came of it all.
func cutOf(t *testing.T, budget int, items ...[]*crdt.Item) (batches []int, sent replica.Sent) {
	t.Helper()
	n, bytes := 0, 0
	sent, err := replica.Cut(logs{items: slices.Concat(items...)}, nil, budget, func(b *wire.Batch) error {
		for _, r := range b.Runs {
			n += len(r.Entries)
		}
		if bytes += b.EntryBytes() + 128*len(b.Runs); b.EntryBytes() > 256<<10 {
			t.Errorf("a frame of %d bytes of entries", b.EntryBytes())
		}
		if b.End {
			batches, n, bytes = append(batches, n), 0, 0
		}
		return nil
	})
	if err != nil || n > 0 {
		t.Fatalf("cut: %d entries without an end, %v", n, err)
	}
	return batches, sent
}

// TestCut: batches end where all in them is sealed, and nothing else is sent.
func TestCut(t *testing.T) {
	const big = 100 << 10
	cases := []struct {
		name   string
		budget int
		items  [][]*crdt.Item
		want   []int
		next   map[uint32]uint64
	}{
		{"nothing", 1, nil, nil, nil},
		{"one", 1, [][]*crdt.Item{line(1, 5, repeat(1, 9), 5)}, []int{1}, map[uint32]uint64{1: 6}},
		{"a tail without a seal", 1 << 20, [][]*crdt.Item{line(1, 5, repeat(4, 9), 6)}, []int{2}, map[uint32]uint64{1: 7}},
		{"no seal at all", 1 << 20, [][]*crdt.Item{line(1, 5, repeat(4, 9))}, nil, nil},
		{
			"two logs of which one is open", 1 << 20,
			[][]*crdt.Item{line(1, 5, repeat(2, 9), 6), line(2, 0, repeat(2, 9)), line(1, 7, repeat(1, 9), 7)},
			[]int{2}, map[uint32]uint64{1: 7},
		},
		{"the budget ends", 10, [][]*crdt.Item{line(1, 1, repeat(9, 9), 2, 4, 9)}, []int{2}, map[uint32]uint64{1: 3}},
		{"the budget ends within a stretch", 19, [][]*crdt.Item{line(1, 1, repeat(9, 9), 2, 4, 9)}, []int{4}, map[uint32]uint64{1: 5}},
		{
			"more than a batch", 1 << 30, [][]*crdt.Item{line(1, 1, repeat(7, big), 1, 2, 3, 4, 5, 6, 7)},
			[]int{2, 2, 2, 1}, map[uint32]uint64{1: 8},
		},
		{"two stretches", 1 << 30, [][]*crdt.Item{line(1, 1, repeat(4, big), 2, 4)}, []int{2, 2}, map[uint32]uint64{1: 5}},
	}
	for _, c := range cases {
		got, sent := cutOf(t, c.budget, c.items...)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: batches of %v entries, want %v", c.name, got, c.want)
		}
		if len(sent.Next) != len(c.next) {
			t.Errorf("%s: went up to %v, want %v", c.name, sent.Next, c.next)
		}
		for n, next := range c.next {
			if sent.Next[n] != next {
				t.Errorf("%s: went up to %v, want %v", c.name, sent.Next, c.next)
			}
		}
	}
}

// TestCutKeepsSeals: a birth and an act of membership can be shown alone, wherever
// they come from.
func TestCutKeepsSeals(t *testing.T) {
	a := found(t)
	a.admit(2, crdt.RoleMember)
	a.admit(3, crdt.RoleMember)
	a.put("rahima", "one")
	a.put("rahima", "two")
	s, err := settle(a, must(verify(a, newStore(t), a.cut(a.all()))))
	if err != nil {
		t.Fatalf("ingest: %v", err)
	}
	sealed := map[crdt.LogID][]uint64{}
	var ranges []crdt.Range
	for n, b := range s.Branches() {
		ranges = append(ranges, crdt.Range{Branch: uint32(n), To: b.Head.Seq})
	}
	err = s.Stream(ranges, func(it *crdt.Item) (bool, error) {
		log := it.At.Log
		if it.At.Seq == 0 {
			log = crdt.LogID(it.ID)
		}
		if it.Seal != nil {
			sealed[log] = append(sealed[log], it.At.Seq)
		}
		return true, nil
	})
	if err != nil {
		t.Fatalf("stream: %v", err)
	}
	if got := sealed[crdt.LogID(a.writer.Camp)]; !slices.Equal(got, []uint64{0, 1, 2}) {
		t.Errorf("of the control log %v are sealed, want all three", got)
	}
	if got := sealed[a.writer.Records.Log]; !slices.Equal(got, []uint64{0, 2}) {
		t.Errorf("of the record log %v are sealed, want the birth and the last", got)
	}
}

// births are logs of one entry each, which one device began: as a store streams them,
// and in one batch.
func births(t *testing.T, a *device, n int) (items []*crdt.Item, batch *wire.Batch) {
	t.Helper()
	batch = &wire.Batch{End: true}
	admission := crdt.Dep{Log: crdt.LogID(a.writer.Camp), ID: crdt.EntryID(a.writer.Camp)}
	for i := range n {
		birth := &crdt.Birth{
			Camp: a.writer.Camp, Kind: crdt.RecordLog, Device: a.writer.Public(), Admission: admission.ID,
			Incarnation: [16]byte{byte(i), byte(i >> 8), 1}, Ordinal: uint64(i),
		}
		e := must(crdt.NewEntry(1, []crdt.Dep{admission}, "", "", []crdt.Change{must(birth.Change())}))
		id := e.ID(crdt.Place{})
		seal := crdt.SealEntry(a.writer.Device, a.writer.Camp, id)
		items = append(items, &crdt.Item{Branch: uint32(i), ID: id, Raw: e.Encoded(), Seal: &seal})
		batch.Runs = append(batch.Runs, wire.Run{Log: crdt.LogID(id), Entries: [][]byte{e.Encoded()}})
		batch.Seals = append(batch.Seals, wire.SealAt{Log: crdt.LogID(id), Seal: seal})
	}
	return items, batch
}

// TestManyLogs: batches of many short logs are no larger than a commit takes with all
// that is kept beside the entries, and what is sent is taken.
func TestManyLogs(t *testing.T) {
	a := found(t)
	items, _ := births(t, a, 2000)
	var frames []*wire.Batch
	_, err := replica.Cut(logs{a.store, items}, nil, 1<<30, func(b *wire.Batch) error {
		frame := *b
		frames = append(frames, &frame)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := verify(a, a.store, frames)
	n := 0
	for _, b := range got {
		n += len(b.Items)
	}
	if err != nil || n != len(items) || len(got) < 2 {
		t.Errorf("%d of %d entries in %d batches: %v", n, len(items), len(got), err)
	}
	_, large := births(t, a, 900)
	var limit *crdt.LimitError
	if _, err := verify(a, a.store, []*wire.Batch{large}); !errors.As(err, &limit) {
		t.Errorf("a batch of 900 logs: %v", err)
	}
}

// TestSealsOfATree: the seals of many branches are found at once in the order of their
// entries, and sought for a while in another one.
func TestSealsOfATree(t *testing.T) {
	a := found(t)
	items, batch := births(t, a, 1)
	log := crdt.LogID(items[0].ID)
	for i := range 300 {
		rc := &crdt.RecordChange{Key: crdt.RecordKey{Collection: "c", ID: "r"}, Writes: []crdt.Write{{Path: "p", Value: crdt.Int(int64(i))}}}
		e := must(crdt.NewEntry(1, nil, "", "", []crdt.Change{must(rc.Encode([crdt.SaltSize]byte{byte(i)}))}))
		at := crdt.Place{Log: log, Seq: 1, Prev: items[0].ID}
		id := e.ID(at)
		batch.Runs = append(batch.Runs, wire.Run{Log: log, Seq: 1, Prev: [8]byte(at.Prev[:8]), Entries: [][]byte{e.Encoded()}})
		batch.Seals = append(batch.Seals, wire.SealAt{Log: log, Seq: 1, Seal: crdt.SealEntry(a.writer.Device, a.writer.Camp, id)})
	}
	if got, err := verify(a, a.store, []*wire.Batch{batch}); err != nil || len(got) != 1 || len(got[0].Seals) != 301 {
		t.Fatalf("in order: %d batches, %v", len(got), err)
	}
	few := *batch
	few.Seals = slices.Clone(batch.Seals)
	few.Seals[1], few.Seals[2] = few.Seals[2], few.Seals[1]
	if _, err := verify(a, a.store, []*wire.Batch{&few}); err != nil {
		t.Errorf("two seals changed places: %v", err)
	}
	slices.Reverse(few.Seals)
	if _, err := verify(a, a.store, []*wire.Batch{&few}); err == nil {
		t.Error("seals are sought without end")
	}
}
