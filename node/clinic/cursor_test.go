package clinic

import (
	"encoding/binary"
	"testing"

	"musafir/crdt"
)

// A cursor fits into a change however many logs there are.
func TestCursorOfManyLogs(t *testing.T) {
	var marks []crdt.Mark
	for i := range 5000 {
		var m crdt.Mark
		binary.BigEndian.PutUint64(m.Log[:], uint64(i))
		m.Seq = uint64(i % 2000 << 30)
		marks = append(marks, m)
	}
	c := &Cursor{Watermark: 1, Marks: mostMarks(marks)}
	if n := len(c.encode(nil)); n > crdt.MaxChangeBytes-1024 {
		t.Errorf("a cursor of %d bytes", n)
	}
	for _, m := range c.Marks {
		if m.Seq < 1000<<30 {
			t.Fatalf("the mark of a log of %d entries is kept, and those of longer ones are not", m.Seq)
		}
	}
	if len(mostMarks(marks[:7])) != 7 {
		t.Error("marks of a few logs are forgotten")
	}
}
