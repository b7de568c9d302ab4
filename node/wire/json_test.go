package wire_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// In testdata bytes are hexadecimal texts, whatever their type.

func isBytes(t reflect.Type) bool {
	return (t.Kind() == reflect.Slice || t.Kind() == reflect.Array) && t.Elem().Kind() == reflect.Uint8
}

func marshalHex(e *jsontext.Encoder, v any) error {
	r := reflect.ValueOf(v)
	if r.Kind() == reflect.Pointer {
		r = r.Elem()
	}
	if !isBytes(r.Type()) || r.Type() == reflect.TypeFor[jsontext.Value]() {
		return errors.ErrUnsupported
	}
	b := make([]byte, r.Len())
	reflect.Copy(reflect.ValueOf(b), r)
	return e.WriteToken(jsontext.String(hex.EncodeToString(b)))
}

func unmarshalHex(d *jsontext.Decoder, v any) error {
	r := reflect.ValueOf(v).Elem()
	if !isBytes(r.Type()) || r.Type() == reflect.TypeFor[jsontext.Value]() {
		return errors.ErrUnsupported
	}
	token, err := d.ReadToken()
	if err != nil {
		return err
	}
	b, err := hex.DecodeString(token.String())
	if err != nil {
		return err
	}
	if r.Kind() == reflect.Slice {
		r.SetBytes(b)
		return nil
	}
	if len(b) != r.Len() {
		return fmt.Errorf("%d bytes for %v", len(b), r.Type())
	}
	reflect.Copy(r, reflect.ValueOf(b))
	return nil
}

func toJSON(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v, json.WithMarshalers(json.MarshalToFunc(marshalHex)), jsontext.WithIndent(" "))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func fromJSON(t testing.TB, b []byte, v any) {
	t.Helper()
	err := json.Unmarshal(b, v, json.WithUnmarshalers(json.UnmarshalFromFunc(unmarshalHex)), json.RejectUnknownMembers(true))
	if err != nil {
		t.Fatal(err)
	}
}
