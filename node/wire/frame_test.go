package wire_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"musafir/crdt"
	"musafir/node/wire"
)

func mustAppend(t testing.TB, dst []byte, f wire.Frame) []byte {
	t.Helper()
	b, err := wire.Append(dst, f)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What a device says first fits in 100 bytes, in both directions.
func TestHailAndHelloAreSmall(t *testing.T) {
	hello := &wire.Hello{
		Version: wire.Version, Time: wire.MaxTimeMs, Nonce: [8]byte{1}, Digest: [32]byte{1}, Base: [8]byte{1},
		Unmerged: math.MaxUint32, Program: "musafir 1.23",
	}
	b := mustAppend(t, nil, &wire.Hail{Version: wire.Version})
	b = mustAppend(t, b, hello)
	if len(hello.Program) != 12 || len(b) > 100 {
		t.Errorf("hail and hello take %d bytes", len(b))
	}
	t.Logf("hail and hello take %d bytes", len(b))
}

// The largest frame of each kind is within the kind's limit, and comes back.
func TestLargestFrames(t *testing.T) {
	long := func(n int) string { return strings.Repeat("m", n) }
	trail := &wire.Trail{}
	for _, s := range wire.TrailSeqs(math.MaxUint64) {
		trail.Points = append(trail.Points, wire.Point{Seq: s})
	}
	batch := &wire.Batch{End: true, Runs: []wire.Run{{Seq: math.MaxUint64, Entries: [][]byte{noise(crdt.MaxEntryBytes)}}}}
	for len(batch.Seals) < 900 {
		batch.Seals = append(batch.Seals, wire.SealAt{Log: crdt.LogID{1}, Seq: 1})
	}
	for _, f := range []wire.Frame{
		&wire.Hail{Version: math.MaxUint64},
		&wire.Proof{Packed: noise(wire.MaxProofBytes)},
		&wire.Hello{Version: math.MaxUint64, Time: wire.MaxTimeMs, Unmerged: math.MaxUint64, Program: long(wire.MaxProgramBytes)},
		&wire.Frontier{Full: true, Heads: someHeads(wire.MaxHeadsBytes/53, 1<<34, true)},
		&wire.Have{Heads: someHeads(wire.MaxHeadsBytes/29, 1<<34, false)},
		trail,
		&wire.Grant{Bytes: wire.MaxGrantBytes},
		batch,
		&wire.Beat{Time: wire.MaxTimeMs},
		&wire.Bye{Code: math.MaxUint64, Text: long(wire.MaxByeTextBytes)},
		&wire.Knock{Invitation: "ZZZZ", Name: long(wire.MaxNameBytes)},
	} {
		b := mustAppend(t, nil, f)
		again, err := readAll(b)
		if err != nil {
			t.Errorf("%v: %v", f.Kind(), err)
			continue
		}
		if !bytes.Equal(toJSON(t, again), toJSON(t, f)) {
			t.Errorf("%v changed on the way", f.Kind())
		}
	}
}

// Append keeps the rules that Parse checks, and leaves dst alone where one is
// broken.
func TestAppendRefuses(t *testing.T) {
	entry := [][]byte{[]byte("entry")}
	batch := func(r ...wire.Run) *wire.Batch { return &wire.Batch{Runs: r} }
	seals := make([]wire.SealAt, wire.MaxFrameSeals+1)
	low, high := wire.Head{Seq: 1, Hash: make([]byte, 8)}, wire.Head{Seq: 2, Hash: make([]byte, 8)}
	full := wire.Head{Seq: 3, Hash: make([]byte, 32)}
	for _, x := range []struct {
		why  string
		f    wire.Frame
		want error
	}{
		{"an empty proof", &wire.Proof{}, wire.ErrMalformed},
		{"a proof of more than 4 KiB", &wire.Proof{Packed: make([]byte, wire.MaxProofBytes+1)}, wire.ErrTooLarge},
		{"a late hello", &wire.Hello{Time: wire.MaxTimeMs + 1}, wire.ErrMalformed},
		{"a long program", &wire.Hello{Program: strings.Repeat("m", 33)}, wire.ErrTooLarge},
		{"a program of two lines", &wire.Hello{Program: "a\nb"}, wire.ErrMalformed},
		{"a program in Latin-1", &wire.Hello{Program: "caf\xe9"}, wire.ErrMalformed},
		{"descending heads", &wire.Frontier{Heads: []wire.Head{high, low}}, wire.ErrMalformed},
		{"a head twice", &wire.Have{Heads: []wire.Head{low, low}}, wire.ErrMalformed},
		{"a long hash among short ones", &wire.Frontier{Heads: []wire.Head{low, full}}, wire.ErrMalformed},
		{"a short hash among long ones", &wire.Frontier{Full: true, Heads: []wire.Head{low, full}}, wire.ErrMalformed},
		{"a long hash", &wire.Have{Heads: []wire.Head{full}}, wire.ErrMalformed},
		{"no hash", &wire.Have{Heads: make([]wire.Head, 1)}, wire.ErrMalformed},
		{"too many heads", &wire.Have{Heads: someHeads(wire.MaxHeadsBytes/29+1, 1<<34, false)}, wire.ErrTooLarge},
		{"no points", &wire.Trail{}, wire.ErrMalformed},
		{"ascending points", &wire.Trail{Points: []wire.Point{{Seq: 1}, {Seq: 2}}}, wire.ErrMalformed},
		{"a point twice", &wire.Trail{Points: []wire.Point{{Seq: 1}, {Seq: 1}}}, wire.ErrMalformed},
		{"66 points", &wire.Trail{Points: points(66)}, wire.ErrTooLarge},
		{"no grant", &wire.Grant{}, wire.ErrMalformed},
		{"a large grant", &wire.Grant{Bytes: wire.MaxGrantBytes + 1}, wire.ErrTooLarge},
		{"the largest grant there is", &wire.Grant{Bytes: math.MaxUint64}, wire.ErrTooLarge},
		{"an empty batch", &wire.Batch{}, wire.ErrMalformed},
		{"seals before the end", &wire.Batch{Runs: []wire.Run{{Entries: entry}}, Seals: seals[:1]}, wire.ErrMalformed},
		{"an empty run", batch(wire.Run{}), wire.ErrMalformed},
		{"an empty entry", batch(wire.Run{Entries: make([][]byte, 1)}), wire.ErrMalformed},
		{"an entry before a birth", batch(wire.Run{Prev: [8]byte{1}, Entries: entry}), wire.ErrMalformed},
		{"a sequence beyond the last", batch(wire.Run{Seq: math.MaxUint64, Entries: slices.Repeat(entry, 2)}), wire.ErrMalformed},
		{"an entry that is too large", batch(wire.Run{Entries: [][]byte{make([]byte, crdt.MaxEntryBytes+1)}}), wire.ErrTooLarge},
		{"8,193 entries", batch(wire.Run{Entries: slices.Repeat(entry, wire.MaxFrameEntries+1)}), wire.ErrTooLarge},
		{"8,193 entries in two runs", batch(wire.Run{Entries: slices.Repeat(entry, wire.MaxFrameEntries)}, wire.Run{Entries: entry}), wire.ErrTooLarge},
		{"2,049 seals", &wire.Batch{End: true, Seals: seals}, wire.ErrTooLarge},
		{"a payload that is too large, though it compresses well", batch(wire.Run{Entries: slices.Repeat([][]byte{make([]byte, 200<<10)}, 2)}), wire.ErrTooLarge},
		{"a late beat", &wire.Beat{Time: wire.MaxTimeMs + 1}, wire.ErrMalformed},
		{"a long text", &wire.Bye{Text: strings.Repeat("b", 201)}, wire.ErrTooLarge},
		{"a text that turns", &wire.Bye{Text: "\u202e"}, wire.ErrMalformed},
		{"no invitation", &wire.Knock{Name: "tablet"}, wire.ErrMalformed},
		{"an invitation with a letter of none", &wire.Knock{Invitation: "OOOO", Name: "tablet"}, wire.ErrMalformed},
		{"no name", &wire.Knock{Invitation: "0000"}, wire.ErrMalformed},
		{"a long name", &wire.Knock{Invitation: "0000", Name: strings.Repeat("t", 65)}, wire.ErrTooLarge},
	} {
		dst := []byte("before")
		b, err := wire.Append(dst, x.f)
		if !errors.Is(err, x.want) || string(b) != "before" {
			t.Errorf("%s: %.40q, %v; want %v", x.why, b, err, x.want)
		}
		var limit *crdt.LimitError
		if errors.Is(err, wire.ErrTooLarge) && (!errors.As(err, &limit) || !strings.Contains(err.Error(), fmt.Sprint(limit.Max))) {
			t.Errorf("%s: the error does not name the limit: %v", x.why, err)
		}
		if _, err := wire.Size(x.f); !errors.Is(err, x.want) {
			t.Errorf("%s: size: %v", x.why, err)
		}
	}
}

func points(n int) (points []wire.Point) {
	for i := range n {
		points = append(points, wire.Point{Seq: uint64(n - i)})
	}
	return points
}

// A stream that ends inside of a frame is no stream that ends.
func TestReadTruncated(t *testing.T) {
	for _, v := range readVectors(t).Frames {
		for i := range v.Bytes {
			_, err := wire.Read(bufio.NewReader(bytes.NewReader(v.Bytes[:i])))
			if i == 0 && err != io.EOF || i > 0 && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("%s: %d of %d bytes: %v", v.Means, i, len(v.Bytes), err)
			}
		}
	}
}

