package crdt

import (
	"bytes"
	"encoding/hex"
	"math"
	"reflect"
	"slices"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"pgregory.net/rapid"
)

// Whatever decodes re-encodes to the same bytes. The seeds are the vectors, and
// the tests fail without them.

// checkEntry rebuilds a parsed entry from its parts.
func checkEntry(t testing.TB, e *Entry) {
	t.Helper()
	changes := make([]Change, len(e.Changes))
	for i := range e.Changes {
		changes[i] = rebuild(t, &e.Changes[i])
		if changes[i].Hash() != e.Changes[i].Hash() {
			t.Fatalf("change %d hashes differently", i)
		}
		erased := e.Changes[i].Erase()
		if erased.Hash() != e.Changes[i].Hash() {
			t.Fatalf("change %d hashes differently when erased", i)
		}
	}
	again, err := NewEntry(e.Time, e.Deps, e.Author, e.Phone, changes)
	if err != nil {
		t.Fatalf("write again what was read: %v", err)
	}
	if !bytes.Equal(again.Encoded(), e.Encoded()) {
		t.Fatalf("read %x, written %x", e.Encoded(), again.Encoded())
	}
	if at := (Place{Seq: 7}); again.ID(at) != e.ID(at) {
		t.Fatal("the id changed")
	}
}

// rebuild encodes anew what a change means.
func rebuild(t testing.TB, c *Change) Change {
	t.Helper()
	switch {
	case c.Kind == KindBirth:
		b, err := c.Birth()
		if err != nil {
			t.Fatal(err)
		}
		again, err := b.Change()
		if err != nil {
			t.Fatal(err)
		}
		return again
	case c.Kind == KindAdmission:
		a, err := c.Admission()
		if err != nil {
			t.Fatal(err)
		}
		again, err := a.Change()
		if err != nil {
			t.Fatal(err)
		}
		return again
	case c.Kind > KindAdmission:
		return *c
	}
	rc, err := c.Record()
	if err != nil {
		t.Fatal(err)
	}
	if !c.Erased() {
		var salt [SaltSize]byte
		copy(salt[:], c.salt)
		again, err := rc.Encode(salt)
		if err != nil {
			t.Fatal(err)
		}
		return again
	}
	// The shape of an erased change is that of one with any values.
	whole := *rc
	whole.Erased = false
	whole.Writes = slices.Clone(rc.Writes)
	for i := range whole.Writes {
		switch w := &whole.Writes[i]; {
		case w.Op == OpRemove:
		case w.Op.isElement():
			w.Value = Int(int64(i)) // in order
		default:
			w.Value = Int(0)
		}
	}
	again, err := whole.Encode([SaltSize]byte{})
	if err != nil {
		t.Fatal(err)
	}
	b := appendUint(AppendArray(nil, 3), KindRecord)
	again, err = parseChange(AppendBytes(append(b, again.shape...), c.commit))
	if err != nil {
		t.Fatal(err)
	}
	return again
}

func unhex(t testing.TB, s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// addSeeds adds at least one seed.
func addSeeds[T any](f *testing.F, seeds ...T) {
	if len(seeds) == 0 {
		f.Fatal("no seeds")
	}
	for _, s := range seeds {
		f.Add(s)
	}
}

func entrySeeds(t testing.TB) (seeds [][]byte) {
	v := readVectors(t)
	for _, e := range v.Entries {
		seeds = append(seeds, e.Entry)
	}
	for _, b := range v.Births {
		seeds = append(seeds, b.Entry)
	}
	for _, a := range v.Admissions {
		seeds = append(seeds, a.Entry)
	}
	for _, r := range slices.Concat(v.Refused.Entries, v.Refused.Births, v.Refused.Admissions) {
		seeds = append(seeds, unhex(t, r.Data))
	}
	return seeds
}

func valueSeeds(t testing.TB) (seeds [][]byte) {
	v := readVectors(t)
	for _, x := range v.Values {
		seeds = append(seeds, x.Value)
	}
	for _, r := range v.Refused.Values {
		seeds = append(seeds, unhex(t, r.Data))
	}
	return seeds
}

func TestSeedsAreThere(t *testing.T) {
	v := readVectors(t)
	for what, n := range map[string]int{
		"entries": len(v.Entries), "births": len(v.Births), "values": len(v.Values), "tokens": len(v.Tokens),
		"admissions": len(v.Admissions), "refused admissions": len(v.Refused.Admissions),
		"refused entries": len(v.Refused.Entries), "refused births": len(v.Refused.Births),
		"refused values": len(v.Refused.Values), "refused tokens": len(v.Refused.Tokens), "rows": len(rowSeeds()),
	} {
		if n == 0 {
			t.Errorf("no seeds of %s: the fuzz targets would pass on nothing", what)
		}
	}
}

func FuzzParseEntry(f *testing.F) {
	addSeeds(f, entrySeeds(f)...)
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := ParseEntry(b)
		if err != nil {
			return
		}
		checkEntry(t, e)
		checkTouched(t, e)
		if scanned, err := ScanEntry(b); err != nil || scanned.ID(Place{}) != e.ID(Place{}) {
			t.Fatalf("scanned: %v", err)
		}
		if _, err := ScanHeader(b); err != nil {
			t.Fatal(err)
		}
		for i := range e.Changes {
			if c, err := ChangeAt(b, e.Offset(i)); err != nil || c.Hash() != e.Changes[i].Hash() {
				t.Fatalf("change %d: %v", i, err)
			}
		}
		useEntry(t, e)
	})
}

