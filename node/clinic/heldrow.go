package clinic

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"musafir/crdt"
)

// HeldRows is the collection of rows that phones pushed and that are not merged: they cannot
// be records, or their user had no right to write them. They are kept as they came. It is
// internal.
const HeldRows = "_held"

// Why a row is held back.
const (
	unfit  = "unfit"
	denied = "denied" // it is merged once the user may
	silent = "silent" // part of it was merged; the rest the phone does not say that it wrote
)

// A heldRow is one of them.
type heldRow struct {
	id        string
	client    string
	user      string
	presented int64
	table     string
	row       string // its id
	kind      string
	why       string
	at        int64
	marks     []crdt.Mark
	raw       string
	lists     string // that the row stood in
	written   bool   // what it says is merged, but for its deletion

	time   crdt.Time  // when this device, or another one, held it back
	places []crdt.Ref // where that stands, and that a part of it was merged
	edited int64      // the phone's time of it; 0: it says none
}

// hold holds a row back. The same row pushed again is held once.
func (x *push) hold(p *pushedRow, kind, why string) *heldRow {
	return &heldRow{
		id: heldPrefix(x.Client, p.key()) + fmt.Sprintf("%x", digest(p.lists, p.raw)), client: x.Client, user: x.User, presented: x.Presented,
		table: clipped(p.table, crdt.MaxRecordIDBytes), row: clipped(p.id, crdt.MaxRecordIDBytes), kind: kind,
		why: clipped(why, whyBytesMax), at: x.NowMs, marks: x.marks, raw: p.raw, lists: p.lists,
	}
}

// heldPrefix is how the ids begin of what is held back of one row of a phone, so that it is
// found without a look at all others.
func heldPrefix(client string, key crdt.RecordKey) string {
	return fmt.Sprintf("%x", digest(client, key.Collection, key.ID))
}

func digest(texts ...string) [8]byte {
	sum := sha256.Sum256([]byte(strings.Join(texts, "\x00")))
	return [8]byte(sum[:])
}

func (h *heldRow) key() crdt.RecordKey { return crdt.RecordKey{Collection: HeldRows, ID: h.id} }

const whyBytesMax = 1 << 10 // it may name what the row does, of any length

// clipped is a text as far as it can be shown.
func clipped(s string, bytesMax int) string {
	if len(s) > bytesMax {
		s = s[:bytesMax]
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

const rawPart = "raw"

// edits write the row, in pieces if it is large.
func (h *heldRow) edits() (edits []*crdt.Edit) {
	key := h.key()
	first := &crdt.Edit{Key: key, Set: []crdt.Field{
		{Key: "client", Value: crdt.Text(h.client)}, {Key: "user", Value: crdt.Text(h.user)}, {Key: "presented", Value: crdt.Int(h.presented)},
		{Key: "table", Value: crdt.Text(h.table)}, {Key: "row", Value: crdt.Text(h.row)}, {Key: "kind", Value: crdt.Text(h.kind)},
		{Key: "why", Value: crdt.Text(h.why)}, {Key: "marks", Value: crdt.BytesOf(appendMarks(nil, h.marks))},
		{Key: "lists", Value: crdt.Text(clipped(h.lists, whyBytesMax))}, {Key: "written", Value: flag(h.written)},
	}, Max: []crdt.Field{{Key: "at", Value: crdt.Int(h.at)}}}
	edits = append(edits, first)
	for i, piece := range pieces(h.raw) {
		f := crdt.Field{Key: crdt.JoinPath(rawPart, fmt.Sprintf("%06d", i)), Value: crdt.BytesOf([]byte(piece))}
		if i == 0 && sizeOf(first)+len(piece) < editBytesMax {
			first.Set = append(first.Set, f)
			continue
		}
		edits = append(edits, &crdt.Edit{Key: key, Set: []crdt.Field{f}})
	}
	return edits
}

func pieces(text string) (list []string) {
	const size = 32 << 10
	for len(text) > size {
		list, text = append(list, text[:size]), text[size:]
	}
	return append(list, text)
}

// A HeldRow is a row that is held back, for people.
type HeldRow struct {
	ID     string // of what is held
	Client string
	User   string // who pushed it
	Table  string
	Row    string // the row's id
	Why    string
	AtMs   int64
}

// Held visits the rows that are held back.
func Held(look Look, visit func(HeldRow) error) error {
	return look.Scan(HeldRows, "", false, func(r *crdt.Record) (bool, error) {
		return true, visit(HeldRowOf(r))
	})
}

// HeldRowOf reads a record of HeldRows.
func HeldRowOf(r *crdt.Record) HeldRow {
	h := readHeld(r)
	return HeldRow{ID: h.id, Client: h.client, User: h.user, Table: h.table, Row: h.row, Why: h.why, AtMs: h.at}
}

// readHeld reads what is said of a row that is held back, but not the row.
func readHeld(r *crdt.Record) *heldRow {
	h := &heldRow{id: r.Key.ID}
	for _, t := range r.Living() {
		h.time = max(h.time, t.Time)
		h.places = append(h.places, t.Ref)
	}
	texts := map[string]*string{"client": &h.client, "user": &h.user, "table": &h.table, "row": &h.row, "kind": &h.kind, "why": &h.why, "lists": &h.lists}
	fields := r.View().Fields
	for name, text := range texts {
		*text = textIn(member(fields, name))
	}
	h.presented, h.at = whole(member(fields, "presented")), whole(member(fields, "at"))
	h.written = isTrue(member(fields, "written"))
	if v := member(fields, "marks"); v.Kind() == crdt.KindBytes {
		h.marks, _ = readMarks(v.Bytes())
	}
	return h
}

func whole(v crdt.Value) int64 {
	if v.Kind() != crdt.KindInt {
		return 0
	}
	return v.Int()
}

// kindOf is why a row is held back, without a look at all that is said of it.
func kindOf(r *crdt.Record) (kind string) {
	var newest crdt.Time
	for _, t := range r.Living() {
		for i := range t.Change.Writes {
			if w := &t.Change.Writes[i]; w.Path == "kind" && t.Time >= newest {
				kind, newest = textIn(w.Value), t.Time
			}
		}
	}
	return kind
}

// rawOf is a row that is held back as it came.
func rawOf(r *crdt.Record) string {
	parts := member(r.View().Fields, rawPart)
	if parts.Kind() != crdt.KindObject {
		return ""
	}
	var pieces []crdt.Field
	parts.Fields(func(n string, piece crdt.Value) {
		if piece.Kind() == crdt.KindBytes {
			pieces = append(pieces, crdt.Field{Key: n, Value: piece})
		}
	})
	slices.SortFunc(pieces, func(a, b crdt.Field) int { return compareText(a.Key, b.Key) })
	var raw strings.Builder
	for _, p := range pieces {
		raw.Write(p.Value.Bytes())
	}
	return raw.String()
}

func compareText(a, b string) int {
	x, _ := strconv.Atoi(a)
	y, _ := strconv.Atoi(b)
	return x - y
}
