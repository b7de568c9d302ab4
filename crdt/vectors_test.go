package crdt

import (
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// testdata/vectors.json describes inputs and gives the bytes that come of them.
// The tests build the inputs anew and compare. With -update the bytes are
// written instead: only together with a new format version.
var updateVectors = flag.Bool("update", false, "write testdata/vectors.json anew")

const vectorsFile = "testdata/vectors.json"

type hexBytes []byte

func (h hexBytes) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h)), nil }

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

func (h hexBytes) hash(t testing.TB) (a [HashSize]byte) {
	t.Helper()
	if len(h) != 0 && len(h) != HashSize {
		t.Fatalf("%x is not a hash", []byte(h))
	}
	copy(a[:], h)
	return a
}

type (
	vectors struct {
		Note       string
		Births     []*birthVector
		Admissions []*admissionVector
		Entries    []*entryVector
		Seals      []*sealVector
		Digests    []*digestVector
		Terms      []*termVector
		Buckets    []*bucketVector
		Tokens     []*tokenVector
		Paths      []*pathVector
		Values     []*valueVector
		Refused    refusedVectors
	}
	birthVector struct {
		Name        string
		Kind        string
		Camp        hexBytes
		DeviceSeed  hexBytes
		Admission   hexBytes
		Incarnation hexBytes
		Ordinal     uint64
		Continues   hexBytes        `json:",omitempty"`
		ProofSeed   hexBytes        `json:",omitempty"` // of the continued log's key
		ProofSigned hexBytes        `json:",omitempty"` // out
		Proof       hexBytes        `json:",omitempty"` // out
		Founding    *foundingVector `json:",omitempty"`
		Time        Time
		Entry       hexBytes // out
		Log         hexBytes // out: the entry's id
	}
	foundingVector struct {
		Camp         string
		Device       string
		RecoverySeed hexBytes
		Secret       hexBytes
	}
	admissionVector struct {
		Name       string
		DeviceSeed hexBytes
		Role       string
		DeviceName string
		More       hexBytes `json:",omitempty"` // of a newer program
		Log        hexBytes
		Seq        uint64
		Prev       hexBytes
		Time       Time
		Entry      hexBytes // out
		ID         hexBytes // out
	}
	entryVector struct {
		Name    string
		Log     hexBytes
		Seq     uint64
		Prev    hexBytes
		Time    Time
		Deps    []depVector
		Author  string
		Phone   string
		Changes []*changeVector
		Root    hexBytes // out: over the changes' hashes
		Entry   hexBytes // out
		ID      hexBytes // out
	}
	depVector struct {
		Log hexBytes
		Seq uint64
		ID  hexBytes
	}
	changeVector struct {
		Raw        hexBytes `json:",omitempty"` // of a kind not known here
		Collection string   `json:",omitempty"`
		ID         string   `json:",omitempty"`
		Dead       bool     `json:",omitempty"`
		Names      []hexBytes
		Supersedes []uint16
		Writes     []writeVector
		Salt       hexBytes
		Erased     bool     `json:",omitempty"`
		Change     hexBytes // out
		Hash       hexBytes // out
	}
	writeVector struct {
		Path       string
		Op         string
		Value      hexBytes
		Supersedes []uint16
		Places     []uint16 `json:",omitempty"`
	}
	sealVector struct {
		DeviceSeed hexBytes
		Camp       hexBytes
		ID         hexBytes
		Signed     hexBytes // out
		Seal       hexBytes // out
	}
	digestVector struct {
		Heads  []depVector
		Digest hexBytes // out
	}
	termVector struct {
		Collection, ID, Path string
		Entry                hexBytes
		Op                   string
		Value                hexBytes
		Erased               bool     `json:",omitempty"`
		Term                 hexBytes // out
	}
	bucketVector struct {
		Collection, ID string
		Bucket         int // out
	}
	tokenVector struct {
		Entries []hexBytes `json:",omitempty"`
		Count   int        `json:",omitempty"` // of entries 0, 1, 2 and so on, in 16 bytes each
		Token   string     // out
	}
	pathVector struct {
		Keys []string
		Path string // out
	}
	valueVector struct {
		Means string
		Value hexBytes
	}
	refusedVectors struct {
		Values, Entries, Births, Admissions, Tokens []refusal
	}
	refusal struct {
		Why  string
		Data string
	}
)

var opNames = []string{"set", "remove", "max", "increment", "add", "drop"}

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