// useEntry does with an entry what a device does: nothing may panic.
func useEntry(t testing.TB, e *Entry) {
	for i := range e.Changes {
		rc, err := e.Changes[i].Record()
		if err != nil {
			continue
		}
		touch := &Touch{Entry: e.ID(Place{}), Time: e.Time, Merged: true, Change: rc}
		r := Refold(rc.Key, []*Touch{touch})
		v := r.View()
		if _, err := ParseValue(v.Fields); err != nil {
			t.Fatalf("shows %x: %v", []byte(v.Fields), err)
		}
		if !r.Deleted() && !rc.Erased {
			if again, err := Compose(r, &Edit{Key: rc.Key, Replace: v.Fields}, nil); again != nil || err != nil {
				t.Fatalf("%x put back: %+v, %v", []byte(v.Fields), again, err)
			}
		}
		if _, err := Compose(r, &Edit{Key: rc.Key, Replace: EmptyObject}, nil); err != nil {
			t.Fatalf("emptied: %v", err)
		}
	}
}

func FuzzScanEntry(f *testing.F) {
	addSeeds(f, entrySeeds(f)...)
	f.Fuzz(func(t *testing.T, b []byte) {
		if e, err := ScanEntry(b); err == nil {
			_ = e.ID(Place{})
			for i := range e.Changes {
				_, _ = e.Changes[i].Record()
				_ = e.Changes[i].Erase()
			}
			_, _, _ = e.Birth(), e.Admission(), e.Known()
		}
		_, _ = ScanHeader(b)
		_, _ = ChangeAt(b, 1)
		_, _ = EachTouched(b, func(RecordKey) (bool, error) { return true, nil })
	})
}

func FuzzBirth(f *testing.F) {
	var seeds [][]byte
	for _, b := range readVectors(f).Births {
		e, err := ParseEntry(b.Entry)
		if err != nil {
			f.Fatal(err)
		}
		seeds = append(seeds, e.Changes[0].Encoded())
	}
	addSeeds(f, seeds...)
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := parseChange(b)
		if err != nil {
			return
		}
		birth, err := c.Birth()
		if err != nil {
			return
		}
		again, err := birth.Change()
		if err != nil || !bytes.Equal(again.Encoded(), b) {
			t.Fatalf("read %x, written %x: %v", b, again.Encoded(), err)
		}
		_ = birth.VerifyContinuation(birth.Device)
	})
}

func FuzzAdmission(f *testing.F) {
	var seeds [][]byte
	for _, a := range readVectors(f).Admissions {
		e, err := ParseEntry(a.Entry)
		if err != nil {
			f.Fatal(err)
		}
		seeds = append(seeds, e.Changes[0].Encoded())
	}
	addSeeds(f, seeds...)
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := parseChange(b)
		if err != nil {
			return
		}
		a, err := c.Admission()
		if err != nil {
			return
		}
		again, err := a.Change()
		if err != nil || !bytes.Equal(again.Encoded(), b) {
			t.Fatalf("read %x, written %x: %v", b, again.Encoded(), err)
		}
	})
}

func FuzzParseSeen(f *testing.F) {
	var seeds []string
	v := readVectors(f)
	for _, x := range v.Tokens {
		seeds = append(seeds, x.Token)
	}
	for _, x := range v.Refused.Tokens {
		seeds = append(seeds, x.Data)
	}
	addSeeds(f, seeds...)
	f.Fuzz(func(t *testing.T, text string) {
		if s, err := ParseSeen(text); err == nil && s.String() != text {
			t.Fatalf("read %q, written %q", text, s.String())
		}
	})
}

func FuzzParseShortID(f *testing.F) {
	addSeeds(f, "", "00", "000102030405060708090a0b0c0d0e0f", "000102030405060708090a0b0c0d0e0g")
	f.Fuzz(func(t *testing.T, text string) {
		if id, err := ParseShortID(text); err == nil && !bytes.EqualFold([]byte(id.String()), []byte(text[:32])) {
			t.Fatalf("read %q, written %q", text, id)
		}
	})
}

