package exchange_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"musafir/crdt"
	"musafir/node/exchange"
)

func TestParseJSON(t *testing.T) {
	field := func(key string, v crdt.Value) crdt.Field { return crdt.Field{Key: key, Value: v} }
	object := func(fields ...crdt.Field) crdt.Value { return crdt.Object(fields) }
	array := func(items ...crdt.Value) crdt.Value { return crdt.Array(items) }
	for _, c := range []struct {
		json string
		want crdt.Value
	}{
		{`null`, crdt.Null},
		{` true `, crdt.True},
		{`false`, crdt.False},
		{`0`, crdt.Int(0)},
		{`-0`, crdt.Int(0)},
		{`-0.0`, crdt.Value{0xf9, 0x80, 0x00}},
		{`23`, crdt.Int(23)},
		{`9223372036854775807`, crdt.Int(1<<63 - 1)},
		{`-9223372036854775808`, crdt.Int(-1 << 63)},
		{`1.0`, crdt.Float(1)},
		{`1e3`, crdt.Float(1000)},
		{`1E3`, crdt.Float(1000)},
		{`9223372036854775808.0`, crdt.Float(1 << 63)},
		{`0.1`, crdt.Float(0.1)},
		{`5e-324`, crdt.Float(5e-324)},
		{`1e-999`, crdt.Float(0)},
		{`""`, crdt.Text("")},
		{`"a\u00e9\n\/\ud83d\ude00\u0000"`, crdt.Text("aé\n/😀\x00")},
		{`"رحيمة"`, crdt.Text("رحيمة")},
		{`"` + strings.Repeat("x", 300) + `"`, crdt.Text(strings.Repeat("x", 300))},
		{`[]`, array()},
		{`{}`, crdt.EmptyObject},
		{`[1,[2,"a"],{}]`, array(crdt.Int(1), array(crdt.Int(2), crdt.Text("a")), crdt.EmptyObject)},
		{`{"bb":1,"a":null,"":[]}`, object(field("", array()), field("a", crdt.Null), field("bb", crdt.Int(1)))},
		{`{"b":{"d":1,"c":2},"a":3}`, object(field("a", crdt.Int(3)),
			field("b", object(field("c", crdt.Int(2)), field("d", crdt.Int(1)))))},
		{"\t{ \"a\" : [ 1 , 2 ] }\r\n", object(field("a", array(crdt.Int(1), crdt.Int(2))))},
		{`{"$bytes":"AA=="}`, object(field("$bytes", crdt.Text("AA==")))},
		{nested(crdt.MaxValueDepth), nil},
		{manyKeys(300), nil},
		{"[" + strings.Repeat("1,", 299) + "1]", nil},
	} {
		v, err := exchange.ParseJSON([]byte(c.json))
		if err != nil || c.want != nil && !v.Equal(c.want) {
			t.Errorf("%.40s: got %x, %v, want %x", c.json, v, err, c.want)
		}
		if _, err := crdt.ParseValue(v); err != nil {
			t.Errorf("%.40s: not canonical: %v", c.json, err)
		}
	}
}

func nested(depth int) string { return strings.Repeat("[", depth) + strings.Repeat("]", depth) }

func manyKeys(n int) string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = fmt.Sprintf(`"%d":{"z":1,"yy":[%d]}`, i*7919%n, i)
	}
	return "{" + strings.Join(keys, ",") + "}"
}

