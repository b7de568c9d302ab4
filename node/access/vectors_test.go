package access_test

import (
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"musafir/crdt"
	"musafir/node/access"
)

// testdata/vectors.json describes inputs and gives the bytes that come of them.
// With -update they are written instead: only together with a new version of what
// FORMAT.md lays down.
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
		Note       string
		Codes      []*codeVector
		Recoveries []*recoveryVector
		MACs       []*macVector
		Keys       []*keyVector
		Proofs     []*proofVector
	}
	codeVector struct {
		Random hexBytes
		Code   access.Code // out
		Name   string      // out
	}
	recoveryVector struct {
		Seed      hexBytes
		Joiner    crdt.DeviceID
		Device    crdt.DeviceID
		Camp      hexBytes
		Code      string   // out
		Signature hexBytes // out
		MAC       hexBytes // out
	}
	macVector struct {
		Code        access.Code
		What        string
		Joiner      crdt.DeviceID
		Coordinator crdt.DeviceID
		More        []hexBytes
		MAC         hexBytes // out
	}
	keyVector struct {
		First     hexBytes // the camp's first entry
		Camp      hexBytes // out
		Discovery hexBytes // out
		Bundle    hexBytes // out
		Phone     hexBytes // out
	}
	proofVector struct {
		First  hexBytes
		Device crdt.DeviceID
		Items  []itemVector
		Proof  hexBytes // out
	}
	itemVector struct {
		Log   hexBytes `json:",omitempty"` // these three not of a birth
		Seq   uint64   `json:",omitempty"`
		Prev  hexBytes `json:",omitempty"`
		Entry hexBytes
		Seal  hexBytes
	}
)

func readVectors(t testing.TB) *vectors {
	t.Helper()
	b, err := os.ReadFile(vectorsFile)
	if err != nil {
		t.Fatal(err)
	}
	v := &vectors{}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatal(err)
	}
	return v
}

// firstOf is a camp that holds its first entry.
func firstOf(t testing.TB, raw []byte) (*access.Camp, crdt.CampID) {
	t.Helper()
	e, err := crdt.ParseEntry(raw)
	if err != nil {
		t.Fatal(err)
	}
	id := e.ID(crdt.Place{})
	c := access.New(crdt.CampID(id))
	if err := c.Check(crdt.Place{}, id, e); err != nil {
		t.Fatal(err)
	}
	c.Add(crdt.Place{}, id, e)
	return c, crdt.CampID(id)
}

func (v *itemVector) item() access.Item {
	it := access.Item{Entry: v.Entry, Seal: crdt.Seal(v.Seal)}
	if v.Seq > 0 {
		it.Place = crdt.Place{Log: crdt.LogID(v.Log), Seq: v.Seq, Prev: crdt.EntryID(v.Prev)}
	}
	return it
}

func (v *vectors) build(t testing.TB) {
	for _, x := range v.Codes {
		x.Code = access.NewCode([10]byte(x.Random))
		x.Name = x.Code.Name()
	}
	for _, x := range v.Recoveries {
		key := ed25519.NewKeyFromSeed(x.Seed)
		x.Code = access.RecoveryCode(key)
		x.Signature = access.SignRecovery(key, x.Joiner, x.Device)
		mac := access.RecoveryMAC(key.Public().(ed25519.PublicKey), x.Joiner, x.Device, crdt.CampID(x.Camp))
		x.MAC = mac[:]
	}
	for _, x := range v.MACs {
		var more [][]byte
		for _, m := range x.More {
			more = append(more, m)
		}
		mac := x.Code.MAC(x.What, x.Joiner, x.Coordinator, more...)
		x.MAC = mac[:]
	}
	for _, x := range v.Keys {
		c, id := firstOf(t, x.First)
		x.Camp, x.Discovery, x.Bundle, x.Phone = id[:], c.DiscoveryKeys()[0], c.BundleKeys()[0], c.PhoneKeys()[0]
	}
	for _, x := range v.Proofs {
		x.build(t)
	}
}

func (v *proofVector) build(t testing.TB) {
	c, _ := firstOf(t, v.First)
	var items []access.Item
	for i := range v.Items {
		items = append(items, v.Items[i].item())
	}
	b, err := access.EncodeProof(items)
	if err != nil {
		t.Fatal(err)
	}
	v.Proof = b
	read, err := access.DecodeProof(b)
	if err != nil || !reflect.DeepEqual(read, items) {
		t.Fatalf("the proof reads as %+v, %v", read, err)
	}
	if err := c.Verify(read, v.Device); err != nil {
		t.Error(err)
	}
}

func TestVectors(t *testing.T) {
	want, got := readVectors(t), readVectors(t)
	got.build(t)
	if *updateVectors {
		b, err := json.MarshalIndent(got, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(vectorsFile, append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if min(len(want.Codes), len(want.MACs), len(want.Keys), len(want.Proofs)) == 0 {
		t.Error("there are no vectors of something")
	}
	a, _ := json.MarshalIndent(want, "", " ")
	b, _ := json.MarshalIndent(got, "", " ")
	if string(a) != string(b) {
		t.Errorf("vectors.json says\n%s\nit is\n%s", a, b)
	}
}

// The bytes that FORMAT.md quotes are vectors.
func TestFormatQuotesVectors(t *testing.T) {
	doc, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(vectorsFile)
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```hex\n(.*?)```").FindAllStringSubmatch(string(doc), -1)
	if len(blocks) < 4 {
		t.Fatalf("FORMAT.md quotes %d vectors", len(blocks))
	}
	for _, m := range blocks {
		quoted := ""
		for line := range strings.Lines(m[1]) {
			line, _, _ = strings.Cut(line, "#")
			quoted += strings.Join(strings.Fields(line), "")
		}
		if !strings.Contains(string(b), `"`+quoted+`"`) {
			t.Errorf("FORMAT.md quotes %s, which is no vector", quoted)
		}
	}
}
