package wire_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"

	"musafir/node/wire"
)

// Whatever decodes re-encodes to the same bytes. The seeds are the vectors, and
// the targets fail without them.

// open splits a frame into kind and body.
func open(b []byte) (kind wire.Kind, body []byte, ok bool) {
	n, size := binary.Uvarint(b)
	if size <= 0 || n == 0 || n != uint64(len(b)-size) {
		return 0, nil, false
	}
	return wire.Kind(b[size]), b[size+1:], true
}

// seedsOf lists the bodies of a kind in the vectors.
func seedsOf(t testing.TB, k wire.Kind) (frames, refused [][]byte) {
	v := readVectors(t)
	for _, x := range v.Frames {
		if kind, body, ok := open(x.Bytes); ok && kind == k {
			frames = append(frames, body)
		}
	}
	for _, x := range v.Refused {
		if kind, body, ok := open(x.Bytes); ok && kind == k {
			refused = append(refused, body)
		}
	}
	return frames, refused
}

func fuzzKind(f *testing.F, k wire.Kind) {
	frames, refused := seedsOf(f, k)
	if len(frames) == 0 || len(refused) == 0 {
		f.Fatalf("%d seeds of frames, %d of refused ones", len(frames), len(refused))
	}
	for _, s := range append(frames, refused...) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		frame, err := wire.Parse(k, body)
		if err != nil {
			checkRefusal(t, err)
			return
		}
		checkFrame(t, frame, body)
	})
}

// checkRefusal wants an error that says what kind it is.
func checkRefusal(t testing.TB, err error) {
	t.Helper()
	if !errors.Is(err, wire.ErrMalformed) && !errors.Is(err, wire.ErrTooLarge) {
		t.Fatalf("an error of no kind: %v", err)
	}
}

// checkFrame writes again what was read from body.
func checkFrame(t testing.TB, f wire.Frame, body []byte) {
	t.Helper()
	again, err := wire.Append([]byte("before"), f)
	if err != nil {
		t.Fatalf("write again what was read: %v", err)
	}
	again = again[len("before"):]
	if size, err := wire.Size(f); err != nil || size != len(again) {
		t.Fatalf("size %d, %v; written %d bytes", size, err, len(again))
	}
	if b, ok := f.(*wire.Batch); ok {
		checkBatch(t, b, body, again)
		return
	}
	if kind, written, ok := open(again); !ok || kind != f.Kind() || !bytes.Equal(written, body) {
		t.Fatalf("read %x, written %x", body, again)
	}
}

// checkBatch compares payloads: compressing leaves a choice.
func checkBatch(t testing.TB, b *wire.Batch, body, again []byte) {
	t.Helper()
	want := payloadOf(t, body)
	if got := wire.Payload(b); !bytes.Equal(got, want) {
		t.Fatalf("read payload %x, written %x", want, got)
	}
	if b.PayloadBytes() != len(want) {
		t.Fatalf("payload of %d bytes counts %d", len(want), b.PayloadBytes())
	}
	_, written, ok := open(again)
	if !ok || !bytes.Equal(payloadOf(t, written), want) || (written[0]^body[0])&1 != 0 {
		t.Fatalf("read %x, written %x", body, again)
	}
}

func payloadOf(t testing.TB, body []byte) []byte {
	t.Helper()
	if body[0]&2 == 0 {
		return body[1:]
	}
	payload, err := wire.Unzip(body[1:])
	if err != nil {
		t.Fatal(err)
	}
	return payload
}

func FuzzHail(f *testing.F)     { fuzzKind(f, wire.KindHail) }
func FuzzProve(f *testing.F)    { fuzzKind(f, wire.KindProve) }
func FuzzProof(f *testing.F)    { fuzzKind(f, wire.KindProof) }
func FuzzHello(f *testing.F)    { fuzzKind(f, wire.KindHello) }
func FuzzFrontier(f *testing.F) { fuzzKind(f, wire.KindFrontier) }
func FuzzHave(f *testing.F)     { fuzzKind(f, wire.KindHave) }
func FuzzTrail(f *testing.F)    { fuzzKind(f, wire.KindTrail) }
func FuzzGrant(f *testing.F)    { fuzzKind(f, wire.KindGrant) }
func FuzzBatch(f *testing.F)    { fuzzKind(f, wire.KindBatch) }
func FuzzBeat(f *testing.F)     { fuzzKind(f, wire.KindBeat) }
func FuzzBye(f *testing.F)      { fuzzKind(f, wire.KindBye) }
func FuzzKnock(f *testing.F)    { fuzzKind(f, wire.KindKnock) }
func FuzzWelcome(f *testing.F)  { fuzzKind(f, wire.KindWelcome) }
func FuzzRecover(f *testing.F)  { fuzzKind(f, wire.KindRecover) }

// FuzzRead reads a stream of frames to its end or to the first that is wrong.
func FuzzRead(f *testing.F) {
	v := readVectors(f)
	if len(v.Frames) == 0 || len(v.Refused) == 0 {
		f.Fatal("no seeds")
	}
	var session []byte
	for _, x := range v.Frames {
		f.Add(x.Bytes)
		session = append(session, x.Bytes...)
	}
	for _, x := range v.Refused {
		f.Add(x.Bytes)
		f.Add(append(session[:len(session):len(session)], x.Bytes...))
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		left := bytes.NewReader(stream)
		r := bufio.NewReader(left)
		for {
			rest := stream[len(stream)-left.Len()-r.Buffered():]
			frame, err := wire.Read(r)
			switch {
			case err == io.EOF:
				if len(rest) > 0 {
					t.Fatalf("the stream ends before %x", rest)
				}
				return
			case errors.Is(err, io.ErrUnexpectedEOF):
				return
			case errors.Is(err, wire.ErrUnknownFrame):
				continue
			case err != nil:
				checkRefusal(t, err)
				return
			}
			n := len(rest) - left.Len() - r.Buffered()
			_, body, ok := open(rest[:n])
			if !ok {
				t.Fatalf("%x is read as a frame", rest[:n])
			}
			checkFrame(t, frame, body)
		}
	})
}