// refused is what ParseJSON does not take. "secret" stands for the data, which
// no error may show.
var refused = []struct {
	json, pointer string
	offset        int64
	err           error
}{
	{``, "", 0, exchange.ErrEmpty},
	{` `, "", 0, exchange.ErrEmpty},
	{`"secret" "secret"`, "", 8, exchange.ErrTrailing},
	{`{}secret`, "", 2, exchange.ErrTrailing},
	{`{},`, "", 2, exchange.ErrTrailing},
	{`secret`, "", 0, exchange.ErrSyntax},
	{`'secret'`, "", 0, exchange.ErrSyntax},
	{`NaN`, "", 0, exchange.ErrSyntax},
	{`tru`, "", 3, exchange.ErrTruncated},
	{`nulL`, "", 3, exchange.ErrSyntax},
	{`01`, "", 1, exchange.ErrTrailing},
	{`+1`, "", 0, exchange.ErrSyntax},
	{`"secret`, "", 7, exchange.ErrTruncated},
	{`{"a":"secret"`, "", 13, exchange.ErrTruncated},
	{`{"a":["secret",`, "/a", 15, exchange.ErrTruncated},
	{`{"a":"secret",}`, "", 13, exchange.ErrSyntax},
	{`["secret",]`, "", 9, exchange.ErrSyntax},
	{`{"a" "secret"}`, "/a", 5, exchange.ErrSyntax},
	{`{secret:1}`, "", 1, exchange.ErrSyntax},
	{`{1:2}`, "", 1, exchange.ErrSyntax},
	{`{"a":[1,"secret\x"]}`, "/a/1", 15, exchange.ErrEscape},
	{`{"a":{"b":"secret\ud800"}}`, "/a/b", 17, exchange.ErrEscape},
	{`{"a":"secret\ud800\u0041"}`, "/a", 12, exchange.ErrEscape},
	{`{"a":"secret\udc00"}`, "/a", 12, exchange.ErrEscape},
	{"{\"a\":\"secret\xff\"}", "/a", 12, exchange.ErrUTF8},
	{"{\"a\":\"secret\xed\xa0\x80\"}", "/a", 12, exchange.ErrUTF8},
	{"{\"a\":\"secret\x01\"}", "/a", 12, exchange.ErrControl},
	{"{\"a\":\"secret\n\"}", "/a", 12, exchange.ErrSyntax},
	{`{"a":"secret","bb":1,"a":2}`, "/a", 24, exchange.ErrDuplicate},
	{`{"x":[{"a~/":1,"\u0061~/":"secret"}]}`, "/x/0/a~0~1", 25, exchange.ErrDuplicate},
	{`{"a":9223372036854775808}`, "/a", 5, exchange.ErrInteger},
	{`{"a":[1, -9223372036854775809]}`, "/a/1", 9, exchange.ErrInteger},
	{`{"a":1e309}`, "/a", 5, exchange.ErrFloat},
	{`-1.8e308`, "", 0, exchange.ErrFloat},
}

func TestParseJSONRefuses(t *testing.T) {
	for _, c := range refused {
		v, err := exchange.ParseJSON([]byte(c.json))
		var at *exchange.InputError
		if !errors.As(err, &at) || !errors.Is(err, c.err) || v != nil {
			t.Errorf("%q: got %x, %v, want %v", c.json, v, err, c.err)
			continue
		}
		if at.Pointer != c.pointer || at.Offset != c.offset {
			t.Errorf("%q: got the place %q, %d, want %q, %d", c.json, at.Pointer, at.Offset, c.pointer, c.offset)
		}
		if strings.Contains(err.Error(), "secret") || !utf8.ValidString(err.Error()) || strings.ContainsAny(err.Error(), "\n\x01") {
			t.Errorf("%q: the error shows the data: %v", c.json, err)
		}
	}
}

func TestParseJSONDepth(t *testing.T) {
	_, err := exchange.ParseJSON([]byte(nested(crdt.MaxValueDepth + 1)))
	var limit *crdt.LimitError
	if !errors.As(err, &limit) || limit.Max != crdt.MaxValueDepth {
		t.Errorf("got %v, want the limit of nesting", err)
	}
	if _, err := exchange.ParseJSON([]byte(strings.Repeat("[", 1<<20))); !errors.As(err, &limit) {
		t.Errorf("got %v, want the limit of nesting", err)
	}
}

func TestInputErrorShortensPointer(t *testing.T) {
	key := strings.Repeat("é", 1000)
	_, err := exchange.ParseJSON([]byte(`{"` + key + `":x}`))
	if err == nil || len(err.Error()) > 300 || !strings.Contains(err.Error(), "é…") {
		t.Errorf("got %v", err)
	}
}

// A value must not share the buffers that the next parse uses.
func TestParseJSONOwnsItsValue(t *testing.T) {
	text := []byte(`{"a":"first"}`)
	v, err := exchange.ParseJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	copy(text, `{"b":"SECON"}`)
	for range 100 {
		if _, err := exchange.ParseJSON(text); err != nil {
			t.Fatal(err)
		}
	}
	if got := string(exchange.AppendJSON(nil, v)); got != `{"a":"first"}` {
		t.Errorf("the value became %s", got)
	}
}