// A body that lacks a byte or has one too many is refused, and so is one of
// which any byte was changed, unless it is another frame then.
func TestParseChanged(t *testing.T) {
	for _, v := range readVectors(t).Frames {
		kind, body, ok := open(v.Bytes)
		if !ok {
			t.Fatalf("%s is no frame", v.Means)
		}
		for i := range body {
			if f, err := wire.Parse(kind, body[:i:i]); err == nil {
				t.Errorf("%s: the first %d bytes are %s", v.Means, i, toJSON(t, f))
			}
		}
		for _, last := range []byte{0, 1, 0x40, 0x80, 0xf6, 0xff} {
			if _, err := wire.Parse(kind, append(body[:len(body):len(body)], last)); !errors.Is(err, wire.ErrMalformed) {
				t.Errorf("%s: taken with %02x after it: %v", v.Means, last, err)
			}
		}
		for i := range body {
			for bit := range 8 {
				changed := bytes.Clone(body)
				changed[i] ^= 1 << bit
				if f, err := wire.Parse(kind, changed); err == nil {
					checkFrame(t, f, changed)
				} else {
					checkRefusal(t, err)
				}
			}
		}
	}
}

// Every longer form of a head of CBOR in every body is refused.
func TestParseLongerForms(t *testing.T) {
	count := 0
	for _, v := range readVectors(t).Frames {
		kind, body, _ := open(v.Bytes)
		if kind == wire.KindBatch {
			continue
		}
		for _, at := range cborHeads(t, body) {
			for _, longer := range longerForms(body, at) {
				count++
				if f, err := wire.Parse(kind, longer); err == nil {
					t.Errorf("%s: %x is taken as %s", v.Means, longer, toJSON(t, f))
				}
			}
		}
	}
	if count < 100 {
		t.Errorf("only %d longer forms were tried", count)
	}
}

