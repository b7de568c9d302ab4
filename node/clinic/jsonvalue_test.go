package clinic

import (
	"encoding/json"
	"math"
	"runtime"
	"strings"
	"testing"

	"musafir/crdt"
)

// built is a value of what JSON says, made of its parts.
func built(doc any) crdt.Value {
	switch doc := doc.(type) {
	case bool:
		return flag(doc)
	case string:
		return crdt.Text(doc)
	case float64:
		if doc == math.Trunc(doc) {
			return crdt.Int(int64(doc))
		}
		return crdt.Float(doc)
	case []any:
		var items []crdt.Value
		for _, x := range doc {
			items = append(items, built(x))
		}
		return crdt.Array(items)
	case map[string]any:
		var fields []crdt.Field
		for key, x := range doc {
			fields = append(fields, crdt.Field{Key: key, Value: built(x)})
		}
		return crdt.Object(fields)
	}
	return crdt.Null
}

func TestReadValue(t *testing.T) {
	for _, text := range []string{`null`, `true`, `"a\u00e9\""`, `-7`, `1.5`, `[]`, `{}`, `[[],{},"x",[1,[2,false]]]`,
		`{"b":[{"z":1,"a":[null]}],"":{"x":"y"},"a":2}`, `[` + strings.Repeat(`1,`, 300) + `1]`,
		strings.Repeat("[", crdt.MaxValueDepth) + `7` + strings.Repeat("]", crdt.MaxValueDepth)} {
		v, err := readValue([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		var doc any
		if err := json.Unmarshal([]byte(text), &doc); err != nil {
			t.Fatal(err)
		}
		if !v.Equal(built(doc)) {
			t.Errorf("%s became %x", text, []byte(v))
		}
	}
	for text, want := range map[string]string{`1e400`: "larger than any", `[[1e400]]`: "larger than any", `{"a":[1}`: "", `[1`: "", ``: "", `{"a":1,"a":2}`: "",
		strings.Repeat("[", crdt.MaxValueDepth+1) + `7` + strings.Repeat("]", crdt.MaxValueDepth+1): "inside one another"} {
		if _, err := readValue([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// Lists inside one another make a push no larger in memory.
func TestReadNestedTakesLittle(t *testing.T) {
	const size = 8 << 20
	for what, text := range map[string]string{"a text": `"` + strings.Repeat("x", size) + `"`, "numbers": `1` + strings.Repeat(",1", size/2)} {
		push := []byte(`{"patients":{"created":[{"id":"x","_status":"created","camp":` + strings.Repeat("[", crdt.MaxValueDepth) + text +
			strings.Repeat("]", crdt.MaxValueDepth) + `}]}}`)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := ReadPush(push); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > 20*size {
			t.Errorf("%s of %d MiB took %d MiB to read", what, size>>20, used>>20)
		}
	}
}
