package clinic

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"

	"musafir/crdt"
)

// Cursors is the collection of what phones had seen at their watermarks, a record for each
// phone and in its slots the cursors that count. It is internal.
const Cursors = "_cursors"

// A Cursor is what stands behind a watermark: what a phone that presents it has. It holds on
// every device of the camp.
type Cursor struct {
	Watermark int64
	Presented int64       // the watermark that the phone presented when it got this one
	User      string      // of whom it got the rows
	Clinics   []string    // of that user, in order
	Control   [8]byte     // what the device knew of who takes part, and of what it shows
	Marks     []crdt.Mark // what the device held of the logs of records, in order
	Begun     int64       // the first watermark that the phone got since it had nothing
	Emptied   bool        // it was known then that it had had something
	Blind     bool        // the device did not know what the phone had, and sent more than it lacked

	base  int64     // the cursor of which this one says only what differs, 0 if it says all
	of    []byte    // a digest of that one's marks: there may be others of its watermark
	depth int       // how many cursors it rests on
	also  []*Cursor // others of the same watermark: the phone has what all of them say
}

// depthMax is on how many others a cursor rests before one says all again.
const depthMax = 8

// Watermarks name their issuer in their low bits, so that two devices do not issue the
// same one.
const issuerBits = 12

// IssuerOf is what tells the watermarks of a device from those of others.
func IssuerOf(device crdt.DeviceID) uint16 {
	sum := sha256.Sum256([]byte(device))
	return binary.BigEndian.Uint16(sum[:]) & (1<<issuerBits - 1)
}

// issuedBy tells whether a device may have issued a watermark.
func issuedBy(watermark int64, issuer uint16) bool {
	return (watermark-int64(issuer))&(1<<issuerBits-1) == 0
}

// nextWatermark is the least one of an issuer that is beyond all that the phone is known to
// have been given, and not before now, in milliseconds: the app takes it for a time.
func nextWatermark(given, nowMs int64, issuer uint16) int64 {
	w := max(nowMs, given+1)
	w += (int64(issuer) - w) & (1<<issuerBits - 1)
	return w
}

var errCursor = errors.New("it is none that this program wrote")

func digestOf(marks []crdt.Mark) []byte {
	sum := digest(string(appendMarks(nil, marks)))
	return sum[:]
}

func marksOf(marks []crdt.Mark, log crdt.ShortID) (of []crdt.Mark) {
	for _, m := range marks {
		if m.Log == log {
			of = append(of, m)
		}
	}
	return of
}

// withMarks are marks with those of some logs replaced.
func withMarks(marks, changed []crdt.Mark) []crdt.Mark {
	all := slices.DeleteFunc(slices.Clone(marks), func(m crdt.Mark) bool { return len(marksOf(changed, m.Log)) > 0 })
	return append(all, changed...)
}

// changedMarks are the marks of the logs of which not the same is said in another list.
func changedMarks(marks, from []crdt.Mark) (changed []crdt.Mark) {
	for _, m := range marks {
		if !slices.Equal(marksOf(marks, m.Log), marksOf(from, m.Log)) {
			changed = append(changed, m)
		}
	}
	return changed
}

// encode is the cursor as it is stored, over another if that is not too deep.
func (c *Cursor) encode(over *Cursor) crdt.Value {
	marks, base, of := c.Marks, int64(0), []byte{}
	if over != nil && over.depth < depthMax && len(over.also) == 0 {
		marks, base, of = changedMarks(c.Marks, over.Marks), over.Watermark, digestOf(over.Marks)
	}
	clinics := make([]crdt.Value, len(c.Clinics))
	for i, id := range c.Clinics {
		clinics[i] = crdt.Text(id)
	}
	return crdt.Array([]crdt.Value{
		crdt.Int(c.Watermark), crdt.Int(c.Presented), crdt.Text(c.User), crdt.Array(clinics), crdt.BytesOf(c.Control[:]), crdt.Int(base), crdt.BytesOf(appendMarks(nil, marks)),
		crdt.Int(c.Begun), flag(c.Emptied), flag(c.Blind), crdt.BytesOf(of),
	})
}