// cborHeads lists where the items of a body begin.
func cborHeads(t testing.TB, b []byte) (heads []int) {
	t.Helper()
	for at := 0; at < len(b); {
		heads = append(heads, at)
		major, info := b[at]>>5, int(b[at]&31)
		arg, size := info, 1
		if info >= 24 {
			size += 1 << (info - 24)
			arg = 0
			for _, x := range b[at+1 : at+size] {
				arg = arg<<8 | int(x)
			}
		}
		at += size
		if major == 2 || major == 3 {
			at += arg
		}
	}
	return heads
}

// longerForms writes the head at i in more bytes than it needs.
func longerForms(b []byte, i int) (forms [][]byte) {
	info := int(b[i] & 31)
	if b[i]>>5 == 7 {
		return nil
	}
	arg := []byte{byte(info)}
	if info >= 24 {
		arg = b[i+1 : i+1+1<<(info-24)]
	}
	rest := b[i+1:]
	if info >= 24 {
		rest = rest[len(arg):]
	}
	for next := 24; next <= 27; next++ {
		if info >= 24 && next <= info {
			continue
		}
		longer := append(bytes.Clone(b[:i]), b[i]&^31|byte(next))
		longer = append(longer, make([]byte, 1<<(next-24)-len(arg))...)
		forms = append(forms, slices.Concat(longer, arg, rest))
	}
	return forms
}

