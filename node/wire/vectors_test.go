package wire_test

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"io"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"musafir/crdt"
	"musafir/node/wire"
)

// testdata/vectors.json describes frames and gives the bytes that they are. With
// -update the bytes are written instead: only together with a new version of the
// protocol.
var updateVectors = flag.Bool("update", false, "write testdata/vectors.json anew")

const vectorsFile = "testdata/vectors.json"

type (
	vectors struct {
		Note    string
		MACs    []*macVector
		Frames  []*frameVector
		Refused []*refusal
	}
	macVector struct {
		Key      []byte
		Dialer   crdt.DeviceID
		Listener crdt.DeviceID
		MAC      []byte // of hail; out
		Prove    []byte // its MAC, asked by the listener; out
	}
	frameVector struct {
		Means  string
		Kind   string
		Fields jsontext.Value
		Zipped bool   `json:",omitzero"` // compressed: bytes to be read, not to be written
		Bytes  []byte // out: with the length
	}
	refusal struct {
		Why   string
		Error string // the name of one of refusals
		Bytes []byte
	}
)

var refusals = map[string]error{
	"malformed": wire.ErrMalformed, "too large": wire.ErrTooLarge, "unknown": wire.ErrUnknownFrame, "truncated": io.ErrUnexpectedEOF,
}

var allKinds = []wire.Frame{
	&wire.Hail{}, &wire.Prove{}, &wire.Proof{}, &wire.Hello{}, &wire.Frontier{}, &wire.Have{}, &wire.Trail{}, &wire.Grant{},
	&wire.Batch{}, &wire.Beat{}, &wire.Bye{}, &wire.Knock{}, &wire.Welcome{}, &wire.Recover{},
}

func newFrame(t testing.TB, kind string) wire.Frame {
	t.Helper()
	for _, f := range allKinds {
		if f.Kind().String() == kind {
			return reflect.New(reflect.TypeOf(f).Elem()).Interface().(wire.Frame)
		}
	}
	t.Fatalf("no kind is called %q", kind)
	return nil
}

func readVectors(t testing.TB) *vectors {
	t.Helper()
	b, err := os.ReadFile(vectorsFile)
	if err != nil {
		t.Fatal(err)
	}
	v := &vectors{}
	fromJSON(t, b, v)
	return v
}

func (v *frameVector) frame(t testing.TB) wire.Frame {
	t.Helper()
	f := newFrame(t, v.Kind)
	fromJSON(t, v.Fields, f)
	return f
}

func (v *vectors) build(t testing.TB) {
	for _, m := range v.MACs {
		mac := wire.HailMAC(m.Key, m.Dialer, m.Listener)
		m.MAC = mac[:]
		prove := wire.ProveMAC(m.Key, m.Listener, m.Dialer)
		m.Prove = prove[:]
	}
	for _, f := range v.Frames {
		b, err := wire.Append(nil, f.frame(t))
		if err != nil {
			t.Fatalf("%s: %v", f.Means, err)
		}
		if !f.Zipped || len(f.Bytes) == 0 {
			f.Bytes = b
		}
	}
}

func TestVectors(t *testing.T) {
	want, got := readVectors(t), readVectors(t)
	got.build(t)
	if *updateVectors {
		if err := os.WriteFile(vectorsFile, append(toJSON(t, got), '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	for i := range want.MACs {
		if !bytes.Equal(want.MACs[i].Prove, got.MACs[i].Prove) {
			t.Errorf("MAC of prove %x, it is %x", want.MACs[i].Prove, got.MACs[i].Prove)
		}
		if !bytes.Equal(want.MACs[i].MAC, got.MACs[i].MAC) {
			t.Errorf("MAC %x, it is %x", want.MACs[i].MAC, got.MACs[i].MAC)
		}
	}
	for i, w := range want.Frames {
		if !bytes.Equal(w.Bytes, got.Frames[i].Bytes) {
			t.Errorf("%s: vectors.json says\n%x\nit is\n%x", w.Means, w.Bytes, got.Frames[i].Bytes)
		}
	}
}

// What is written is read back as what was meant, by Read and by Parse.
func TestVectorsRead(t *testing.T) {
	for _, v := range readVectors(t).Frames {
		f, err := readAll(v.Bytes)
		if err != nil {
			t.Errorf("%s: %v", v.Means, err)
			continue
		}
		if want, got := toJSON(t, v.frame(t)), toJSON(t, f); !bytes.Equal(want, got) {
			t.Errorf("%s: read\n%s\nwant\n%s", v.Means, got, want)
		}
	}
}

func TestVectorsRefused(t *testing.T) {
	for _, r := range readVectors(t).Refused {
		want := refusals[r.Error]
		if want == nil {
			t.Fatalf("%s: no error is called %q", r.Why, r.Error)
		}
		f, err := readAll(r.Bytes)
		if !errors.Is(err, want) || errors.Is(err, io.EOF) {
			t.Errorf("%s: %x is read as %s, %v; want %v", r.Why, r.Bytes, toJSON(t, f), err, want)
		}
		for name, other := range refusals {
			if name != r.Error && errors.Is(err, other) {
				t.Errorf("%s: the error is %s too", r.Why, name)
			}
		}
	}
}

// Of every kind there is a frame, and one that is refused.
func TestVectorsAreWhole(t *testing.T) {
	v := readVectors(t)
	for _, f := range allKinds {
		if frames, refused := seedsOf(t, f.Kind()); len(frames) == 0 || len(refused) == 0 {
			t.Errorf("%v: %d frames, %d refused", f.Kind(), len(frames), len(refused))
		}
	}
	if len(v.MACs) == 0 {
		t.Error("no vectors of MACs")
	}
}

// readAll reads a stream of one frame.
func readAll(b []byte) (wire.Frame, error) {
	r := bufio.NewReader(bytes.NewReader(b))
	f, err := wire.Read(r)
	if err != nil {
		return nil, err
	}
	if _, err := wire.Read(r); err != io.EOF {
		return nil, errors.New("there is more in the stream")
	}
	return f, nil
}

// The bytes that SPEC.md quotes are vectors.
func TestSpecQuotesVectors(t *testing.T) {
	doc, err := os.ReadFile("SPEC.md")
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(vectorsFile)
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, m := range regexp.MustCompile(`"([^"]*)"`).FindAllStringSubmatch(string(b), -1) {
		known[m[1]] = true
	}
	fence := regexp.MustCompile("(?s)```hex\n(.*?)```")
	blocks := fence.FindAllStringSubmatch(string(doc), -1)
	if len(blocks) < len(allKinds) {
		t.Errorf("SPEC.md quotes %d vectors, and there are %d kinds", len(blocks), len(allKinds))
	}
	for _, m := range blocks {
		if quoted := unquote(m[1]); !known[quoted] {
			t.Errorf("SPEC.md quotes %s, which is no vector", quoted)
		}
	}
	rest := fence.ReplaceAllString(string(doc), "")
	for _, m := range regexp.MustCompile(`\b[0-9a-f]{24,}\b`).FindAllString(rest, -1) {
		t.Errorf("SPEC.md has %s outside of a quotation", m)
	}
}

// unquote takes the comments and spaces out of a quotation.
func unquote(block string) string {
	var b strings.Builder
	for line := range strings.Lines(block) {
		line, _, _ = strings.Cut(line, "#")
		b.WriteString(strings.Join(strings.Fields(line), ""))
	}
	return b.String()
}