func FuzzPath(f *testing.F) {
	var seeds []string
	for _, p := range readVectors(f).Paths {
		seeds = append(seeds, p.Path)
	}
	addSeeds(f, seeds...)
	f.Fuzz(func(t *testing.T, path string) {
		if ValidatePath(path) != nil {
			return
		}
		again := ""
		for _, k := range SplitPath(path) {
			again = JoinPath(again, k)
		}
		if again != path {
			t.Fatalf("read %q, written %q", path, again)
		}
	})
}

// rowTouches are what rows in the fuzz target refer to.
func rowTouches() []*Touch {
	d := newDevice(newWriter(1), newWriter(2))
	for i, e := range []*Edit{
		{Set: []Field{{"p", Int(1)}, {"t", Text("a")}}}, {Add: []Field{{"s", Int(1)}}}, {Increment: []Field{{"c", Int(3)}}},
		{Set: []Field{{"p", Int(2)}}, Seen: &Seen{Entries: []ShortID{{9}}}}, {Drop: []Field{{"s", Int(1)}}}, {Remove: []string{"t"}},
	} {
		e.Key = testKey
		rc, err := Compose(d.rec, e, d.all)
		if err != nil {
			panic(err)
		}
		t, err := d.logs[i%2].write(Time(i), rc)
		if err != nil {
			panic(err)
		}
		d.take(t)
	}
	return d.held
}

func rowSeeds() (seeds [][]byte) {
	touches := rowTouches()
	for i := range touches {
		seeds = append(seeds, rowOf(Refold(testKey, touches[:i+1])))
	}
	return seeds
}

func FuzzReadRow(f *testing.F) {
	addSeeds(f, rowSeeds()...)
	load := loader(rowTouches())
	f.Fuzz(func(t *testing.T, row []byte) {
		r, err := ReadRow(testKey, row, load)
		if err != nil {
			return
		}
		again := rowOf(r)
		if r2, err := ReadRow(testKey, again, load); err != nil || !bytes.Equal(rowOf(r2), again) {
			t.Fatalf("a row that was read does not survive: %v", err)
		}
		_ = r.View()
		_ = r.Seen()
	})
}

// strict is how the library comes nearest to reading the canonical form.
var strict = func() cbor.DecMode {
	var simple []func(*cbor.SimpleValueRegistry) error
	for v := range 256 {
		if v < 20 || v > 22 && (v < 24 || v > 31) {
			simple = append(simple, cbor.WithRejectedSimpleValue(cbor.SimpleValue(v)))
		}
	}
	registry, err := cbor.NewSimpleValueRegistryFromDefaults(simple...)
	if err != nil {
		panic(err)
	}
	m, err := cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden,
		MaxNestedLevels: MaxValueDepth, MaxArrayElements: math.MaxInt32, MaxMapPairs: math.MaxInt32,
		UTF8: cbor.UTF8RejectInvalid, IntDec: cbor.IntDecConvertSignedOrFail, NaN: cbor.NaNDecodeForbidden,
		Inf: cbor.InfDecodeForbidden, BignumTag: cbor.BignumTagForbidden, SimpleValues: registry,
		DefaultMapType: reflect.TypeFor[map[string]any](),
	}.DecMode()
	if err != nil {
		panic(err)
	}
	return m
}()

// canonical tells by the library whether b is a canonical value: what it
// decodes to encodes to b.
func canonical(b []byte) bool {
	var v any
	if strict.Unmarshal(b, &v) != nil {
		return false
	}
	again, err := coreMode.Marshal(v)
	return err == nil && bytes.Equal(again, b)
}

func checkValue(t tb, b []byte) {
	v, err := ParseValue(b)
	if (err == nil) != canonical(b) {
		t.Fatalf("%x: we say %v, the library says canonical %v", b, err, canonical(b))
	}
	if err == nil {
		useValue(t, v)
	}
}

// useValue reads a value by its methods and builds it again.
func useValue(t tb, v Value) {
	if again := rebuildValue(v); !v.Equal(again) {
		t.Fatalf("read %x, written %x", []byte(v), []byte(again))
	}
	if v.Compare(v) != 0 || v.Kind() == KindNone {
		t.Fatalf("%x is not itself", []byte(v))
	}
}

func rebuildValue(v Value) Value {
	switch v.Kind() {
	case KindBool:
		return AppendBool(nil, v.Bool())
	case KindInt:
		return Int(v.Int())
	case KindFloat:
		return Float(v.Float())
	case KindText:
		return Text(v.Text())
	case KindBytes:
		return BytesOf(v.Bytes())
	case KindArray:
		var items []Value
		v.Items(func(item Value) { items = append(items, rebuildValue(item)) })
		return Array(items)
	case KindObject:
		var fields []Field
		v.Fields(func(k string, item Value) { fields = append(fields, Field{k, rebuildValue(item)}) })
		return Object(fields)
	}
	return Null
}

