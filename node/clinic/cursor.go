package clinic

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"strconv"

	"musafir/crdt"
)

// Cursors is the collection of what phones had seen at their watermarks, a record for each
// phone and in it a field for each watermark. It is internal.
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

	base  int64 // the cursor of which this one says only what differs, 0 if it says all
	depth int   // how many cursors it rests on
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

// A cursorBook is all that is known of one phone's cursors.
type cursorBook struct {
	client string
	record *crdt.Record // nil: the phone was never seen
	bodies map[int64][]crdt.Value
	issued map[int64][]*crdt.Touch // what wrote them
	found  map[int64]*Cursor       // those that were put together
	look   Look
	all    map[int64][]crdt.Value // all bodies that there ever were; nil: not read yet
}

func readCursors(look Look, client string) (*cursorBook, error) {
	r, err := look.Record(crdt.RecordKey{Collection: Cursors, ID: client})
	if err != nil {
		return nil, err
	}
	book := &cursorBook{client: client, record: r, bodies: map[int64][]crdt.Value{}, issued: map[int64][]*crdt.Touch{}, found: map[int64]*Cursor{}, look: look}
	if r == nil || r.Empty() {
		book.record = nil
		return book, nil
	}
	for _, t := range r.Living() {
		for i := range t.Change.Writes {
			if w, err := strconv.ParseInt(t.Change.Writes[i].Path, 10, 64); err == nil {
				book.issued[w] = append(book.issued[w], t)
			}
		}
	}
	v := r.View()
	v.Fields.Fields(func(name string, body crdt.Value) {
		if w, err := strconv.ParseInt(name, 10, 64); err == nil {
			book.bodies[w] = append(book.bodies[w], body)
		}
	})
	for _, c := range v.Conflicts {
		for _, s := range c.Siblings {
			if w, err := strconv.ParseInt(c.Path, 10, 64); err == nil && s.Value != nil {
				book.bodies[w] = append(book.bodies[w], s.Value)
			}
		}
	}
	return book, nil
}

// siblingsMax is how many cursors of one watermark are read. More than two are somebody's
// doing.
const siblingsMax = 8

// find is the cursor behind a watermark, put together with those that it rests on; nil if it
// is not known here. Where two devices issued the same watermark, as a device and its clone
// may, only what both had counts. What no device of ours writes counts for nothing.
func (b *cursorBook) find(watermark int64) *Cursor {
	if len(b.bodies[watermark]) == 0 {
		return nil
	}
	return b.put(watermark, b.bodies[watermark])
}

// put puts a cursor together of its bodies, nil if there is none.
func (b *cursorBook) put(watermark int64, bodies []crdt.Value) *Cursor {
	if c, known := b.found[watermark]; known {
		return c
	}
	b.found[watermark] = nil // if it rests on itself
	var found *Cursor
	for i, body := range bodies {
		c, err := readCursor(watermark, body)
		if err != nil || i == siblingsMax {
			return nil
		}
		if c.base != 0 {
			base := b.ever(c.base)
			if base == nil || base.depth >= depthMax+1 {
				return nil
			}
			c.Marks, c.depth = withMarks(base.Marks, c.Marks), base.depth+1
		}
		found = least(found, c)
	}
	b.found[watermark] = found
	return found
}

// ever is a cursor that may have been removed: its body is in the history then. Another cursor
// may rest on it, of which the device that removed it did not know.
func (b *cursorBook) ever(watermark int64) *Cursor {
	if len(b.bodies[watermark]) == 0 && b.all == nil {
		b.all = map[int64][]crdt.Value{}
		touches, err := b.look.Touches(crdt.RecordKey{Collection: Cursors, ID: b.client})
		if err != nil {
			return nil
		}
		for _, t := range touches {
			for i := range t.Change.Writes {
				w := &t.Change.Writes[i]
				if at, err := strconv.ParseInt(w.Path, 10, 64); err == nil && t.Merged && w.Op == crdt.OpSet {
					b.all[at] = append(b.all[at], w.Value)
				}
			}
		}
	}
	if len(b.bodies[watermark]) > 0 {
		return b.find(watermark)
	}
	return b.put(watermark, b.all[watermark])
}