// A length beyond the limit is refused before anything is read or allocated.
func TestReadGiant(t *testing.T) {
	for _, length := range [][]byte{{0x81, 0x80, 0x14}, {0xff, 0xff, 0x7f}, {0xff, 0xff, 0xff, 0xff, 0x0f}} {
		r := bufio.NewReaderSize(io.MultiReader(bytes.NewReader(length), endless{}), 16)
		var err error
		if used := allocated(func() { _, err = wire.Read(r) }); used > 4<<10 {
			t.Errorf("%x: %d bytes were allocated", length, used)
		}
		if !errors.Is(err, wire.ErrTooLarge) || !strings.Contains(err.Error(), "327680") {
			t.Errorf("%x: %v", length, err)
		}
	}
	// As large as a frame may be, of a kind that is never so large.
	r := bufio.NewReaderSize(io.MultiReader(bytes.NewReader([]byte{0x80, 0x80, 0x14, byte(wire.KindBye)}), endless{}), 16)
	var err error
	if used := allocated(func() { _, err = wire.Read(r) }); used > 4<<10 || !errors.Is(err, wire.ErrTooLarge) {
		t.Errorf("a bye of 320 KiB: %d bytes were allocated; %v", used, err)
	}
}

// endless is a stream of ones.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 1
	}
	return len(p), nil
}

// Frames of unknown kinds are passed over, at no cost.
func TestReadUnknown(t *testing.T) {
	stream := append([]byte{0x80, 0x80, 0x14, 99}, make([]byte, wire.MaxFrameBytes-1)...)
	stream = mustAppend(t, stream, &wire.Beat{Time: 7})
	r := bufio.NewReader(bytes.NewReader(stream))
	var err error
	if used := allocated(func() { _, err = wire.Read(r) }); used > 4<<10 || !errors.Is(err, wire.ErrUnknownFrame) {
		t.Errorf("%d bytes were allocated; %v", used, err)
	}
	if f, err := wire.Read(r); err != nil || f.(*wire.Beat).Time != 7 {
		t.Errorf("behind it: %v, %v", f, err)
	}
	if _, err := wire.Parse(99, nil); !errors.Is(err, wire.ErrUnknownFrame) {
		t.Error(err)
	}
}

func TestReadWithin(t *testing.T) {
	hail := mustAppend(t, nil, &wire.Hail{Version: 1})
	large := mustAppend(t, nil, &wire.Batch{Runs: []wire.Run{{Entries: [][]byte{noise(wire.MaxGreetingBytes)}}}})
	r := bufio.NewReader(bytes.NewReader(append(hail, large...)))
	if _, err := wire.ReadWithin(r, wire.MaxGreetingBytes); err != nil {
		t.Error(err)
	}
	if _, err := wire.ReadWithin(r, wire.MaxGreetingBytes); !errors.Is(err, wire.ErrTooLarge) || !strings.Contains(err.Error(), "4104") {
		t.Error(err)
	}
}

// An error of the stream stays what it is.
func TestReadBrokenStream(t *testing.T) {
	broken := errors.New("broken")
	for _, v := range readVectors(t).Frames {
		half := io.MultiReader(bytes.NewReader(v.Bytes[:len(v.Bytes)-1]), failing{broken})
		if _, err := wire.Read(bufio.NewReader(half)); !errors.Is(err, broken) {
			t.Errorf("%s: %v", v.Means, err)
		}
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestKinds(t *testing.T) {
	known := 0
	for k := range 256 {
		if wire.Kind(k).Known() {
			known++
		}
	}
	if known != len(allKinds) || wire.KindFrontier.String() != "frontier" || wire.Kind(12).String() != "kind 12" || wire.Kind(255).Known() {
		t.Errorf("%d kinds are known, %v, %v", known, wire.KindFrontier, wire.Kind(12))
	}
}

func TestHailMAC(t *testing.T) {
	key := []byte("a discovery key")
	hail := &wire.Hail{Version: 1, MAC: wire.HailMAC(key, "dialer", "listener")}
	if !hail.Fits(key, "dialer", "listener") {
		t.Error("the MAC does not fit")
	}
	if hail.Fits([]byte("another key"), "dialer", "listener") || hail.Fits(key, "listener", "dialer") ||
		hail.Fits(key, "dialerl", "istener") || hail.Fits(key, "dialer", "another") {
		t.Error("the MAC fits others")
	}
}