// watermarkMax is the greatest that counts: the app holds numbers as it does in JavaScript.
const watermarkMax = 1 << 52

// watermarkOf is the watermark of a cursor as it is stored; false if it is none.
func watermarkOf(body crdt.Value) (watermark int64, ok bool) {
	if body.Kind() != crdt.KindArray {
		return 0, false
	}
	first := true
	body.Items(func(v crdt.Value) {
		if first && v.Kind() == crdt.KindInt {
			watermark = v.Int()
		}
		first = false
	})
	return watermark, watermark > 0 && watermark <= watermarkMax
}

func readCursor(body crdt.Value) (*Cursor, error) {
	if body.Kind() != crdt.KindArray {
		return nil, errCursor
	}
	var items []crdt.Value
	body.Items(func(v crdt.Value) { items = append(items, v) })
	kinds := []crdt.Kind{crdt.KindInt, crdt.KindInt, crdt.KindText, crdt.KindArray, crdt.KindBytes, crdt.KindInt, crdt.KindBytes, crdt.KindInt, crdt.KindBool, crdt.KindBool, crdt.KindBytes}
	c := &Cursor{}
	if !slices.EqualFunc(items, kinds, func(v crdt.Value, k crdt.Kind) bool { return v.Kind() == k }) || len(items[4].Bytes()) != len(c.Control) {
		return nil, errCursor
	}
	c.Watermark, c.Presented, c.User, c.base = items[0].Int(), items[1].Int(), items[2].Text(), items[5].Int()
	c.Begun, c.Emptied, c.Blind = items[7].Int(), items[8].Bool(), items[9].Bool()
	c.of = items[10].Bytes()
	copy(c.Control[:], items[4].Bytes())
	ok := true
	items[3].Items(func(v crdt.Value) {
		if ok = ok && v.Kind() == crdt.KindText; ok {
			c.Clinics = append(c.Clinics, v.Text())
		}
	})
	marks, err := readMarks(items[6].Bytes())
	if err != nil || !ok {
		return nil, errCursor
	}
	c.Marks = marks
	return c, nil
}

// marksMax is how many marks a cursor holds, so that it fits into a change. A camp has some
// dozen logs; a member may begin any number. Those of the shortest are forgotten: what they
// hold goes out again and again, and everything else as it should.
const marksMax = 1500

func mostMarks(marks []crdt.Mark) []crdt.Mark {
	if len(marks) <= marksMax {
		return marks
	}
	longest := slices.Clone(marks)
	slices.SortStableFunc(longest, func(a, b crdt.Mark) int { return cmp.Compare(b.Seq, a.Seq) })
	longest = longest[:marksMax]
	slices.SortFunc(longest, crdt.Mark.Compare)
	return longest
}

func appendMarks(b []byte, marks []crdt.Mark) []byte {
	for _, m := range marks {
		b = binary.AppendUvarint(append(append(b, m.Log[:]...), m.Head[:]...), m.Seq)
	}
	return b
}

func readMarks(b []byte) (marks []crdt.Mark, err error) {
	for len(b) > 0 {
		var m crdt.Mark
		if len(b) <= len(m.Log)+len(m.Head) {
			return nil, errCursor
		}
		b = b[copy(m.Log[:], b):]
		b = b[copy(m.Head[:], b):]
		seq, n := binary.Uvarint(b)
		if n <= 0 {
			return nil, errCursor
		}
		m.Seq, b = seq, b[n:]
		marks = append(marks, m)
	}
	return marks, nil
}

// covers tells whether marks name at least what others do. Where a log forks they must name
// the same.
func covers(marks, others []crdt.Mark) bool {
	for _, m := range others {
		of, same := marksOf(marks, m.Log), marksOf(others, m.Log)
		if len(of) == 1 && len(same) == 1 && of[0].Seq > m.Seq {
			continue
		}
		if !slices.Contains(of, m) {
			return false
		}
	}
	return true
}
