package discovery

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"flag"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"musafir/crdt"
)

// testdata/vectors.json describes notices and gives the bytes that come of them. The
// tests build them anew and compare. With -update the bytes are written instead: only
// together with a new version of the format.
var updateVectors = flag.Bool("update", false, "write testdata/vectors.json anew")

const vectorsFile = "testdata/vectors.json"

type hexBytes []byte

func (h hexBytes) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h)), nil }

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

type (
	vectors struct {
		Note    string
		Notices []*noticeVector
		Refused []*refusedVector
	}
	noticeVector struct {
		Name       string
		DeviceSeed hexBytes
		TCP, UDP   uint16
		Digest     hexBytes
		Addrs      []netip.Addr
		Key        hexBytes
		Nonce      hexBytes
		Plain      hexBytes // out
		Sealed     hexBytes // out
		Text       string   // out
	}
	refusedVector struct {
		Name  string
		Plain hexBytes
	}
)

func readVectors(t testing.TB) *vectors {
	t.Helper()
	b, err := os.ReadFile(vectorsFile)
	check(t, err)
	var v vectors
	check(t, json.Unmarshal(b, &v))
	return &v
}

func (x *noticeVector) notice() Notice {
	public := ed25519.NewKeyFromSeed(x.DeviceSeed).Public().(ed25519.PublicKey)
	return Notice{Device: crdt.DeviceIDOf(public), TCP: x.TCP, UDP: x.UDP, Digest: [8]byte(x.Digest), Addrs: x.Addrs}
}

// build computes the outputs.
func (x *noticeVector) build(t *testing.T) noticeVector {
	t.Helper()
	out := *x
	plain, err := x.notice().encode()
	check(t, err)
	l, err := newLock(x.Key)
	check(t, err)
	out.Plain = plain
	out.Text = l.seal(plain, [nonceSize]byte(x.Nonce))
	sealed, ok := unwrap(out.Text)
	if !ok {
		t.Fatalf("%s: sealed as %q", x.Name, out.Text)
	}
	out.Sealed = sealed
	return out
}

func TestVectors(t *testing.T) {
	v := readVectors(t)
	if len(v.Notices) == 0 || len(v.Refused) == 0 {
		t.Fatal("there are no vectors")
	}
	for _, x := range v.Notices {
		got := x.build(t)
		if *updateVectors {
			*x = got
		}
		if !bytes.Equal(got.Plain, x.Plain) || !bytes.Equal(got.Sealed, x.Sealed) || got.Text != x.Text {
			t.Errorf("%s: got\n%x\n%x\n%s", x.Name, got.Plain, got.Sealed, got.Text)
		}
	}
	for _, x := range v.Refused {
		if n, err := decode(x.Plain); err == nil {
			t.Errorf("%s: decoded as %+v", x.Name, n)
		}
	}
	if *updateVectors {
		b, err := json.MarshalIndent(v, "", "  ")
		check(t, err)
		check(t, os.WriteFile(vectorsFile, append(b, '\n'), 0o644))
	}
}

var (
	hexBlock = regexp.MustCompile("(?s)```hex\n(.*?)```")
	txtBlock = regexp.MustCompile("(?s)```txt\n(.*?)```")
	comment  = regexp.MustCompile(`#.*`)
)

// TestFormatPage checks that the bytes on the page are those of the vectors.
func TestFormatPage(t *testing.T) {
	b, err := os.ReadFile("FORMAT.md")
	check(t, err)
	var known []string
	for _, x := range readVectors(t).Notices {
		known = append(known, hex.EncodeToString(x.Plain), hex.EncodeToString(x.Sealed), x.Text)
	}
	shown := append(hexBlock.FindAllStringSubmatch(string(b), -1), txtBlock.FindAllStringSubmatch(string(b), -1)...)
	if len(shown) < 3 {
		t.Fatalf("%d byte strings on the page", len(shown))
	}
	for _, s := range shown {
		s := strings.Join(strings.Fields(comment.ReplaceAllString(s[1], "")), "")
		if !slices.Contains(known, s) {
			t.Errorf("no vector is\n%s", s)
		}
	}
}
