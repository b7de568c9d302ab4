package exchange_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"musafir/crdt"
	"musafir/node/exchange"
)

func lineOf(id string) string {
	return `{"collection":"visits","id":"` + id + `","fields":{"note":"secret"}}`
}

func zip(text string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write([]byte(text))
	z.Close()
	return b.Bytes()
}

// transcript is what a Reader gives: "number id" or "number error" for each line,
// and the error at the end unless it is io.EOF.
func transcript(t *testing.T, in io.Reader) (out []string) {
	t.Helper()
	r, err := exchange.NewReader(in)
	if err != nil {
		return []string{err.Error()}
	}
	for {
		l, number, err := r.Next()
		var bad *exchange.LineError
		switch {
		case err == nil:
			out = append(out, fmt.Sprintf("%d %s", number, l.Key.ID))
		case errors.As(err, &bad) && bad.Line == number:
			out = append(out, fmt.Sprintf("%d bad", number))
		case err == io.EOF:
			return out
		default:
			return append(out, err.Error())
		}
	}
}

func expect(t *testing.T, name string, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s: got %q, want %q", name, got, want)
	}
}

func TestReader(t *testing.T) {
	one, two := lineOf("1"), lineOf("2")
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"empty", "", nil},
		{"one byte", "x", []string{"1 bad"}},
		{"lines", one + "\n" + two + "\n", []string{"1 1", "2 2"}},
		{"no end at the end", one + "\n" + two, []string{"1 1", "2 2"}},
		{"CRLF", one + "\r\n" + two + "\r\n", []string{"1 1", "2 2"}},
		{"blank lines", "\n \t\n" + one + "\n\r\n\n" + two + "\n\n", []string{"3 1", "6 2"}},
		{"byte order mark", "\ufeff" + one + "\n", []string{"1 1"}},
		{"mark alone", "\ufeff", nil},
		{"mark within", one + "\n\ufeff" + two, []string{"1 1", "2 bad"}},
		{"bad line", one + "\nsecret\n" + two + "\n", []string{"1 1", "2 bad", "3 2"}},
		{"cut in the last line", one + "\n" + two[:20], []string{"1 1", "2 bad"}},
		{"two on a line", one + two + "\n" + one, []string{"1 bad", "2 1"}},
		{"UTF-16", "\xff\xfe{\x00", []string{"read after line 0: " + exchange.ErrUTF16.Error()}},
		{"longer than the buffer", longLine(200<<10) + "\n" + one + "\n", []string{"1 long", "2 1"}},
		{"longest", longLine(exchange.MaxLineBytes) + "\r\n" + one, []string{"1 long", "2 1"}},
		{"too long", longLine(exchange.MaxLineBytes+1) + "\n" + one, []string{"1 bad", "2 1"}},
		{"too long, last", one + "\n" + longLine(exchange.MaxLineBytes+3), []string{"1 1", "2 bad"}},
		{"too long, blank", strings.Repeat(" ", 2*exchange.MaxLineBytes) + "\n" + one, []string{"1 bad", "2 1"}},
	} {
		expect(t, c.name, transcript(t, strings.NewReader(c.text)), c.want...)
		expect(t, c.name+", by small parts", transcript(t, iotest.HalfReader(strings.NewReader(c.text))), c.want...)
		if !strings.HasPrefix(c.name, "UTF-16") {
			expect(t, c.name+", gzipped", transcript(t, bytes.NewReader(zip(c.text))), c.want...)
		}
	}
}

// longLine is a line of so many bytes, whose fields hold white space.
func longLine(size int) string {
	head, tail := `{"collection":"visits","id":"long","fields":{`, `}}`
	return head + strings.Repeat(" ", size-len(head)-len(tail)) + tail
}