// newest is the greatest watermark that is known here.
func (b *cursorBook) newest() (newest int64) {
	for w := range b.bodies {
		newest = max(newest, w)
	}
	return newest
}

// least is what two cursors of one watermark have in common.
func least(a, b *Cursor) *Cursor {
	if a == nil {
		return b
	}
	c := *a
	c.Marks = nil
	for _, m := range a.Marks {
		if other := marksOf(b.Marks, m.Log); len(other) > 0 {
			m = slices.MinFunc(append(other, m), compareSeq)
			c.Marks = append(c.Marks, m)
		}
	}
	c.Clinics = slices.DeleteFunc(slices.Clone(a.Clinics), func(id string) bool { return !slices.Contains(b.Clinics, id) })
	c.Presented = min(a.Presented, b.Presented)
	return &c
}

func compareSeq(a, b crdt.Mark) int { return int(min(a.Seq, 1<<62)) - int(min(b.Seq, 1<<62)) }

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
	marks, base := c.Marks, int64(0)
	if over != nil && over.depth < depthMax {
		marks, base = changedMarks(c.Marks, over.Marks), over.Watermark
	}
	clinics := make([]crdt.Value, len(c.Clinics))
	for i, id := range c.Clinics {
		clinics[i] = crdt.Text(id)
	}
	return crdt.Array([]crdt.Value{
		crdt.Int(c.Presented), crdt.Text(c.User), crdt.Array(clinics), crdt.BytesOf(c.Control[:]), crdt.Int(base), crdt.BytesOf(appendMarks(nil, marks)),
		crdt.Int(c.Begun), flag(c.Emptied), flag(c.Blind),
	})
}

