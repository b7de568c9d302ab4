package crdt

import (
	"bytes"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// Histories that no honest program writes: a change may claim anything that its
// form allows, slot by slot, and comes whenever it likes.

// drawChange is a change that names some of the touches.
func drawChange(t *rapid.T, of []*Touch) *RecordChange {
	rc := &RecordChange{Key: testKey}
	for _, x := range of {
		rc.Names = append(rc.Names, x.Entry.Short())
	}
	slices.SortFunc(rc.Names, ShortID.Compare)
	rc.Supersedes = drawIndexes(t, len(rc.Names))
	if rc.Dead = rapid.IntRange(0, 5).Draw(t, "dead") == 0; !rc.Dead {
		paths := rapid.SampledFrom([][]string{{"p"}, {"p/q", "p/r"}, {"p-q", "p/q"}, {"p", "t"}}).Draw(t, "paths")
		for _, p := range paths {
			rc.Writes = append(rc.Writes, drawWrites(t, p, len(rc.Names))...)
		}
	}
	rc.dropUnused()
	return rc
}

func drawIndexes(t *rapid.T, n int) (xs []uint16) {
	for i := range n {
		if rapid.IntRange(0, 2).Draw(t, "claims") > 0 {
			xs = append(xs, uint16(i))
		}
	}
	return xs
}

// drawWrites is one write to a path, or several elements.
func drawWrites(t *rapid.T, path string, names int) (writes []Write) {
	op := Op(rapid.IntRange(0, int(opEnd)-1).Draw(t, "op"))
	w := Write{Path: path, Op: op, Supersedes: drawIndexes(t, names)}
	if op.hasValue() {
		w.Value = Int(int64(rapid.IntRange(0, 2).Draw(t, "value")))
	}
	if !op.isElement() {
		return []Write{w}
	}
	for i := range rapid.IntRange(1, 3).Draw(t, "elements") {
		e := Write{Path: path, Op: op, Value: Int(int64(i)), Supersedes: drawIndexes(t, names)}
		for range e.Supersedes {
			e.Places = append(e.Places, uint16(rapid.IntRange(int(op-OpAdd), 4).Draw(t, "place")))
		}
		writes = append(writes, e)
	}
	return writes
}

// dropUnused takes out the names that nothing claims.
func (c *RecordChange) dropUnused() {
	lists := []*[]uint16{&c.Supersedes}
	for i := range c.Writes {
		lists = append(lists, &c.Writes[i].Supersedes)
	}
	for x := len(c.Names) - 1; x >= 0; x-- {
		if slices.ContainsFunc(lists, func(l *[]uint16) bool { return slices.Contains(*l, uint16(x)) }) {
			continue
		}
		c.Names = slices.Delete(c.Names, x, x+1)
		for _, l := range lists {
			for i := range *l {
				if (*l)[i] > uint16(x) {
					(*l)[i]--
				}
			}
		}
	}
}

func drawHistory(t *rapid.T) (touches []*Touch) {
	for i := range rapid.IntRange(2, 7).Draw(t, "touches") {
		c, err := drawChange(t, touches).Encode([SaltSize]byte{byte(i)})
		if err != nil {
			t.Fatalf("%v", err)
		}
		rc, err := c.Record()
		if err != nil {
			t.Fatalf("%v", err)
		}
		touches = append(touches, &Touch{
			Ref: Ref{Branch: uint32(i) * 5 % 7}, Log: LogID{byte(i)}, Entry: EntryID{byte(i) * 37, byte(i), 1},
			Time: Time(i % 3), Merged: rapid.IntRange(0, 2).Draw(t, "merged") > 0, Change: rc,
		})
	}
	return touches
}

// Whatever claims there are and in whatever order they come, what names before
// what is named, the record is that of the oracle, and erasing does not change
// what lives.
func TestLawAnyClaims(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		touches := drawHistory(t)
		want := Refold(testKey, touches)
		checkOracle(t, want, touches)
		d, erased, sum := newDevice(), newDevice(), Sum{}
		for _, x := range rapid.Permutation(touches).Draw(t, "order") {
			sum.Add(d.take(x).Root)
			checkOracle(t, d.rec, d.held)
			if !bytes.Equal(rowOf(d.rec), rowOf(Refold(testKey, d.held))) {
				t.Fatalf("Apply gives %x, Refold %x", rowOf(d.rec), rowOf(Refold(testKey, d.held)))
			}
			d.rec = reread(t, d.rec, d.held)
			if rapid.Bool().Draw(t, "erase") {
				x = erase(t, x)
			}
			erased.take(x)
			if !bytes.Equal(liveRow(erased.rec), liveRow(d.rec)) {
				t.Fatalf("whole %x, erased %x", liveRow(d.rec), liveRow(erased.rec))
			}
		}
		if sum != RootOf(testKey, touches) {
			t.Fatalf("the effects do not add up to the root")
		}
	})
}
