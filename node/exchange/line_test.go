package exchange_test

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"musafir/crdt"
	"musafir/node/exchange"
)

func TestParseLine(t *testing.T) {
	want := exchange.Line{
		Key:    crdt.RecordKey{Collection: "patients", ID: "rahima/1"},
		Fields: crdt.Object([]crdt.Field{{Key: "age", Value: crdt.Int(31)}}),
	}
	for _, text := range []string{
		`{"collection":"patients","id":"rahima/1","fields":{"age":31}}`,
		`{"fields":{"age":31},"id":"rahima/1","collection":"patients"}`,
		` { "id" : "rahima\/1" , "fields" : { "age" : 31 } , "collection" : "p\u0061tients" } ` + "\r\n",
	} {
		l, err := exchange.ParseLine([]byte(text))
		if err != nil || l.Key != want.Key || !l.Fields.Equal(want.Fields) {
			t.Errorf("%s: got %+v, %v", text, l, err)
		}
	}
}

func TestParseLineRefuses(t *testing.T) {
	for _, c := range []struct {
		text string
		err  error  // nil: any
		says string // in the message
	}{
		{``, exchange.ErrEmpty, ""},
		{`"secret"`, exchange.ErrNotLine, ""},
		{`["secret"]`, exchange.ErrNotLine, ""},
		{`{}`, exchange.ErrNotLine, `no "collection"`},
		{`{"collection":"a","fields":{}}`, exchange.ErrNotLine, `no "id"`},
		{`{"collection":"a","id":"1"}`, exchange.ErrNotLine, `no "fields"`},
		{`{"collection":"a","id":"1","fields":{},"extra":"secret"}`, exchange.ErrMember, `"/extra"`},
		{`{"collection":"a","id":"1","fields":["secret"]}`, exchange.ErrNotObject, `"/fields"`},
		{`{"collection":"a","id":"1","fields":null}`, exchange.ErrNotObject, ""},
		{`{"collection":"a","id":7,"fields":{}}`, exchange.ErrNotText, `"/id"`},
		{`{"collection":{"secret":1},"id":"7","fields":{}}`, exchange.ErrNotText, `"/collection"`},
		{`{"collection":"a","collection":"secret","id":"1","fields":{}}`, exchange.ErrDuplicate, `"/collection"`},
		{`{"id":"a","id":"secret"}`, exchange.ErrDuplicate, `"/id"`},
		{`{"fields":{},"fields":{"secret":1}}`, exchange.ErrDuplicate, `"/fields"`},
		{`{"collection":"a","id":"1","fields":{}} "secret"`, exchange.ErrTrailing, ""},
		{`{"collection":"a","id":"1","fields":{"n":99999999999999999999}}`, exchange.ErrInteger, `"/fields/n", byte 41`},
		{`{"collection":"a","id":"1","fields":{}`, exchange.ErrTruncated, ""},
		{`{"collection":"a","id":"secret\q","fields":{}}`, exchange.ErrEscape, `"/id"`},
		{`{"collection":"a","id":`, exchange.ErrTruncated, ""},
		{`{7:1}`, exchange.ErrSyntax, ""},
		{`{"collection":"","id":"1","fields":{}}`, nil, "collection name"},
		{`{"collection":"a b","id":"1","fields":{}}`, nil, "collection name"},
		{`{"collection":"a","id":"","fields":{}}`, nil, "record id"},
		{`{"collection":"a","id":"\u0001secret","fields":{}}`, nil, "record id"},
		{`{"collection":"a","id":"` + strings.Repeat("secret", 50) + `","fields":{}}`, nil, "record id"},
		{`{"collection":"a","id":"1","fields":` + strings.Repeat(`{"a":`, 33) + `1` + strings.Repeat(`}`, 34), nil, "nesting"},
	} {
		l, err := exchange.ParseLine([]byte(c.text))
		if err == nil || c.err != nil && !errors.Is(err, c.err) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want %v %s", c.text, err, c.err, c.says)
			continue
		}
		if l.Fields != nil || l.Key != (crdt.RecordKey{}) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %+v, %v", c.text, l, err)
		}
	}
}

func TestAppendLine(t *testing.T) {
	l := exchange.Line{Key: crdt.RecordKey{Collection: "patients", ID: `a"b`}, Fields: crdt.EmptyObject}
	want := `{"collection":"patients","id":"a\"b","fields":{}}` + "\n"
	if got := string(exchange.AppendLine(nil, l)); got != want {
		t.Errorf("got %s", got)
	}
}

func TestLineRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := exchange.Line{
			Key: crdt.RecordKey{
				Collection: rapid.StringMatching(`[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,20}`).Draw(t, "collection"),
				ID:         rapid.StringMatching(`[^\x00-\x1f\x7f-\x{9f}\x{202a}-\x{202e}\x{2066}-\x{2069}]{1,20}`).Draw(t, "id"),
			},
			Fields: objects(values(2)).Draw(t, "fields"),
		}
		back, err := exchange.ParseLine(exchange.AppendLine(nil, l))
		if err != nil || back.Key != l.Key || !back.Fields.Equal(l.Fields) {
			t.Fatalf("%+v came back as %+v, %v", l, back, err)
		}
	})
}