func readCursor(watermark int64, body crdt.Value) (*Cursor, error) {
	c := &Cursor{Watermark: watermark}
	if body.Kind() != crdt.KindArray {
		return nil, errCursor
	}
	var items []crdt.Value
	body.Items(func(v crdt.Value) { items = append(items, v) })
	kinds := []crdt.Kind{crdt.KindInt, crdt.KindText, crdt.KindArray, crdt.KindBytes, crdt.KindInt, crdt.KindBytes, crdt.KindInt, crdt.KindBool, crdt.KindBool}
	if !slices.EqualFunc(items, kinds, func(v crdt.Value, k crdt.Kind) bool { return v.Kind() == k }) || len(items[3].Bytes()) != len(c.Control) {
		return nil, errCursor
	}
	c.Presented, c.User, c.base = items[0].Int(), items[1].Text(), items[4].Int()
	c.Begun, c.Emptied, c.Blind = items[6].Int(), items[7].Bool(), items[8].Bool()
	copy(c.Control[:], items[3].Bytes())
	ok := true
	items[2].Items(func(v crdt.Value) {
		if ok = ok && v.Kind() == crdt.KindText; ok {
			c.Clinics = append(c.Clinics, v.Text())
		}
	})
	marks, err := readMarks(items[5].Bytes())
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

// issue is the edit that keeps a new cursor and lets those go that the phone has left
// behind: it will never present one from before the one that it presents now.
func (b *cursorBook) issue(c, presented *Cursor, past Past) *crdt.Edit {
	e := &crdt.Edit{Key: crdt.RecordKey{Collection: Cursors, ID: b.client}}
	e.Set = []crdt.Field{{Key: strconv.FormatInt(c.Watermark, 10), Value: c.encode(presented)}}
	for _, w := range b.past(presented, past) {
		if len(e.Remove) < dropMax {
			e.Remove = append(e.Remove, strconv.FormatInt(w, 10))
		}
	}
	return e
}

// unconfirmedMax is how many answers count as what a phone may have taken in that presents the
// same watermark again and again. dropMax is how many cursors go at a time, so that the edit
// fits into a change.
const (
	unconfirmedMax = 16
	dropMax        = 256
)

// past are the watermarks of which no cursor is needed any more, in order.
func (b *cursorBook) past(presented *Cursor, past Past) (gone []int64) {
	all := slices.Sorted(maps.Keys(b.bodies))
	needed, from := map[int64]bool{}, int64(0)
	if presented != nil {
		from = presented.Watermark
		b.need(from, needed)
	}
	open := slices.DeleteFunc(slices.Clone(all), func(w int64) bool { return w <= from })
	for _, w := range open[max(0, len(open)-unconfirmedMax):] {
		b.need(w, needed)
	}
	for _, w := range all {
		if !needed[w] && (w > from || b.issuedIn(w, past)) {
			gone = append(gone, w)
		}
	}
	return gone
}

// issuedIn tells whether who had that past knew of a cursor.
func (b *cursorBook) issuedIn(watermark int64, past Past) bool {
	return past != nil && !slices.ContainsFunc(b.issued[watermark], func(t *crdt.Touch) bool { return !past.Holds(t.Ref) })
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

// need adds a watermark and those of the cursors on which its own rests.
func (b *cursorBook) need(watermark int64, needed map[int64]bool) {
	if needed[watermark] {
		return
	}
	needed[watermark] = true
	for _, body := range b.bodies[watermark] {
		c, err := readCursor(watermark, body)
		if err == nil && c.base != 0 {
			b.need(c.base, needed)
		}
		if err == nil && c.Begun != 0 {
			b.need(c.Begun, needed)
		}
	}
}

// begin says of a new cursor since when the phone has something. One that has nothing still
// has it since the first answer that it may have taken in and never got through with.
func (b *cursorBook) begin(c, presented *Cursor) {
	if c.Presented != 0 {
		if presented != nil {
			c.Begun, c.Emptied = presented.Begun, presented.Emptied
		}
		return
	}
	c.Begun, c.Emptied = c.Watermark, b.seen()
	for _, w := range slices.Sorted(maps.Keys(b.bodies)) {
		if first := b.find(w); first != nil && first.Presented == 0 && !b.presentedSince(w) {
			c.Begun, c.Emptied = first.Begun, first.Emptied
			return
		}
	}
}

// presentedSince tells whether the phone is known to have presented a watermark or a later one.
func (b *cursorBook) presentedSince(watermark int64) bool {
	for w := range b.bodies {
		if c := b.find(w); c != nil && c.Presented >= watermark {
			return true
		}
	}
	return false
}

// last is for a watermark that is none, as the app makes up: the newest cursor that the phone is
// known to have presented, so that it has at least that much. Nil if there is none.
func (b *cursorBook) last() *Cursor {
	newest := int64(0)
	for w, bodies := range b.bodies {
		for _, body := range bodies {
			if c, err := readCursor(w, body); err == nil && len(b.bodies[c.Presented]) > 0 {
				newest = max(newest, c.Presented)
			}
		}
	}
	return b.find(newest)
}

// pasts are what all cursors of the phone that are known here stand for.
func (b *cursorBook) pasts(look Look) (pasts []Past, err error) {
	for w := range b.bodies {
		c := b.find(w)
		if c == nil {
			continue
		}
		p, err := look.Past(c.Marks)
		if err != nil {
			return nil, err
		}
		pasts = append(pasts, p)
	}
	return pasts, nil
}

// seen tells whether the phone ever presented a watermark that a device of the camp gave it.
func (b *cursorBook) seen() bool {
	for w, bodies := range b.bodies {
		for _, body := range bodies {
			if c, err := readCursor(w, body); err == nil && c.Presented > 0 {
				return true
			}
		}
	}
	return false
}