func seed(s hexBytes) ed25519.PrivateKey { return ed25519.NewKeyFromSeed(s) }

func public(s hexBytes) ed25519.PublicKey { return seed(s).Public().(ed25519.PublicKey) }

func (v *birthVector) kind(t testing.TB) LogKind {
	switch v.Kind {
	case "control":
		return ControlLog
	case "record":
		return RecordLog
	}
	n, err := strconv.ParseUint(v.Kind, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return LogKind(n)
}

func (v *birthVector) birth(t testing.TB) *Birth {
	b := &Birth{
		Camp: CampID(v.Camp.hash(t)), Device: public(v.DeviceSeed), Admission: EntryID(v.Admission.hash(t)),
		Incarnation: [16]byte(v.Incarnation), Ordinal: v.Ordinal,
	}
	b.Kind = v.kind(t)
	if v.Proof != nil {
		b.Continues, b.Proof = LogID(v.Continues.hash(t)), v.Proof
	}
	if f := v.Founding; f != nil {
		b.Founding = &Founding{
			Camp: f.Camp, Device: f.Device, Recovery: public(f.RecoverySeed), Secret: f.Secret.hash(t),
		}
	}
	return b
}

// prove signs the continuation.
func (v *birthVector) prove(t testing.TB) {
	camp, log := CampID(v.Camp.hash(t)), LogID(v.Continues.hash(t))
	device, incarnation := public(v.DeviceSeed), [16]byte(v.Incarnation)
	v.ProofSigned = continued(camp, log, device, incarnation)
	v.Proof = ContinuationProof(seed(v.ProofSeed), camp, log, device, incarnation)
	b := v.birth(t)
	if err := b.VerifyContinuation(public(v.ProofSeed)); err != nil {
		t.Error(err)
	}
	if err := b.VerifyContinuation(device); err == nil {
		t.Error("a log vouches for itself")
	}
}

func (v *birthVector) build(t testing.TB) {
	if v.ProofSeed != nil {
		v.prove(t)
	}
	c, err := v.birth(t).Change()
	if err != nil {
		t.Fatalf("%s: %v", v.Name, err)
	}
	e, err := NewEntry(v.Time, nil, "", "", []Change{c})
	if err != nil {
		t.Fatalf("%s: %v", v.Name, err)
	}
	id := e.ID(Place{})
	v.Entry, v.Log = e.Encoded(), id[:]
}

func (v *admissionVector) role(t testing.TB) Role {
	if r, err := ParseRole(v.Role); err == nil {
		return r
	}
	n, err := strconv.ParseUint(v.Role, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return Role(n)
}

func (v *admissionVector) admission(t testing.TB) *Admission {
	return &Admission{Device: public(v.DeviceSeed), Role: v.role(t), Name: v.DeviceName, more: Value(v.More)}
}

func (v *admissionVector) build(t testing.TB) {
	c, err := v.admission(t).Change()
	if err != nil {
		t.Fatalf("%s: %v", v.Name, err)
	}
	e, err := NewEntry(v.Time, nil, "", "", []Change{c})
	if err != nil {
		t.Fatalf("%s: %v", v.Name, err)
	}
	id := e.ID(Place{LogID(v.Log.hash(t)), v.Seq, EntryID(v.Prev.hash(t))})
	v.Entry, v.ID = e.Encoded(), id[:]
}

func (v *changeVector) build(t testing.TB) Change {
	if v.Raw != nil {
		c, err := parseChange(v.Raw)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	rc := &RecordChange{Key: RecordKey{v.Collection, v.ID}, Dead: v.Dead, Supersedes: v.Supersedes}
	for _, n := range v.Names {
		rc.Names = append(rc.Names, ShortID(n))
	}
	for _, w := range v.Writes {
		wr := Write{Path: w.Path, Op: Op(slices.Index(opNames, w.Op)), Supersedes: w.Supersedes, Places: w.Places}
		if w.Op != "remove" {
			wr.Value = Value(w.Value)
		}
		rc.Writes = append(rc.Writes, wr)
	}
	var salt [SaltSize]byte
	copy(salt[:], v.Salt)
	c, err := rc.Encode(salt)
	if err != nil {
		t.Fatal(err)
	}
	if v.Erased {
		whole := c.Hash()
		if c = c.Erase(); c.Hash() != whole {
			t.Fatal("the hash changed with erasure")
		}
	}
	return c
}

func (v *entryVector) build(t testing.TB) *Entry {
	var changes []Change
	for _, cv := range v.Changes {
		c := cv.build(t)
		h := c.Hash()
		cv.Change, cv.Hash = c.Encoded(), h[:]
		changes = append(changes, c)
	}
	var deps []Dep
	for _, d := range v.Deps {
		deps = append(deps, Dep{LogID(d.Log.hash(t)), d.Seq, EntryID(d.ID.hash(t))})
	}
	e, err := NewEntry(v.Time, deps, v.Author, v.Phone, changes)
	if err != nil {
		t.Fatalf("%s: %v", v.Name, err)
	}
	root := e.changesRoot()
	id := e.ID(Place{LogID(v.Log.hash(t)), v.Seq, EntryID(v.Prev.hash(t))})
	v.Root, v.Entry, v.ID = root[:], e.Encoded(), id[:]
	return e
}

func (v *vectors) build(t testing.TB) {
	for _, b := range v.Births {
		b.build(t)
	}
	for _, a := range v.Admissions {
		a.build(t)
	}
	for _, e := range v.Entries {
		e.build(t)
	}
	for _, s := range v.Seals {
		camp, id := CampID(s.Camp.hash(t)), EntryID(s.ID.hash(t))
		seal := SealEntry(seed(s.DeviceSeed), camp, id)
		if err := seal.Verify(public(s.DeviceSeed), camp, id); err != nil {
			t.Error(err)
		}
		if err := seal.Verify(public(s.DeviceSeed), camp, EntryID{}); err == nil {
			t.Error("the seal fits another entry")
		}
		s.Signed, s.Seal = sealed(camp, id), seal[:]
	}
	for _, d := range v.Digests {
		f := Frontier{}
		for _, h := range d.Heads {
			f.Extend(LogID(h.Log.hash(t)), EntryID{}, Head{h.Seq, EntryID(h.ID.hash(t))})
		}
		digest := f.Digest()
		d.Digest = digest[:]
	}
	for _, x := range v.Terms {
		op := Op(slices.Index(opNames, x.Op))
		term := RecordKey{x.Collection, x.ID}.term(x.Path, EntryID(x.Entry.hash(t)), op, Value(x.Value), x.Erased).Bytes()
		x.Term = term[:]
	}
	for _, b := range v.Buckets {
		b.Bucket = RecordKey{b.Collection, b.ID}.Bucket()
	}
	for _, x := range v.Tokens {
		var names []ShortID
		for _, e := range x.Entries {
			names = append(names, ShortID(e))
		}
		for i := range x.Count {
			names = append(names, ShortID{14: byte(i >> 8), 15: byte(i)})
		}
		s := seenOf(names)
		x.Token = s.String()
		if back, err := ParseSeen(x.Token); err != nil || !reflect.DeepEqual(*back, s) {
			t.Errorf("token %s reads back as %v, %v", x.Token, back, err)
		}
	}
	for _, p := range v.Paths {
		p.Path = ""
		for _, k := range p.Keys {
			p.Path = JoinPath(p.Path, k)
		}
		if got := SplitPath(p.Path); !slices.Equal(got, p.Keys) {
			t.Errorf("path %q has keys %q", p.Path, got)
		}
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
	w, g := reflect.ValueOf(*want), reflect.ValueOf(*got)
	for i := range w.NumField() {
		if f := w.Field(i); f.Kind() == reflect.Slice && f.Len() == 0 {
			t.Errorf("no vectors of %s", w.Type().Field(i).Name)
		}
		a, _ := json.MarshalIndent(w.Field(i).Interface(), "", " ")
		b, _ := json.MarshalIndent(g.Field(i).Interface(), "", " ")
		if string(a) != string(b) {
			t.Errorf("%s: vectors.json says\n%s\nit is\n%s", w.Type().Field(i).Name, a, b)
		}
	}
}

// What is written is read back as what was meant.
func TestVectorsRead(t *testing.T) {
	v := readVectors(t)
	for _, b := range v.Births {
		e, err := ParseEntry(b.Entry)
		if err != nil {
			t.Errorf("%s: %v", b.Name, err)
			continue
		}
		if known := b.Kind == "control" || b.Kind == "record"; e.Known() != known {
			t.Errorf("%s: known %v", b.Name, e.Known())
		}
		got, err := e.Changes[0].Birth()
		if err != nil || !reflect.DeepEqual(got, b.birth(t)) {
			t.Errorf("%s: %+v, %v", b.Name, got, err)
		}
		if !reflect.DeepEqual(e.Birth(), got) || e.Admission() != nil {
			t.Errorf("%s: the entry is %+v, %+v", b.Name, e.Birth(), e.Admission())
		}
	}
	for _, a := range v.Admissions {
		e, err := ParseEntry(a.Entry)
		if err != nil {
			t.Errorf("%s: %v", a.Name, err)
			continue
		}
		if known := a.role(t) < roleEnd && a.More == nil; e.Known() != known || e.Admission().Known() != known {
			t.Errorf("%s: known %v", a.Name, e.Known())
		}
		if got := e.Admission(); !reflect.DeepEqual(got, a.admission(t)) || e.Birth() != nil {
			t.Errorf("%s: the entry is %+v, %+v", a.Name, got, e.Birth())
		}
	}
	for _, x := range v.Entries {
		e, err := ParseEntry(x.Entry)
		if err != nil {
			t.Errorf("%s: %v", x.Name, err)
			continue
		}
		checkEntry(t, e)
		header, err := ScanHeader(x.Entry)
		if err != nil || header.Time != e.Time || header.Author != x.Author || header.Phone != x.Phone || len(header.Deps) != len(x.Deps) {
			t.Errorf("%s: header %+v, %v", x.Name, header, err)
		}
		for i := range e.Changes {
			c, err := ChangeAt(x.Entry, e.Offset(i))
			if err != nil || c.Hash() != e.Changes[i].Hash() {
				t.Errorf("%s: change %d: %v", x.Name, i, err)
			}
		}
		if known := !slices.ContainsFunc(x.Changes, func(c *changeVector) bool { return c.Raw != nil }); e.Known() != known {
			t.Errorf("%s: known %v", x.Name, e.Known())
		}
	}
	for _, x := range v.Values {
		if _, err := ParseValue(Value(x.Value)); err != nil {
			t.Errorf("%s: %v", x.Means, err)
		}
	}
}

func TestVectorsRefused(t *testing.T) {
	r := readVectors(t).Refused
	data := func(x refusal) []byte {
		b, err := hex.DecodeString(x.Data)
		if err != nil {
			t.Fatalf("%s: %v", x.Why, err)
		}
		return b
	}
	if min(len(r.Values), len(r.Entries), len(r.Births), len(r.Admissions), len(r.Tokens)) == 0 {
		t.Fatal("nothing to refuse")
	}
	for _, x := range r.Values {
		if _, err := ParseValue(data(x)); err == nil {
			t.Errorf("value %s is taken: %s", x.Data, x.Why)
		}
	}
	for _, x := range slices.Concat(r.Entries, r.Births, r.Admissions) {
		if _, err := ParseEntry(data(x)); err == nil {
			t.Errorf("entry %s is taken: %s", x.Data, x.Why)
		}
	}
	for _, x := range r.Tokens {
		if _, err := ParseSeen(x.Data); err == nil {
			t.Errorf("token %s is taken: %s", x.Data, x.Why)
		}
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
	known := map[string]bool{}
	for _, m := range regexp.MustCompile(`"([^"]*)"`).FindAllStringSubmatch(string(b), -1) {
		known[m[1]] = true
	}
	blocks := regexp.MustCompile("(?s)```hex\n(.*?)```").FindAllStringSubmatch(string(doc), -1)
	if len(blocks) < 8 {
		t.Fatalf("FORMAT.md quotes %d vectors", len(blocks))
	}
	quoted := map[string]bool{}
	for _, m := range blocks {
		bytes := ""
		for line := range strings.Lines(m[1]) {
			line, _, _ = strings.Cut(line, "#")
			bytes += strings.Join(strings.Fields(line), "")
		}
		quoted[bytes] = true
		if !known[bytes] {
			t.Errorf("FORMAT.md quotes %s, which is no vector", bytes)
		}
	}
	// Nor may a long hexadecimal number stand outside of such a block.
	rest := regexp.MustCompile("(?s)```hex\n.*?```").ReplaceAllString(string(doc), "")
	for _, m := range regexp.MustCompile(`\b[0-9a-f]{24,}\b`).FindAllString(rest, -1) {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(known)), func(k string) bool { return strings.Contains(k, m) }) {
			t.Errorf("FORMAT.md mentions %s, which is in no vector", m)
		}
	}
}
