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
}

// hold holds a row back. The same row pushed again is held once.
func (x *push) hold(p *pushedRow, kind, why string) *heldRow {
	sum := sha256.Sum256([]byte(x.Client + "\x00" + p.table + "\x00" + p.raw))
	return &heldRow{
		id: fmt.Sprintf("%x", sum[:16]), client: x.Client, user: x.User, presented: x.Presented,
		table: clipped(p.table), row: clipped(p.id), kind: kind, why: why, at: x.NowMs, marks: x.marks, raw: p.raw,
	}
}

// clipped is a name as far as it can be shown.
func clipped(s string) string {
	if len(s) > crdt.MaxRecordIDBytes {
		s = s[:crdt.MaxRecordIDBytes]
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

const rawPart = "raw"

// edits write the row, in pieces if it is large.
func (h *heldRow) edits() (edits []*crdt.Edit) {
	key := crdt.RecordKey{Collection: HeldRows, ID: h.id}
	first := &crdt.Edit{Key: key, Set: []crdt.Field{
		{Key: "client", Value: crdt.Text(h.client)}, {Key: "user", Value: crdt.Text(h.user)}, {Key: "presented", Value: crdt.Int(h.presented)},
		{Key: "table", Value: crdt.Text(h.table)}, {Key: "row", Value: crdt.Text(h.row)}, {Key: "kind", Value: crdt.Text(h.kind)},
		{Key: "why", Value: crdt.Text(h.why)}, {Key: "marks", Value: crdt.BytesOf(appendMarks(nil, h.marks))},
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
	Table  string
	Row    string // the row's id
	Why    string
	AtMs   int64
}

// Held visits the rows that are held back.
func Held(look Look, visit func(HeldRow) error) error {
	return look.Scan(HeldRows, "", false, func(r *crdt.Record) (bool, error) {
		h := readHeld(r)
		return true, visit(HeldRow{ID: h.id, Client: h.client, Table: h.table, Row: h.row, Why: h.why, AtMs: h.at})
	})
}

func readHeld(r *crdt.Record) *heldRow {
	h := &heldRow{id: r.Key.ID}
	var raw []crdt.Field
	fields := r.View().Fields
	fields.Fields(func(name string, v crdt.Value) {
		switch name {
		case "client":
			h.client = textIn(v)
		case "user":
			h.user = textIn(v)
		case "table":
			h.table = textIn(v)
		case "row":
			h.row = textIn(v)
		case "kind":
			h.kind = textIn(v)
		case "why":
			h.why = textIn(v)
		case "presented":
			h.presented = int64(number(v))
		case "at":
			h.at = int64(number(v))
		case "marks":
			if v.Kind() == crdt.KindBytes {
				h.marks, _ = readMarks(v.Bytes())
			}
		case rawPart:
			if v.Kind() == crdt.KindObject {
				v.Fields(func(n string, piece crdt.Value) { raw = append(raw, crdt.Field{Key: n, Value: piece}) })
			}
		}
	})
	slices.SortFunc(raw, func(a, b crdt.Field) int { return compareText(a.Key, b.Key) })
	for _, f := range raw {
		if f.Value.Kind() == crdt.KindBytes {
			h.raw += string(f.Value.Bytes())
		}
	}
	return h
}

func compareText(a, b string) int {
	x, _ := strconv.Atoi(a)
	y, _ := strconv.Atoi(b)
	return x - y
}

// Mend is what merges the rows that their users may write by now: batches in order, one
// row after the other.
func Mend(look Look, nowMs int64) (batches []Batch, err error) {
	err = look.Scan(HeldRows, "", false, func(r *crdt.Record) (bool, error) {
		h := readHeld(r)
		if h.kind != denied {
			return true, nil
		}
		more, err := h.mend(look, nowMs)
		if err != nil || len(more) == 0 {
			return err == nil, err
		}
		// The phone was told meanwhile that the row is as it had been.
		owed, err := owe(look, h.client, h.presented, []crdt.RecordKey{{Collection: h.table, ID: h.row}})
		batches = append(append(batches, more...), Batch{Edits: []*crdt.Edit{{Key: r.Key, Delete: true}, owed}})
		return len(batches) < mendMax, err
	})
	return batches, err
}

const mendMax = 64 // at a time

// mend is what a held row says, against what its phone had seen; none if its user may not
// say it yet.
func (h *heldRow) mend(look Look, nowMs int64) ([]Batch, error) {
	p := Push{Look: look, Client: h.client, User: h.user, Presented: h.presented, NowMs: nowMs, Rows: &Pushed{}}
	row := readPushedRow(h.table, "", []byte(h.raw))
	if row.err != nil {
		return nil, nil
	}
	p.Rows.rows = []*pushedRow{row}
	x, err := p.open()
	if err != nil {
		return nil, err
	}
	if len(x.marks) == 0 {
		x.marks = h.marks
		if x.holding.past, err = look.Past(h.marks); err != nil {
			return nil, err
		}
	}
	e, why, err := x.edit(row)
	if err != nil || why != "" || e == nil {
		return nil, err
	}
	fit, err := split(e)
	if err != nil {
		return nil, nil
	}
	return x.batches(fit, nil), nil
}