func FuzzParseValue(f *testing.F) {
	addSeeds(f, valueSeeds(f)...)
	f.Fuzz(func(t *testing.T, b []byte) {
		checkValue(t, b)
	})
}

// FuzzValueMethods reads what nobody checked: nothing may panic or run for ever.
func FuzzValueMethods(f *testing.F) {
	addSeeds(f, valueSeeds(f)...)
	f.Fuzz(func(_ *testing.T, b []byte) {
		v := Value(b)
		_, _, _, _, _, _ = v.Bool(), v.Int(), v.Float(), v.Text(), v.Bytes(), v.Len()
		v.Items(func(Value) {})
		v.Fields(func(string, Value) {})
		for range v.All() {
			break
		}
	})
}

// Every head of up to three bytes, and values near to canonical ones, are taken
// exactly if the library says that they are canonical.
func TestCanonicalAgreesWithLibrary(t *testing.T) {
	for a := range 256 {
		checkValue(t, []byte{byte(a)})
		for b := range 256 {
			checkValue(t, []byte{byte(a), byte(b)})
			for c := 0; c < 256; c += 5 {
				checkValue(t, []byte{byte(a), byte(b), byte(c)})
			}
		}
	}
	for h := range 1 << 16 { // every 16-bit float
		checkValue(t, []byte{byteF16, byte(h >> 8), byte(h)})
	}
	for n := range MaxValueDepth + 3 {
		for _, inner := range [][]byte{{0x80}, {0x01}, {0xa0}, {0xa1, 0x60, 0xf6}} {
			checkValue(t, append(bytes.Repeat([]byte{0x81}, n), inner...))
			checkValue(t, append(bytes.Repeat([]byte{0xa1, 0x61, 'k'}, n), inner...))
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		b := slices.Clone(asValue(drawAny(t, 4)))
		checkValue(t, b)
		if len(b) > 0 {
			i := rapid.IntRange(0, len(b)-1).Draw(t, "at")
			b[i] = rapid.Byte().Draw(t, "byte")
			checkValue(t, b)
		}
		for _, v := range []float64{rapid.Float64().Draw(t, "f64"), float64(rapid.Float32().Draw(t, "f32"))} {
			if !bytes.Equal(Float(v), core(v)) {
				t.Fatalf("%v: we write %x, the library %x", v, []byte(Float(v)), core(v))
			}
		}
		n := rapid.Int64().Draw(t, "int")
		if !bytes.Equal(Int(n), core(n)) || Int(n).Int() != n {
			t.Fatalf("%d: we write %x, the library %x", n, []byte(Int(n)), core(n))
		}
	})
}

func drawAny(t *rapid.T, depth int) any {
	switch rapid.IntRange(0, 8).Draw(t, "kind") {
	case 0:
		return nil
	case 1:
		return rapid.Bool().Draw(t, "bool")
	case 2:
		return rapid.Int64().Draw(t, "int")
	case 3:
		return rapid.Float64().Draw(t, "float")
	case 4:
		return rapid.String().Draw(t, "text")
	case 5:
		return rapid.SliceOfN(rapid.Byte(), 0, 30).Draw(t, "bytes")
	case 6, 7:
		items := []any{}
		for n := rapid.IntRange(0, 3*min(depth, 1)).Draw(t, "items"); n > 0; n-- {
			items = append(items, drawAny(t, depth-1))
		}
		return items
	}
	m := map[string]any{}
	for n := rapid.IntRange(0, 3*min(depth, 1)).Draw(t, "keys"); n > 0; n-- {
		m[rapid.StringN(0, 4, -1).Draw(t, "key")] = drawAny(t, depth-1)
	}
	return m
}

// Value.Compare is a total order.
func TestLawCompare(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func() Value {
			if rapid.Bool().Draw(t, "number") {
				return asValue(rapid.SampledFrom([]any{int64(0), 0.0, math.Copysign(0, -1), int64(1), 1.0, 0.5, int64(math.MaxInt64), float64(1 << 63), int64(math.MinInt64), -float64(1 << 63), int64(1<<53 + 1), float64(1 << 53)}).Draw(t, "n"))
			}
			return asValue(drawAny(t, 1))
		}
		a, b, c := draw(), draw(), draw()
		if a.Compare(b) != -b.Compare(a) || (a.Compare(b) == 0) != a.Equal(b) {
			t.Fatalf("%x and %x", []byte(a), []byte(b))
		}
		if a.Compare(b) <= 0 && b.Compare(c) <= 0 && a.Compare(c) > 0 {
			t.Fatalf("%x, %x and %x", []byte(a), []byte(b), []byte(c))
		}
	})
}
