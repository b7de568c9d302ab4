package exchange_test

import (
	"encoding/json"
	"math"
	"testing"

	"pgregory.net/rapid"

	"musafir/crdt"
	"musafir/node/exchange"
)

func TestAppendJSON(t *testing.T) {
	for _, c := range []struct {
		v    crdt.Value
		want string
	}{
		{nil, `null`},
		{crdt.Null, `null`},
		{crdt.True, `true`},
		{crdt.Int(-5), `-5`},
		{crdt.Int(math.MinInt64), `-9223372036854775808`},
		{crdt.Float(1), `1.0`},
		{crdt.Float(math.Copysign(0, -1)), `-0.0`},
		{crdt.Float(1e20), `100000000000000000000.0`},
		{crdt.Float(1e21), `1e+21`},
		{crdt.Float(0.1), `0.1`},
		{crdt.Float(5e-324), `5e-324`},
		{crdt.Text("<a&b> \"\\\n\x01\u2028é😀"), `"<a&b> \"\\\n\u0001` + "\u2028" + `é😀"`},
		{crdt.BytesOf([]byte{0xff, 0xfe}), `{"$bytes":"//4="}`},
		{crdt.BytesOf(nil), `{"$bytes":""}`},
		{crdt.Array(nil), `[]`},
		{crdt.EmptyObject, `{}`},
		{crdt.Array([]crdt.Value{crdt.Int(1), crdt.Text(","), crdt.EmptyObject}), `[1,",",{}]`},
		{crdt.Object([]crdt.Field{
			{Key: "b", Value: crdt.Object([]crdt.Field{{Key: "d", Value: crdt.Int(1)}, {Key: "cc", Value: crdt.Int(2)}})},
			{Key: "aaa", Value: crdt.Null},
			{Key: "B", Value: crdt.Array(nil)},
		}), `{"B":[],"aaa":null,"b":{"cc":2,"d":1}}`},
	} {
		if got := string(exchange.AppendJSON(nil, c.v)); got != c.want {
			t.Errorf("%x: got %s, want %s", c.v, got, c.want)
		}
	}
	if got := string(exchange.AppendJSON([]byte(","), crdt.Array(nil))); got != ",[]" {
		t.Errorf("appended: got %s", got)
	}
}

// values are all values without bytes, which JSON has not.
func values(depth int) *rapid.Generator[crdt.Value] {
	leaves := []*rapid.Generator[crdt.Value]{
		rapid.SampledFrom([]crdt.Value{crdt.Null, crdt.True, crdt.False, crdt.EmptyObject}),
		rapid.Map(rapid.Int64(), crdt.Int),
		rapid.Map(rapid.Float64().Filter(finite), crdt.Float),
		rapid.Map(rapid.String(), crdt.Text),
	}
	if depth == 0 {
		return rapid.OneOf(leaves...)
	}
	below := rapid.Deferred(func() *rapid.Generator[crdt.Value] { return values(depth - 1) })
	return rapid.OneOf(append(leaves,
		rapid.Map(rapid.SliceOfN(below, 0, 30), crdt.Array),
		objects(below),
	)...)
}

func objects(of *rapid.Generator[crdt.Value]) *rapid.Generator[crdt.Value] {
	return rapid.Map(rapid.MapOfN(rapid.String(), of, 0, 30), func(m map[string]crdt.Value) crdt.Value {
		var fields []crdt.Field
		for key, v := range m {
			fields = append(fields, crdt.Field{Key: key, Value: v})
		}
		return crdt.Object(fields)
	})
}

func finite(v float64) bool { return !math.IsInf(v, 0) && !math.IsNaN(v) }

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := values(3).Draw(t, "value")
		text := exchange.AppendJSON(nil, v)
		if !json.Valid(text) {
			t.Fatalf("%x: %s is not JSON", v, text)
		}
		back, err := exchange.ParseJSON(text)
		if err != nil || !back.Equal(v) {
			t.Fatalf("%x: %s came back as %x, %v", v, text, back, err)
		}
	})
}

// The deepest value that there may be is rendered and read.
func TestRoundTripDepth(t *testing.T) {
	v := crdt.Int(7)
	for range crdt.MaxValueDepth {
		v = crdt.Object([]crdt.Field{{Key: "a", Value: v}})
	}
	back, err := exchange.ParseJSON(exchange.AppendJSON(nil, v))
	if err != nil || !back.Equal(v) {
		t.Errorf("got %x, %v", back, err)
	}
}
