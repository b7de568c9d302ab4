package clinic

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const (
	departments = `[{"id":"d1","name":"Triage","seen_at":null,"seen_by":null,"status":"pending"},{"id":"d2","name":"Pharmacy","seen_at":null,"seen_by":null,"status":"pending"}]`
	formData    = `[{"fieldId":"a","name":"BP","fieldType":"free-text","inputType":"number","value":"120/80"},{"fieldId":"b","name":"Note","value":"العربية \"x\""}]`
)

func TestReadDocument(t *testing.T) {
	for text, keys := range map[string]string{
		departments: "d1 d2", formData: "a b",
		`{"type":"Encounter","n":1.50,"deep":{"id":[1,2]}}`: "type n deep",
		`{"type": "Encounter"}`:                             "type",
		`[{"id":7},{"id":8}]`:                               "7 8",
	} {
		d, ok := readDocument(text)
		if !ok || strings.Join(d.keys, " ") != keys || d.text() != text {
			t.Errorf("%s: %v, %v, %s", text, ok, d.keys, d.text())
		}
		again, ok := composed(d.parts, d.order(1767225600000))
		if !ok || again != text {
			t.Errorf("%s: put together %s, %v", text, again, ok)
		}
	}
	for _, text := range []string{
		"", "x", "[]", "{}", "null", "7", `"text"`, `[1,2]`, `[{"id":"a"},{"id":"a"}]`, `[{"id":"a"},{"name":"b"}]`, `[{"id":null}]`, `[{"id":"#"}]`,
		`[{"id":""}]`, `[ {"id":"a"}]`, `[{"id":"a"}] `, `[{"id":"a"}`, `{"a":1,"a":2}`, `[{"id":"a"}]x`, `["018f"]`, `{"#":1}`,
		`[{"id":"` + strings.Repeat("x", 600) + `"}]`, "[{\"id\":\"\x00\"}]",
	} {
		if d, ok := readDocument(text); ok {
			t.Errorf("%s is taken apart: %v", text, d.keys)
		}
	}
}

// Elements that the order does not name stand behind; those that are gone leave no gap.
func TestComposed(t *testing.T) {
	d, _ := readDocument(departments)
	parts := maps.Clone(d.parts)
	delete(parts, "d1")
	parts["d0"], parts["d9"] = `{"id":"d0"}`, `{"id":"d9"}`
	got, ok := composed(parts, d.order(5))
	if want := "[" + d.parts["d2"] + `,{"id":"d0"},{"id":"d9"}]`; !ok || got != want {
		t.Errorf("%s, %v", got, ok)
	}
	if got, ok := composed(nil, d.order(5)); !ok || got != "[]" {
		t.Errorf("with nothing in it: %s, %v", got, ok)
	}
	for _, order := range []string{"7", d.order(5)[:15], "000000000000005[x", "000000000000005"} {
		if got, ok := composed(parts, order); ok {
			t.Errorf("by the order %q: %s", order, got)
		}
	}
	if a, b := d.order(999), d.order(1000); a >= b {
		t.Errorf("the later order %s is not greater than %s", b, a)
	}
}

func TestDocumentLaw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type element struct {
			ID    string `json:"id"`
			Value any    `json:"value"`
		}
		var list []element
		for i := range rapid.IntRange(1, 6).Draw(t, "n") {
			list = append(list, element{fmt.Sprint(rapid.String().Draw(t, "id"), i), rapid.SampledFrom([]any{nil, 1.5, "x", []any{"y"}, map[string]any{"z": true}}).Draw(t, "value")})
		}
		b, err := json.Marshal(list)
		if err != nil {
			t.Fatal(err)
		}
		d, ok := readDocument(string(b))
		if !ok {
			return // an id that is no path
		}
		if again, ok := composed(d.parts, d.order(rapid.Int64().Draw(t, "time"))); !ok || again != string(b) {
			t.Fatalf("%s became %s", b, again)
		}
	})
}

func FuzzDocument(f *testing.F) {
	for _, s := range []string{departments, formData, "[]", "{}", `{"a":1}`, `[{"id":1}]`, "x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, ok := readDocument(text)
		if !ok {
			return
		}
		if again, ok := composed(d.parts, d.order(1)); !ok || again != text {
			t.Fatalf("%q became %q", text, again)
		}
	})
}
