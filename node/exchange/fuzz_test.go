package exchange_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"testing"

	"musafir/crdt"
	"musafir/node/exchange"
)

// accepted are the seeds of the fuzz targets beside refused.
var accepted = []string{
	`null`, `-0`, `-0.0`, `9223372036854775807`, `1e+21`, `5e-324`, `"\ud83d\ude00\u0000"`, `[[],{},""]`,
	`{"bb":1,"a":{"d":[1.5],"c":null}}`, `{"$bytes":"AA=="}`,
	`{"collection":"patients","id":"1","fields":{"age":31}}`,
	"{\"collection\":\"a\",\"id\":\"1\",\"fields\":{}}\n\n{\"fields\":{},\"id\":\"2\",\"collection\":\"b\"}",
}

func seeds() (all [][]byte) {
	for _, s := range accepted {
		all = append(all, []byte(s))
	}
	for _, c := range refused {
		all = append(all, []byte(c.json))
	}
	return all
}

// A fuzz target that lost its seeds would pass on nothing.
func TestSeeds(t *testing.T) {
	values, lines := 0, 0
	for _, s := range seeds() {
		if _, err := exchange.ParseJSON(s); err == nil {
			values++
		}
		if _, err := exchange.ParseLine(s); err == nil {
			lines++
		}
	}
	if values == 0 || lines == 0 || len(seeds()) <= values {
		t.Errorf("of %d seeds %d are values and %d are lines", len(seeds()), values, lines)
	}
}

// What parses is canonical, is JSON to others too, and comes back.
func FuzzParseJSON(f *testing.F) {
	for _, s := range seeds() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		v, err := exchange.ParseJSON(text)
		if err != nil {
			checkRefusal(t, text, err)
			return
		}
		if _, err := crdt.ParseValue(v); err != nil {
			t.Fatalf("not canonical: %v", err)
		}
		rendered := exchange.AppendJSON(nil, v)
		if !json.Valid(text) || !json.Valid(rendered) {
			t.Fatalf("took %q and made %q", text, rendered)
		}
		back, err := exchange.ParseJSON(rendered)
		if err != nil || !back.Equal(v) {
			t.Fatalf("%q came back as %x, %v", rendered, back, err)
		}
	})
}

// checkRefusal sees to it that what others take for JSON is refused for our
// stricter rules only.
func checkRefusal(t *testing.T, text []byte, err error) {
	for _, kind := range []error{exchange.ErrEmpty, exchange.ErrTruncated, exchange.ErrTrailing, exchange.ErrSyntax, exchange.ErrControl} {
		if errors.Is(err, kind) && json.Valid(text) {
			t.Fatalf("%q is JSON and was refused: %v", text, err)
		}
	}
}

// A Reader ends, counts its lines and gives only records that may be written.
func FuzzReader(f *testing.F) {
	for _, s := range seeds() {
		f.Add(s)
		f.Add(zip(string(s)))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := exchange.NewReader(bytes.NewReader(text))
		if err != nil {
			return
		}
		for last := 0; ; {
			l, number, err := r.Next()
			if _, bad := err.(*exchange.LineError); err == io.EOF || err != nil && !bad {
				return
			}
			if number <= last {
				t.Fatalf("line %d after line %d", number, last)
			}
			last = number
			if err == nil && (l.Key.Validate() != nil || l.Fields.Kind() != crdt.KindObject) {
				t.Fatalf("took %+v", l)
			}
		}
	})
}
