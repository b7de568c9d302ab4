package crdt

import (
	"crypto/ed25519"
	"fmt"
	"testing"
)

// patientEdit writes a record of twelve fields, as a registration does.
func patientEdit() *Edit {
	e := &Edit{Key: RecordKey{"patients", "5b1a7d2e-93a4-4c1e-8a57-1f0f3c9d2b66"}}
	for i, v := range []Value{
		Text("Rahima"), Text("Khatun"), Text("1991-04-17"), Text("female"), Text("Camp 4, block C"), Text("+880170000000"),
		Int(34), Float(36.6), True, Null, Array([]Value{Text("penicillin")}), EmptyObject,
	} {
		e.Set = append(e.Set, Field{fmt.Sprintf("field_%02d", i), v})
	}
	return e
}

func patientEntry(b *testing.B) (*Entry, *Touch) {
	e := patientEdit()
	rc, err := Compose(&Record{Key: e.Key}, e, nil)
	if err != nil {
		b.Fatal(err)
	}
	c, err := rc.Encode([SaltSize]byte{1})
	if err != nil {
		b.Fatal(err)
	}
	entry, err := NewEntry(TimeAt(1), []Dep{{Log: LogID{9}, ID: EntryID{9}}}, "amina", "", []Change{c})
	if err != nil {
		b.Fatal(err)
	}
	read, err := entry.Changes[0].Record()
	if err != nil {
		b.Fatal(err)
	}
	return entry, &Touch{Log: LogID{1}, Entry: entry.ID(Place{Log: LogID{1}}), Time: entry.Time, Merged: true, Change: read}
}

func BenchmarkParseEntry(b *testing.B) {
	e, _ := patientEntry(b)
	b.SetBytes(int64(len(e.Encoded())))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseEntry(e.Encoded()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkScanEntry(b *testing.B) {
	e, _ := patientEntry(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ScanEntry(e.Encoded()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRecordChange(b *testing.B) {
	e, _ := patientEntry(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.Changes[0].Record(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkID(b *testing.B) {
	e, _ := patientEntry(b)
	at := Place{Log: LogID{1}, Seq: 7}
	b.ReportAllocs()
	for b.Loop() {
		e.ID(at)
	}
}

func BenchmarkEncode(b *testing.B) {
	_, t := patientEntry(b)
	b.ReportAllocs()
	for b.Loop() {
		c, err := t.Change.Encode([SaltSize]byte{1})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := NewEntry(1, nil, "amina", "", []Change{c}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkApplyFresh(b *testing.B) {
	_, t := patientEntry(b)
	b.ReportAllocs()
	for b.Loop() {
		r := Record{Key: t.Change.Key}
		r.Apply(t, nil)
	}
}

func BenchmarkView(b *testing.B) {
	_, t := patientEntry(b)
	r := Refold(t.Change.Key, []*Touch{t})
	b.ReportAllocs()
	for b.Loop() {
		r.View()
	}
}

func BenchmarkRow(b *testing.B) {
	_, t := patientEntry(b)
	r := Refold(t.Change.Key, []*Touch{t})
	var row []byte
	b.ReportAllocs()
	for b.Loop() {
		row = r.AppendRow(row[:0])
		if _, err := ReadRow(r.Key, row, func(Ref) (*Touch, error) { return t, nil }); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkComposeNew(b *testing.B) {
	e := patientEdit()
	r := &Record{Key: e.Key}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Compose(r, e, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkComposeOneField(b *testing.B) {
	_, t := patientEntry(b)
	r := Refold(t.Change.Key, []*Touch{t})
	e := &Edit{Key: r.Key, Set: []Field{{"field_03", Text("male")}}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Compose(r, e, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkComposePutBack(b *testing.B) {
	_, t := patientEntry(b)
	r := Refold(t.Change.Key, []*Touch{t})
	e := &Edit{Key: r.Key, Replace: r.View().Fields}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Compose(r, e, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerifySeal(b *testing.B) {
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	id := EntryID{1}
	s := SealEntry(key, CampID{}, id)
	for b.Loop() {
		if err := s.Verify(key.Public().(ed25519.PublicKey), CampID{}, id); err != nil {
			b.Fatal(err)
		}
	}
}

// counterTouches are n increments by devices that see one another.
func counterTouches(n int) []*Touch {
	w := newWriter(1)
	r := &Record{Key: testKey}
	var touches []*Touch
	for i := range n {
		rc, err := Compose(r, &Edit{Key: testKey, Increment: []Field{{"count", Int(1)}}}, nil)
		if err != nil {
			panic(err)
		}
		t, err := w.write(Time(i), rc)
		if err != nil {
			panic(err)
		}
		r.Apply(t, nil)
		touches = append(touches, t)
	}
	return touches
}

// A stock counter after ten years: refolding must stay linear.
func BenchmarkRefold10000(b *testing.B) {
	touches := counterTouches(10_000)
	b.ReportAllocs()
	for b.Loop() {
		Refold(testKey, touches)
	}
}