func TestReaderTooLongNamesLimit(t *testing.T) {
	r, err := exchange.NewReader(io.MultiReader(
		io.LimitReader(endless{}, 100<<20), strings.NewReader("\n"+lineOf("1"))))
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = r.Next()
	var limit *crdt.LimitError
	if !errors.As(err, &limit) || limit.Max != exchange.MaxLineBytes || limit.Size != 100<<20+1 {
		t.Errorf("got %v", err)
	}
	if l, number, err := r.Next(); err != nil || number != 2 || l.Key.ID != "1" {
		t.Errorf("after it: got %v, %d, %v", l, number, err)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// Cut or damaged gzip data never looks like an end, and no piece of a line is
// taken for one.
func TestReaderGzipCut(t *testing.T) {
	var text strings.Builder
	for i := range 2000 {
		text.WriteString(lineOf(fmt.Sprint(i)) + "\n")
	}
	whole := zip(text.String())
	for _, size := range []int{2, 3, 9, 10, 11, len(whole) / 2, len(whole) - 9, len(whole) - 8, len(whole) - 1} {
		got := transcript(t, bytes.NewReader(whole[:size]))
		last := got[len(got)-1]
		if !strings.Contains(last, "cut off") {
			t.Errorf("%d of %d bytes: got %d lines and %q", size, len(whole), len(got), last)
		}
		for i, l := range got[:len(got)-1] {
			if l != fmt.Sprintf("%d %d", i+1, i) {
				t.Fatalf("%d of %d bytes: got line %q", size, len(whole), l)
			}
		}
	}
	whole[len(whole)-6] ^= 1
	got := transcript(t, bytes.NewReader(whole))
	if last := got[len(got)-1]; !strings.Contains(last, "unzip") {
		t.Errorf("wrong checksum: got %q", last)
	}
}

func TestReaderGzipMembers(t *testing.T) {
	both := append(zip(lineOf("1")+"\n"), zip(lineOf("2")+"\n")...)
	expect(t, "two members", transcript(t, bytes.NewReader(both)), "1 1", "2 2")
}

// What follows the gzip data is told from data that is cut off.
func TestReaderAfterGzip(t *testing.T) {
	for rest, want := range map[string]string{
		"x": "unzip: something follows", "secret, longer than the head of a member": "unzip: something follows",
		strings.Repeat("\x00", 512): "unzip: something follows", "\x1f": "cut off", "\x1f\x8b\x08": "cut off",
		"\x1f\x8b\x00\x00\x00\x00\x00\x00\x00\x00\x00": "invalid header",
	} {
		got := transcript(t, iotest.OneByteReader(bytes.NewReader(append(zip(lineOf("1")+"\n"), rest...))))
		if len(got) != 2 || got[0] != "1 1" || !strings.Contains(got[1], want) || strings.Contains(got[1], "secret") {
			t.Errorf("%q after the data: got %q, want %q", rest, got, want)
		}
	}
	expect(t, "an empty member between two", transcript(t, bytes.NewReader(bytes.Join([][]byte{zip(lineOf("1") + "\n"), zip(""), zip(lineOf("2"))}, nil))), "1 1", "2 2")
}

func TestReaderStreamError(t *testing.T) {
	broken := errors.New("the cable is out")
	in := func() io.Reader {
		return io.MultiReader(strings.NewReader(lineOf("1")+"\n{"), iotest.ErrReader(broken))
	}
	r, err := exchange.NewReader(in())
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, _, err := r.Next(); !errors.Is(err, broken) {
			t.Errorf("got %v", err)
		}
	}
	if _, err := exchange.NewReader(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("at the beginning: got %v", err)
	}
}

func TestReaderShowsNoData(t *testing.T) {
	r, err := exchange.NewReader(strings.NewReader("\"secret\n" + lineOf("1") + "secret\n{\"id\":\"secret\"}"))
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, _, err := r.Next(); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("got %v", err)
		}
	}
}

func TestReaderRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fields := rapid.SliceOfN(objects(values(1)), 0, 20).Draw(t, "records")
		var text []byte
		for i, f := range fields {
			key := crdt.RecordKey{Collection: fmt.Sprint("c", i%3), ID: fmt.Sprint(i)}
			text = exchange.AppendLine(text, exchange.Line{Key: key, Fields: f})
		}
		r, err := exchange.NewReader(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		for i, f := range fields {
			l, number, err := r.Next()
			if err != nil || number != i+1 || l.Key.ID != fmt.Sprint(i) || !l.Fields.Equal(f) {
				t.Fatalf("line %d: got %d, %+v, %v", i+1, number, l, err)
			}
		}
		if _, _, err := r.Next(); err != io.EOF {
			t.Fatalf("at the end: got %v", err)
		}
	})
}
